/** Multipart uploads: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutBucketVersioningCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { md5Hex } from '../harness/checksums.ts';
import { assertError, encodeRfc3986 } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { textOf, textsOf } from '../harness/xml.ts';

const s3 = await openTarget();
const Bucket = await s3.makeBucket();
const minimumPartBytes = 5 * 1024 * 1024;

async function createUpload(Key: string, more: Record<string, unknown> = {}): Promise<string> {
  const answer = await s3.client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  assert.equal(answer.Bucket, Bucket);
  assert.equal(answer.Key, Key);
  return answer.UploadId ?? '';
}

const part = async (Key: string, UploadId: string, PartNumber: number, Body: Buffer) => ({
  PartNumber,
  ETag: (await s3.client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body })))
    .ETag,
});

const rawPart = (key: string, query: string, body: Buffer | string) =>
  s3.send({ method: 'PUT', path: `/${Bucket}/${key}?${query}`, body });

const complete = (key: string, uploadId: string, document: string) =>
  s3.send({ method: 'POST', path: `/${Bucket}/${key}?uploadId=${uploadId}`, body: document });

const completeDocument = (parts: readonly { PartNumber: number; ETag?: string | undefined }[]) =>
  `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts
    .map(
      ({ PartNumber, ETag }) =>
        `<Part><PartNumber>${PartNumber}</PartNumber><ETag>${ETag}</ETag></Part>`,
    )
    .join('')}</CompleteMultipartUpload>`;

function multipartEtag(parts: readonly Buffer[]): string {
  const digests = parts.map((bytes) => createHash('md5').update(bytes).digest());
  return `"${md5Hex(Buffer.concat(digests))}-${parts.length}"`;
}

test('parts in any order, and at once, become one object', async () => {
  const bodies = [
    randomBytes(minimumPartBytes),
    randomBytes(minimumPartBytes + 1),
    randomBytes(77),
  ];
  const UploadId = await createUpload('object', {
    ContentType: 'text/x-own',
    Metadata: { a: 'b' },
    CacheControl: 'no-store',
  });
  assertError(await s3.get(Bucket, 'object'), 404, 'NoSuchKey');
  const parts = await Promise.all(
    [3, 1, 2].map((number) => part('object', UploadId, number, bodies[number - 1] as Buffer)),
  );
  assertError(await s3.get(Bucket, 'object'), 404, 'NoSuchKey');
  parts.sort((left, right) => left.PartNumber - right.PartNumber);
  const answer = await s3.client.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key: 'object',
      UploadId,
      MultipartUpload: { Parts: parts },
    }),
  );
  assert.equal(answer.ETag, multipartEtag(bodies));
  assert.equal(answer.Bucket, Bucket);
  assert.equal(answer.Key, 'object');
  assert.match(answer.Location ?? '', /^http.*object$/);
  const get = await s3.get(Bucket, 'object');
  assert.ok(get.body.equals(Buffer.concat(bodies)));
  assert.equal(get.headers.etag, multipartEtag(bodies));
  assert.equal(get.headers['content-type'], 'text/x-own');
  assert.equal(get.headers['x-amz-meta-a'], 'b');
  assert.equal(get.headers['cache-control'], 'no-store');
});

test('a range across the border of two parts', async () => {
  const bodies = [randomBytes(minimumPartBytes), randomBytes(1000)];
  const UploadId = await createUpload('ranged');
  const parts = [];
  for (const [index, body] of bodies.entries()) {
    parts.push(await part('ranged', UploadId, index + 1, body));
  }
  await complete('ranged', UploadId, completeDocument(parts));
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

test('part numbers may leave gaps, and a part may be uploaded again', async () => {
  const UploadId = await createUpload('gaps');
  const first = randomBytes(minimumPartBytes);
  await part('gaps', UploadId, 7, randomBytes(minimumPartBytes));
  const parts = [
    await part('gaps', UploadId, 7, first),
    await part('gaps', UploadId, 9000, Buffer.from('end')),
  ];
  const answer = await complete('gaps', UploadId, completeDocument(parts));
  assert.equal(answer.status, 200, answer.text);
  const get = await s3.get(Bucket, 'gaps');
  assert.ok(get.body.equals(Buffer.concat([first, Buffer.from('end')])));
});

test('a part that is not listed in Complete is left out', async () => {
  const UploadId = await createUpload('left-out');
  const one = await part('left-out', UploadId, 1, Buffer.from('one'));
  await part('left-out', UploadId, 2, Buffer.from('two'));
  const answer = await complete('left-out', UploadId, completeDocument([one]));
  assert.equal(answer.status, 200, answer.text);
  assert.equal((await s3.get(Bucket, 'left-out')).text, 'one');
});

test('errors of Complete name what is wrong, and the upload stays open', async () => {
  const UploadId = await createUpload('wrong');
  const small = await part('wrong', UploadId, 1, Buffer.from('small'));
  const last = await part('wrong', UploadId, 2, Buffer.from('last'));
  assertError(
    await complete('wrong', UploadId, completeDocument([small, last])),
    400,
    'EntityTooSmall',
    { PartNumber: '1', ETag: /.+/, ProposedSize: '5', MinSizeAllowed: String(minimumPartBytes) },
  );
  assertError(
    await complete('wrong', UploadId, completeDocument([last, small])),
    400,
    'InvalidPartOrder',
  );
  assertError(
    await complete('wrong', UploadId, completeDocument([{ PartNumber: 5, ETag: small.ETag }])),
    400,
    'InvalidPart',
  );
  assertError(
    await complete('wrong', UploadId, completeDocument([{ PartNumber: 1, ETag: '"other"' }])),
    400,
    'InvalidPart',
  );
  for (const bad of ['<CompleteMultipartUpload/>', '<CompleteMultipartUpload><Part/>', 'x']) {
    assertError(await complete('wrong', UploadId, bad), 400, 'MalformedXML');
  }
  assert.equal((await complete('wrong', UploadId, '')).status, 400);
  assert.equal((await complete('wrong', UploadId, completeDocument([small]))).status, 200);
});

test('an ended upload is NoSuchUpload; an unknown one too', async () => {
  const UploadId = await createUpload('ended');
  await s3.client.send(new AbortMultipartUploadCommand({ Bucket, Key: 'ended', UploadId }));
  for (const id of [UploadId, 'nonsense']) {
    assertError(await rawPart('ended', `partNumber=1&uploadId=${id}`, 'x'), 404, 'NoSuchUpload');
    assertError(
      await complete('ended', id, completeDocument([{ PartNumber: 1, ETag: 'x' }])),
      404,
      'NoSuchUpload',
    );
    const abort = await s3.delete(Bucket, 'ended', `uploadId=${id}`);
    assertError(abort, 404, 'NoSuchUpload');
    assertError(await s3.get(Bucket, 'ended', `uploadId=${id}`), 404, 'NoSuchUpload');
  }
  assertError(await s3.get(Bucket, 'ended'), 404, 'NoSuchKey');
});

test('an upload belongs to its key', async () => {
  const UploadId = await createUpload('mine');
  assertError(
    await rawPart('not-mine', `partNumber=1&uploadId=${UploadId}`, 'x'),
    404,
    'NoSuchUpload',
  );
});

test('part numbers are 1 to 10000', async () => {
  const UploadId = await createUpload('numbers');
  for (const number of ['0', '10001', '-1', 'x', '1.5']) {
    assertError(
      await rawPart('numbers', `partNumber=${number}&uploadId=${UploadId}`, 'x'),
      400,
      'InvalidArgument',
    );
  }
  assert.equal(
    (await rawPart('numbers', `partNumber=10000&uploadId=${UploadId}`, 'x')).status,
    200,
  );
});

test('a part over 5 GiB is EntityTooLarge before a byte is sent', async () => {
  const UploadId = await createUpload('huge');
  const answer = await s3.send({
    method: 'PUT',
    path: `/${Bucket}/huge?partNumber=1&uploadId=${UploadId}`,
    headers: { 'Content-Length': String(5 * 1024 ** 3 + 1), Expect: '100-continue' },
    contentSha256: 'UNSIGNED-PAYLOAD',
    waitForContinue: true,
  });
  assertError(answer, 400, 'EntityTooLarge', { ProposedSize: String(5 * 1024 ** 3 + 1) });
  assert.equal(answer.continued, false);
});

test('ListParts pages by part number', async () => {
  const UploadId = await createUpload('listed');
  const numbers = [2, 3, 5, 8, 13];
  for (const number of numbers) await part('listed', UploadId, number, Buffer.alloc(number, 1));
  const seen: number[] = [];
  let marker: string | undefined;
  do {
    const answer = await s3.client.send(
      new ListPartsCommand({
        Bucket,
        Key: 'listed',
        UploadId,
        MaxParts: 2,
        PartNumberMarker: marker,
      }),
    );
    assert.ok((answer.Parts ?? []).length <= 2);
    for (const each of answer.Parts ?? []) {
      seen.push(each.PartNumber ?? 0);
      assert.equal(each.Size, each.PartNumber);
      assert.equal(each.ETag, `"${md5Hex(Buffer.alloc(each.PartNumber ?? 0, 1))}"`);
    }
    assert.ok(answer.Initiator?.ID && answer.Owner?.ID);
    marker = answer.IsTruncated === true ? answer.NextPartNumberMarker : undefined;
  } while (marker !== undefined);
  assert.deepEqual(seen, numbers);
});

test('ListMultipartUploads: prefix, delimiter, paging over keys with several uploads', async () => {
  const own = await s3.makeBucket();
  const expected: string[] = [];
  for (const Key of ['a', 'a', 'd/1', 'd/2', 'z']) {
    const { UploadId } = await s3.client.send(
      new CreateMultipartUploadCommand({ Bucket: own, Key }),
    );
    expected.push(`${Key}@${UploadId}`);
  }
  for (const size of [1, 2, 3, 10]) {
    const seen: string[] = [];
    let markers: { KeyMarker?: string; UploadIdMarker?: string } = {};
    for (;;) {
      const answer = await s3.client.send(
        new ListMultipartUploadsCommand({ Bucket: own, MaxUploads: size, ...markers }),
      );
      seen.push(...(answer.Uploads ?? []).map((each) => `${each.Key}@${each.UploadId}`));
      if (answer.IsTruncated !== true) break;
      markers = {
        KeyMarker: answer.NextKeyMarker ?? '',
        UploadIdMarker: answer.NextUploadIdMarker ?? '',
      };
    }
    assert.deepEqual([...seen].sort(), [...expected].sort(), `page size ${size}`);
    assert.deepEqual(
      seen.map((each) => each.split('@')[0]),
      ['a', 'a', 'd/1', 'd/2', 'z'],
    );
  }
  const grouped = await s3.client.send(
    new ListMultipartUploadsCommand({ Bucket: own, Delimiter: '/', Prefix: '' }),
  );
  assert.deepEqual(
    grouped.CommonPrefixes?.map(({ Prefix }) => Prefix),
    ['d/'],
  );
  const raw = await s3.send({ path: `/${own}?uploads&prefix=d%2F&encoding-type=url` });
  assert.deepEqual(textsOf(raw.text, 'Key').map(decodeURIComponent), ['d/1', 'd/2']);
  assert.equal(textOf(raw.text, 'IsTruncated'), 'false');
});

test('in a versioned bucket the completed object is a version', async () => {
  const own = await s3.makeBucket();
  await s3.client.send(
    new PutBucketVersioningCommand({ Bucket: own, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  const before = await s3.put(own, 'k', 'before');
  const { UploadId } = await s3.client.send(
    new CreateMultipartUploadCommand({ Bucket: own, Key: 'k' }),
  );
  const { ETag } = await s3.client.send(
    new UploadPartCommand({ Bucket: own, Key: 'k', UploadId, PartNumber: 1, Body: 'after' }),
  );
  const answer = await s3.client.send(
    new CompleteMultipartUploadCommand({
      Bucket: own,
      Key: 'k',
      UploadId,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
    }),
  );
  assert.ok(answer.VersionId);
  assert.equal((await s3.get(own, 'k', `versionId=${answer.VersionId}`)).text, 'after');
  const old = await s3.get(own, 'k', `versionId=${before.headers['x-amz-version-id']}`);
  assert.equal(old.text, 'before');
});

test('Complete with If-None-Match: * does not replace', async () => {
  await s3.put(Bucket, 'guarded', 'here');
  const UploadId = await createUpload('guarded');
  const one = await part('guarded', UploadId, 1, Buffer.from('new'));
  const answer = await s3.send({
    method: 'POST',
    path: `/${Bucket}/guarded?uploadId=${UploadId}`,
    headers: { 'If-None-Match': '*' },
    body: completeDocument([one]),
  });
  assertError(answer, 412, 'PreconditionFailed');
  assert.equal((await s3.get(Bucket, 'guarded')).text, 'here');
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
  const UploadId = await createUpload('many');
  const etag = `"${md5Hex('x')}"`;
  const parts = Array.from({ length: 10_000 }, (_, index) => ({
    PartNumber: index + 1,
    ETag: etag,
  }));
  let done = false;
  const completing = complete('many', UploadId, completeDocument(parts)).finally(() => {
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

test('into an absent bucket is NoSuchBucket', async () => {
  const answer = await s3.send({
    method: 'POST',
    path: `/${s3.newBucketName()}/${encodeRfc3986('k')}?uploads`,
  });
  assertError(answer, 404, 'NoSuchBucket');
});
