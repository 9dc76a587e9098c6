/**
 * Signature Version 2, where the server is told to take it:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  assertError,
  objectPath,
  presignedPath,
  type RawRequest,
  signedHeaders,
} from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { version2Headers, version2Path } from '../harness/version2.ts';
import { textOf } from '../harness/xml.ts';

const domain = process.env.S3_DOMAIN ?? 's3.conformance.test';
const s3 = await openTarget({ args: ['--sigv2', '--domain', domain] });
const { credentials } = s3;
const bucket = await s3.makeBucket();
const { host } = new URL(s3.endpoint);

type Call = RawRequest & { readonly hostBucket?: string };

const lengthOf = (body: Buffer | string | undefined): Record<string, string> =>
  body === undefined ? {} : { 'Content-Length': String(body.length) };

/** Signed by header. */
function call(request: Call) {
  const length = lengthOf(request.body);
  const headers = { Host: host, ...length, ...request.headers };
  const signed = version2Headers(request.credentials ?? credentials, { ...request, headers });
  return s3.send({ ...request, headers: signed, exactHeaders: true });
}

/** As a browser opens a URL. */
function open(path: string, method = 'GET', body = '', headers: Record<string, string> = {}) {
  const length = lengthOf(method === 'PUT' ? body : undefined);
  const all = { Host: host, ...length, ...headers };
  return s3.send({ method, path, body, headers: all, exactHeaders: true });
}

test('PUT, GET, HEAD, list and DELETE by header, for keys of all kinds', async () => {
  for (const key of ['plain', 'a b+c', 'é/ü//x', "it's(1)*!", '%2F', 'x?y=z&w']) {
    const path = objectPath(bucket, key);
    const headers = {
      'Content-Type': 'text/plain; a=b',
      'x-amz-meta-b': '2',
      'X-Amz-Meta-A': '1  1',
    };
    const put = await call({ method: 'PUT', path, body: 'v2', headers });
    assert.equal(put.status, 200, put.text);
    const got = await call({ path });
    assert.equal(got.text, 'v2');
    assert.equal(got.headers['x-amz-meta-a'], '1  1');
    assert.equal((await call({ method: 'HEAD', path })).status, 200);
    assert.equal((await call({ path: `/${bucket}?prefix=p&max-keys=5&list-type=2` })).status, 200);
    assert.equal((await call({ method: 'DELETE', path })).status, 204);
  }
  assert.match((await call({ path: '/' })).text, /<ListAllMyBucketsResult/);
});

test('Content-MD5 is signed and checked, the body is not covered otherwise', async () => {
  const md5 = createHash('md5').update('right').digest('base64');
  const put = (body: string) =>
    call({ method: 'PUT', path: `/${bucket}/md5`, body, headers: { 'Content-MD5': md5 } });
  assert.equal((await put('right')).status, 200);
  assertError(await put('wrong'), 400, 'BadDigest');
});

test('an upload in parts: sub-resources are signed', async () => {
  const path = `/${bucket}/parts`;
  const created = await call({ method: 'POST', path: `${path}?uploads`, body: '' });
  const uploadId = textOf(created.text, 'UploadId') ?? '';
  const part = `${path}?uploadId=${uploadId}&partNumber=1`;
  const { headers } = await call({ method: 'PUT', path: part, body: 'part' });
  const document = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${headers.etag}</ETag></Part></CompleteMultipartUpload>`;
  const completed = await call({
    method: 'POST',
    path: `${path}?uploadId=${uploadId}`,
    body: document,
  });
  assert.equal(completed.status, 200, completed.text);
  assert.equal((await call({ path })).text, 'part');
});

test('X-Amz-Date instead of Date', async () => {
  const now = new Date().toUTCString();
  const path = `/${bucket}?acl`;
  assert.equal((await call({ path, headers: { 'x-amz-date': now } })).status, 200);
  const old = new Date(Date.now() - 86_400_000).toUTCString();
  assert.equal((await call({ path, headers: { 'x-amz-date': now, Date: old } })).status, 200);
  const late = await call({ path, headers: { 'x-amz-date': old, Date: now } });
  assertError(late, 403, 'RequestTimeTooSkewed', { RequestTime: old, ServerTime: /Z$/ });
  for (const date of ['Bad Date', '', 'Tue, 07 Jul 1950 21:53:04 GMT']) {
    assertError(await call({ path, headers: { 'x-amz-date': date } }), 403, 'AccessDenied');
  }
  assertError(await call({ path, headers: { Date: old } }), 403, 'RequestTimeTooSkewed');
});

test('the bucket in the Host belongs to what is signed', async () => {
  await s3.put(bucket, 'virtual', 'by host');
  const headers = { Host: `${bucket}.${domain}` };
  const got = await call({ path: '/virtual', headers, hostBucket: bucket });
  assert.equal(got.text, 'by host');
  assertError(await call({ path: '/virtual', headers }), 403, 'SignatureDoesNotMatch');
  const listed = await call({ path: '/', headers, hostBucket: bucket });
  assert.match(listed.text, /<ListBucketResult/);
});

test('a wrong secret shows the string that was signed, a wrong key and a malformed header do not', async () => {
  const path = `/${bucket}/k`;
  const headers = { 'x-amz-meta-b': 'x', 'X-Amz-Meta-A': 'y', Date: new Date().toUTCString() };
  const wrong = await call({
    path,
    headers,
    credentials: { ...credentials, secretAccessKey: 'x'.repeat(40) },
  });
  assertError(wrong, 403, 'SignatureDoesNotMatch', {
    StringToSign: `GET\n\n\n${headers.Date}\nx-amz-meta-a:y\nx-amz-meta-b:x\n${path}`,
    AWSAccessKeyId: credentials.accessKeyId,
  });
  assert.ok(!wrong.text.includes(credentials.secretAccessKey));
  const nobody = await call({ path, credentials: { ...credentials, accessKeyId: 'NOBODY' } });
  assertError(nobody, 403, 'InvalidAccessKeyId', { AWSAccessKeyId: 'NOBODY' });
  const malformed = await open(path, 'GET', '', {
    Authorization: 'AWS HAHAHA',
    Date: headers.Date,
  });
  assertError(malformed, 400, 'InvalidArgument', { ArgumentName: 'Authorization' });
});

test('what is added to a signed request is refused', async () => {
  await s3.put(bucket, 'added', 'x');
  const path = `/${bucket}/added`;
  const signed = version2Headers(credentials, { path, headers: { Host: host } });
  assert.equal((await s3.send({ path, headers: signed, exactHeaders: true })).status, 200);
  for (const query of [
    'acl',
    'tagging',
    'attributes',
    'versionId=null',
    'response-expires=x',
    '%61cl',
  ]) {
    const answer = await s3.send({ path: `${path}?${query}`, headers: signed, exactHeaders: true });
    assertError(answer, 403, 'SignatureDoesNotMatch');
  }
  const additions: Record<string, string>[] = [
    { 'x-amz-acl': 'public-read' },
    { 'Content-Type': 'text/html' },
    { 'Content-MD5': 'x' },
  ];
  for (const more of additions) {
    const answer = await s3.send({ path, headers: { ...signed, ...more }, exactHeaders: true });
    assertError(answer, 403, 'SignatureDoesNotMatch');
  }
});

test('a signed URL: download with overrides, upload, expiry', async () => {
  await s3.put(bucket, 'url é', 'by url');
  const path = objectPath(bucket, 'url é', 'response-content-type=text%2Fx-a%20b');
  const url = version2Path(credentials, { path });
  const got = await open(url);
  assert.equal(got.text, 'by url');
  assert.equal(got.headers['content-type'], 'text/x-a b');
  for (const changed of [
    url.replace('text%2Fx-a', 'text%2Fx-b'),
    url.replace('Expires=', 'Expires=1'),
    url.replace('url%20', 'url%21'),
    `${url}&tagging`,
    `${url}&versionId=null`,
    `${url}&x-amz-checksum-mode=ENABLED`,
    url.replace(/Signature=[^&]+/, 'Signature=x'),
  ]) {
    assertError(await open(changed), 403, 'SignatureDoesNotMatch');
  }
  assertError(await open(url, 'DELETE'), 403, 'SignatureDoesNotMatch');
  const expired = version2Path(credentials, { path, expiresSeconds: -10 });
  assertError(await open(expired), 403, 'AccessDenied', {
    Message: 'Request has expired',
    Expires: /^\d{4}-.*Z$/,
    ServerTime: /^\d{4}-.*Z$/,
  });
  assertError(await open(url.replace(/Expires=\d+/, 'Expires=soon')), 403, 'AccessDenied');
  assertError(await open(url.replace(/Expires=\d+/, '')), 403, 'AccessDenied');
});

test('headers in the query of a signed URL are signed, and count as sent', async () => {
  const query = 'x-amz-meta-k=v%20w&content-type=text%2Fplain';
  const headers = { 'x-amz-meta-k': 'v w', 'Content-Type': 'text/plain' };
  const path = objectPath(bucket, 'hoisted');
  const signed = version2Path(credentials, { method: 'PUT', path, headers });
  const url = `${signed}&${query}`;
  assert.equal((await open(url, 'PUT', 'body')).status, 200);
  const { headers: stored } = await s3.head(bucket, 'hoisted');
  assert.equal(stored['x-amz-meta-k'], 'v w');
  assert.equal(stored['content-type'], 'text/plain');
  assertError(await open(signed, 'PUT', 'body'), 403, 'SignatureDoesNotMatch');
  const more = [`${url}&x-amz-acl=public-read`, `${url}&X-Amz-Copy-Source=%2F${bucket}%2Fadded`];
  for (const changed of more) {
    assertError(await open(changed, 'PUT', 'body'), 403, 'SignatureDoesNotMatch');
  }
  assertError(await open(`${url}&X-Amz-Meta-K=x`, 'PUT', 'body'), 400, 'InvalidArgument');
});

test('both versions at once are refused, and version 4 goes on working', async () => {
  const path = `/${bucket}/added`;
  assert.equal((await s3.get(bucket, 'added')).status, 200);
  assert.equal((await open(presignedPath(s3, { path }))).status, 200);
  const version4 = signedHeaders(s3, { path });
  const both = await s3.send({
    path: version2Path(credentials, { path }),
    headers: version4,
    exactHeaders: true,
  });
  assertError(both, 400, 'InvalidArgument');
  const urls = `${version2Path(credentials, { path: presignedPath(s3, { path }) })}`;
  assertError(await open(urls), 400, 'InvalidArgument');
});

test('signed chunks need version 4', async () => {
  const headers = {
    'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    'x-amz-decoded-content-length': '1',
  };
  const answer = await call({ method: 'PUT', path: `/${bucket}/chunks`, body: 'x', headers });
  assertError(answer, 400, 'InvalidRequest', { Message: /version 4/ });
});
