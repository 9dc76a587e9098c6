/** ListParts: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListPartsCommand } from '@aws-sdk/client-s3';
import { anyChecksum, checksumNames, md5Hex } from '../harness/checksums.ts';
import { assertError, objectPath } from '../harness/http.ts';
import { Uploads } from '../harness/multipart.ts';
import { openTarget } from '../harness/target.ts';
import { textOf, textsOf } from '../harness/xml.ts';

const s3 = await openTarget();
const Bucket = await s3.makeBucket();
const uploads = new Uploads(s3, Bucket);

test('pages by part number', async () => {
  const UploadId = await uploads.create('listed');
  const numbers = [2, 3, 5, 8, 13];
  for (const number of numbers) {
    await uploads.part('listed', UploadId, number, Buffer.alloc(number, 1));
  }
  for (const MaxParts of [1, 2, 5, 6]) {
    const seen: number[] = [];
    let marker: string | undefined;
    do {
      const answer = await s3.client.send(
        new ListPartsCommand({
          Bucket,
          Key: 'listed',
          UploadId,
          MaxParts,
          PartNumberMarker: marker,
        }),
      );
      assert.ok((answer.Parts ?? []).length <= MaxParts);
      assert.equal(answer.MaxParts, MaxParts);
      assert.equal(answer.StorageClass, 'STANDARD');
      for (const { PartNumber = 0, Size, ETag, LastModified } of answer.Parts ?? []) {
        seen.push(PartNumber);
        assert.equal(Size, PartNumber);
        assert.equal(ETag, `"${md5Hex(Buffer.alloc(PartNumber, 1))}"`);
        assert.ok(LastModified instanceof Date);
      }
      assert.ok(answer.Initiator?.ID && answer.Owner?.ID);
      marker = answer.IsTruncated === true ? answer.NextPartNumberMarker : undefined;
    } while (marker !== undefined);
    assert.deepEqual(seen, numbers);
  }
});

test('a part that was sent again is listed once, as it is now', async () => {
  const uploadId = await uploads.create('again');
  await uploads.part('again', uploadId, 1, Buffer.from('first'));
  await uploads.part('again', uploadId, 1, Buffer.from('second!'));
  const { text } = await s3.get(Bucket, 'again', `uploadId=${uploadId}`);
  assert.deepEqual(textsOf(text, 'PartNumber'), ['1']);
  assert.deepEqual(textsOf(text, 'Size'), ['7']);
});

test('an upload without parts, markers beyond the last, and odd limits', async () => {
  const uploadId = await uploads.create('none');
  const list = (query = '') => s3.get(Bucket, 'none', `uploadId=${uploadId}${query}`);
  const empty = await list();
  assert.deepEqual(textsOf(empty.text, 'PartNumber'), []);
  assert.equal(textOf(empty.text, 'IsTruncated'), 'false');
  assert.equal(textOf(empty.text, 'MaxParts'), '1000');
  assert.equal((await list('&part-number-marker=10000')).status, 200);
  assert.equal(textOf((await list('&max-parts=2000')).text, 'MaxParts'), '1000');
  for (const query of ['&max-parts=x', '&max-parts=-1', '&part-number-marker=x']) {
    assertError(await list(query), 400, 'InvalidArgument');
  }
});

for (const name of checksumNames) {
  test(`${name}: the parts’ checksums, and the upload’s algorithm and type`, async () => {
    const headers = { 'x-amz-checksum-algorithm': name.toUpperCase() };
    const path = objectPath(Bucket, name, 'uploads');
    const uploadId = textOf((await s3.send({ method: 'POST', path, headers })).text, 'UploadId');
    const value = await anyChecksum(name, Buffer.from('part'));
    const query = `partNumber=1&uploadId=${uploadId}`;
    const sent = await uploads.rawPart(name, query, 'part', { [`x-amz-checksum-${name}`]: value });
    assert.equal(sent.status, 200, sent.text);
    const { text } = await s3.get(Bucket, name, `uploadId=${uploadId}`);
    assert.equal(textOf(text, 'ChecksumAlgorithm'), name.toUpperCase());
    assert.equal(textOf(text, 'ChecksumType'), name === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE');
    assert.deepEqual(textsOf(text, `Checksum${name.toUpperCase()}`), [value]);
  });
}
