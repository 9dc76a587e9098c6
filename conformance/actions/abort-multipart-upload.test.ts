/** AbortMultipartUpload: https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertError } from '../harness/http.ts';
import { Uploads } from '../harness/multipart.ts';
import { openTarget } from '../harness/target.ts';
import { textsOf } from '../harness/xml.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
const uploads = new Uploads(s3, bucket);

test('an aborted upload is NoSuchUpload to everything; an unknown one too', async () => {
  const uploadId = await uploads.create('ended');
  const part = await uploads.part('ended', uploadId, 1, Buffer.alloc(200_000, 'x'));
  const answer = await uploads.abort('ended', uploadId);
  assert.equal(answer.status, 204);
  assert.equal(answer.text, '');
  for (const id of [uploadId, 'nonsense']) {
    const sent = await uploads.rawPart('ended', `partNumber=1&uploadId=${id}`, 'x');
    assertError(sent, 404, 'NoSuchUpload');
    assertError(await uploads.complete('ended', id, [part]), 404, 'NoSuchUpload');
    assertError(await uploads.abort('ended', id), 404, 'NoSuchUpload');
    assertError(await s3.get(bucket, 'ended', `uploadId=${id}`), 404, 'NoSuchUpload');
  }
  assertError(await s3.get(bucket, 'ended'), 404, 'NoSuchKey');
  const listed = await s3.send({ path: `/${bucket}?uploads` });
  assert.deepEqual(textsOf(listed.text, 'UploadId'), []);
});

test('the object of that key stays, and so does another upload of it', async () => {
  await s3.put(bucket, 'kept', 'here');
  const uploadId = await uploads.create('kept');
  const other = await uploads.create('kept');
  const part = await uploads.part('kept', other, 1, Buffer.from('other'));
  assert.equal((await uploads.abort('kept', uploadId)).status, 204);
  assert.equal((await s3.get(bucket, 'kept')).text, 'here');
  assert.equal((await uploads.complete('kept', other, [part])).status, 200);
  assert.equal((await s3.get(bucket, 'kept')).text, 'other');
  assertError(await uploads.abort('kept', other), 404, 'NoSuchUpload');
});

test('an upload is aborted by its own key only', async () => {
  const uploadId = await uploads.create('own');
  assertError(await uploads.abort('other', uploadId), 404, 'NoSuchUpload');
  assert.equal((await uploads.abort('own', uploadId)).status, 204);
});

test('a part that is on its way while the upload is aborted leaves nothing', async () => {
  for (let round = 0; round < 10; round += 1) {
    const key = `race-${round}`;
    const uploadId = await uploads.create(key);
    const [sent, aborted] = await Promise.all([
      uploads.rawPart(key, `partNumber=1&uploadId=${uploadId}`, Buffer.alloc(100_000, 'x')),
      uploads.abort(key, uploadId),
    ]);
    assert.equal(aborted.status, 204);
    if (sent.status !== 200) assertError(sent, 404, 'NoSuchUpload');
    assertError(await s3.get(bucket, key, `uploadId=${uploadId}`), 404, 'NoSuchUpload');
  }
});
