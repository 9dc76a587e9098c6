/**
 * PutBucketCors, GetBucketCors, DeleteBucketCors, and what the rules put on answers:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  type CORSRule,
  DeleteBucketCorsCommand,
  GetBucketCorsCommand,
  PutBucketCorsCommand,
} from '@aws-sdk/client-s3';
import { anyOf, formBody, partsOf, postBody, signedPolicy } from '../harness/forms.ts';
import { assertError, presignedPath, type RawResponse, unsignedPayload } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const vary = ['origin', 'access-control-request-headers', 'access-control-request-method'];
const page = 'https://page.example';
let Bucket: string;

const rules: CORSRule[] = [
  {
    ID: 'upload <&> é',
    AllowedMethods: ['PUT', 'POST'],
    AllowedOrigins: [page, 'https://*.pages.example'],
    AllowedHeaders: ['content-*', 'X-Amz-Meta-A'],
    ExposeHeaders: ['ETag', 'x-amz-version-id'],
    MaxAgeSeconds: 3000,
  },
  { AllowedMethods: ['GET', 'HEAD'], AllowedOrigins: ['*'] },
];
const putRules = (CORSRules: CORSRule[]) =>
  s3.client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));

before(async () => {
  Bucket = await s3.makeBucket();
  await putRules(rules);
  await s3.put(Bucket, 'k', 'hello');
});

/** Origin, methods, headers, exposed, age, credentials: what of them an answer has. */
function corsOf({ headers }: RawResponse): Record<string, string> {
  const prefix = 'access-control-';
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), String(value)]),
  );
}

function assertVaries({ headers }: RawResponse): void {
  const names = (headers.vary ?? '').toLowerCase().split(/\s*,\s*/);
  for (const name of vary) assert.ok(names.includes(name), headers.vary);
}

test('a configuration comes back as it was put, and is replaced whole', async () => {
  const bucket = await s3.makeBucket();
  const configure = (CORSRules: CORSRule[]) =>
    s3.client.send(new PutBucketCorsCommand({ Bucket: bucket, CORSConfiguration: { CORSRules } }));
  const configured = async () =>
    (await s3.client.send(new GetBucketCorsCommand({ Bucket: bucket }))).CORSRules;
  await assert.rejects(configured(), { name: 'NoSuchCORSConfiguration' });
  await configure(rules);
  assert.deepEqual(await configured(), rules);
  await configure(rules.slice(1));
  assert.deepEqual(await configured(), rules.slice(1));
  for (let times = 0; times < 2; times += 1) {
    const { $metadata } = await s3.client.send(new DeleteBucketCorsCommand({ Bucket: bucket }));
    assert.equal($metadata.httpStatusCode, 204);
  }
  await assert.rejects(configured(), { name: 'NoSuchCORSConfiguration' });
});

test('the rules of a bucket that is made again are gone', async () => {
  const bucket = await s3.makeBucket();
  await s3.client.send(
    new PutBucketCorsCommand({ Bucket: bucket, CORSConfiguration: { CORSRules: rules } }),
  );
  await s3.send({ method: 'DELETE', path: `/${bucket}` });
  await s3.send({ method: 'PUT', path: `/${bucket}` });
  assertError(await s3.send({ path: `/${bucket}?cors` }), 404, 'NoSuchCORSConfiguration');
});

test('what S3 refuses of a configuration', async () => {
  const put = (inner: string) =>
    s3.send({
      method: 'PUT',
      path: `/${Bucket}?cors`,
      body: `<CORSConfiguration>${inner}</CORSConfiguration>`,
    });
  const rule = (inner: string) => `<CORSRule>${inner}</CORSRule>`;
  const minimal = '<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>';
  assertError(await put(''), 400, 'MalformedXML');
  assertError(await put(rule('<AllowedMethod>GET</AllowedMethod>')), 400, 'MalformedXML');
  assertError(await put(rule('<AllowedOrigin>*</AllowedOrigin>')), 400, 'MalformedXML');
  assertError(
    await put(rule(`${minimal}<AllowedMethod>PATCH</AllowedMethod>`)),
    400,
    'InvalidRequest',
    { Message: /unsupported HTTP method in CORS config. Unsupported method is PATCH/ },
  );
  assertError(
    await put(rule(`${minimal}<AllowedOrigin>http://*.*</AllowedOrigin>`)),
    400,
    'InvalidRequest',
    { Message: /AllowedOrigin "http:\/\/\*\.\*" can not have more than one wildcard/ },
  );
  assertError(await put(rule(minimal).repeat(101)), 400, 'InvalidRequest', {
    Message: /100 rules/,
  });
  const answer = await s3.client.send(new GetBucketCorsCommand({ Bucket }));
  assert.deepEqual(answer.CORSRules, rules);
});

test('without Origin an answer has no CORS headers', async () => {
  assert.deepEqual(corsOf(await s3.get(Bucket, 'k')), {});
});

test('a page of another origin may read what the first matching rule allows', async () => {
  const read = await s3.get(Bucket, 'k', '', { Origin: page });
  assert.equal(read.status, 200);
  assert.deepEqual(corsOf(read), { 'allow-origin': '*', 'allow-methods': 'GET, HEAD' });
  assertVaries(read);
  const written = await s3.put(Bucket, 'k', 'hello', { Origin: page });
  assert.deepEqual(corsOf(written), {
    'allow-origin': page,
    'allow-methods': 'PUT, POST',
    'expose-headers': 'ETag, x-amz-version-id',
    'max-age': '3000',
    'allow-credentials': 'true',
  });
  assertVaries(written);
});

test('what no rule allows is served without CORS headers', async () => {
  const answer = await s3.put(Bucket, 'k', 'hello', { Origin: 'https://other.example' });
  assert.equal(answer.status, 200);
  assert.deepEqual(corsOf(answer), {});
});

test('every answer has them: 206, 304, 404, 405, 412, 416, HEAD', async () => {
  const Origin = page;
  const { etag = '' } = (await s3.head(Bucket, 'k')).headers;
  for (const [status, answer] of [
    [206, await s3.get(Bucket, 'k', '', { Origin, Range: 'bytes=0-1' })],
    [304, await s3.get(Bucket, 'k', '', { Origin, 'If-None-Match': etag })],
    [412, await s3.get(Bucket, 'k', '', { Origin, 'If-Match': '"x"' })],
    [416, await s3.get(Bucket, 'k', '', { Origin, Range: 'bytes=9-' })],
    [404, await s3.get(Bucket, 'absent', '', { Origin })],
    [404, await s3.head(Bucket, 'absent', '', { Origin })],
    [200, await s3.head(Bucket, 'k', '', { Origin })],
    [200, await s3.send({ path: `/${Bucket}?list-type=2`, headers: { Origin } })],
  ] as const) {
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.headers['access-control-allow-origin'], '*', String(status));
    assertVaries(answer);
  }
  const post = await s3.send({ method: 'POST', path: `/${Bucket}/k`, headers: { Origin } });
  assert.equal(post.status, 405, post.text);
  assert.equal(post.headers['access-control-allow-origin'], page);
});

test('so has why authentication failed', async () => {
  const headers = { Origin: page };
  const wrong = { ...s3.credentials, secretAccessKey: 'wrong' };
  const signed = await s3.send({ path: `/${Bucket}/k`, headers, credentials: wrong });
  assertError(signed, 403, 'SignatureDoesNotMatch');
  assert.equal(signed.headers['access-control-allow-origin'], '*');
  const anonymous = await s3.send({ path: `/${Bucket}/k`, headers, anonymous: true });
  assertError(anonymous, 403, 'AccessDenied');
  assert.equal(anonymous.headers['access-control-allow-origin'], '*');
  const expired = presignedPath(s3, {
    path: `/${Bucket}/k`,
    expiresSeconds: 1,
    dateMs: Date.now() - 60_000,
  });
  const host = { Host: new URL(s3.endpoint).host };
  const late = await s3.send({
    path: expired,
    headers: { ...host, ...headers },
    exactHeaders: true,
  });
  assertError(late, 403, 'AccessDenied');
  assert.equal(late.headers['access-control-allow-origin'], '*');
});

test('a presigned URL is opened from a page', async () => {
  const host = { Host: new URL(s3.endpoint).host };
  const path = presignedPath(s3, { method: 'PUT', path: `/${Bucket}/k` });
  const answer = await s3.send({
    method: 'PUT',
    path,
    body: 'hello',
    headers: { ...host, Origin: page, 'Content-Length': '5' },
    exactHeaders: true,
    contentSha256: unsignedPayload,
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['access-control-allow-origin'], page);
});

test('a form is answered with them, taken, redirected and refused', async () => {
  const post = (fields: Record<string, string>, isSigned = true) => {
    const signed = isSigned ? signedPolicy(s3, anyOf(Bucket, fields)) : {};
    const parts = partsOf({ ...fields, ...signed });
    const file = { name: 'file', value: 'hello', fileName: 'a.txt' };
    return postBody(s3, Bucket, formBody([...parts, file]), { Origin: page });
  };
  for (const [status, answer] of [
    [204, await post({ key: 'form' })],
    [303, await post({ key: 'form', success_action_redirect: 'https://page.example/done' })],
    [403, await post({ key: 'form' }, false)],
  ] as const) {
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.headers['access-control-allow-origin'], page);
    assert.equal(answer.headers['access-control-expose-headers'], 'ETag, x-amz-version-id');
    assertVaries(answer);
  }
});

test('a bucket without rules, and one that is not there, answer without', async () => {
  const bare = await s3.makeBucket();
  const headers = { Origin: page };
  assert.deepEqual(corsOf(await s3.send({ path: `/${bare}`, headers })), {});
  const absent = await s3.send({ path: `/${s3.newBucketName()}`, headers });
  assertError(absent, 404, 'NoSuchBucket');
  assert.deepEqual(corsOf(absent), {});
});
