/**
 * What a page of another origin may see, as the browser enforces it.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeleteBucketCorsCommand,
  GetObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Page } from 'playwright-core';
import { presignedPath } from '../harness/http.ts';
import { textOf } from '../harness/xml.ts';
import { assertBlocked, type Browsing, shown } from './browsing.ts';

/** Counts the preflight requests that the browser really sends from now on. */
async function preflightsOf(page: Page): Promise<() => number> {
  const session = await page.context().newCDPSession(page);
  let count = 0;
  session.on('Network.requestWillBeSent', ({ request }) => {
    if (request.method === 'OPTIONS') count += 1;
  });
  await session.send('Network.enable');
  return () => count;
}

export function corsCases(browsing: Browsing): void {
  const { s3, site } = browsing;
  const presignGet = (bucket: string, key: string) =>
    getSignedUrl(s3.client, new GetObjectCommand({ Bucket: bucket, Key: key }));
  const presignPut = (bucket: string, key: string, headers: Record<string, string> = {}) =>
    `${s3.endpoint}${presignedPath(s3, { method: 'PUT', path: `/${bucket}/${key}`, headers })}`;

  test('CORS: a page sees nothing of a bucket without a configuration, nor once it is deleted', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await s3.makeBucket();
    await s3.put(bucket, 'k', 'hello');
    const url = await presignGet(bucket, 'k');
    assertBlocked(await call('fetch', { url }));

    const opened = await browsing.makeOpenBucket();
    await s3.put(opened, 'k', 'hello');
    const openedUrl = await presignGet(opened, 'k');
    assert.equal(shown(await call('fetch', { url: openedUrl })).text, 'hello');
    await s3.client.send(new DeleteBucketCorsCommand({ Bucket: opened }));
    assertBlocked(await call('fetch', { url: openedUrl }));
  });

  test('CORS: the page reads the headers that the rule exposes, and no others', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await browsing.makeOpenBucket({
      ExposeHeaders: ['ETag', 'x-amz-version-id', 'x-amz-meta-told'],
    });
    await s3.client.send(
      new PutBucketVersioningCommand({
        Bucket: bucket,
        VersioningConfiguration: { Status: 'Enabled' },
      }),
    );
    const metadata = { 'x-amz-meta-told': 'yes', 'x-amz-meta-kept': 'no' };
    const put = await s3.put(bucket, 'k', 'hello', metadata);
    const { status, headers } = shown(await call('fetch', { url: await presignGet(bucket, 'k') }));
    assert.equal(status, 200);
    assert.equal(headers.etag, put.headers.etag);
    assert.equal(headers['x-amz-version-id'], put.headers['x-amz-version-id']);
    assert.equal(headers['x-amz-meta-told'], 'yes');
    assert.equal(headers['x-amz-meta-kept'], undefined);
    assert.equal(headers['x-amz-request-id'], undefined);
  });

  test('CORS: the page reads errors, their code and their request id', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await browsing.makeOpenBucket();
    await s3.put(bucket, 'k', 'hello');
    const good = await presignGet(bucket, 'k');
    const errors = [
      [good.replace(/Signature=[0-9a-f]{8}/, 'Signature=00000000'), 403, 'SignatureDoesNotMatch'],
      [await presignGet(bucket, 'absent'), 404, 'NoSuchKey'],
      [`${s3.endpoint}/${bucket}/k`, 403, 'AccessDenied'],
    ] as const;
    for (const [url, status, code] of errors) {
      const answer = shown(await call('fetch', { url }));
      assert.equal(`${answer.status} ${textOf(answer.text, 'Code')}`, `${status} ${code}`);
      assert.equal(answer.headers['x-amz-request-id'], textOf(answer.text, 'RequestId'));
    }
  });

  test('CORS: an origin that no rule names stays blocked, and its preflighted writes unmade', async (t) => {
    const { call } = await browsing.open(t, `${site.otherOrigin}/`);
    const bucket = await browsing.makeOpenBucket();
    await s3.put(bucket, 'k', 'hello');
    assertBlocked(await call('fetch', { url: await presignGet(bucket, 'k') }));
    const url = presignPut(bucket, 'written');
    assertBlocked(await call('fetch', { url, method: 'PUT', body: 'x' }));
    assert.equal((await s3.get(bucket, 'written')).status, 404);
  });

  test('CORS: a method or a header that the rule does not allow stops at the preflight', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await browsing.makeOpenBucket({
      AllowedMethods: ['GET', 'PUT'],
      AllowedHeaders: ['x-amz-meta-*', 'content-type'],
    });
    const put = (key: string, headers: Record<string, string>) =>
      call('fetch', {
        url: presignPut(bucket, key, headers),
        method: 'PUT',
        body: 'x',
        headers: { 'content-type': 'text/plain', ...headers },
      });
    assert.equal(shown(await put('allowed', { 'x-amz-meta-a': '1' })).status, 200);
    assert.equal((await s3.head(bucket, 'allowed')).headers['x-amz-meta-a'], '1');
    assertBlocked(await put('refused', { 'x-amz-storage-class': 'STANDARD' }));
    assert.equal((await s3.get(bucket, 'refused')).status, 404);

    const command = { Bucket: bucket, Key: 'allowed' };
    const url = await getSignedUrl(s3.client, new GetObjectCommand(command));
    assertBlocked(await call('fetch', { url, method: 'DELETE' }));
    assert.equal((await s3.get(bucket, 'allowed')).status, 200);
  });

  test('CORS: one preflight serves many requests, for as long as MaxAgeSeconds says', async (t) => {
    const { page, call } = await browsing.open(t);
    const bucket = await browsing.makeOpenBucket({ MaxAgeSeconds: 3000 });
    const preflights = await preflightsOf(page);
    const headers = {
      'x-amz-meta-a': '1',
      'amz-sdk-request': 'attempt=1',
      'amz-sdk-invocation-id': 'b8a0c9d4',
    };
    const url = await getSignedUrl(
      s3.client,
      new PutObjectCommand({ Bucket: bucket, Key: 'k', Metadata: { a: '1' } }),
      { unhoistableHeaders: new Set(['x-amz-meta-a']) },
    );
    for (const body of ['one', 'two', 'three']) {
      const answer = shown(await call('fetch', { url, method: 'PUT', body, headers }));
      assert.equal(answer.status, 200, answer.text);
      assert.match(answer.headers.etag ?? '', /^"[0-9a-f]{32}"$/);
    }
    assert.equal(preflights(), 1);
    const read = await s3.get(bucket, 'k');
    assert.equal(read.text, 'three');
    assert.equal(read.headers['x-amz-meta-a'], '1');
  });
}
