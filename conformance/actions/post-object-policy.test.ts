import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import {
  type Fields,
  type FilePart,
  formBody,
  formBoundary,
  partsOf,
  postBody,
  postForm,
  postSigned,
  signedPolicy,
  version2Policy,
} from '../harness/forms.ts';
import { assertError, send } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { textOf } from '../harness/xml.ts';

const s3 = await openTarget();
let bucket = '';

before(async () => {
  bucket = await s3.makeBucket();
});

const file: FilePart = { content: 'bar' };

const post = (
  fields: Readonly<Record<string, string>>,
  conditions?: readonly unknown[],
  given?: FilePart,
) => postSigned(s3, bucket, fields, conditions, given);

async function assertAbsent(key: string): Promise<void> {
  assertError(await s3.get(bucket, key), 404, 'NoSuchKey');
}

describe('policies', () => {
  const failed = (what: string) => ({ Message: `Invalid according to Policy: ${what}` });
  const key = 'foo.txt';

  test('each kind of condition', async () => {
    const allowed: readonly unknown[][] = [
      [{ bucket }, { key }],
      [{ BuCkEt: bucket }, ['StArTs-WiTh', '$KeY', 'foo']],
      [
        ['eq', '$bucket', bucket],
        ['eq', '$key', key],
      ],
      [{ bucket }, ['starts-with', '$key', '']],
      [{ bucket }, { key }, ['content-length-range', 3, 3]],
      [{ bucket }, { key }, ['content-length-range', '0', '10'], ['CONTENT-LENGTH-RANGE', 1, 5]],
    ];
    for (const conditions of allowed) {
      const answer = await post({ key }, conditions);
      assert.equal(answer.status, 204, JSON.stringify(conditions) + answer.text);
    }
    const shown = (...parts: string[]) =>
      failed(`Policy Condition failed: [${parts.map((part) => JSON.stringify(part)).join(', ')}]`);
    const refused: readonly (readonly [unknown[], { readonly Message: string }])[] = [
      [[{ bucket: 'another' }, { key }], shown('eq', '$bucket', 'another')],
      [[{ bucket }, { key: 'foo' }], shown('eq', '$key', 'foo')],
      [[{ bucket }, { key: 'FOO.TXT' }], shown('eq', '$key', 'FOO.TXT')],
      [[{ bucket }, ['eq', '$key', '']], shown('eq', '$key', '')],
      [[{ bucket }, ['starts-with', '$key', 'bar']], shown('starts-with', '$key', 'bar')],
      [[{ bucket }, { key }, { acl: 'private' }], shown('eq', '$acl', 'private')],
      [[{ bucket }, { key }, ['starts-with', '$name', '']], shown('starts-with', '$name', '')],
    ];
    for (const [conditions, fields] of refused) {
      assertError(await post({ key }, conditions), 403, 'AccessDenied', fields);
    }
  });

  test('Content-Type with commas is a list of which all must begin so', async () => {
    const images = [{ bucket }, { key }, ['starts-with', '$Content-Type', 'image/']];
    const typed = (type: string) => post({ key, 'Content-Type': type }, images);
    assert.equal((await typed('image/jpg,image/png, image/gif')).status, 204);
    assertError(await typed('image/jpg,text/plain'), 403, 'AccessDenied');
    assertError(await typed('image/jpg,'), 403, 'AccessDenied');
    const others = [{ bucket }, { key }, ['starts-with', '$x-amz-meta-a', 'image/']];
    assert.equal((await post({ key, 'x-amz-meta-a': 'image/jpg,text' }, others)).status, 204);
  });

  test('every field must be covered, but the signature, the file and x-ignore-*', async () => {
    const uncovered: readonly (readonly [Readonly<Record<string, string>>, unknown[], string])[] = [
      [{ key }, [{ bucket }], 'key'],
      [{ key }, [{ key }], 'bucket'],
      [{ key, acl: 'private' }, [{ bucket }, { key }], 'acl'],
      [{ key, 'Content-Type': 'a/b', foo: '' }, [{ bucket }, { key }], 'content-type, foo'],
      [{ key, 'x-amz-checksum-crc32': 'AAAAAA==' }, [{ bucket }, { key }], 'x-amz-checksum-crc32'],
      [{ key, 'x-ignored': '' }, [{ bucket }, { key }], 'x-ignored'],
      [{ key, ' key': '' }, [{ bucket }, { key }], ' key'],
    ];
    for (const [fields, conditions, names] of uncovered) {
      const message = failed(`Extra input fields: ${names}`);
      assertError(await post(fields, conditions), 403, 'AccessDenied', message);
    }
    const ignored = { key, 'x-ignore-foo': 'bar', 'X-Ignore-': '' };
    assert.equal((await post(ignored, [{ bucket }, { key }])).status, 204);
    const policy = signedPolicy(s3, []);
    const bare = { expiration: '2099-01-01T00:00:00Z', conditions: [{ bucket }, { key }] };
    const fields = { key, ...signedPolicy(s3, [], { document: JSON.stringify(bare) }) };
    assert.ok('x-amz-date' in policy);
    assertError(
      await postForm(s3, bucket, fields, file),
      403,
      'AccessDenied',
      failed('Extra input fields: x-amz-algorithm, x-amz-credential, x-amz-date'),
    );
  });

  test('a bucket field says nothing about the bucket that is posted to', async () => {
    const other = await s3.makeBucket();
    const fields = { key, bucket, ...signedPolicy(s3, [{ bucket }, { key }]) };
    assertError(await postForm(s3, other, fields, file), 403, 'AccessDenied');
  });

  test('the length of the file', async () => {
    const range = (min: unknown, max: unknown) => [
      { bucket },
      { key: 'sized' },
      ['content-length-range', min, max],
    ];
    assertError(await post({ key: 'sized' }, range(0, 2)), 400, 'EntityTooLarge', {
      ProposedSize: '3',
      MaxSizeAllowed: '2',
    });
    assertError(await post({ key: 'sized' }, range(4, 9)), 400, 'EntityTooSmall', {
      ProposedSize: '3',
      MinSizeAllowed: '4',
    });
    const large = { content: Buffer.alloc(3_000_000) };
    assertError(await post({ key: 'sized' }, range(0, 2_000_000), large), 400, 'EntityTooLarge');
    await assertAbsent('sized');
    assert.equal((await post({ key: 'sized' }, range(0, 0), { content: '' })).status, 204);
  });

  test('expiration', async () => {
    const conditions = [{ bucket }, { key }];
    const withExpiration = async (options: object) =>
      await postForm(s3, bucket, { key, ...signedPolicy(s3, conditions, options) }, file);
    const expired = failed('Policy expired.');
    assertError(await withExpiration({ expiresInMs: -1000 }), 403, 'AccessDenied', expired);
    const soon = new Date(Date.now() + 60_000).toISOString();
    for (const expiration of [soon, soon.replace(/\.\d+/, ''), soon.replace(/Z/, '999Z')]) {
      assert.equal((await withExpiration({ expiration })).status, 204, expiration);
    }
    for (const expiration of [
      '2099-01-01 00:00:00',
      '2099-01-01T00:00:00+00:00',
      '2099-02-31T00:00:00Z',
      'Thu, 01 Jan 2099 00:00:00 GMT',
      'tomorrow',
      '',
      4_102_444_800,
      null,
    ]) {
      const answer = await withExpiration({ document: JSON.stringify({ expiration, conditions }) });
      assertError(answer, 400, 'InvalidPolicyDocument');
    }
  });

  test('documents that are none', async () => {
    const expiration = '2099-01-01T00:00:00Z';
    const conditions = [{ bucket }, { key }];
    const documents = [
      '',
      'x',
      '[]',
      'null',
      '"x"',
      '{"expiration": "2099-01-01T00:00:00Z"',
      '[',
      '['.repeat(10_000),
      JSON.stringify({ conditions }),
      JSON.stringify({ expiration }),
      JSON.stringify({ EXPIRATION: expiration, conditions }),
      JSON.stringify({ expiration, CONDITIONS: conditions }),
      JSON.stringify({ expiration, conditions: {} }),
      JSON.stringify({ expiration, conditions, else: 1 }),
      ...[
        {},
        { bucket, key },
        { key: 1 },
        { key: null },
        'key',
        1,
        null,
        [],
        ['eq'],
        ['eq', '$key'],
        ['eq', '$key', 'a', 'b'],
        ['eq', 'key', 'a'],
        ['eq', '$', 'a'],
        ['eq', '$key', 1],
        ['ends-with', '$key', 'a'],
        [['eq'], '$key', 'a'],
        ['content-length-range'],
        ['content-length-range', 0],
        ['content-length-range', -1, 0],
        ['content-length-range', 0, 1.5],
        ['content-length-range', 0, '1e3'],
        ['content-length-range', 0, 1, 2],
        ['content-length-range', null, 1],
      ].map((condition) => JSON.stringify({ expiration, conditions: [...conditions, condition] })),
    ];
    for (const document of documents) {
      const fields = { key, ...signedPolicy(s3, [], { document }) };
      const answer = await postForm(s3, bucket, fields, file);
      assert.equal(answer.status, 400, document.slice(0, 200));
      assert.match(textOf(answer.text, 'Code') ?? '', /^(InvalidPolicyDocument|InvalidArgument)$/);
    }
  });

  test('escapes', async () => {
    const escaped = await post({ key: '\\$foo' }, [{ bucket }, ['starts-with', '$key', '\\$']]);
    assert.equal(escaped.status, 204, escaped.text);
    // "\$" and "\v" are none of JSON's.
    const { policy } = signedPolicy(s3, [{ bucket }, { key: '$foo\u000b' }]);
    const document = Buffer.from(policy ?? '', 'base64')
      .toString()
      .replace('"$foo\\u000b"', '"\\$foo\\v"');
    const fields = { key: '$foo\u000b', ...signedPolicy(s3, [], { document }) };
    assert.equal((await postForm(s3, bucket, fields, file)).status, 204);
  });
});

describe('who may', () => {
  const key = 'mine.txt';
  const conditions = () => [{ bucket }, { key }];

  test('nobody without a signature', async () => {
    assertError(await postForm(s3, bucket, { key }, file), 403, 'AccessDenied');
  });

  test('a wrong signature, key, or policy', async () => {
    const signed: Record<string, string> = { key, ...signedPolicy(s3, conditions()) };
    const tampered = signedPolicy(s3, [{ bucket }, ['starts-with', '$key', '']]);
    const refused: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
      [{ ...signed, 'x-amz-signature': '0'.repeat(64) }, 'SignatureDoesNotMatch'],
      [{ ...signed, policy: tampered.policy ?? '' }, 'SignatureDoesNotMatch'],
      [
        {
          ...signed,
          'x-amz-credential': `NOBODY${signed['x-amz-credential']?.replace(/^\w+/, '')}`,
        },
        'InvalidAccessKeyId',
      ],
    ];
    for (const [fields, code] of refused) {
      assertError(await postForm(s3, bucket, fields, file), 403, code);
    }
    const { 'x-amz-signature': _, ...unsigned } = signed;
    const answer = await postForm(s3, bucket, unsigned, file);
    assert.ok(answer.status === 400 || answer.status === 403, answer.text);
    await assertAbsent(key);
  });

  test('fields behind the file do not count: neither key nor signature', async () => {
    const parts = partsOf({ key, ...signedPolicy(s3, conditions()) });
    const filePart = { name: 'file', value: 'bar', fileName: 'f' };
    const [keyPart, ...others] = parts;
    assert.ok(keyPart !== undefined);
    const late = await postBody(s3, bucket, formBody([keyPart, filePart, ...others]));
    assertError(late, 403, 'AccessDenied');
    const keyless = await postBody(s3, bucket, formBody([...others, filePart, keyPart]));
    assertError(keyless, 400, 'InvalidArgument', { ArgumentName: 'key' });
    const overridden = [
      ...parts,
      filePart,
      { name: 'key', value: 'other' },
      { name: 'acl', value: '?' },
    ];
    assert.equal((await postBody(s3, bucket, formBody(overridden))).status, 204);
    await assertAbsent('other');
  });

  test('a repeated field is refused, whichever of the two the policy would allow', async () => {
    const signed = signedPolicy(s3, conditions());
    for (const names of [
      ['key', 'key'],
      ['key', 'KEY'],
      ['Key', 'key'],
    ] as const) {
      for (const values of [
        [key, 'other'],
        ['other', key],
      ] as const) {
        const fields: Fields = [
          [names[0], values[0]],
          [names[1], values[1]],
          ...Object.entries(signed),
        ];
        assertError(await postForm(s3, bucket, fields, file), 400, 'InvalidArgument');
      }
    }
    const twice: Fields = [['key', key], ['policy', 'e30='], ...Object.entries(signed)];
    assertError(await postForm(s3, bucket, twice, file), 400, 'InvalidArgument');
    await assertAbsent('other');
  });

  test('headers and query say nothing about the object, and an Authorization nothing about the sender', async () => {
    const body = formBody([
      ...partsOf({ key: 'headed', ...signedPolicy(s3, [{ bucket }, { key: 'headed' }]) }),
      { name: 'file', value: 'bar' },
    ]);
    const headed = await postBody(s3, bucket, body, {
      'x-amz-meta-a': 'b',
      'Cache-Control': 'no-store',
      Authorization: 'Basic dXNlcjpzZWNyZXQ=',
    });
    assert.equal(headed.status, 204, headed.text);
    const { headers } = await s3.head(bucket, 'headed');
    assert.equal(headers['x-amz-meta-a'], undefined);
    assert.equal(headers['cache-control'], undefined);
    const anonymous = formBody([
      { name: 'key', value: 'unsigned' },
      { name: 'file', value: 'bar' },
    ]);
    const type = `multipart/form-data; boundary=${formBoundary}`;
    const signedByHeader = await send(s3, {
      method: 'POST',
      path: `/${bucket}`,
      headers: { 'Content-Type': type },
      body: anonymous,
    });
    assertError(signedByHeader, 403, 'AccessDenied');
    assertError(await postBody(s3, bucket, body, { 'If-None-Match': '*' }), 501, 'NotImplemented');
  });

  test('everybody where the bucket lets everybody write, without a policy', async () => {
    const open = s3.newBucketName();
    const made = await send(s3, {
      method: 'PUT',
      path: `/${open}`,
      headers: { 'x-amz-acl': 'public-read-write', 'x-amz-object-ownership': 'ObjectWriter' },
    });
    assert.equal(made.status, 200, made.text);
    const fields = { key: 'anybody', acl: 'public-read', 'Content-Type': 'text/plain' };
    const answer = await postForm(s3, open, fields, file);
    assert.equal(answer.status, 204, answer.text);
    const read = await send(s3, { path: `/${open}/anybody`, anonymous: true });
    assert.deepEqual([read.status, read.text], [200, 'bar']);
    const mine = { key: 'mine', ...signedPolicy(s3, [{ bucket: open }, { key: 'mine' }]) };
    assert.equal((await postForm(s3, open, mine, file)).status, 204);
    assertError(await send(s3, { path: `/${open}/mine`, anonymous: true }), 403, 'AccessDenied');
    // A policy binds whoever comes with it, and must be signed.
    const { policy } = signedPolicy(s3, [{ bucket: open }, { key: 'anybody' }]);
    const unsigned = await postForm(s3, open, { key: 'other', policy: policy ?? '' }, file);
    assertError(unsigned, 403, 'AccessDenied');
    const bound = { key: 'other', ...signedPolicy(s3, [{ bucket: open }, { key: 'anybody' }]) };
    assertError(await postForm(s3, open, bound, file), 403, 'AccessDenied');
  });

  test('a bucket that is not there', async () => {
    const name = s3.newBucketName();
    const fields = { key, ...signedPolicy(s3, [{ bucket: name }, { key }]) };
    assertError(await postForm(s3, name, fields, file), 404, 'NoSuchBucket');
  });
});

describe('signature version 2', () => {
  const fields = (target: typeof s3, name: string): Record<string, string> => ({
    key: 'two',
    ...version2Policy(target, [{ bucket: name }, { key: 'two' }]),
  });

  test('is refused where it is off', async () => {
    assertError(await postForm(s3, bucket, fields(s3, bucket), file), 400, 'InvalidRequest');
  });

  test('signs forms where it is on; its own fields need no condition', async () => {
    const two = await openTarget({ args: ['--sigv2'] });
    const name = await two.makeBucket();
    const signed = fields(two, name);
    const answer = await postForm(two, name, signed, file);
    assert.equal(answer.status, 204, answer.text);
    const reversed = [...(signed.signature ?? '')].reverse().join('');
    const wrong = await postForm(two, name, { ...signed, signature: reversed }, file);
    assertError(wrong, 403, 'SignatureDoesNotMatch');
    const { signature: _, ...unsigned } = signed;
    assertError(await postForm(two, name, unsigned, file), 400, 'InvalidArgument');
    const extra = await postForm(two, name, { ...signed, acl: 'private' }, file);
    assertError(extra, 403, 'AccessDenied');
  });
});
