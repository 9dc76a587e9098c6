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
import {
  anyChecksum,
  type ChecksumName,
  checksum,
  checksumNames,
  sdkChecksumAlgorithms,
} from '../harness/checksums.ts';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { textOf } from '../harness/xml.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
const body = randomBytes(150_000);
const sdk = s3.clientWith({ checksumAlgorithms: sdkChecksumAlgorithms });

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
    const value = await anyChecksum(name, body);
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
      [header]: await anyChecksum(name, Buffer.from('other')),
    });
    assertError(answer, 400, 'BadDigest', {
      Message: `The ${name.toUpperCase()} you specified did not match the calculated checksum.`,
    });
    assertError(await s3.get(bucket, `bad-${name}`), 404, 'NoSuchKey');
  });

  test(`${name}: a value of the wrong form is InvalidRequest`, async () => {
    for (const value of ['', 'AAAA', 'not base64!', Buffer.alloc(99).toString('base64')]) {
      const answer = await s3.put(bucket, `malformed-${name}`, body, { [header]: value });
      assertError(answer, 400, 'InvalidRequest', {
        Message: `Value for ${header} header is invalid.`,
      });
    }
  });

  test(`${name}: the SDK’s upload and verified download`, async () => {
    const ChecksumAlgorithm = name.toUpperCase() as ChecksumAlgorithm;
    // The SDK sends MD5 as Content-MD5, and has no SHA-512 of its own.
    if (ChecksumAlgorithm === 'MD5' || ChecksumAlgorithm === 'SHA512') return;
    await sdk.send(
      new PutObjectCommand({ Bucket: bucket, Key: `sdk-${name}`, Body: body, ChecksumAlgorithm }),
    );
    const answer = await sdk.send(
      new GetObjectCommand({ Bucket: bucket, Key: `sdk-${name}`, ChecksumMode: 'ENABLED' }),
    );
    assert.ok(Buffer.from((await answer.Body?.transformToByteArray()) ?? []).equals(body));
  });
}

test('an object uploaded without a checksum has one by default: CRC64NVME', async () => {
  for (const bytes of [body, Buffer.alloc(0)]) {
    const put = await s3.put(bucket, 'default', bytes);
    const head = await s3.head(bucket, 'default', '', { 'x-amz-checksum-mode': 'ENABLED' });
    for (const { headers } of [put, head]) {
      assert.equal(headers['x-amz-checksum-crc64nvme'], checksum('crc64nvme', bytes));
      assert.equal(headers['x-amz-checksum-type'], 'FULL_OBJECT');
    }
    const listed = await s3.send({ path: `/${bucket}?list-type=2&prefix=default` });
    assert.equal(textOf(listed.text, 'ChecksumAlgorithm'), 'CRC64NVME');
    assert.equal(textOf(listed.text, 'ChecksumType'), 'FULL_OBJECT');
  }
});

test('the SDK verifies the default checksum of what it reads', async () => {
  await s3.put(bucket, 'verified', body);
  const answer = await sdk.send(new GetObjectCommand({ Bucket: bucket, Key: 'verified' }));
  assert.equal(answer.ChecksumCRC64NVME, checksum('crc64nvme', body));
  assert.ok(Buffer.from((await answer.Body?.transformToByteArray()) ?? []).equals(body));
});

test('of a copy: its source’s, or another one that is asked for', async () => {
  await s3.put(bucket, 'source', body, { 'x-amz-checksum-sha1': checksum('sha1', body) });
  const copy = (headers = {}) =>
    s3.send({
      method: 'PUT',
      path: `/${bucket}/copy`,
      headers: { 'x-amz-copy-source': `${bucket}/source`, ...headers },
    });
  assert.equal(textOf((await copy()).text, 'ChecksumSHA1'), checksum('sha1', body));
  for (const name of checksumNames) {
    const value = await anyChecksum(name, body);
    const answer = await copy({ 'x-amz-checksum-algorithm': name.toUpperCase() });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(textOf(answer.text, `Checksum${name.toUpperCase()}`), value);
    const head = await s3.head(bucket, 'copy', '', { 'x-amz-checksum-mode': 'ENABLED' });
    assert.equal(head.headers[`x-amz-checksum-${name}`], value);
  }
  assertError(await copy({ 'x-amz-checksum-algorithm': 'CRC99' }), 400, 'InvalidRequest');
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

test('x-amz-sdk-checksum-algorithm must be followed by that very checksum', async () => {
  const named = { 'x-amz-sdk-checksum-algorithm': 'CRC32' };
  assertError(await s3.put(bucket, 'named', 'x', named), 400, 'InvalidRequest', {
    Message: /no corresponding x-amz-checksum-\* or x-amz-trailer headers were found/,
  });
  const other = { ...named, 'x-amz-checksum-sha1': checksum('sha1', Buffer.from('x')) };
  assertError(await s3.put(bucket, 'named', 'x', other), 400, 'InvalidRequest', {
    Message: 'Value for x-amz-sdk-checksum-algorithm header is invalid.',
  });
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
