/** CopyObject: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  CopyObjectCommand,
  GetObjectCommand,
  PutBucketVersioningCommand,
} from '@aws-sdk/client-s3';
import { assertError, encodeRfc3986 } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
const bytes = randomBytes(2_500_000);
await s3.put(bucket, 'source', bytes, { 'Content-Type': 'text/source', 'x-amz-meta-a': '1' });

const copy = (source: string, target: string, headers: Record<string, string> = {}) =>
  s3.put(bucket, target, '', { 'x-amz-copy-source': source, ...headers });

test('copies bytes and metadata', async () => {
  const answer = await s3.client.send(
    new CopyObjectCommand({ Bucket: bucket, Key: 'copy', CopySource: `${bucket}/source` }),
  );
  const source = await s3.get(bucket, 'source');
  assert.equal(answer.CopyObjectResult?.ETag, source.headers.etag);
  assert.ok(answer.CopyObjectResult?.LastModified instanceof Date);
  const get = await s3.get(bucket, 'copy');
  assert.ok(get.body.equals(bytes));
  assert.equal(get.headers['content-type'], 'text/source');
  assert.equal(get.headers['x-amz-meta-a'], '1');
});

test('a source that is percent-encoded as a whole is taken too', async () => {
  await s3.put(bucket, 'dir/k y', 'nested');
  for (const source of [`${bucket}/dir/k y`, `/${bucket}/dir/k y`]) {
    const answer = await copy(encodeURIComponent(source), 'from-encoded');
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await s3.get(bucket, 'from-encoded')).text, 'nested');
    await s3.delete(bucket, 'from-encoded');
  }
});

test('a copy outlives its source and its source’s overwrite', async () => {
  await s3.put(bucket, 'parent', bytes);
  await copy(`/${bucket}/parent`, 'child');
  await s3.put(bucket, 'parent', 'changed');
  assert.ok((await s3.get(bucket, 'child')).body.equals(bytes));
  await s3.delete(bucket, 'parent');
  assert.ok((await s3.get(bucket, 'child')).body.equals(bytes));
});

test('the directive REPLACE takes the request’s metadata', async () => {
  await copy(`${bucket}/source`, 'replaced', {
    'x-amz-metadata-directive': 'REPLACE',
    'Content-Type': 'text/new',
    'x-amz-meta-b': '2',
  });
  const { headers } = await s3.head(bucket, 'replaced');
  assert.equal(headers['content-type'], 'text/new');
  assert.equal(headers['x-amz-meta-a'], undefined);
  assert.equal(headers['x-amz-meta-b'], '2');
});

test('onto itself only with a change', async () => {
  assertError(await copy(`${bucket}/source`, 'source'), 400, 'InvalidRequest');
  const changed = await copy(`${bucket}/source`, 'source', {
    'x-amz-metadata-directive': 'REPLACE',
    'Content-Type': 'text/source',
    'x-amz-meta-a': '1',
  });
  assert.equal(changed.status, 200, changed.text);
  assert.ok((await s3.get(bucket, 'source')).body.equals(bytes));
});

test('sources with odd names are percent-encoded', async () => {
  for (const key of ['a b', 'a+b', 'ü/ö', 'a%41', 'q?x=1']) {
    await s3.put(bucket, key, key);
    const answer = await copy(`${bucket}/${encodeRfc3986(key)}`, 'odd-copy');
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await s3.get(bucket, 'odd-copy')).text, key);
  }
});

test('a version as source, and the source’s version in the answer', async () => {
  const own = await s3.makeBucket();
  await s3.client.send(
    new PutBucketVersioningCommand({ Bucket: own, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  const first = (await s3.put(own, 'k', 'one')).headers['x-amz-version-id'];
  await s3.put(own, 'k', 'two');
  const answer = await s3.put(own, 'k', '', {
    'x-amz-copy-source': `${own}/k?versionId=${first}`,
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['x-amz-copy-source-version-id'], first);
  assert.ok(answer.headers['x-amz-version-id']);
  const get = await s3.client.send(new GetObjectCommand({ Bucket: own, Key: 'k' }));
  assert.equal(await get.Body?.transformToString(), 'one');
});

test('conditions on the source', async () => {
  const etag = (await s3.head(bucket, 'source')).headers.etag ?? '';
  const good = await copy(`${bucket}/source`, 'conditional', {
    'x-amz-copy-source-if-match': etag,
  });
  assert.equal(good.status, 200);
  for (const headers of [
    { 'x-amz-copy-source-if-match': '"other"' },
    { 'x-amz-copy-source-if-none-match': etag },
    { 'x-amz-copy-source-if-modified-since': new Date(Date.now() - 1000).toUTCString() },
    { 'x-amz-copy-source-if-unmodified-since': 'Thu, 01 Jan 2015 00:00:00 GMT' },
  ] as readonly Record<string, string>[]) {
    if ('x-amz-copy-source-if-modified-since' in headers) {
      // The source was written a moment ago: only a time after it makes the condition fail.
      headers['x-amz-copy-source-if-modified-since'] =
        (await s3.head(bucket, 'source')).headers['last-modified'] ?? '';
    }
    assertError(await copy(`${bucket}/source`, 'never', headers), 412, 'PreconditionFailed');
  }
  assertError(await s3.get(bucket, 'never'), 404, 'NoSuchKey');
});

test('an absent source is NoSuchKey, an absent bucket NoSuchBucket, a bad one InvalidArgument', async () => {
  assertError(await copy(`${bucket}/absent`, 'x'), 404, 'NoSuchKey', { Key: 'absent' });
  assertError(await copy(`${s3.newBucketName()}/k`, 'x'), 404, 'NoSuchBucket');
  for (const bad of ['no-slash', '/', `${bucket}/`, `${bucket}/%ff`]) {
    const answer = await copy(bad, 'x');
    assert.ok(answer.status === 400, `${bad}: ${answer.status} ${answer.text}`);
  }
});

test('a bad directive is InvalidArgument', async () => {
  const headers = { 'x-amz-metadata-directive': 'MERGE' };
  assertError(await copy(`${bucket}/source`, 'x', headers), 400, 'InvalidArgument');
});
