import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { S3Error, type S3ErrorCode } from '../s3/errors.ts';
import { bucketOfHost } from '../s3/query.ts';
import { type AuthenticateInput, authenticate } from './authenticate.ts';
import { SigningKeys } from './signing-keys.ts';
import { authorization, type ExampleRequest, publishedExamples } from './sigv2.vectors.ts';
import { canonicalPath, type Pair } from './sigv4.ts';
import { exampleAccessKey, exampleSecret } from './sigv4.vectors.ts';
import { exampleIdentity, inputOf } from './test-requests.ts';

const domains = ['s3.amazonaws.com', 'us-west-1.s3.amazonaws.com'];

function version2(
  request: ExampleRequest,
  changes: Partial<AuthenticateInput> = {},
): AuthenticateInput {
  const {
    method = 'GET',
    path = '/',
    headers = [],
    nowMs = Date.UTC(2007, 2, 27, 19, 40),
  } = request;
  const [rawPath = '', rawQuery = ''] = path.split('?');
  const host = headers.find(([name]) => name.toLowerCase() === 'host')?.[1];
  return inputOf({
    method,
    rawPath,
    rawQuery,
    rawHeaders: headers,
    nowMs,
    sigv2: true,
    hostBucket: bucketOfHost(host, domains),
    ...changes,
  });
}

function refusal(input: AuthenticateInput, code: S3ErrorCode): S3Error {
  try {
    authenticate(input);
  } catch (error) {
    assert.ok(error instanceof S3Error, String(error));
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`not refused with ${code}`);
}

for (const example of publishedExamples) {
  test(`published example authenticates: ${example.name}`, () => {
    const authenticated = authenticate(version2(example));
    assert.equal(authenticated.kind, 'signed');
    assert.deepEqual(authenticated, {
      kind: 'signed',
      identity: exampleIdentity,
      payload: { kind: 'unsigned' },
    });
  });

  test(`any change to it does not: ${example.name}`, () => {
    const input = version2(example);
    const mismatch = (changes: Partial<AuthenticateInput>) =>
      refusal({ ...input, ...changes }, 'SignatureDoesNotMatch');
    const { fields } = mismatch({ method: 'POST' });
    assert.match(fields.StringToSign ?? '', /^POST\n/);
    mismatch({ rawPath: `${input.rawPath}x` });
    mismatch({ hostBucket: 'other' });
    mismatch({ rawHeaders: [...input.rawHeaders, ['x-amz-acl', 'public-read-write']] });
    mismatch({ rawHeaders: [...input.rawHeaders, ['Content-MD5', 'AAAA']] });
    for (const added of ['versionId=1', 'tagging', '%75ploads', 'response-content-type=a']) {
      mismatch({ rawQuery: `${input.rawQuery}&${added}` });
    }
    mismatch({ rawQuery: `${input.rawQuery}&mine=1`, subResources: new Set(['mine']) });
    mismatch({ lookup: () => ({ identity: exampleIdentity, secret: 'another secret' }) });
  });

  test(`it is refused where version 2 is off: ${example.name}`, () => {
    const { message } = refusal({ ...version2(example), sigv2: false }, 'InvalidRequest');
    assert.match(message, /Please use AWS4-HMAC-SHA256\.$/);
  });
}

const nowMs = Date.UTC(2024, 0, 2, 3, 4, 5);
const now = 'Tue, 02 Jan 2024 03:04:05 GMT';
const soon = String(nowMs / 1000 + 60);

function hmac(lines: readonly string[]): string {
  return createHmac('sha1', exampleSecret).update(lines.join('\n'), 'latin1').digest('base64');
}

function byHeader(
  headers: readonly Pair[],
  lines: readonly string[],
  path = '/b/k',
  method = 'GET',
) {
  return version2({ method, path, headers: [...headers, authorization(hmac(lines))], nowMs });
}

function byQuery(
  query: string,
  lines: readonly string[],
  { expires = soon, method = 'GET', headers = [] as readonly Pair[] } = {},
) {
  const signature = encodeURIComponent(hmac(lines));
  const path = `/b/k?${query}AWSAccessKeyId=${exampleAccessKey}&Expires=${expires}&Signature=${signature}`;
  return version2({ method, path, headers, nowMs });
}

test('a malformed Authorization header is InvalidArgument', () => {
  for (const text of ['AWS HAHAHA', 'AWS :x', 'AWS a:', 'AWS a b:c', 'AWS  a:b', 'AWS a:b c']) {
    const input = version2({
      headers: [
        ['Authorization', text],
        ['Date', now],
      ],
      nowMs,
    });
    refusal(input, 'InvalidArgument');
  }
});

test('times: none, malformed, before 1970, and too far off', () => {
  const dated = (...headers: Pair[]) => byHeader(headers, ['GET', '', '', '', '/b/k']);
  refusal(dated(), 'AccessDenied');
  refusal(dated(['Date', 'Bad Date']), 'AccessDenied');
  refusal(dated(['x-amz-date', ''], ['Date', now]), 'AccessDenied');
  refusal(dated(['x-amz-date', 'Bad Date'], ['Date', now]), 'AccessDenied');
  refusal(dated(['x-amz-date', 'Tue, 07 Jul 1950 21:53:04 GMT']), 'AccessDenied');
  const past = 'Tue, 07 Jul 2010 21:53:04 GMT';
  const { fields } = refusal(dated(['x-amz-date', past]), 'RequestTimeTooSkewed');
  assert.equal(fields.RequestTime, past);
  assert.equal(fields.MaxAllowedSkewMilliseconds, '900000');
  refusal(dated(['Date', 'Tue, 07 Jul 9999 21:53:04 GMT']), 'RequestTimeTooSkewed');
  // X-Amz-Date counts, whatever Date says.
  const lines = ['GET', '', '', '', `x-amz-date:${now}`, '/b/k'];
  assert.equal(
    authenticate(
      byHeader(
        [
          ['x-amz-date', now],
          ['Date', past],
        ],
        lines,
      ),
    ).kind,
    'signed',
  );
});

test('a URL: expired, malformed, incomplete', () => {
  const lines = (expires: string) => ['GET', '', '', expires, '/b/k'];
  assert.equal(authenticate(byQuery('', lines(soon))).kind, 'signed');
  const far = '99999999999999999';
  assert.equal(authenticate(byQuery('', lines(far), { expires: far })).kind, 'signed');
  const past = String(nowMs / 1000 - 1);
  const { fields, message } = refusal(byQuery('', lines(past), { expires: past }), 'AccessDenied');
  assert.equal(message, 'Request has expired');
  assert.equal(fields.Expires, '2024-01-02T03:04:04Z');
  assert.equal(fields.ServerTime, '2024-01-02T03:04:05Z');
  for (const expires of ['-1', '1e12', 'soon', '', '1%0A']) {
    refusal(byQuery('', lines(expires), { expires }), 'AccessDenied');
  }
  const bare = version2({ path: `/b/k?AWSAccessKeyId=${exampleAccessKey}&Signature=x`, nowMs });
  assert.match(refusal(bare, 'AccessDenied').message, /requires the Signature, Expires and/);
  refusal(byQuery('Expires=1&', lines(soon)), 'AccessDenied');
});

test('x-amz-* and content parameters of a URL are signed as the headers they stand for', () => {
  const query = 'x-amz-acl=public-read&Content-Type=text%2Fplain&X-Amz-Meta-A=%C3%A9&';
  const lines = [
    'PUT',
    '',
    'text/plain',
    soon,
    'x-amz-acl:public-read',
    'x-amz-meta-a:\xc3\xa9',
    '/b/k',
  ];
  assert.equal(authenticate(byQuery(query, lines, { method: 'PUT' })).kind, 'signed');
  const added = byQuery('x-amz-acl=public-read&', ['GET', '', '', soon, '/b/k']);
  refusal(added, 'SignatureDoesNotMatch');
  // A header that is sent stands for itself; the parameter is nobody's then.
  const sent = { headers: [['x-amz-acl', 'private']] as const };
  const line = 'x-amz-acl:private';
  const both = byQuery('x-amz-acl=public-read&', ['GET', '', '', soon, line, '/b/k'], sent);
  assert.equal(authenticate(both).kind, 'signed');
});

test('what would let one string to sign pass for another is refused', () => {
  const forged = 'x-amz-acl=private%0Ax-amz-meta-a:b&';
  const lines = ['GET', '', '', soon, 'x-amz-acl:private', 'x-amz-meta-a:b', '/b/k'];
  refusal(byQuery(forged, lines), 'InvalidArgument');
  const type = `Content-Type=a%0A${soon}&`;
  refusal(byQuery(type, ['GET', '', 'a', soon, soon, '/b/k']), 'InvalidArgument');
  // Two of a name would be signed as one with a comma: the source 'b/x,y' is not 'b/x'.
  const twice = 'x-amz-copy-source=b/x&X-Amz-Copy-Source=y&';
  refusal(
    byQuery(twice, ['GET', '', '', soon, 'x-amz-copy-source:b/x,y', '/b/k']),
    'InvalidArgument',
  );
  // A name that no header has, signed as the header up to its colon, which the request then lacks:
  // a URL that copies would store whatever its holder sends.
  const copyLines = ['PUT', '', '', soon, 'x-amz-copy-source:/b/x:1', '/b/k'];
  for (const [name, rest] of [
    ['x-amz-copy-source:/b/x', '1'],
    ['x-amz-copy-source%3A/b/x', '1'],
    ['x-amz-copy-source:/b/x:1', ''],
  ]) {
    refusal(byQuery(`${name}=${rest}&`, copyLines, { method: 'PUT' }), 'InvalidArgument');
  }
  const honest = byQuery('x-amz-copy-source=/b/x:1&', copyLines, { method: 'PUT' });
  assert.equal(authenticate(honest).kind, 'signed');
});

test('signatures of both versions in one request are refused', () => {
  const lines = ['GET', '', '', now, '/b/k'];
  const right = byHeader([['Date', now]], lines);
  assert.equal(authenticate(right).kind, 'signed');
  for (const rawQuery of [
    `AWSAccessKeyId=${exampleAccessKey}&Signature=x`,
    'X-Amz-Signature=x',
    'X-Amz-Algorithm=AWS4-HMAC-SHA256',
  ]) {
    refusal({ ...right, rawQuery }, 'InvalidArgument');
  }
  refusal(byQuery('X-Amz-Credential=x&', ['GET', '', '', soon, '/b/k']), 'InvalidArgument');
});

test('payloads: unsigned or a SHA-256; signed chunks need version 4', () => {
  const withHash = (hash: string) => {
    const lines = ['PUT', '', '', now, `x-amz-content-sha256:${hash}`, '/b/k'];
    return byHeader(
      [
        ['Date', now],
        ['x-amz-content-sha256', hash],
      ],
      lines,
      '/b/k',
      'PUT',
    );
  };
  const sha256 = 'ab'.repeat(32);
  const authenticated = authenticate(withHash(sha256));
  assert.deepEqual(authenticated.payload, { kind: 'sha256', sha256 });
  assert.equal(authenticate(withHash('UNSIGNED-PAYLOAD')).payload.kind, 'unsigned');
  for (const word of ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER']) {
    const { message } = refusal(withHash(word), 'InvalidRequest');
    assert.match(message, /requires a signature of version 4/);
  }
});

test('unknown keys, session tokens, and a mismatch that shows the string but no secret', () => {
  const lines = ['GET', '', '', now, '/b/k'];
  const unknown = { lookup: () => undefined };
  refusal({ ...byHeader([['Date', now]], lines), ...unknown }, 'InvalidAccessKeyId');
  const token: Pair = ['x-amz-security-token', 'token'];
  refusal(byHeader([['Date', now], token], lines), 'InvalidToken');
  refusal(byQuery('x-amz-security-token=token&', lines), 'InvalidToken');
  const error = refusal(
    byHeader(
      [
        ['Date', now],
        ['Content-Type', 'a'],
      ],
      lines,
    ),
    'SignatureDoesNotMatch',
  );
  assert.equal(error.fields.StringToSign, `GET\n\na\n${now}\n/b/k`);
  assert.equal(error.fields.CanonicalRequest, undefined);
  assert.ok(!JSON.stringify(error.fields).includes(exampleSecret));
});

test('sub-resources: sorted, decoded, with or without the equals sign of an empty one', () => {
  const path = '/b/k?versionId=a%2Bb&uploads=&x-id=x&acl&response-content-disposition=a%20b%3B';
  const resource = '/b/k?acl&response-content-disposition=a b;&uploads=&versionId=a+b';
  for (const text of [resource, resource.replace('uploads=', 'uploads')]) {
    assert.equal(
      authenticate(byHeader([['Date', now]], ['GET', '', '', now, text], path)).kind,
      'signed',
    );
  }
});

test('a bucket is signed with a slash behind it or without, a key only as it is', () => {
  for (const path of ['/b', '/b/']) {
    for (const signed of ['/b', '/b/']) {
      const input = byHeader([['Date', now]], ['GET', '', '', now, signed], path);
      assert.equal(authenticate(input).kind, 'signed');
    }
    const virtual = byHeader([['Date', now]], ['GET', '', '', now, path], '/');
    assert.equal(authenticate({ ...virtual, hostBucket: 'b' }).kind, 'signed');
  }
  const lines = ['GET', '', '', now, '/b/k/'];
  refusal(byHeader([['Date', now]], lines, '/b/k'), 'SignatureDoesNotMatch');
  const virtual = { ...byHeader([['Date', now]], lines, '/k'), hostBucket: 'b' };
  refusal(virtual, 'SignatureDoesNotMatch');
});

test('a path may be signed as it was sent or in canonical encoding', () => {
  for (const text of ["/b/it's", '/b/it%27s']) {
    const input = byHeader([['Date', now]], ['GET', '', '', now, text], "/b/it's");
    assert.equal(authenticate(input).kind, 'signed');
  }
  refusal(
    byHeader([['Date', now]], ['GET', '', '', now, '/b/it%27s%20'], "/b/it's"),
    'SignatureDoesNotMatch',
  );
});

// --- against a signer of its own, written from the documentation alone

const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const text = fc.string({ unit: 'binary', maxLength: 12 });
const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
const subResource = fc.constantFrom(
  'acl',
  'uploads',
  'tagging',
  'torrent',
  'versionId',
  'partNumber',
);

interface Drawn {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly isVirtual: boolean;
  readonly contentType: string | undefined;
  readonly meta: readonly (readonly [string, string])[];
  readonly subs: readonly (readonly [string, string | undefined])[];
  readonly extras: readonly (readonly [string, string])[];
}

const drawn: fc.Arbitrary<Drawn> = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'HEAD', 'DELETE', 'POST'),
  bucket: fc.stringMatching(/^[a-z][a-z0-9-]{1,10}[a-z]$/),
  key: text,
  isVirtual: fc.boolean(),
  contentType: fc.option(value, { nil: undefined }),
  meta: fc.uniqueArray(fc.tuple(token, value), { maxLength: 4, selector: ([name]) => name }),
  subs: fc.uniqueArray(fc.tuple(subResource, fc.option(text, { nil: undefined })), {
    maxLength: 3,
    selector: ([name]) => name,
  }),
  extras: fc.array(fc.tuple(token, text), { maxLength: 3 }),
});

function signIndependently(request: Drawn): AuthenticateInput {
  const encodedKey = request.key.split('/').map(encodeURIComponent).join('/');
  const rawPath = request.isVirtual ? `/${encodedKey}` : `/${request.bucket}/${encodedKey}`;
  const query = [
    ...request.extras.map(([name, given]) => `x${name}=${encodeURIComponent(given)}`),
    ...request.subs.map(([name, given]) =>
      given === undefined ? name : `${name}=${encodeURIComponent(given)}`,
    ),
  ];
  const headers: [string, string][] = [
    ['Date', now],
    ...request.meta.map(([name, given]): [string, string] => [`X-Amz-Meta-${name}`, given]),
  ];
  if (request.contentType !== undefined) headers.push(['Content-Type', request.contentType]);
  const utf8 = (unicode: string) => Buffer.from(unicode).toString('latin1');
  const subs = [...request.subs].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  const signedQuery = subs.map(([name, given]) =>
    given === undefined ? name : `${name}=${utf8(given)}`,
  );
  const resource = `/${request.bucket}/${encodedKey}${subs.length > 0 ? `?${signedQuery.join('&')}` : ''}`;
  const meta = [...request.meta].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  const signature = hmac([
    request.method,
    '',
    request.contentType ?? '',
    now,
    ...meta.map(([name, given]) => `x-amz-meta-${name}:${given}`),
    resource,
  ]);
  return inputOf({
    method: request.method,
    rawPath,
    rawQuery: query.join('&'),
    rawHeaders: [...headers, authorization(signature)],
    hostBucket: request.isVirtual ? request.bucket : undefined,
    nowMs,
    sigv2: true,
    signingKeys: new SigningKeys(),
  });
}

test('whatever a signer of its own signs is accepted, and nothing that differs from it', () => {
  fc.assert(
    fc.property(drawn, drawn, (request, other) => {
      const input = signIndependently(request);
      assert.equal(authenticate(input).kind, 'signed');
      const { rawHeaders } = signIndependently(other);
      const foreign = { ...input, rawHeaders };
      if (sameMeaning(foreign, input)) return;
      assert.throws(() => authenticate(foreign), { code: 'SignatureDoesNotMatch' });
    }),
    { numRuns: 300 },
  );
});

/** Whether the other's headers, signature included, say what this request says. */
function sameMeaning(a: AuthenticateInput, b: AuthenticateInput): boolean {
  return (
    canonicalPath(a.rawPath) === canonicalPath(b.rawPath) &&
    JSON.stringify(a.rawHeaders) === JSON.stringify(b.rawHeaders)
  );
}
