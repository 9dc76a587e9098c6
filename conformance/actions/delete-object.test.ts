/** DeleteObject: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();

test('removes the object: 204, then NoSuchKey', async () => {
  await s3.put(bucket, 'k', 'x');
  const answer = await s3.delete(bucket, 'k');
  assert.equal(answer.status, 204);
  assert.equal(answer.body.length, 0);
  assert.equal(answer.headers['x-amz-version-id'], undefined);
  assert.equal(answer.headers['x-amz-delete-marker'], undefined);
  assertError(await s3.get(bucket, 'k'), 404, 'NoSuchKey');
});

test('of an absent key is 204 too', async () => {
  assert.equal((await s3.delete(bucket, 'never-was')).status, 204);
});

test('removes this key and no neighbour', async () => {
  for (const key of ['n', 'n/', 'n/a', 'n0']) await s3.put(bucket, key, key);
  await s3.delete(bucket, 'n/');
  for (const key of ['n', 'n/a', 'n0']) assert.equal((await s3.get(bucket, key)).text, key);
  assertError(await s3.get(bucket, 'n/'), 404, 'NoSuchKey');
});

test('in an absent bucket is NoSuchBucket', async () => {
  assertError(await s3.delete(s3.newBucketName(), 'k'), 404, 'NoSuchBucket');
});
