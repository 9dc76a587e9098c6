/**
 * Where ceph/s3-tests wants one answer and AWS gives another, AWS's is given: a test for each such row of
 * S3-TESTS.md, which says where AWS's answer is written down. None of this was changed for the suite.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { checksum } from '../harness/checksums.ts';
import { anyOf, postSigned } from '../harness/forms.ts';
import {
  assertError,
  objectPath,
  presignedPath,
  sendBytes,
  signedHeaders,
} from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();

test('nobody lists the buckets of nobody', async () => {
  const { status } = await s3.send({ path: '/', anonymous: true });
  // AWS sends browsers to a page about S3; no answer lists anything.
  assert.ok(status === 403 || status === 307, String(status));
});

test('a plain body with Transfer-Encoding: chunked has no length', async () => {
  const path = objectPath(bucket, 'chunked');
  const headers = { ...signedHeaders(s3, { method: 'PUT', path, body: 'bar' }) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const answer = await sendBytes(
    s3.endpoint,
    `PUT ${path} HTTP/1.1\r\n${lines.join('')}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nbar\r\n0\r\n\r\n`,
  );
  assert.match(answer.text, /^HTTP\/1\.1 (411|501) /);
  assertError(await s3.get(bucket, 'chunked'), 404, 'NoSuchKey');
});

test('a key with C1 control characters is a key like any other', async () => {
  const key = '\u00ae\u008a-';
  assertError(await s3.get(bucket, key), 404, 'NoSuchKey');
  assert.equal((await s3.put(bucket, key, 'readable')).status, 200);
  assert.equal((await s3.get(bucket, key)).text, 'readable');
});

test('part 2 of an object that was put in one piece is 416 InvalidPartNumber', async () => {
  await s3.put(bucket, 'whole', 'body');
  assert.equal((await s3.get(bucket, 'whole', 'partNumber=1')).text, 'body');
  assertError(await s3.get(bucket, 'whole', 'partNumber=2'), 416, 'InvalidPartNumber');
});

test('a copied range that ends behind its source is InvalidArgument', async () => {
  await s3.put(bucket, 'source', '12345');
  const { UploadId } = await s3.client.send(
    new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'copy' }),
  );
  const answer = await s3.send({
    method: 'PUT',
    path: objectPath(bucket, 'copy', `partNumber=1&uploadId=${UploadId}`),
    headers: {
      'x-amz-copy-source': `${bucket}/source`,
      'x-amz-copy-source-range': 'bytes=0-21',
    },
  });
  assertError(answer, 400, 'InvalidArgument');
});

test('DELETE with If-Match on a key that is not there is NoSuchKey', async () => {
  for (const condition of ['*', '"d41d8cd98f00b204e9800998ecf8427e"']) {
    const answer = await s3.delete(bucket, 'never-there', '', { 'If-Match': condition });
    assertError(answer, 404, 'NoSuchKey');
  }
  assert.equal((await s3.delete(bucket, 'never-there')).status, 204);
});

test('without a delete marker no answer speaks of one', async () => {
  await s3.put(bucket, 'gone', 'x');
  assert.equal((await s3.delete(bucket, 'gone')).headers['x-amz-delete-marker'], undefined);
  assert.equal((await s3.get(bucket, 'gone')).headers['x-amz-delete-marker'], undefined);
});

for (const name of ['sha256', 'crc64nvme'] as const) {
  test(`what is no ${name} is InvalidRequest, a wrong one BadDigest`, async () => {
    const put = (value: string) =>
      s3.put(bucket, `summed-${name}`, 'A', { [`x-amz-checksum-${name}`]: value });
    assertError(await put('bad'), 400, 'InvalidRequest');
    assertError(await put(checksum(name, Buffer.from('B'))), 400, 'BadDigest');
    assert.equal((await put(checksum(name, Buffer.from('A')))).status, 200);
  });
}

test('so it is where an upload is completed, and the upload stays', async () => {
  const upload = { Bucket: bucket, Key: 'completed' };
  const { UploadId } = await s3.client.send(
    new CreateMultipartUploadCommand({ ...upload, ChecksumAlgorithm: 'SHA256' }),
  );
  const part = { ChecksumSHA256: checksum('sha256', Buffer.from('A')), PartNumber: 1 };
  const { ETag } = await s3.client.send(
    new UploadPartCommand({ ...upload, UploadId, ...part, Body: 'A' }),
  );
  const complete = (ChecksumSHA256: string | undefined) =>
    s3.client.send(
      new CompleteMultipartUploadCommand({
        ...upload,
        UploadId,
        ChecksumSHA256,
        MultipartUpload: { Parts: [{ ...part, ETag }] },
      }),
    );
  await assert.rejects(complete('bad'), { name: 'InvalidRequest' });
  const wrong = `${checksum('sha256', Buffer.from('B'))}-1`;
  await assert.rejects(complete(wrong), { name: 'BadDigest' });
  assert.match((await complete(undefined)).ChecksumSHA256 ?? '', /-1$/);
});

test('a lifetime that cannot be is refused as such, one that is over as expired', async () => {
  const open = (expiresSeconds: number, dateMs = Date.now()) =>
    s3.send({
      path: presignedPath(s3, { path: objectPath(bucket, 'source'), expiresSeconds, dateMs }),
      headers: { Host: new URL(s3.endpoint).host },
      exactHeaders: true,
    });
  for (const impossible of [-1000, -7, 609_901]) {
    assertError(await open(impossible), 400, 'AuthorizationQueryParametersError');
  }
  assertError(await open(0, Date.now() - 1000), 403, 'AccessDenied');
  assertError(await open(60, Date.now() - 61_000), 403, 'AccessDenied');
});

test('a form field that its policy does not speak of is refused, a checksum too', async () => {
  const fields = { key: 'form', 'x-amz-checksum-sha256': checksum('sha256', Buffer.from('A')) };
  const conditions = anyOf(bucket, { key: 'form' });
  const answer = await postSigned(s3, bucket, fields, conditions, { content: 'A' });
  assertError(answer, 403, 'AccessDenied');
  assert.match(answer.text, /Extra input fields: x-amz-checksum-sha256/);
});
