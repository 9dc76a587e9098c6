/** PutObject: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { md5Base64, md5Hex } from '../harness/checksums.ts';
import { assertError, sendBytes, signedHeaders } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();

test('stores bytes of every size class and answers the MD5 as ETag', async () => {
  for (const size of [0, 1, 4096, 65_536, 65_537, 300_000, 5_000_001]) {
    const body = randomBytes(size);
    const put = await s3.put(bucket, `size-${size}`, body);
    assert.equal(put.status, 200, put.text);
    assert.equal(put.headers.etag, `"${md5Hex(body)}"`);
    assert.equal(put.body.length, 0);
    const get = await s3.get(bucket, `size-${size}`);
    assert.ok(get.body.equals(body), `bytes of size ${size}`);
    assert.equal(get.headers['content-length'], String(size));
  }
});

test('an overwrite replaces, whether longer or shorter', async () => {
  for (const size of [200_000, 10, 3_000_000, 0, 70_000]) {
    const body = randomBytes(size);
    await s3.put(bucket, 'overwritten', body);
    assert.ok((await s3.get(bucket, 'overwritten')).body.equals(body), `size ${size}`);
  }
});

test('Content-Type is kept byte for byte, without one it is binary/octet-stream', async () => {
  for (const type of ['text/plain', 'TEXT/Html; charset="UTF-8"', 'a/b;x=y', 'nonsense']) {
    await s3.put(bucket, 'typed', '<x>', { 'Content-Type': type });
    assert.equal((await s3.get(bucket, 'typed')).headers['content-type'], type);
    assert.equal((await s3.head(bucket, 'typed')).headers['content-type'], type);
  }
  await s3.put(bucket, 'typed', '<x>');
  assert.equal((await s3.get(bucket, 'typed')).headers['content-type'], 'binary/octet-stream');
});

test('the other content headers come back as they were given', async () => {
  const headers = {
    'Cache-Control': 'max-age=3, private',
    'Content-Disposition': 'attachment; filename="a b.txt"',
    'Content-Encoding': 'gzip',
    'Content-Language': 'de, en',
    Expires: 'Thu, 01 Dec 2030 16:00:00 GMT',
  };
  await s3.put(bucket, 'headers', 'x', headers);
  for (const answer of [await s3.get(bucket, 'headers'), await s3.head(bucket, 'headers')]) {
    for (const [name, value] of Object.entries(headers)) {
      assert.equal(answer.headers[name.toLowerCase()], value, name);
    }
  }
});

test('the word aws-chunked is stripped from Content-Encoding, on plain bodies too', async () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['aws-chunked', undefined],
    ['gzip,aws-chunked', 'gzip'],
    ['aws-chunked, gzip', 'gzip'],
    ['aws-chunked,gzip,aws-chunked', 'gzip'],
  ];
  for (const [sent, kept] of cases) {
    const put = await s3.put(bucket, 'encoded', 'plain', { 'Content-Encoding': sent });
    assert.equal(put.status, 200, put.text);
    const get = await s3.get(bucket, 'encoded');
    assert.equal(get.headers['content-encoding'], kept, sent);
    assert.equal(get.text, 'plain');
  }
});

test('storage class: STANDARD is not said, others are kept, unknown ones refused', async () => {
  await s3.put(bucket, 'class', 'x', { 'x-amz-storage-class': 'STANDARD' });
  assert.equal((await s3.head(bucket, 'class')).headers['x-amz-storage-class'], undefined);
  await s3.put(bucket, 'class', 'x', { 'x-amz-storage-class': 'STANDARD_IA' });
  assert.equal((await s3.head(bucket, 'class')).headers['x-amz-storage-class'], 'STANDARD_IA');
  const answer = await s3.put(bucket, 'class', 'x', { 'x-amz-storage-class': 'COLD-ISH' });
  assertError(answer, 400, 'InvalidStorageClass');
});

test('Content-MD5 is verified; one that is none is InvalidDigest', async () => {
  assert.equal((await s3.put(bucket, 'm', 'abc', { 'Content-MD5': md5Base64('abc') })).status, 200);
  assertError(
    await s3.put(bucket, 'm', 'abd', { 'Content-MD5': md5Base64('abc') }),
    400,
    'BadDigest',
  );
  for (const bad of ['zzz', 'YWJj', '']) {
    assertError(await s3.put(bucket, 'm', 'abc', { 'Content-MD5': bad }), 400, 'InvalidDigest');
  }
  assert.equal((await s3.get(bucket, 'm')).text, 'abc');
});

test('a body that is not what was signed is XAmzContentSHA256Mismatch and stores nothing', async () => {
  const answer = await s3.send({
    method: 'PUT',
    path: `/${bucket}/mismatch`,
    body: 'abc',
    contentSha256: 'a'.repeat(64),
  });
  assertError(answer, 400, 'XAmzContentSHA256Mismatch');
  assertError(await s3.get(bucket, 'mismatch'), 404, 'NoSuchKey');
});

test('without Content-Length and Transfer-Encoding a PUT is 411 MissingContentLength', async () => {
  const headers = signedHeaders(s3, { method: 'PUT', path: `/${bucket}/lengthless` });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const answer = await sendBytes(
    s3.endpoint,
    `PUT /${bucket}/lengthless HTTP/1.1\r\n${lines.join('')}Connection: close\r\n\r\n`,
  );
  assert.match(answer.text, /^HTTP\/1\.1 411 /);
  assert.match(answer.text, /<Code>MissingContentLength<\/Code>/);
});

test('an upload that breaks off stores nothing and leaves what was there', async () => {
  await s3.put(bucket, 'broken', 'before');
  const headers = signedHeaders(s3, {
    method: 'PUT',
    path: `/${bucket}/broken`,
    contentSha256: 'UNSIGNED-PAYLOAD',
    headers: { 'Content-Length': '1000000' },
  });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  await sendBytes(
    s3.endpoint,
    `PUT /${bucket}/broken HTTP/1.1\r\n${lines.join('')}\r\n${'x'.repeat(100_000)}`,
    200,
  );
  assert.equal((await s3.get(bucket, 'broken')).text, 'before');
});

test('user metadata: names in lower case, values as they are', async () => {
  await s3.put(bucket, 'meta', 'x', { 'X-Amz-Meta-MiXed': 'V a L', 'x-amz-meta-empty': '' });
  const answer = await s3.head(bucket, 'meta');
  assert.equal(answer.headers['x-amz-meta-mixed'], 'V a L');
  assert.equal(answer.headers['x-amz-meta-empty'], '');
});

test('user metadata of 2 KB is stored, more is MetadataTooLarge', async () => {
  const exact = { 'x-amz-meta-a': 'v'.repeat(2048 - 1) };
  assert.equal((await s3.put(bucket, 'meta', 'x', exact)).status, 200);
  const over = { 'x-amz-meta-a': 'v'.repeat(2048) };
  assertError(await s3.put(bucket, 'meta', 'x', over), 400, 'MetadataTooLarge', {
    MaxSizeAllowed: '2048',
    Size: /^\d+$/,
  });
});

test('metadata beyond ASCII is stored as text and answered as an encoded word (RFC 2047)', async () => {
  const base64 = (text: string) => `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`;
  for (const [sent, answered] of [
    // Quoted where most of it is ASCII, base64 where not, whatever the client chose.
    [base64('Gruß an S3'), '=?UTF-8?Q?Gru=C3=9F_an_S3?='],
    ['=?UTF-8?Q?Gru=C3=9F_an_S3?=', '=?UTF-8?Q?Gru=C3=9F_an_S3?='],
    ['=?UTF-8?Q?=E2=82=AC?=', base64('€')],
    [base64('\u0000\u0001\u0002\u0003'), base64('\u0000\u0001\u0002\u0003')],
    // ASCII needs no encoding.
    ['=?UTF-8?Q?plain_text?=', 'plain text'],
    ['=?UTF-8?B?YWJj?=', 'abc'],
  ] as const) {
    await s3.put(bucket, 'utf8', 'x', { 'x-amz-meta-a': sent });
    assert.equal((await s3.head(bucket, 'utf8')).headers['x-amz-meta-a'], answered, sent);
    assert.equal((await s3.get(bucket, 'utf8')).headers['x-amz-meta-a'], answered, sent);
  }
});

test('metadata whose header bytes are UTF-8 is text too', async () => {
  const text = 'Grüße €';
  const request = {
    method: 'PUT',
    path: `/${bucket}/raw-utf8`,
    headers: { 'x-amz-meta-a': text, 'Content-Length': '1' },
    body: 'x',
  };
  const headers = signedHeaders(s3, request);
  headers['x-amz-meta-a'] = Buffer.from(text).toString('latin1');
  const put = await s3.send({ ...request, headers, exactHeaders: true });
  assert.equal(put.status, 200, put.text);
  assert.equal(
    (await s3.head(bucket, 'raw-utf8')).headers['x-amz-meta-a'],
    '=?UTF-8?Q?Gr=C3=BC=C3=9Fe_=E2=82=AC?=',
  );
});

test('line breaks in metadata do not become lines of the answer', async () => {
  const sent = '=?UTF-8?Q?a=0D=0Ax-amz-meta-b:_injected?=';
  await s3.put(bucket, 'lines', 'x', { 'x-amz-meta-a': sent });
  const { headers } = await s3.head(bucket, 'lines');
  assert.equal(headers['x-amz-meta-b'], undefined);
  assert.match(String(headers['x-amz-meta-a']), /^=\?UTF-8\?Q\?a=0D=0Ax-amz-meta-b:_injected\?=$/);
});

test('over 5 GiB is EntityTooLarge before a byte is sent', async () => {
  const answer = await s3.send({
    method: 'PUT',
    path: `/${bucket}/huge`,
    headers: { 'Content-Length': String(5 * 1024 ** 3 + 1), Expect: '100-continue' },
    contentSha256: 'UNSIGNED-PAYLOAD',
    waitForContinue: true,
  });
  assertError(answer, 400, 'EntityTooLarge', {
    ProposedSize: String(5 * 1024 ** 3 + 1),
    MaxSizeAllowed: String(5 * 1024 ** 3),
  });
  assert.equal(answer.continued, false);
});

test('into an absent bucket is NoSuchBucket, answered before the body', async () => {
  const none = s3.newBucketName();
  const answer = await s3.send({
    method: 'PUT',
    path: `/${none}/k`,
    headers: { 'Content-Length': '10', Expect: '100-continue' },
    body: 'x'.repeat(10),
    waitForContinue: true,
  });
  assertError(answer, 404, 'NoSuchBucket', { BucketName: none });
  assert.equal(answer.continued, false);
});

test('what would change the result and is not built is refused, never ignored', async () => {
  const refused: readonly Record<string, string>[] = [
    { 'x-amz-server-side-encryption': 'aws:kms' },
    { 'x-amz-server-side-encryption-customer-algorithm': 'AES256' },
    { 'x-amz-object-lock-mode': 'GOVERNANCE' },
    { 'x-amz-object-lock-legal-hold': 'ON' },
    { 'x-amz-write-offset-bytes': '0' },
  ];
  for (const headers of refused) {
    const answer = await s3.put(bucket, 'refused', 'x', headers);
    assert.ok(answer.status === 501 || answer.status === 400, `${JSON.stringify(headers)}`);
    assert.match(answer.text, /<Code>(NotImplemented|Invalid\w+)</);
  }
  assertError(await s3.get(bucket, 'refused'), 404, 'NoSuchKey');
});

test('a version cannot be replaced: naming one is InvalidArgument', async () => {
  await s3.put(bucket, 'versioned', 'as it was');
  const source = { 'x-amz-copy-source': `/${bucket}/versioned` };
  for (const headers of [{}, source]) {
    const path = `/${bucket}/versioned?versionId=null`;
    const put = await s3.send({ method: 'PUT', path, headers });
    assertError(put, 400, 'InvalidArgument', { ArgumentName: 'versionId' });
  }
  assert.equal((await s3.get(bucket, 'versioned')).text, 'as it was');
});

test('unknown headers and parameters never break a request', async () => {
  const answer = await s3.send({
    method: 'PUT',
    path: `/${bucket}/unknown?x-id=PutObject&brand-new=1`,
    headers: { 'amz-sdk-invocation-id': 'x', 'amz-sdk-request': 'attempt=1', 'x-new-thing': 'y' },
    body: 'x',
  });
  assert.equal(answer.status, 200, answer.text);
});
