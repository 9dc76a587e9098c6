/** DeleteBucket: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutBucketVersioningCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { clearBucket } from '../harness/buckets.ts';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const remove = (bucket: string) => s3.send({ method: 'DELETE', path: `/${bucket}` });
const enableVersioning = (Bucket: string) =>
  s3.client.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );

test('an empty bucket goes: 204 without a body, then it does not exist', async () => {
  const bucket = await s3.makeBucket();
  const answer = await remove(bucket);
  assert.equal(answer.status, 204);
  assert.equal(answer.body.length, 0);
  assertError(await remove(bucket), 404, 'NoSuchBucket', { BucketName: bucket });
});

test('a bucket with an object is BucketNotEmpty', async () => {
  const bucket = await s3.makeBucket();
  await s3.put(bucket, 'k', 'x');
  assertError(await remove(bucket), 409, 'BucketNotEmpty', { BucketName: bucket });
  await s3.delete(bucket, 'k');
  assert.equal((await remove(bucket)).status, 204);
});

test('a bucket with an old version or only a delete marker is BucketNotEmpty', async () => {
  const bucket = await s3.makeBucket();
  await enableVersioning(bucket);
  const version = (await s3.put(bucket, 'k', 'x')).headers['x-amz-version-id'];
  await s3.delete(bucket, 'k');
  assertError(await remove(bucket), 409, 'BucketNotEmpty');
  await s3.delete(bucket, 'k', `versionId=${version}`);
  assertError(await remove(bucket), 409, 'BucketNotEmpty');
  await clearBucket(s3.client, bucket);
  assert.equal((await remove(bucket)).status, 204);
});

test('open uploads do not block it, and are gone when the name is used again', async () => {
  const Bucket = await s3.makeBucket();
  const upload = { Bucket, Key: 'k' };
  const { UploadId } = await s3.client.send(new CreateMultipartUploadCommand(upload));
  await s3.client.send(
    new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body: Buffer.alloc(1000, 1) }),
  );
  assert.equal((await remove(Bucket)).status, 204);
  await s3.send({ method: 'PUT', path: `/${Bucket}` });
  const uploads = await s3.client.send(new ListMultipartUploadsCommand({ Bucket }));
  assert.deepEqual(uploads.Uploads ?? [], []);
  const part = await s3.send({
    method: 'PUT',
    path: `/${Bucket}/k?partNumber=2&uploadId=${UploadId}`,
    body: 'x',
  });
  assertError(part, 404, 'NoSuchUpload');
});

test('a bucket made again shows nothing of the old one', async () => {
  const bucket = await s3.makeBucket();
  await enableVersioning(bucket);
  await clearBucket(s3.client, bucket);
  await remove(bucket);
  await s3.send({ method: 'PUT', path: `/${bucket}` });
  const versioning = await s3.send({ path: `/${bucket}?versioning` });
  assert.doesNotMatch(versioning.text, /<Status>/);
});

test('a bucket deleted during a PUT: the PUT answers NoSuchBucket', async () => {
  const bucket = await s3.makeBucket();
  const half = Buffer.alloc(100_000, 7);
  async function* body() {
    yield half;
    assert.equal((await remove(bucket)).status, 204);
    yield half;
  }
  const answer = await s3.send({
    method: 'PUT',
    path: `/${bucket}/k`,
    headers: { 'Content-Length': String(2 * half.length) },
    contentSha256: 'UNSIGNED-PAYLOAD',
    stream: body(),
  });
  assertError(answer, 404, 'NoSuchBucket');
});
