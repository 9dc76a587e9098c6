/** GetBucketLocation: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateBucketCommand, GetBucketLocationCommand } from '@aws-sdk/client-s3';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { textOf } from '../harness/xml.ts';

const s3 = await openTarget();

test('is empty for us-east-1', async () => {
  const Bucket = await s3.makeBucket();
  const raw = await s3.send({ path: `/${Bucket}?location` });
  assert.equal(raw.status, 200);
  assert.equal(textOf(raw.text, 'LocationConstraint'), '');
  const answer = await s3.client.send(new GetBucketLocationCommand({ Bucket }));
  assert.ok(answer.LocationConstraint === undefined || answer.LocationConstraint.length === 0);
});

test('echoes any LocationConstraint', async () => {
  for (const LocationConstraint of ['eu-central-1', 'EU', 'mars-north-1'] as const) {
    const Bucket = s3.newBucketName();
    await s3.client.send(
      new CreateBucketCommand({
        Bucket,
        CreateBucketConfiguration: { LocationConstraint: LocationConstraint as 'EU' },
      }),
    );
    const answer = await s3.send({ path: `/${Bucket}?location` });
    assert.equal(textOf(answer.text, 'LocationConstraint'), LocationConstraint);
  }
});

test('of an absent bucket is NoSuchBucket', async () => {
  const bucket = s3.newBucketName();
  assertError(await s3.send({ path: `/${bucket}?location` }), 404, 'NoSuchBucket', {
    BucketName: bucket,
  });
});
