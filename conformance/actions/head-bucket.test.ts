/** HeadBucket: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadBucketCommand } from '@aws-sdk/client-s3';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();

test('an existing bucket is 200 with its region and no body', async () => {
  const Bucket = await s3.makeBucket();
  const answer = await s3.client.send(new HeadBucketCommand({ Bucket }));
  assert.equal(answer.BucketRegion, s3.region);
  const raw = await s3.send({ method: 'HEAD', path: `/${Bucket}` });
  assert.equal(raw.body.length, 0);
  assert.ok(raw.headers['x-amz-request-id']);
});

test('an absent bucket is 404 without a body', async () => {
  const answer = await s3.send({ method: 'HEAD', path: `/${s3.newBucketName()}` });
  assert.equal(answer.status, 404);
  assert.equal(answer.body.length, 0);
});

test('x-amz-expected-bucket-owner that is not the owner is 403', async () => {
  const bucket = await s3.makeBucket();
  const headers = { 'x-amz-expected-bucket-owner': '999999999999' };
  assert.equal((await s3.send({ method: 'HEAD', path: `/${bucket}`, headers })).status, 403);
  assert.equal((await s3.put(bucket, 'k', 'x', headers)).status, 403);
  assert.equal((await s3.get(bucket, 'k')).status, 404);
});
