/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  type ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { type ChecksumName, checksum, checksumNames } from '../harness/checksums.ts';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
const body = randomBytes(150_000);

test('the textbook checksums of this suite are right: the check values of 123456789', () => {
  const digits = Buffer.from('123456789');
  const hex = (name: ChecksumName) => Buffer.from(checksum(name, digits), 'base64').toString('hex');
  assert.equal(hex('crc32'), 'cbf43926');
  assert.equal(hex('crc32c'), 'e3069283');
  assert.equal(hex('crc64nvme'), 'ae8b14860a799888');
});

for (const name of checksumNames) {
  const header = `x-amz-checksum-${name}`;

  test(`${name}: stored, answered when asked for, never with a 206`, async () => {
    const value = checksum(name, body);
    const put = await s3.put(bucket, name, body, { [header]: value });
    assert.equal(put.status, 200, put.text);
    assert.equal(put.headers[header], value);
    assert.equal(put.headers['x-amz-checksum-type'], 'FULL_OBJECT');
    const asked = { 'x-amz-checksum-mode': 'ENABLED' };
    for (const answer of [
      await s3.get(bucket, name, '', asked),
      await s3.head(bucket, name, '', asked),
    ]) {
      assert.equal(answer.headers[header], value);
      assert.equal(answer.headers['x-amz-checksum-type'], 'FULL_OBJECT');
    }
    assert.equal((await s3.get(bucket, name)).headers[header], undefined);
    const part = await s3.get(bucket, name, '', { ...asked, Range: 'bytes=0-9' });
    assert.equal(part.status, 206);
    assert.equal(part.headers[header], undefined);
  });

  test(`${name}: a wrong value is BadDigest and stores nothing`, async () => {
    const answer = await s3.put(bucket, `bad-${name}`, body, {
      [header]: checksum(name, Buffer.from('other')),
    });
    assertError(answer, 400, 'BadDigest');
    assertError(await s3.get(bucket, `bad-${name}`), 404, 'NoSuchKey');
  });

  test(`${name}: a value of the wrong form is InvalidRequest`, async () => {
    for (const value of ['', 'AAAA', 'not base64!', Buffer.alloc(99).toString('base64')]) {
      const answer = await s3.put(bucket, `malformed-${name}`, body, { [header]: value });
      assertError(answer, 400, 'InvalidRequest');
    }
  });

  test(`${name}: the SDK’s upload and verified download`, async () => {
    const ChecksumAlgorithm = name.toUpperCase() as ChecksumAlgorithm;
    if (ChecksumAlgorithm === 'CRC64NVME') return; // needs a package beside the SDK
    await s3.client.send(
      new PutObjectCommand({ Bucket: bucket, Key: `sdk-${name}`, Body: body, ChecksumAlgorithm }),
    );
    const answer = await s3.client.send(
      new GetObjectCommand({ Bucket: bucket, Key: `sdk-${name}`, ChecksumMode: 'ENABLED' }),
    );
    assert.ok(Buffer.from((await answer.Body?.transformToByteArray()) ?? []).equals(body));
  });
}

test('an object uploaded without a checksum has one by default: CRC64NVME', async () => {
  await s3.put(bucket, 'default', body);
  const answer = await s3.head(bucket, 'default', '', { 'x-amz-checksum-mode': 'ENABLED' });
  const value = answer.headers['x-amz-checksum-crc64nvme'];
  // AWS stores one since 2024; a server without it answers none, but never a wrong one.
  assert.ok(value === undefined || value === checksum('crc64nvme', body));
});

test('two checksums in one request are InvalidRequest', async () => {
  const answer = await s3.put(bucket, 'two', 'x', {
    'x-amz-checksum-crc32': checksum('crc32', Buffer.from('x')),
    'x-amz-checksum-sha1': checksum('sha1', Buffer.from('x')),
  });
  assertError(answer, 400, 'InvalidRequest');
});

test('an unknown algorithm is InvalidRequest, whether named or sent', async () => {
  const named = await s3.put(bucket, 'unknown', 'x', { 'x-amz-sdk-checksum-algorithm': 'CRC99' });
  assertError(named, 400, 'InvalidRequest');
  const sent = await s3.put(bucket, 'unknown', 'x', { 'x-amz-checksum-crc99': 'AAAA' });
  assertError(sent, 400, 'InvalidRequest');
});

test('multipart: part checksums are verified and become a composite', async () => {
  const upload = { Bucket: bucket, Key: 'composite' };
  const { UploadId, ChecksumAlgorithm } = await s3.client.send(
    new CreateMultipartUploadCommand({ ...upload, ChecksumAlgorithm: 'SHA256' }),
  );
  assert.equal(ChecksumAlgorithm, 'SHA256');
  const bodies = [randomBytes(5 * 1024 * 1024), randomBytes(10)];
  const Parts = [];
  for (const [index, Body] of bodies.entries()) {
    const answer = await s3.client.send(
      new UploadPartCommand({
        ...upload,
        UploadId,
        PartNumber: index + 1,
        Body,
        ChecksumAlgorithm: 'SHA256',
      }),
    );
    assert.equal(answer.ChecksumSHA256, checksum('sha256', Body));
    Parts.push({
      PartNumber: index + 1,
      ETag: answer.ETag,
      ChecksumSHA256: answer.ChecksumSHA256,
    });
  }
  const digests = bodies.map((each) => Buffer.from(checksum('sha256', each), 'base64'));
  const composite = `${checksum('sha256', Buffer.concat(digests))}-2`;
  const answer = await s3.client.send(
    new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload: { Parts } }),
  );
  assert.equal(answer.ChecksumSHA256, composite);
  assert.equal(answer.ChecksumType, 'COMPOSITE');
  const head = await s3.head(bucket, 'composite', '', { 'x-amz-checksum-mode': 'ENABLED' });
  assert.equal(head.headers['x-amz-checksum-sha256'], composite);
  assert.equal(head.headers['x-amz-checksum-type'], 'COMPOSITE');
});

test('multipart: a CRC of the whole object is computed from those of its parts', async () => {
  const upload = { Bucket: bucket, Key: 'full-object' };
  const { UploadId } = await s3.client.send(
    new CreateMultipartUploadCommand({
      ...upload,
      ChecksumAlgorithm: 'CRC32C',
      ChecksumType: 'FULL_OBJECT',
    }),
  );
  const bodies = [randomBytes(5 * 1024 * 1024), randomBytes(1234)];
  const Parts = [];
  for (const [index, Body] of bodies.entries()) {
    const PartNumber = index + 1;
    const { ETag, ChecksumCRC32C } = await s3.client.send(
      new UploadPartCommand({
        ...upload,
        UploadId,
        PartNumber,
        Body,
        ChecksumAlgorithm: 'CRC32C',
      }),
    );
    Parts.push({ PartNumber, ETag, ChecksumCRC32C });
  }
  const answer = await s3.client.send(
    new CompleteMultipartUploadCommand({
      ...upload,
      UploadId,
      MultipartUpload: { Parts },
      ChecksumType: 'FULL_OBJECT',
    }),
  );
  assert.equal(answer.ChecksumCRC32C, checksum('crc32c', Buffer.concat(bodies)));
  assert.equal(answer.ChecksumType, 'FULL_OBJECT');
});
