/** The current @aws-sdk/client-s3, bundled for the browser, with its defaults. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { checksum } from '../harness/checksums.ts';
import { type Browsing, shown } from './browsing.ts';

export function sdkCases(browsing: Browsing): void {
  const { s3, connection } = browsing;

  /** A bucket whose metadata `kind` pages may read: S3 takes no wildcard among exposed headers. */
  const makeBucket = () => browsing.makeOpenBucket({ ExposeHeaders: ['ETag', 'x-amz-meta-kind'] });

  test('SDK in the page: PutObject of text and bytes, with its default CRC32', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await makeBucket();
    await call('sdkConnect', connection);
    for (const kind of ['string', 'bytes'] as const) {
      const text = `sent as ${kind}: ö`;
      const key = `a/${kind} ü`;
      const put = await call('sdkPut', { bucket, key, text, kind, metadata: { kind } });
      const outside = await s3.get(bucket, key, '', { 'x-amz-checksum-mode': 'ENABLED' });
      assert.equal(outside.text, text);
      assert.equal(put.etag, outside.headers.etag);
      assert.equal(outside.headers['x-amz-checksum-crc32'], checksum('crc32', Buffer.from(text)));
      const got = await call('sdkGet', { bucket, key });
      assert.equal(got.text, text);
      assert.deepEqual(got.metadata, { kind });
    }
  });

  // With a checksum the SDK cannot send these: https://github.com/aws/aws-sdk-js-v3/issues/6834
  test('SDK in the page: PutObject of a Blob and a File, without a checksum', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await makeBucket();
    await call('sdkConnect', { ...connection, checksums: 'WHEN_REQUIRED' });
    for (const kind of ['blob', 'file'] as const) {
      const text = `sent as ${kind}: ö`;
      const put = await call('sdkPut', { bucket, key: kind, text, kind, metadata: { kind } });
      const outside = await s3.get(bucket, kind);
      assert.equal(outside.text, text);
      assert.equal(put.etag, outside.headers.etag);
      assert.equal(outside.headers['x-amz-meta-kind'], kind);
    }
  });

  test('SDK in the page: GetObject as a stream, a ranged read, and an error by its name', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await browsing.makeOpenBucket();
    const content = randomBytes(3_000_000);
    await s3.put(bucket, 'large', content);
    await call('sdkConnect', connection);
    const whole = await call('sdkGetStream', { bucket, key: 'large' });
    assert.equal(whole.sha256, createHash('sha256').update(content).digest('hex'));
    assert.ok(whole.pieces > 1, 'in pieces');

    await s3.put(bucket, 'text', '0123456789');
    const part = await call('sdkGet', { bucket, key: 'text', range: 'bytes=2-4' });
    assert.deepEqual(part, {
      status: 206,
      text: '234',
      contentRange: 'bytes 2-4/10',
      metadata: {},
    });

    const failure = await call('sdkGetFailure', { bucket, key: 'absent' });
    assert.deepEqual(failure, { name: 'NoSuchKey', status: 404 });
  });

  test('SDK in the page: ListObjectsV2 by pages, DeleteObject, versions', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await browsing.makeOpenBucket();
    const keys = ['a', 'a b', 'a/ü', 'b&<>"', 'c+%41', 'd/1', 'd/2'];
    await s3.client.send(
      new PutBucketVersioningCommand({
        Bucket: bucket,
        VersioningConfiguration: { Status: 'Enabled' },
      }),
    );
    for (const key of keys) await s3.put(bucket, key, key);
    await call('sdkConnect', connection);
    assert.deepEqual(await call('sdkList', { bucket, pageSize: 2 }), keys);
    assert.deepEqual(await call('sdkList', { bucket, prefix: 'd/' }), ['d/1', 'd/2']);

    const written = await call('sdkPut', { bucket, key: 'a', text: 'second', kind: 'string' });
    const deleted = await call('sdkDelete', { bucket, key: 'a' });
    assert.equal((await s3.get(bucket, 'a')).status, 404);
    assert.deepEqual(await call('sdkList', { bucket }), keys.slice(1));

    const versions = await call('sdkVersions', { bucket });
    const ofA = versions.filter(({ key }) => key === 'a');
    assert.equal(ofA.length, 3);
    const marker = ofA.find(({ isDeleteMarker }) => isDeleteMarker);
    assert.deepEqual([marker?.versionId, marker?.isLatest], [deleted.versionId, true]);
    const got = await call('sdkGet', { bucket, key: 'a', versionId: written.versionId ?? '' });
    assert.equal(got.text, 'second');
  });

  test('SDK in the page: a PUT presigned there is used there', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await browsing.makeOpenBucket();
    await call('sdkConnect', connection);
    const url = await call('sdkPresignPut', { bucket, key: 'k' });
    const put = shown(await call('fetch', { url, method: 'PUT', body: 'signed in the page' }));
    assert.equal(put.status, 200, put.text);
    assert.equal((await s3.get(bucket, 'k')).text, 'signed in the page');
  });
}
