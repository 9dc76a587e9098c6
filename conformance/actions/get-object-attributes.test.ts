/** GetObjectAttributes: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { GetObjectAttributesCommand, type ObjectAttributes } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { checksum, md5Hex } from '../harness/checksums.ts';
import { assertError } from '../harness/http.ts';
import { minimumPartBytes, Uploads } from '../harness/multipart.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
const all: ObjectAttributes[] = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'];

const attributes = (Key: string, names = all) =>
  s3.client.send(new GetObjectAttributesCommand({ Bucket: bucket, Key, ObjectAttributes: names }));

test('answers what is asked for, and nothing else', async () => {
  const value = checksum('sha256', Buffer.from('hello'));
  await s3.put(bucket, 'k', 'hello', { 'x-amz-checksum-sha256': value });
  const answer = await attributes('k');
  assert.equal(answer.ETag, md5Hex('hello'));
  assert.equal(answer.ObjectSize, 5);
  assert.equal(answer.StorageClass, 'STANDARD');
  assert.equal(answer.Checksum?.ChecksumSHA256, value);
  assert.equal(answer.ObjectParts, undefined);
  const size = await attributes('k', ['ObjectSize']);
  assert.equal(size.ObjectSize, 5);
  assert.equal(size.ETag, undefined);
});

test('an object of parts tells how many', async () => {
  const upload = new Upload({
    client: s3.client,
    params: { Bucket: bucket, Key: 'parts', Body: randomBytes(11_000_000) },
  });
  await upload.done();
  const answer = await attributes('parts');
  assert.equal(answer.ObjectParts?.TotalPartsCount, 3);
  assert.equal(answer.ObjectSize, 11_000_000);
  assert.match(answer.ETag ?? '', /-3$/);
});

test('parts come in pages, each with its checksum', async () => {
  const large = Buffer.alloc(minimumPartBytes, 'a');
  const bodies = [large, large, large, large, Buffer.from('end')];
  await new Uploads(s3, bucket).upload('paged', bodies);
  const head = await s3.head(bucket, 'paged', '', { 'x-amz-checksum-mode': 'ENABLED' });
  for (const MaxParts of [1, 2, 5, 1000]) {
    const seen: number[] = [];
    let PartNumberMarker: string | undefined;
    for (;;) {
      const { ObjectParts, Checksum } = await s3.client.send(
        new GetObjectAttributesCommand({
          Bucket: bucket,
          Key: 'paged',
          ObjectAttributes: ['ObjectParts', 'Checksum'],
          MaxParts,
          PartNumberMarker,
        }),
      );
      assert.equal(ObjectParts?.TotalPartsCount, 5);
      assert.equal(ObjectParts?.MaxParts, MaxParts);
      assert.equal(Checksum?.ChecksumType, 'FULL_OBJECT');
      assert.equal(Checksum?.ChecksumCRC64NVME, head.headers['x-amz-checksum-crc64nvme']);
      for (const { PartNumber = 0, Size, ChecksumCRC64NVME } of ObjectParts?.Parts ?? []) {
        seen.push(PartNumber);
        const body = bodies[PartNumber - 1] ?? Buffer.alloc(0);
        assert.equal(Size, body.length);
        if (PartNumber === 5) assert.equal(ChecksumCRC64NVME, checksum('crc64nvme', body));
        else assert.match(ChecksumCRC64NVME ?? '', /^[A-Za-z0-9+/]{11}=$/);
      }
      if (ObjectParts?.IsTruncated !== true) break;
      PartNumberMarker = ObjectParts.NextPartNumberMarker;
    }
    assert.deepEqual(seen, [1, 2, 3, 4, 5]);
  }
});

test('without the header, or with an unknown name, it is InvalidArgument or InvalidRequest', async () => {
  await s3.put(bucket, 'k2', 'x');
  const without = await s3.get(bucket, 'k2', 'attributes');
  assert.equal(without.status, 400);
  const headers = { 'x-amz-object-attributes': 'Colour' };
  assertError(await s3.get(bucket, 'k2', 'attributes', headers), 400, 'InvalidArgument');
});

test('an absent key is NoSuchKey', async () => {
  const headers = { 'x-amz-object-attributes': 'ETag' };
  assertError(await s3.get(bucket, 'absent', 'attributes', headers), 404, 'NoSuchKey');
});
