/** GetObject: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { test } from 'node:test';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { assertError, signedHeaders } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
const large = randomBytes(3_000_000);
await s3.put(bucket, 'ten', '0123456789');
await s3.put(bucket, 'empty', '');
await s3.put(bucket, 'large', large);

test('answers bytes and headers', async () => {
  const answer = await s3.get(bucket, 'ten');
  assert.equal(answer.status, 200);
  assert.equal(answer.text, '0123456789');
  assert.equal(answer.headers['accept-ranges'], 'bytes');
  assert.equal(answer.headers['content-length'], '10');
  assert.match(answer.headers['last-modified'] ?? '', /^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/);
  assert.equal(answer.headers['x-amz-storage-class'], undefined);
  assert.equal(answer.headers['x-amz-version-id'], undefined);
  assert.ok(answer.headers['x-amz-request-id']);
  assert.ok(answer.headers['x-amz-id-2']);
});

test('the SDK reads it', async () => {
  const answer = await s3.client.send(new GetObjectCommand({ Bucket: bucket, Key: 'large' }));
  assert.ok(Buffer.from((await answer.Body?.transformToByteArray()) ?? []).equals(large));
});

test('single ranges are 206 with Content-Range', async () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=2-4', '234', 'bytes 2-4/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=-30', '0123456789', 'bytes 0-9/10'],
    ['bytes=8-400', '89', 'bytes 8-9/10'],
  ];
  for (const [range, bytes, contentRange] of cases) {
    const answer = await s3.get(bucket, 'ten', '', { Range: range });
    assert.equal(answer.status, 206, range);
    assert.equal(answer.text, bytes, range);
    assert.equal(answer.headers['content-range'], contentRange, range);
    assert.equal(answer.headers['content-length'], String(bytes.length), range);
  }
});

test('ranges of a large object fall on any byte', async () => {
  for (let round = 0; round < 20; round += 1) {
    const from = Math.floor(Math.random() * large.length);
    const to = from + Math.floor(Math.random() * (large.length - from));
    const answer = await s3.get(bucket, 'large', '', { Range: `bytes=${from}-${to}` });
    assert.equal(answer.status, 206);
    assert.ok(answer.body.equals(large.subarray(from, to + 1)), `${from}-${to}`);
  }
});

test('a signed Range header works as the SDK sends it', async () => {
  const answer = await s3.client.send(
    new GetObjectCommand({ Bucket: bucket, Key: 'ten', Range: 'bytes=3-5' }),
  );
  assert.equal(await answer.Body?.transformToString(), '345');
  assert.equal(answer.ContentRange, 'bytes 3-5/10');
});

test('several ranges or a malformed Range answer the whole object with 200', async () => {
  for (const range of [
    'bytes=0-1,3-4',
    'bytes=4-2',
    'bytes=x-y',
    'bytes',
    'lines=1-2',
    'bytes=-',
  ]) {
    const answer = await s3.get(bucket, 'ten', '', { Range: range });
    assert.equal(answer.status, 200, range);
    assert.equal(answer.text, '0123456789', range);
    assert.equal(answer.headers['content-range'], undefined, range);
  }
});

test('an unsatisfiable range, or any range of an empty object, is 416 InvalidRange', async () => {
  const cases = [
    ['ten', 'bytes=10-', '10'],
    ['ten', 'bytes=100-200', '10'],
    ['ten', 'bytes=-0', '10'],
    ['empty', 'bytes=0-0', '0'],
    ['empty', 'bytes=-5', '0'],
  ] as const;
  for (const [key, range, size] of cases) {
    assertError(await s3.get(bucket, key, '', { Range: range }), 416, 'InvalidRange', {
      RangeRequested: range,
      ActualObjectSize: size,
    });
  }
});

test('conditional reads: 412 and 304, and 304 still carries ETag and Last-Modified', async () => {
  const first = await s3.get(bucket, 'ten');
  const etag = first.headers.etag ?? '';
  const modified = first.headers['last-modified'] ?? '';
  const earlier = new Date(Date.parse(modified) - 60_000).toUTCString();
  const cases: readonly (readonly [Record<string, string>, number])[] = [
    [{ 'If-Match': etag }, 200],
    [{ 'If-Match': etag.slice(1, -1) }, 200],
    [{ 'If-Match': '*' }, 200],
    [{ 'If-Match': '"other"' }, 412],
    [{ 'If-None-Match': etag }, 304],
    [{ 'If-None-Match': '*' }, 304],
    [{ 'If-None-Match': `"other", ${etag}` }, 304],
    [{ 'If-None-Match': '"other"' }, 200],
    [{ 'If-Modified-Since': modified }, 304],
    [{ 'If-Modified-Since': earlier }, 200],
    [{ 'If-Unmodified-Since': modified }, 200],
    [{ 'If-Unmodified-Since': earlier }, 412],
    [{ 'If-Modified-Since': 'not a date' }, 200],
    // RFC 9110 13.2.2: entity tags come before dates.
    [{ 'If-Match': etag, 'If-Unmodified-Since': earlier }, 200],
    [{ 'If-None-Match': '"other"', 'If-Modified-Since': modified }, 200],
  ];
  for (const [headers, status] of cases) {
    const what = JSON.stringify(headers);
    const get = await s3.get(bucket, 'ten', '', headers);
    assert.equal(get.status, status, what);
    if (status === 412) assertError(get, 412, 'PreconditionFailed', { Condition: /^If-/ });
    if (status === 304) {
      assert.equal(get.body.length, 0);
      assert.equal(get.headers.etag, etag);
      assert.equal(get.headers['last-modified'], modified);
    }
    const head = await s3.head(bucket, 'ten', '', headers);
    assert.equal(head.status, status, `HEAD ${what}`);
    assert.equal(head.body.length, 0);
  }
});

test('response-* parameters override headers', async () => {
  const query = [
    'response-cache-control=no-cache',
    'response-content-disposition=attachment%3B%20filename%3D%22a%20b%22',
    'response-content-encoding=x-own',
    'response-content-language=fr',
    'response-content-type=text%2Fx-own',
    'response-expires=Thu%2C%2001%20Dec%202030%2016%3A00%3A00%20GMT',
  ].join('&');
  const { headers } = await s3.get(bucket, 'ten', query);
  assert.equal(headers['cache-control'], 'no-cache');
  assert.equal(headers['content-disposition'], 'attachment; filename="a b"');
  assert.equal(headers['content-encoding'], 'x-own');
  assert.equal(headers['content-language'], 'fr');
  assert.equal(headers['content-type'], 'text/x-own');
  assert.equal(headers.expires, 'Thu, 01 Dec 2030 16:00:00 GMT');
});

test('an override that no header can carry is InvalidArgument, never a 500', async () => {
  for (const value of ['a%0D%0Ab', 'snow%E2%98%83man', '%00']) {
    const answer = await s3.get(bucket, 'ten', `response-content-disposition=${value}`);
    assertError(answer, 400, 'InvalidArgument');
  }
});

test('an absent key is NoSuchKey and names the key; an absent bucket NoSuchBucket', async () => {
  assertError(await s3.get(bucket, 'no/such key'), 404, 'NoSuchKey', { Key: 'no/such key' });
  const none = s3.newBucketName();
  assertError(await s3.get(none, 'k'), 404, 'NoSuchBucket', { BucketName: none });
});

test('a GET that has started keeps reading its own version', async () => {
  const before = randomBytes(24 * 1024 * 1024);
  await s3.put(bucket, 'replaced', before);
  const path = `/${bucket}/replaced`;
  const url = new URL(s3.endpoint);
  const pieces: Buffer[] = [];
  const incoming = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http
      .get(
        { host: url.hostname, port: url.port, path, headers: signedHeaders(s3, { path }) },
        resolve,
      )
      .on('error', reject);
  });
  // Not reading stops the server once the sockets' buffers are full, long before 24 MiB.
  await s3.put(bucket, 'replaced', 'something else');
  await s3.delete(bucket, 'replaced');
  for await (const piece of incoming) pieces.push(piece as Buffer);
  assert.ok(Buffer.concat(pieces).equals(before));
  assertError(await s3.get(bucket, 'replaced'), 404, 'NoSuchKey');
});
