/**
 * What S3 keeps beside the bytes of an object, and how it comes back:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertError, objectPath, type RawResponse, signedHeaders } from '../harness/http.ts';
import { type HeaderMap, openTarget } from '../harness/target.ts';
import { textOf } from '../harness/xml.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();

const system: HeaderMap = {
  'Content-Type': 'Text/X;  charset=Latin-1',
  'Cache-Control': 'no-cache, max-age=74',
  'Content-Disposition': 'attachment; filename="a b.txt"',
  'Content-Encoding': 'gzip',
  'Content-Language': 'de, en',
  Expires: 'no date at all',
};
const described: HeaderMap = {
  ...system,
  'x-amz-meta-a': 'one, two',
  'x-amz-meta-empty': '',
  'x-amz-website-redirect-location': '/elsewhere',
  'x-amz-storage-class': 'STANDARD_IA',
};

function assertDescribed(answer: RawResponse, expected: HeaderMap): void {
  for (const [name, value] of Object.entries(expected)) {
    assert.equal(answer.headers[name.toLowerCase()], value, name);
  }
}

async function upload(key: string, headers: HeaderMap): Promise<void> {
  const path = objectPath(bucket, key);
  const created = await s3.send({ method: 'POST', path: `${path}?uploads`, headers });
  const uploadId = textOf(created.text, 'UploadId') ?? '';
  const part = await s3.send({
    method: 'PUT',
    path: `${path}?partNumber=1&uploadId=${uploadId}`,
    body: 'x',
  });
  const completed = await s3.send({
    method: 'POST',
    path: `${path}?uploadId=${uploadId}`,
    body: `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${part.headers.etag}</ETag></Part></CompleteMultipartUpload>`,
  });
  assert.equal(completed.status, 200, completed.text);
}

test('a put, an upload in parts and a copy that replaces keep the same', async () => {
  await s3.put(bucket, 'put', 'x', described);
  await upload('uploaded', described);
  const copied = await s3.put(bucket, 'copied', '', {
    ...described,
    'x-amz-copy-source': `${bucket}/put`,
    'x-amz-metadata-directive': 'REPLACE',
  });
  assert.equal(copied.status, 200, copied.text);
  for (const key of ['put', 'uploaded', 'copied']) {
    assertDescribed(await s3.get(bucket, key), described);
    assertDescribed(await s3.head(bucket, key), described);
  }
});

test('a copy takes metadata along, but neither redirect nor storage class', async () => {
  await s3.put(bucket, 'from', 'x', described);
  await s3.put(bucket, 'to', '', {
    'x-amz-copy-source': `${bucket}/from`,
    'Content-Type': 'ignored/x',
    'x-amz-meta-ignored': 'x',
  });
  const answer = await s3.head(bucket, 'to');
  assertDescribed(answer, { ...system, 'x-amz-meta-a': 'one, two', 'x-amz-meta-empty': '' });
  for (const name of [
    'x-amz-meta-ignored',
    'x-amz-website-redirect-location',
    'x-amz-storage-class',
  ]) {
    assert.equal(answer.headers[name], undefined, name);
  }
  await s3.put(bucket, 'replaced', '', {
    'x-amz-copy-source': `${bucket}/from`,
    'x-amz-metadata-directive': 'REPLACE',
  });
  const { headers } = await s3.head(bucket, 'replaced');
  assert.equal(headers['content-type'], 'binary/octet-stream');
  for (const name of ['cache-control', 'content-encoding', 'expires', 'x-amz-meta-a']) {
    assert.equal(headers[name], undefined, name);
  }
});

test('an overwrite keeps nothing of what was', async () => {
  await s3.put(bucket, 'overwritten', 'x', described);
  await s3.put(bucket, 'overwritten', 'x');
  const { headers } = await s3.head(bucket, 'overwritten');
  for (const name of Object.keys(described).filter((name) => name !== 'Content-Type')) {
    assert.equal(headers[name.toLowerCase()], undefined, name);
  }
});

test('header bytes beyond ASCII come back as they were sent', async () => {
  // Not Content-Disposition: Node's client encodes that one header in its own way.
  const text = 'private="ümlaut — €"';
  const bytes = Buffer.from(text).toString('latin1');
  const request = {
    method: 'PUT',
    path: `/${bucket}/bytes`,
    headers: { 'Cache-Control': text, 'Content-Length': '1' },
    body: 'x',
  };
  const headers = { ...signedHeaders(s3, request), 'Cache-Control': bytes };
  const put = await s3.send({ ...request, headers, exactHeaders: true });
  assert.equal(put.status, 200, put.text);
  assert.equal((await s3.get(bucket, 'bytes')).headers['cache-control'], bytes);
  const disposition = 'attachment; filename="ümlaut.txt"';
  const query = `response-content-disposition=${encodeURIComponent(disposition)}`;
  const answer = await s3.get(bucket, 'bytes', query);
  assert.equal(answer.headers['content-disposition'], disposition);
});

test('HEAD has the headers of GET, whatever the answer', async () => {
  await s3.put(bucket, 'parity', 'hello', { ...described, 'x-amz-tagging': 'a=1' });
  const { etag = '' } = (await s3.head(bucket, 'parity')).headers;
  const longAgo = 'Thu, 01 Jan 1970 00:00:00 GMT';
  const cases: readonly (readonly [number, string, string, HeaderMap])[] = [
    [200, 'parity', '', {}],
    [200, 'parity', '', { 'x-amz-checksum-mode': 'ENABLED' }],
    [200, 'parity', 'response-content-type=a%2Fb&response-expires=x', {}],
    [206, 'parity', '', { Range: 'bytes=1-2' }],
    [206, 'parity', 'partNumber=1', {}],
    [304, 'parity', '', { 'If-None-Match': etag }],
    [412, 'parity', '', { 'If-Match': '"x"' }],
    [412, 'parity', '', { 'If-Unmodified-Since': longAgo }],
    [416, 'parity', '', { Range: 'bytes=9-' }],
    [404, 'absent', '', {}],
    [400, 'parity', 'versionId=%00', {}],
  ];
  // A HEAD may leave out the length of a document that is not sent; the others differ each time.
  const apart = new Set(['x-amz-request-id', 'date', 'connection', 'keep-alive']);
  for (const [status, key, query, headers] of cases) {
    const get = await s3.get(bucket, key, query, headers);
    const head = await s3.head(bucket, key, query, headers);
    assert.deepEqual([get.status, head.status], [status, status], get.text);
    assert.equal(head.body.length, 0);
    if (status >= 400) apart.add('content-length').add('transfer-encoding');
    else apart.delete('content-length');
    const names = new Set([...Object.keys(get.headers), ...Object.keys(head.headers)]);
    for (const name of names) {
      if (apart.has(name) || name === 'x-amz-id-2') continue;
      assert.equal(head.headers[name], get.headers[name], `${status} ${query} ${name}`);
    }
  }
});

test('304 repeats what a cache goes by', async () => {
  const versioned = await s3.makeBucket();
  await s3.send({
    method: 'PUT',
    path: `/${versioned}?versioning`,
    body: '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
  });
  const put = await s3.put(versioned, 'k', 'x', described);
  const answer = await s3.get(versioned, 'k', '', { 'If-None-Match': '*' });
  assert.equal(answer.status, 304);
  assert.equal(answer.body.length, 0);
  assert.equal(answer.headers.etag, put.headers.etag);
  assert.equal(answer.headers['x-amz-version-id'], put.headers['x-amz-version-id']);
  assert.ok(answer.headers['last-modified']);
  assert.equal(answer.headers['cache-control'], 'no-cache, max-age=74');
  assert.equal(answer.headers.expires, 'no date at all');
  assert.equal(answer.headers['content-type'], undefined);
});

test('an override that is empty overrides nothing', async () => {
  await s3.put(bucket, 'override', 'x', system);
  const answer = await s3.get(bucket, 'override', 'response-content-type=&response-expires');
  assertDescribed(answer, system);
});

test('content headers of 2 KB are kept, more is MetadataTooLarge', async () => {
  const room = 2048 - 'content-disposition'.length - 'content-typea/b'.length;
  const headers = (length: number) => ({
    'Content-Type': 'a/b',
    'Content-Disposition': 'x'.repeat(length),
  });
  assert.equal((await s3.put(bucket, 'large', 'x', headers(room - 100))).status, 200);
  assertError(await s3.put(bucket, 'large', 'x', headers(9000)), 400, 'MetadataTooLarge');
});

test('a redirect leads to a path or a web address', async () => {
  const header = 'x-amz-website-redirect-location';
  for (const location of ['/', '/a b', 'http://a', 'https://a/b?c=d']) {
    const put = await s3.put(bucket, 'redirect', 'x', { [header]: location });
    assert.equal(put.status, 200, put.text);
    assert.equal((await s3.get(bucket, 'redirect')).headers[header], location);
  }
  for (const location of ['a', 'ftp://a', 'javascript:alert(1)', '\\a']) {
    const put = await s3.put(bucket, 'redirect', 'x', { [header]: location });
    assertError(put, 400, 'InvalidRedirectLocation');
  }
});

test('every call on a bucket looks at x-amz-expected-bucket-owner', async () => {
  await s3.put(bucket, 'owned', 'x');
  const headers = { 'x-amz-expected-bucket-owner': '999999999999' };
  const calls: readonly (readonly [string, string])[] = [
    ['GET', ''],
    ['HEAD', ''],
    ['DELETE', ''],
    ['GET', '?location'],
    ['GET', '?versions'],
    ['GET', '?uploads'],
    ['GET', '?cors'],
    ['PUT', '?cors'],
    ['GET', '?tagging'],
    ['PUT', '?tagging'],
    ['DELETE', '?tagging'],
    ['PUT', '?versioning'],
    ['POST', '?delete'],
    ['GET', '/owned'],
    ['HEAD', '/owned'],
    ['PUT', '/owned'],
    ['DELETE', '/owned'],
    ['GET', '/owned?tagging'],
    ['PUT', '/owned?tagging'],
    ['GET', '/owned?acl'],
    ['GET', '/owned?attributes'],
    ['POST', '/owned?uploads'],
    ['PUT', '/owned?partNumber=1&uploadId=x'],
    ['GET', '/owned?uploadId=x'],
    ['POST', '/owned?uploadId=x'],
    ['DELETE', '/owned?uploadId=x'],
  ];
  for (const [method, rest] of calls) {
    const answer = await s3.send({ method, path: `/${bucket}${rest}`, headers });
    if (method === 'HEAD') assert.equal(answer.status, 403, rest);
    else assertError(answer, 403, 'AccessDenied');
  }
  assert.equal((await s3.get(bucket, 'owned')).text, 'x');
});

test('a copy looks at x-amz-source-expected-bucket-owner too', async () => {
  await s3.put(bucket, 'source', 'x');
  const answer = await s3.put(bucket, 'not-made', '', {
    'x-amz-copy-source': `${bucket}/source`,
    'x-amz-source-expected-bucket-owner': '999999999999',
  });
  assertError(answer, 403, 'AccessDenied');
  assertError(await s3.get(bucket, 'not-made'), 404, 'NoSuchKey');
});
