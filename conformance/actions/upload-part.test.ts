/** UploadPart: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { anyChecksum, checksumNames, md5Base64, md5Hex } from '../harness/checksums.ts';
import { assertError, objectPath } from '../harness/http.ts';
import { minimumPartBytes, Uploads } from '../harness/multipart.ts';
import { type HeaderMap, openTarget } from '../harness/target.ts';
import { textOf } from '../harness/xml.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
const uploads = new Uploads(s3, bucket);

test('answers the MD5 as ETag; the object is not there yet', async () => {
  const uploadId = await uploads.create('part');
  const answer = await uploads.rawPart('part', `partNumber=1&uploadId=${uploadId}`, 'bytes');
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.etag, `"${md5Hex('bytes')}"`);
  assert.equal(answer.headers['x-amz-version-id'], undefined);
  assertError(await s3.get(bucket, 'part'), 404, 'NoSuchKey');
});

test('part numbers may leave gaps, and a part may be uploaded again', async () => {
  const uploadId = await uploads.create('gaps');
  const first = randomBytes(minimumPartBytes);
  const replaced = await uploads.part('gaps', uploadId, 7, randomBytes(minimumPartBytes));
  const parts = [
    await uploads.part('gaps', uploadId, 7, first),
    await uploads.part('gaps', uploadId, 9000, Buffer.from('end')),
  ];
  assertError(await uploads.complete('gaps', uploadId, [replaced]), 400, 'InvalidPart');
  const answer = await uploads.complete('gaps', uploadId, parts);
  assert.equal(answer.status, 200, answer.text);
  const get = await s3.get(bucket, 'gaps');
  assert.ok(get.body.equals(Buffer.concat([first, Buffer.from('end')])));
});

test('part numbers are 1 to 10000', async () => {
  const uploadId = await uploads.create('numbers');
  for (const number of ['0', '10001', '-1', 'x', '1.5']) {
    const query = `partNumber=${number}&uploadId=${uploadId}`;
    assertError(await uploads.rawPart('numbers', query, 'x'), 400, 'InvalidArgument');
  }
  const last = await uploads.rawPart('numbers', `partNumber=10000&uploadId=${uploadId}`, 'x');
  assert.equal(last.status, 200);
});

test('a part over 5 GiB is EntityTooLarge before a byte is sent', async () => {
  const uploadId = await uploads.create('huge');
  const answer = await s3.send({
    method: 'PUT',
    path: objectPath(bucket, 'huge', `partNumber=1&uploadId=${uploadId}`),
    headers: { 'Content-Length': String(5 * 1024 ** 3 + 1), Expect: '100-continue' },
    contentSha256: 'UNSIGNED-PAYLOAD',
    waitForContinue: true,
  });
  assertError(answer, 400, 'EntityTooLarge', { ProposedSize: String(5 * 1024 ** 3 + 1) });
  assert.equal(answer.continued, false);
});

test('an upload belongs to its key and bucket', async () => {
  const uploadId = await uploads.create('mine');
  const query = `partNumber=1&uploadId=${uploadId}`;
  assertError(await uploads.rawPart('not-mine', query, 'x'), 404, 'NoSuchUpload');
  const other = new Uploads(s3, await s3.makeBucket());
  assertError(await other.rawPart('mine', query, 'x'), 404, 'NoSuchUpload');
});

test('Content-MD5 is verified; a part that was refused is not there', async () => {
  const uploadId = await uploads.create('md5');
  const query = `partNumber=1&uploadId=${uploadId}`;
  const wrong = await uploads.rawPart('md5', query, 'x', { 'Content-MD5': md5Base64('y') });
  assertError(wrong, 400, 'BadDigest');
  const malformed = await uploads.rawPart('md5', query, 'x', { 'Content-MD5': 'y' });
  assertError(malformed, 400, 'InvalidDigest');
  const named = await uploads.complete('md5', uploadId, [{ PartNumber: 1, ETag: md5Hex('x') }]);
  assertError(named, 400, 'InvalidPart');
});

for (const name of checksumNames) {
  test(`${name}: verified and answered, whether the upload was created with it or without`, async () => {
    const body = randomBytes(70_000);
    const header = `x-amz-checksum-${name}`;
    const value = await anyChecksum(name, body);
    const wrong = await anyChecksum(name, Buffer.from('other'));
    const kinds: HeaderMap[] = [{}, { 'x-amz-checksum-algorithm': name.toUpperCase() }];
    for (const more of kinds) {
      const path = objectPath(bucket, name, 'uploads');
      const created = await s3.send({ method: 'POST', path, headers: more });
      const query = `partNumber=1&uploadId=${textOf(created.text, 'UploadId')}`;
      const answer = await uploads.rawPart(name, query, body, { [header]: value });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.headers[header], value);
      assertError(await uploads.rawPart(name, query, body, { [header]: wrong }), 400, 'BadDigest', {
        Message: `The ${name.toUpperCase()} you specified did not match the calculated checksum.`,
      });
      assertError(
        await uploads.rawPart(name, query, body, { [header]: 'AAAA' }),
        400,
        'InvalidRequest',
        { Message: `Value for ${header} header is invalid.` },
      );
    }
  });
}

test('another algorithm than the upload’s is InvalidRequest', async () => {
  const uploadId = await uploads.create('other', { ChecksumAlgorithm: 'CRC32' });
  const answer = await uploads.rawPart('other', `partNumber=1&uploadId=${uploadId}`, 'x', {
    'x-amz-checksum-sha256': await anyChecksum('sha256', Buffer.from('x')),
  });
  assertError(answer, 400, 'InvalidRequest', { Message: /Checksum Type mismatch/ });
});
