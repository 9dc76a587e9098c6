/** SigV4 by header: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import aws4 from 'aws4';
import { amzDate, assertError, type RawRequest, signedHeaders } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
await s3.put(bucket, 'k', 'hello');
const path = `/${bucket}/k`;
const host = new URL(s3.endpoint).host;

/** Signs, then changes the headers behind the signer's back. */
function altered(request: RawRequest, change: (headers: Record<string, string>) => void) {
  const headers = signedHeaders(s3, request);
  change(headers);
  return s3.send({ ...request, headers, exactHeaders: true });
}

const dated = (ms: number) => s3.send({ path, headers: { 'X-Amz-Date': amzDate(ms) } });

test('anonymous requests are AccessDenied, whatever they ask for', async () => {
  for (const [method, target] of [
    ['GET', '/'],
    ['GET', path],
    ['PUT', `/${bucket}/new`],
    ['GET', `/${bucket}?list-type=2`],
    ['PUT', `/${s3.newBucketName()}`],
  ] as const) {
    const answer = await s3.send({ method, path: target, anonymous: true });
    assertError(answer, 403, 'AccessDenied');
  }
});

test('anonymous DELETE on an absent bucket is NoSuchBucket', async () => {
  const none = s3.newBucketName();
  assertError(
    await s3.send({ method: 'DELETE', path: `/${none}`, anonymous: true }),
    404,
    'NoSuchBucket',
  );
});

test('a wrong secret is SignatureDoesNotMatch and shows what was signed, not the secret', async () => {
  const answer = await s3.send({
    path,
    credentials: { ...s3.credentials, secretAccessKey: 'wrong' },
  });
  assertError(answer, 403, 'SignatureDoesNotMatch', {
    AWSAccessKeyId: s3.credentials.accessKeyId,
    SignatureProvided: /^[0-9a-f]{64}$/,
    StringToSign: /^AWS4-HMAC-SHA256\n/,
    CanonicalRequest: /^GET\n/,
  });
  assert.ok(!answer.text.includes(s3.credentials.secretAccessKey));
});

test('an unknown access key is InvalidAccessKeyId', async () => {
  const credentials = { accessKeyId: 'NOBODYNOBODYNOBODY00', secretAccessKey: 'x' };
  assertError(await s3.send({ path, credentials }), 403, 'InvalidAccessKeyId', {
    AWSAccessKeyId: 'NOBODYNOBODYNOBODY00',
  });
});

test('any region in the scope is accepted, any other service is not', async () => {
  assert.equal((await s3.send({ path, region: 'mars-north-1' })).status, 200);
  const answer = await altered({ path }, (headers) => {
    headers.Authorization = (headers.Authorization ?? '').replace('/s3/', '/ec2/');
  });
  assertError(answer, 400, 'AuthorizationHeaderMalformed');
});

test('a malformed Authorization header is AuthorizationHeaderMalformed or InvalidArgument', async () => {
  const scope = `${amzDate(Date.now()).slice(0, 8)}/us-east-1/s3/aws4_request`;
  const signature = 'a'.repeat(64);
  const malformed = [
    'AWS4-HMAC-SHA256',
    'AWS4-HMAC-SHA256 Credential=x',
    `AWS4-HMAC-SHA256 Credential=x/${scope}, Signature=${signature}`,
    `AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=${signature}`,
    `AWS4-HMAC-SHA256 Credential=x/19990101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=${signature}`,
    `AWS4-HMAC-SHA256 Credential=/${scope}, SignedHeaders=, Signature=`,
  ];
  for (const authorization of malformed) {
    const answer = await altered({ path }, (headers) => {
      headers.Authorization = authorization;
    });
    assert.ok([400, 403].includes(answer.status), `${authorization}: ${answer.status}`);
    assert.match(
      answer.text,
      /<Code>(AuthorizationHeaderMalformed|InvalidArgument|AccessDenied|InvalidAccessKeyId)</,
      authorization,
    );
  }
  const basic = await altered({ path }, (headers) => {
    headers.Authorization = 'Basic dTpw';
  });
  assertError(basic, 400, 'InvalidArgument');
});

test('fifteen minutes of skew are allowed, more is RequestTimeTooSkewed', async () => {
  const minuteMs = 60_000;
  for (const minutes of [-14, 14]) {
    assert.equal((await dated(Date.now() + minutes * minuteMs)).status, 200, `${minutes} minutes`);
  }
  for (const minutes of [-16, 16]) {
    assertError(await dated(Date.now() + minutes * minuteMs), 403, 'RequestTimeTooSkewed', {
      RequestTime: /^\d{8}T\d{6}Z$|^\d{4}-.*Z$/,
      ServerTime: /^\d{4}-.*Z$/,
      MaxAllowedSkewMilliseconds: '900000',
    });
  }
});

test('without X-Amz-Date the Date header is the signing time', async () => {
  const headers: Record<string, string> = {
    Host: host,
    Date: new Date().toUTCString(),
    'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
  };
  const request = { service: 's3', region: s3.region, method: 'GET', path, headers };
  const signed = aws4.sign({ ...request, doNotModifyHeaders: true } as object, s3.credentials);
  const answer = await s3.send({
    path,
    headers: signed.headers as Record<string, string>,
    exactHeaders: true,
  });
  assert.equal(answer.status, 200, answer.text);
});

test('without any date it is AccessDenied', async () => {
  const answer = await altered({ path }, (headers) => {
    delete headers['X-Amz-Date'];
  });
  assert.equal(answer.status, 403, answer.text);
});

test('every x-amz-* header present must be signed', async () => {
  const answer = await altered({ path }, (headers) => {
    headers['x-amz-meta-added'] = 'later';
  });
  assertError(answer, 403, 'AccessDenied', { HeadersNotSigned: 'x-amz-meta-added' });
});

test('host must be signed', async () => {
  const answer = await altered({ path }, (headers) => {
    headers.Authorization = (headers.Authorization ?? '').replace('host;', '');
  });
  assertError(answer, 403, 'AccessDenied', { HeadersNotSigned: 'host' });
});

test('a missing x-amz-content-sha256 is InvalidRequest', async () => {
  const answer = await altered({ path }, (headers) => {
    delete headers['x-amz-content-sha256'];
    headers.Authorization = (headers.Authorization ?? '').replace('x-amz-content-sha256;', '');
  });
  assertError(answer, 400, 'InvalidRequest');
});

test('an x-amz-content-sha256 that is neither a digest nor a known word is InvalidArgument', async () => {
  const answer = await s3.send({ path, contentSha256: 'nonsense' });
  assert.equal(answer.status, 400, answer.text);
  assert.match(answer.text, /<Code>(InvalidArgument|XAmzContentSHA256Mismatch|InvalidRequest)</);
});

test('a session token that nobody issued is InvalidToken', async () => {
  const answer = await s3.send({ path, headers: { 'X-Amz-Security-Token': 'nonsense' } });
  assertError(answer, 400, 'InvalidToken');
});

test('repeated spaces in a signed header and upper-case names are canonicalised', async () => {
  const answer = await s3.put(bucket, 'spaces', 'x', { 'X-AMZ-META-Spaces': 'a   b  c' });
  assert.equal(answer.status, 200, answer.text);
});

test('queries with repeated, empty and reserved parameters verify', async () => {
  for (const query of [
    'list-type=2&prefix=',
    'list-type=2&prefix=%2B%20%2F%3D',
    'versions&z&a=~',
  ]) {
    assert.equal((await s3.send({ path: `/${bucket}?${query}` })).status, 200, query);
  }
});

test('authentication errors come before NotImplemented and NoSuchBucket', async () => {
  const credentials = { ...s3.credentials, secretAccessKey: 'wrong' };
  for (const target of [`/${s3.newBucketName()}`, `/${bucket}?inventory&id=x`]) {
    assertError(await s3.send({ path: target, credentials }), 403, 'SignatureDoesNotMatch');
  }
});
