/** CompleteMultipartUpload: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { CompleteMultipartUploadCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { md5Hex } from '../harness/checksums.ts';
import { assertError } from '../harness/http.ts';
import { minimumPartBytes, multipartEtag, Uploads } from '../harness/multipart.ts';
import { openTarget } from '../harness/target.ts';
import { textOf } from '../harness/xml.ts';

const s3 = await openTarget();
const Bucket = await s3.makeBucket();
const uploads = new Uploads(s3, Bucket);

test('parts in any order, and at once, become one object', async () => {
  const bodies = [
    randomBytes(minimumPartBytes),
    randomBytes(minimumPartBytes + 1),
    randomBytes(77),
  ];
  const UploadId = await uploads.create('object');
  const Parts = await Promise.all(
    [3, 1, 2].map((number) =>
      uploads.part('object', UploadId, number, bodies[number - 1] ?? Buffer.alloc(0)),
    ),
  );
  assertError(await s3.get(Bucket, 'object'), 404, 'NoSuchKey');
  Parts.sort((left, right) => left.PartNumber - right.PartNumber);
  const answer = await s3.client.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key: 'object',
      UploadId,
      MultipartUpload: { Parts },
    }),
  );
  assert.equal(answer.ETag, multipartEtag(bodies));
  assert.equal(answer.Bucket, Bucket);
  assert.equal(answer.Key, 'object');
  assert.match(answer.Location ?? '', /^http.*object$/);
  const get = await s3.get(Bucket, 'object');
  assert.ok(get.body.equals(Buffer.concat(bodies)));
  assert.equal(get.headers.etag, multipartEtag(bodies));
});

test('ranges across the border of two parts', async () => {
  const bodies = [randomBytes(minimumPartBytes), randomBytes(1000)];
  await uploads.upload('ranged', bodies);
  const all = Buffer.concat(bodies);
  for (const [from, to] of [
    [minimumPartBytes - 10, minimumPartBytes + 9],
    [0, all.length - 1],
    [minimumPartBytes, minimumPartBytes],
    [100_000, all.length - 5],
  ] as const) {
    const answer = await s3.get(Bucket, 'ranged', '', { Range: `bytes=${from}-${to}` });
    assert.equal(answer.status, 206);
    assert.ok(answer.body.equals(all.subarray(from, to + 1)), `${from}-${to}`);
  }
});

test('one part of its own: GET and HEAD with partNumber', async () => {
  const bodies = [randomBytes(minimumPartBytes), randomBytes(minimumPartBytes + 3), randomBytes(9)];
  await uploads.upload('numbered', bodies);
  let from = 0;
  const size = Buffer.concat(bodies).length;
  for (const [index, body] of bodies.entries()) {
    const query = `partNumber=${index + 1}`;
    for (const answer of [
      await s3.get(Bucket, 'numbered', query),
      await s3.head(Bucket, 'numbered', query),
    ]) {
      assert.equal(answer.status, 206);
      assert.equal(answer.headers['x-amz-mp-parts-count'], '3');
      assert.equal(answer.headers['content-length'], String(body.length));
      const range = `bytes ${from}-${from + body.length - 1}/${size}`;
      assert.equal(answer.headers['content-range'], range);
      assert.equal(answer.headers.etag, multipartEtag(bodies));
    }
    assert.ok((await s3.get(Bucket, 'numbered', query)).body.equals(body));
    from += body.length;
  }
  assert.equal((await s3.head(Bucket, 'numbered')).headers['x-amz-mp-parts-count'], undefined);
  assertError(await s3.get(Bucket, 'numbered', 'partNumber=4'), 416, 'InvalidPartNumber', {
    ActualPartCount: '3',
  });
  for (const number of ['0', '10001', 'x']) {
    const answer = await s3.get(Bucket, 'numbered', `partNumber=${number}`);
    assertError(answer, 400, 'InvalidArgument');
  }
  const both = await s3.get(Bucket, 'numbered', 'partNumber=1', { Range: 'bytes=0-1' });
  assertError(both, 400, 'InvalidRequest');
});

test('a part that is not listed is left out', async () => {
  const UploadId = await uploads.create('left-out');
  const one = await uploads.part('left-out', UploadId, 1, Buffer.from('one'));
  await uploads.part('left-out', UploadId, 2, Buffer.from('two'));
  const answer = await uploads.complete('left-out', UploadId, [one]);
  assert.equal(answer.status, 200, answer.text);
  assert.equal((await s3.get(Bucket, 'left-out')).text, 'one');
});

test('errors name what is wrong, and the upload stays open', async () => {
  const UploadId = await uploads.create('wrong');
  const small = await uploads.part('wrong', UploadId, 1, Buffer.from('small'));
  const last = await uploads.part('wrong', UploadId, 2, Buffer.from('last'));
  const complete = (parts: Parameters<typeof uploads.complete>[2]) =>
    uploads.complete('wrong', UploadId, parts);
  assertError(await complete([small, last]), 400, 'EntityTooSmall', {
    PartNumber: '1',
    ETag: /.+/,
    ProposedSize: '5',
    MinSizeAllowed: String(minimumPartBytes),
  });
  assertError(await complete([last, small]), 400, 'InvalidPartOrder');
  assertError(await complete([{ PartNumber: 5, ETag: small.ETag }]), 400, 'InvalidPart', {
    PartNumber: '5',
  });
  assertError(await complete([{ PartNumber: 1, ETag: '"other"' }]), 400, 'InvalidPart', {
    PartNumber: '1',
    UploadId,
  });
  for (const bad of ['<CompleteMultipartUpload/>', '<CompleteMultipartUpload><Part/>', 'x']) {
    assertError(await complete(bad), 400, 'MalformedXML');
  }
  assert.equal((await complete('')).status, 400);
  assert.equal((await complete([small])).status, 200);
});

test('x-amz-mp-object-size must be what the parts add up to', async () => {
  const UploadId = await uploads.create('sized');
  const parts = [await uploads.part('sized', UploadId, 1, Buffer.from('12345'))];
  for (const size of ['4', '6', '-1', 'five']) {
    const headers = { 'x-amz-mp-object-size': size };
    assertError(await uploads.complete('sized', UploadId, parts, headers), 400, 'InvalidRequest');
  }
  const headers = { 'x-amz-mp-object-size': '5' };
  assert.equal((await uploads.complete('sized', UploadId, parts, headers)).status, 200);
});

test('asked for again it answers as the first time, and another upload’s parts do not', async () => {
  const UploadId = await uploads.create('again');
  const parts = [await uploads.part('again', UploadId, 1, Buffer.from('once'))];
  const first = await uploads.complete('again', UploadId, parts);
  const second = await uploads.complete('again', UploadId, parts);
  assert.equal(second.status, 200, second.text);
  assert.equal(textOf(second.text, 'ETag'), textOf(first.text, 'ETag'));
  const other = [{ PartNumber: 1, ETag: md5Hex('other') }];
  assertError(await uploads.complete('again', UploadId, other), 404, 'NoSuchUpload');
});

test('an unknown upload is NoSuchUpload', async () => {
  const parts = [{ PartNumber: 1, ETag: 'x' }];
  assertError(await uploads.complete('unknown', 'nonsense', parts), 404, 'NoSuchUpload');
});

test('races with Abort: either the object is there as a whole, or it is not at all', async () => {
  for (let round = 0; round < 10; round += 1) {
    const key = `race-${round}`;
    const UploadId = await uploads.create(key);
    const parts = [await uploads.part(key, UploadId, 1, Buffer.from('whole'))];
    const [completed, aborted] = await Promise.all([
      uploads.complete(key, UploadId, parts),
      uploads.abort(key, UploadId),
    ]);
    const got = await s3.get(Bucket, key);
    if (completed.status === 200) {
      assert.equal(got.text, 'whole');
      assertError(aborted, 404, 'NoSuchUpload');
    } else {
      assertError(completed, 404, 'NoSuchUpload');
      assert.equal(aborted.status, 204);
      assertError(got, 404, 'NoSuchKey');
    }
    assertError(await s3.get(Bucket, key, `uploadId=${UploadId}`), 404, 'NoSuchUpload');
  }
});

test('races with UploadPart: the object is what Complete named, a late part is refused', async () => {
  for (let round = 0; round < 10; round += 1) {
    const key = `late-${round}`;
    const UploadId = await uploads.create(key);
    const parts = [await uploads.part(key, UploadId, 1, Buffer.from('named'))];
    const [completed, late, replacing] = await Promise.all([
      uploads.complete(key, UploadId, parts),
      uploads.rawPart(key, `partNumber=2&uploadId=${UploadId}`, 'late'),
      uploads.rawPart(key, `partNumber=1&uploadId=${UploadId}`, 'replaced'),
    ]);
    for (const answer of [late, replacing]) {
      if (answer.status !== 200) assertError(answer, 404, 'NoSuchUpload');
    }
    if (completed.status === 200) assert.equal((await s3.get(Bucket, key)).text, 'named');
    // The part that was named had been replaced by then.
    else assertError(completed, 400, 'InvalidPart');
  }
});

test('in a versioned bucket the completed object is a version', async () => {
  const own = await s3.makeBucket();
  await s3.client.send(
    new PutBucketVersioningCommand({ Bucket: own, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  const before = await s3.put(own, 'k', 'before');
  const answer = await new Uploads(s3, own).upload('k', [Buffer.from('after')]);
  const versionId = answer.headers['x-amz-version-id'];
  assert.ok(versionId);
  assert.equal((await s3.get(own, 'k', `versionId=${versionId}`)).text, 'after');
  const old = await s3.get(own, 'k', `versionId=${before.headers['x-amz-version-id']}`);
  assert.equal(old.text, 'before');
});

test('with If-None-Match: * it does not replace; the upload can still be completed', async () => {
  await s3.put(Bucket, 'guarded', 'here');
  const UploadId = await uploads.create('guarded');
  const parts = [await uploads.part('guarded', UploadId, 1, Buffer.from('new'))];
  const guarded = await uploads.complete('guarded', UploadId, parts, { 'If-None-Match': '*' });
  assertError(guarded, 412, 'PreconditionFailed');
  assert.equal((await s3.get(Bucket, 'guarded')).text, 'here');
  assert.equal((await uploads.complete('guarded', UploadId, parts)).status, 200);
});

test('the SDK’s managed upload of a stream', async () => {
  const bytes = randomBytes(13 * 1024 * 1024 + 13);
  const upload = new Upload({
    client: s3.client,
    params: { Bucket, Key: 'managed +/ü', Body: bytes },
    partSize: minimumPartBytes,
    queueSize: 3,
  });
  const answer = await upload.done();
  assert.match(answer.ETag ?? '', /-3"$/);
  const get = await s3.get(Bucket, 'managed +/ü');
  assert.ok(get.body.equals(bytes));
});

test('10,000 parts are completed while other requests are answered', async () => {
  // Parts of one byte cannot all be completed (EntityTooSmall), but the document is read either way.
  const UploadId = await uploads.create('many');
  const etag = `"${md5Hex('x')}"`;
  const parts = Array.from({ length: 10_000 }, (_, index) => ({
    PartNumber: index + 1,
    ETag: etag,
  }));
  let done = false;
  const completing = uploads.complete('many', UploadId, parts).finally(() => {
    done = true;
  });
  let answered = 0;
  while (!done) {
    assert.equal((await s3.send({ method: 'HEAD', path: `/${Bucket}` })).status, 200);
    answered += 1;
  }
  assertError(await completing, 400, 'InvalidPart');
  assert.ok(answered > 0);
});
