/** HeadObject: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadObjectCommand, NotFound } from '@aws-sdk/client-s3';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
await s3.put(bucket, 'k', 'hello', { 'x-amz-meta-a': '1', 'Content-Type': 'text/x' });

test('answers what GET would, without the body', async () => {
  const head = await s3.head(bucket, 'k');
  const get = await s3.get(bucket, 'k');
  assert.equal(head.status, 200);
  assert.equal(head.body.length, 0);
  for (const name of ['etag', 'content-length', 'content-type', 'last-modified', 'x-amz-meta-a']) {
    assert.equal(head.headers[name], get.headers[name], name);
  }
  assert.equal(head.headers['accept-ranges'], 'bytes');
});

test('errors have a status and a request id, never a body', async () => {
  for (const path of [`/${bucket}/absent`, `/${s3.newBucketName()}/k`]) {
    const answer = await s3.send({ method: 'HEAD', path });
    assert.equal(answer.status, 404);
    assert.equal(answer.body.length, 0);
    assert.ok(answer.headers['x-amz-request-id']);
  }
  const refused = await s3.send({ method: 'HEAD', path: `/${bucket}/k`, anonymous: true });
  assert.equal(refused.status, 403);
  assert.equal(refused.body.length, 0);
});

test('the connection survives a HEAD: the next request on it is answered', async () => {
  const client = s3.clientWith({});
  for (let round = 0; round < 3; round += 1) {
    await assert.rejects(
      client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'absent' })),
      NotFound,
    );
    const answer = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'k' }));
    assert.equal(answer.ContentLength, 5);
  }
});

test('a range answers the length of the range', async () => {
  const answer = await s3.head(bucket, 'k', '', { Range: 'bytes=1-2' });
  assert.equal(answer.status, 206);
  assert.equal(answer.headers['content-length'], '2');
  assert.equal(answer.headers['content-range'], 'bytes 1-2/5');
  assert.equal((await s3.head(bucket, 'k', '', { Range: 'bytes=9-' })).status, 416);
});
