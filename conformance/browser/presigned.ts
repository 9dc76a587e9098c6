/** URLs presigned on a server (or in the page) and used by a page that holds no key. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { type Browsing, shown } from './browsing.ts';

const mebibyte = 1024 * 1024;

export function presignedCases(browsing: Browsing): void {
  const { s3 } = browsing;

  test('presigned: PUT and GET by fetch, with a type and a key of any letters', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await browsing.makeOpenBucket();
    const Key = 'ordner/b rö+ü 日本.txt';
    const putUrl = await getSignedUrl(s3.client, new PutObjectCommand({ Bucket: bucket, Key }));
    const headers = { 'content-type': 'text/x-page; charset=utf-8' };
    const body = 'from the page: ö';
    const put = shown(await call('fetch', { url: putUrl, method: 'PUT', headers, body }));
    assert.equal(put.status, 200, put.text);
    const outside = await s3.get(bucket, Key);
    assert.equal(outside.text, body);
    assert.equal(outside.headers['content-type'], headers['content-type']);
    assert.equal(outside.headers.etag, put.headers.etag);

    const getUrl = await getSignedUrl(s3.client, new GetObjectCommand({ Bucket: bucket, Key }));
    const got = shown(await call('fetch', { url: getUrl }));
    assert.equal(got.text, body);
    assert.equal(got.headers['content-type'], headers['content-type']);
  });

  // The SDK does not know the body when it signs, and signs the CRC32 of an empty one into the URL.
  test('presigned: the SDK’s PUT with the checksum of no body takes any body, from fetch and XMLHttpRequest', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await browsing.makeOpenBucket();
    const presign = (Key: string) =>
      getSignedUrl(s3.client, new PutObjectCommand({ Bucket: bucket, Key }));
    const url = await presign('fetch');
    assert.equal(new URL(url).searchParams.get('x-amz-checksum-crc32'), 'AAAAAA==');
    const put = shown(await call('fetch', { url, method: 'PUT', body: 'more than nothing' }));
    assert.equal(put.status, 200, put.text);
    assert.equal((await s3.get(bucket, 'fetch')).text, 'more than nothing');

    const bodyBytes = 8 * mebibyte + 17;
    const xhr = shown(await call('xhrPut', { url: await presign('xhr'), bodyBytes }));
    assert.equal(xhr.status, 200, xhr.text);
    assert.equal(xhr.headers.etag, (await s3.head(bucket, 'xhr')).headers.etag);
    const pattern = Buffer.alloc(65_536, Buffer.from(Array.from({ length: 251 }, (_, at) => at)));
    const hash = createHash('sha256');
    for (let left = bodyBytes; left > 0; left -= pattern.length) {
      hash.update(pattern.subarray(0, left));
    }
    assert.equal(await browsing.sha256Of(bucket, 'xhr'), hash.digest('hex'));

    assert.equal(xhr.sentBytes, bodyBytes);
    assert.ok(xhr.progress.length > 0, 'the upload told its progress');
    for (const [at, loaded] of xhr.progress.entries()) {
      assert.ok(loaded >= (xhr.progress[at - 1] ?? 0) && loaded <= bodyBytes, String(xhr.progress));
    }
  });

  test('presigned: a large body comes as a stream, and a range of it as 206', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await browsing.makeOpenBucket();
    const content = randomBytes(6 * mebibyte);
    await s3.put(bucket, 'large', content);
    const url = await getSignedUrl(
      s3.client,
      new GetObjectCommand({ Bucket: bucket, Key: 'large' }),
    );
    const whole = await call('fetchStream', { url });
    assert.equal(whole.bytes, content.length);
    assert.equal(whole.sha256, createHash('sha256').update(content).digest('hex'));
    assert.ok(whole.pieces > 1, 'in pieces');

    const text = Buffer.from('0123456789'.repeat(100));
    await s3.put(bucket, 'text', text);
    const textUrl = await getSignedUrl(
      s3.client,
      new GetObjectCommand({ Bucket: bucket, Key: 'text' }),
    );
    const headers = { range: 'bytes=995-' };
    const part = shown(await call('fetch', { url: textUrl, headers }));
    assert.equal(part.status, 206);
    assert.equal(part.text, '56789');
    assert.equal(part.headers['content-range'], 'bytes 995-999/1000');
  });
}
