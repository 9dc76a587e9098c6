// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${filename} is S3's own variable.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { CreateBucketCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import {
  type FilePart,
  formBody,
  formBoundary,
  partsOf,
  postForm,
  postSigned,
  signedPolicy,
} from '../harness/forms.ts';
import { assertError, encodeRfc3986, send } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { textOf } from '../harness/xml.ts';

const s3 = await openTarget();
let bucket = '';

before(async () => {
  bucket = await s3.makeBucket();
});

const file: FilePart = { content: 'bar' };
const md5 = (content: string | Buffer) => createHash('md5').update(content).digest('hex');

const post = (
  fields: Readonly<Record<string, string>>,
  conditions?: readonly unknown[],
  given?: FilePart,
) => postSigned(s3, bucket, fields, conditions, given);

async function assertAbsent(key: string): Promise<void> {
  assertError(await s3.get(bucket, key), 404, 'NoSuchKey');
}

test('a form is stored; 204 with ETag and Location', async () => {
  const answer = await post({ key: 'dir/a b.txt', 'Content-Type': 'text/plain' });
  assert.equal(answer.status, 204, answer.text);
  assert.equal(answer.text, '');
  assert.equal(answer.headers.etag, `"${md5('bar')}"`);
  assert.match(answer.headers.location ?? '', /\/dir%2Fa%20b\.txt$/);
  const stored = await s3.get(bucket, 'dir/a b.txt');
  assert.equal(stored.text, 'bar');
  assert.equal(stored.headers['content-type'], 'text/plain');
});

test("the part's own type is not the object's", async () => {
  assert.equal((await post({ key: 'untyped' })).status, 204);
  assert.equal((await s3.get(bucket, 'untyped')).headers['content-type'], 'binary/octet-stream');
});

describe('what is answered', () => {
  test('success_action_status: 200 and 204 empty, 201 a document, others as 204', async () => {
    for (const [wanted, given] of [
      ['200', 200],
      ['204', 204],
      ['404', 204],
      ['', 204],
      ['2 01', 204],
    ] as const) {
      const answer = await post({ key: 'status', success_action_status: wanted });
      assert.equal(answer.status, given, wanted);
      assert.equal(answer.text, '');
    }
    const created = await post({ key: 'a&b/<c>', success_action_status: '201' });
    assert.equal(created.status, 201);
    assert.match(created.headers['content-type'] ?? '', /^application\/xml/);
    assert.equal(textOf(created.text, 'Bucket'), bucket);
    assert.equal(textOf(created.text, 'Key'), 'a&b/<c>');
    assert.equal(textOf(created.text, 'ETag'), `"${md5('bar')}"`);
    assert.equal(textOf(created.text, 'Location'), created.headers.location);
    assert.match(created.headers.location ?? '', /\/a%26b%2F%3Cc%3E$/);
  });

  test('success_action_redirect: 303 with bucket, key and ETag behind its own query', async () => {
    const etag = encodeRfc3986(`"${md5('bar')}"`);
    const query = `bucket=${bucket}&key=a%2Fb%26c%20d&etag=${etag}`;
    for (const [wanted, location] of [
      ['http://pages.example/done', `http://pages.example/done?${query}`],
      ['https://pages.example/done?id=1&x=%2F', `https://pages.example/done?id=1&x=%2F&${query}`],
      ['http://pages.example:81/#top', `http://pages.example:81/?${query}#top`],
    ] as const) {
      for (const name of ['success_action_redirect', 'redirect']) {
        const answer = await post({ key: 'a/b&c d', [name]: wanted });
        assert.equal(answer.status, 303, answer.text);
        assert.equal(answer.headers.location, location);
        assert.equal(answer.headers.etag, `"${md5('bar')}"`);
      }
    }
  });

  test('what is no URL is as if absent, and no other scheme or line break comes through', async () => {
    for (const wanted of ['', 'nowhere', '/relative', 'javascript:alert(1)', 'data:text/html,x']) {
      const answer = await post({
        key: 'status',
        success_action_redirect: wanted,
        success_action_status: '200',
      });
      assert.equal(answer.status, 200, wanted);
    }
    const answer = await post({
      key: 'status',
      success_action_redirect: 'http://pages.example/\r\nSet-Cookie: a=b',
    });
    assert.equal(answer.headers['set-cookie'], undefined);
  });

  test('a versioned bucket names the version', async () => {
    const versioned = await s3.makeBucket();
    await s3.client.send(
      new PutBucketVersioningCommand({
        Bucket: versioned,
        VersioningConfiguration: { Status: 'Enabled' },
      }),
    );
    const conditions = [{ bucket: versioned }, { key: 'k' }];
    const answer = await postForm(
      s3,
      versioned,
      { key: 'k', ...signedPolicy(s3, conditions) },
      file,
    );
    const id = answer.headers['x-amz-version-id'];
    assert.ok(typeof id === 'string' && id.length > 0);
    assert.equal((await s3.get(versioned, 'k', `versionId=${id}`)).text, 'bar');
  });
});

describe('fields of the object', () => {
  test('headers and metadata', async () => {
    const fields = {
      key: 'described',
      'Content-Type': 'text/html; charset=utf-8',
      'Cache-Control': 'max-age=60',
      'Content-Disposition': 'attachment; filename="ä.txt"',
      'Content-Encoding': 'identity',
      Expires: 'Thu, 01 Dec 2033 16:00:00 GMT',
      'x-amz-meta-Plain': 'value',
      'x-amz-meta-other': 'grüße',
      'x-amz-website-redirect-location': '/elsewhere',
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    };
    const answer = await post(fields);
    assert.equal(answer.status, 204, answer.text);
    const { headers } = await s3.get(bucket, 'described');
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
    assert.equal(headers['cache-control'], 'max-age=60');
    assert.equal(
      Buffer.from(headers['content-disposition'] ?? '', 'latin1').toString(),
      'attachment; filename="ä.txt"',
    );
    assert.equal(headers['content-encoding'], 'identity');
    assert.equal(headers.expires, 'Thu, 01 Dec 2033 16:00:00 GMT');
    assert.equal(headers['x-amz-meta-plain'], 'value');
    assert.equal(headers['x-amz-meta-other'], '=?UTF-8?Q?gr=C3=BC=C3=9Fe?=');
    assert.equal(headers['x-amz-website-redirect-location'], '/elsewhere');
    assert.equal(headers['x-amz-storage-class'], 'REDUCED_REDUNDANCY');
  });

  test('what no header can hold is refused, and so are unknown values', async () => {
    const refused: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
      [{ 'Cache-Control': 'a\r\nSet-Cookie: b' }, 'InvalidArgument'],
      [{ 'Content-Type': 'a\0b' }, 'InvalidArgument'],
      [{ 'x-amz-storage-class': 'BEST' }, 'InvalidStorageClass'],
      [{ 'x-amz-website-redirect-location': 'nowhere' }, 'InvalidRedirectLocation'],
      [{ acl: 'everybody' }, 'InvalidArgument'],
      [{ 'x-amz-meta-a': 'v'.repeat(3000) }, 'MetadataTooLarge'],
      [{ 'Content-MD5': 'short' }, 'InvalidDigest'],
    ];
    for (const [fields, code] of refused) {
      assertError(await post({ key: 'refused', ...fields }), 400, code);
    }
    const unsupported = await post({ key: 'refused', 'x-amz-server-side-encryption': 'aws:kms' });
    assert.ok(unsupported.status === 501 || unsupported.status === 400, unsupported.text);
    assertError(await post({ key: 'refused', 'If-None-Match': '*' }), 501, 'NotImplemented');
    await assertAbsent('refused');
  });

  test('acl: private and bucket-owner-full-control', async () => {
    for (const acl of ['private', 'bucket-owner-full-control']) {
      assert.equal((await post({ key: 'acl', acl })).status, 204, acl);
    }
  });

  test('tagging is a document', async () => {
    const tag = (key: string, value: string) =>
      `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`;
    const tagging = `<Tagging><TagSet>${tag('a', '1 + 1')}${tag('b', 'ä/=')}</TagSet></Tagging>`;
    assert.equal((await post({ key: 'tagged', tagging })).status, 204);
    const { text } = await s3.get(bucket, 'tagged', 'tagging');
    assert.ok(text.includes('<Key>a</Key><Value>1 + 1</Value>'), text);
    assert.ok(text.includes('<Key>b</Key><Value>ä/=</Value>'), text);
    const twice = `<Tagging><TagSet>${tag('a', '')}${tag('a', '')}</TagSet></Tagging>`;
    assertError(await post({ key: 'refused', tagging: twice }), 400, 'InvalidTag');
    assertError(await post({ key: 'refused', tagging: 'a=1' }), 400, 'MalformedXML');
    assertError(await post({ key: 'refused', tagging: '<Tagging/>' }), 400, 'MalformedXML');
  });

  test('checksums are verified', async () => {
    const sha256 = createHash('sha256').update('bar').digest('base64');
    const good = await post({ key: 'summed', 'x-amz-checksum-sha256': sha256 });
    assert.equal(good.status, 204, good.text);
    assert.equal(good.headers['x-amz-checksum-sha256'], sha256);
    const named = { 'x-amz-checksum-algorithm': 'SHA256', 'x-amz-checksum-sha256': sha256 };
    assert.equal((await post({ key: 'summed', ...named })).status, 204);
    const other = createHash('sha256').update('other').digest('base64');
    assertError(await post({ key: 'refused', 'x-amz-checksum-sha256': other }), 400, 'BadDigest');
    const broken: readonly Readonly<Record<string, string>>[] = [
      { 'x-amz-checksum-sha256': 'sailorjerry' },
      { ...named, 'x-amz-checksum-algorithm': 'CRC32' },
      { 'x-amz-checksum-algorithm': 'SHA256' },
    ];
    for (const fields of broken) {
      assertError(await post({ key: 'refused', ...fields }), 400, 'InvalidRequest');
    }
    const right = createHash('md5').update('bar').digest('base64');
    assert.equal((await post({ key: 'summed', 'Content-MD5': right })).status, 204);
    const wrong = createHash('md5').update('foo').digest('base64');
    assertError(await post({ key: 'refused', 'Content-MD5': wrong }), 400, 'BadDigest');
    await assertAbsent('refused');
  });
});

describe('${filename}', () => {
  const named = (fileName: string): FilePart => ({ content: 'bar', fileName });

  test('is what stands behind the last slash or backslash', async () => {
    for (const [fileName, name] of [
      ['photo.jpg', 'photo.jpg'],
      ['C:\\Program Files\\directory1\\file.txt', 'file.txt'],
      ['/home/me/file.txt', 'file.txt'],
      ['../../escape', 'escape'],
      ['..', '..'],
      ['$&', '$&'],
      ["$'$`$$", "$'$`$$"],
      ['${filename}', '${filename}'],
      ['ä ö.txt', 'ä ö.txt'],
    ] as const) {
      const answer = await post(
        { key: 'up/${filename}', 'x-amz-meta-name': 'n-${filename}', success_action_status: '201' },
        undefined,
        named(fileName),
      );
      assert.equal(answer.status, 201, answer.text);
      assert.equal(textOf(answer.text, 'Key'), `up/${name}`, fileName);
    }
  });

  test('is empty without a file name: a key of nothing else is refused', async () => {
    for (const fileName of ['', 'dir/']) {
      const answer = await post({ key: '${filename}' }, undefined, named(fileName));
      assertError(answer, 400, 'InvalidArgument', { ArgumentName: 'key' });
    }
  });

  test('is put in before the policy is asked', async () => {
    const startsWith = (prefix: string) => [{ bucket }, ['starts-with', '$key', prefix]];
    const fields = { key: 'user/${filename}' };
    assert.equal((await post(fields, startsWith('user/a'), named('abc'))).status, 204);
    assertError(await post(fields, startsWith('user/${f'), named('abc')), 403, 'AccessDenied');
    const escaping = await post({ key: '${filename}' }, startsWith('user/'), named('user/../x'));
    assertError(escaping, 403, 'AccessDenied');
  });
});

test('100-continue: the body is asked for when the head says it is a form', async () => {
  const body = formBody([
    ...partsOf({ key: 'continued', ...signedPolicy(s3, [{ bucket }, { key: 'continued' }]) }),
    { name: 'file', value: 'bar' },
  ]);
  const ask = (type: string) =>
    send(s3, {
      method: 'POST',
      path: `/${bucket}`,
      exactHeaders: true,
      headers: {
        Host: new URL(s3.endpoint).host,
        'Content-Type': type,
        'Content-Length': String(body.length),
        Expect: '100-continue',
      },
      body,
      waitForContinue: true,
    });
  const accepted = await ask(`multipart/form-data; boundary=${formBoundary}`);
  assert.deepEqual([accepted.status, accepted.continued], [204, true]);
  const refused = await ask('text/plain');
  assert.deepEqual([refused.status, refused.continued], [412, false]);
});

test('a file of many pages comes out as it went in', async () => {
  const content = Buffer.alloc(9_000_001);
  for (let at = 0; at < content.length; at += 1) content[at] = (at * 31 + (at >> 8)) & 0xff;
  const near = Buffer.from(`\r\n--${formBoundary.slice(0, -1)}`);
  for (let at = 0; at + near.length < content.length; at += 65_521) near.copy(content, at);
  const answer = await post({ key: 'large' }, undefined, { content });
  assert.equal(answer.status, 204, answer.text);
  assert.equal(answer.headers.etag, `"${md5(content)}"`);
  assert.ok((await s3.get(bucket, 'large')).body.equals(content));
});

test('a bucket made since is found', async () => {
  const name = s3.newBucketName();
  await s3.client.send(new CreateBucketCommand({ Bucket: name }));
  const fields = { key: 'k', ...signedPolicy(s3, [{ bucket: name }, { key: 'k' }]) };
  assert.equal((await postForm(s3, name, fields, file)).status, 204);
});
