import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { crc32 } from '@node-rs/crc32';
import {
  type Answer,
  child,
  children,
  childText,
  documentIn,
  s3Error,
  TestGateway,
  texts,
} from './testing/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await TestGateway.open();
});
after(() => gateway.close());

const mib = 1024 * 1024;
const minPartBytes = 5 * mib;
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();
const crcOf = (bytes: Uint8Array) => {
  const digest = Buffer.alloc(4);
  digest.writeUInt32BE(crc32(Buffer.from(bytes)));
  return digest.toString('base64');
};
const shaOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

async function create(bucket: string, key: string, headers = {}): Promise<string> {
  const answer = await gateway.call('CreateMultipartUpload', { bucket, key, headers });
  return childText(documentIn(answer, 'InitiateMultipartUploadResult'), 'UploadId') ?? '';
}

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
}

async function sendPart(
  { bucket, key, uploadId }: Upload,
  number: number,
  body: Uint8Array,
  headers = {},
): Promise<Answer> {
  const query = { uploadId, partNumber: String(number) };
  return await gateway.call('UploadPart', { bucket, key, query, body, headers });
}

interface Named {
  readonly number: number | string;
  readonly etag: string;
  readonly rest?: string;
}

async function complete(
  { bucket, key, uploadId }: Upload,
  named: readonly Named[],
  headers = {},
): Promise<Answer> {
  const parts = named.map(
    ({ number, etag, rest = '' }) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag>${rest}</Part>`,
  );
  const body = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`;
  const query = { uploadId };
  return await gateway.call('CompleteMultipartUpload', { bucket, key, query, body, headers });
}

async function uploadOf(bucket: string, key: string, headers = {}): Promise<Upload> {
  return { bucket, key, uploadId: await create(bucket, key, headers) };
}

/** Uploads in order and completes. */
async function uploaded(
  bucket: string,
  key: string,
  bodies: readonly Uint8Array[],
  headers = {},
): Promise<Answer> {
  const upload = await uploadOf(bucket, key, headers);
  const named: Named[] = [];
  for (const [index, body] of bodies.entries()) {
    const part = await sendPart(upload, index + 1, body);
    named.push({ number: index + 1, etag: part.headers.etag ?? '' });
  }
  return await complete(upload, named);
}

const filled = (length: number, text: string) => Buffer.alloc(length, text);

test('parts become one object, in the order of their numbers', async () => {
  const bucket = await gateway.bucket('Enabled');
  const bodies = [filled(minPartBytes, 'one '), filled(minPartBytes + 7, 'two '), filled(11, '3')];
  const upload = await uploadOf(bucket, 'dir/k', {
    'content-type': 'text/x-parts',
    'x-amz-meta-a': 'b',
    'x-amz-tagging': 'a=1',
  });
  const etags: string[] = [];
  for (const number of [3, 1, 2]) {
    const body = bodies[number - 1] ?? Buffer.alloc(0);
    const part = await sendPart(upload, number, body);
    assert.equal(part.headers.etag, `"${md5(body).toString('hex')}"`);
    etags[number - 1] = part.headers.etag ?? '';
  }
  await assert.rejects(gateway.get(bucket, 'dir/k'), s3Error('NoSuchKey'));
  const answer = await complete(
    upload,
    etags.map((etag, index) => ({ number: index + 1, etag })),
  );
  const root = documentIn(answer, 'CompleteMultipartUploadResult');
  const etag = `"${md5(Buffer.concat(bodies.map(md5))).toString('hex')}-3"`;
  assert.equal(childText(root, 'ETag'), etag);
  assert.equal(childText(root, 'Key'), 'dir/k');
  assert.equal(childText(root, 'Bucket'), bucket);
  assert.equal(childText(root, 'Location'), `http://localhost:9000/${bucket}/dir/k`);
  assert.ok(answer.headers['x-amz-version-id']);
  const got = await gateway.get(bucket, 'dir/k');
  assert.ok(got.body.equals(Buffer.concat(bodies)));
  assert.equal(got.headers.etag, etag);
  assert.equal(got.headers['content-type'], 'text/x-parts');
  assert.equal(got.headers['x-amz-meta-a'], 'b');
  assert.equal(got.headers['x-amz-tagging-count'], '1');
  const edge = await gateway.get(
    bucket,
    'dir/k',
    {},
    { range: `bytes=${minPartBytes - 2}-${minPartBytes + 1}` },
  );
  assert.ok(edge.body.equals(Buffer.concat(bodies).subarray(minPartBytes - 2, minPartBytes + 2)));

  for (const [index, body] of bodies.entries()) {
    const part = await gateway.get(bucket, 'dir/k', { partNumber: String(index + 1) });
    assert.equal(part.status, 206);
    assert.ok(part.body.equals(body));
    assert.equal(part.headers['x-amz-mp-parts-count'], '3');
    assert.equal(part.headers.etag, etag);
  }
  await assert.rejects(
    gateway.get(bucket, 'dir/k', { partNumber: '4' }),
    s3Error('InvalidPartNumber', { ActualPartCount: '3' }),
  );
});

test('a part sent again replaces the first', async () => {
  const bucket = await gateway.bucket();
  const upload = await uploadOf(bucket, 'k');
  const first = await sendPart(upload, 1, filled(10, 'a'));
  const second = await sendPart(upload, 1, filled(20, 'b'));
  await assert.rejects(
    complete(upload, [{ number: 1, etag: first.headers.etag ?? '' }]),
    s3Error('InvalidPart', { PartNumber: '1' }),
  );
  // Both are named by clients that note every answer; the last counts.
  await complete(upload, [
    { number: 1, etag: first.headers.etag ?? '' },
    { number: 1, etag: second.headers.etag ?? '' },
  ]);
  assert.equal((await gateway.get(bucket, 'k')).text, 'b'.repeat(20));
});

test('what does not fit together is refused and can be mended', async () => {
  const bucket = await gateway.bucket();
  const upload = await uploadOf(bucket, 'k');
  const small = (await sendPart(upload, 1, filled(100, 'a'))).headers.etag ?? '';
  const last = (await sendPart(upload, 2, filled(100, 'b'))).headers.etag ?? '';
  const named = [
    { number: 1, etag: small },
    { number: 2, etag: last },
  ];
  await assert.rejects(
    complete(upload, named),
    s3Error('EntityTooSmall', {
      ProposedSize: '100',
      MinSizeAllowed: String(minPartBytes),
      PartNumber: '1',
    }),
  );
  await assert.rejects(complete(upload, [...named].reverse()), s3Error('InvalidPartOrder'));
  await assert.rejects(
    complete(upload, [...named, { number: 3, etag: last }]),
    s3Error('InvalidPart', { PartNumber: '3' }),
  );
  await assert.rejects(complete(upload, []), s3Error('MalformedXML'));
  await assert.rejects(complete(upload, [{ number: 'x', etag: last }]), s3Error('MalformedXML'));
  await assert.rejects(
    complete(upload, [{ number: 10_001, etag: last }]),
    s3Error('InvalidArgument'),
  );
  await assert.rejects(
    complete(upload, [{ number: 2, etag: last }], { 'x-amz-mp-object-size': '99' }),
    s3Error('InvalidRequest'),
  );
  // ETags without quotes and parts left out are both fine.
  await complete(upload, [{ number: 2, etag: last.replaceAll('"', '') }], {
    'x-amz-mp-object-size': '100',
  });
  assert.equal((await gateway.get(bucket, 'k')).text, 'b'.repeat(100));
});

test('part numbers, absent uploads and other keys', async () => {
  const bucket = await gateway.bucket();
  const upload = await uploadOf(bucket, 'k');
  for (const number of [0, 10_001]) {
    await assert.rejects(sendPart(upload, number, filled(1, 'x')), s3Error('InvalidArgument'));
  }
  const foreign = { ...upload, key: 'other' };
  await assert.rejects(sendPart(foreign, 1, filled(1, 'x')), s3Error('NoSuchUpload'));
  const query = { uploadId: upload.uploadId };
  const abort = () => gateway.call('AbortMultipartUpload', { bucket, key: 'k', query });
  await sendPart(upload, 1, filled(100_000, 'x'));
  assert.equal((await abort()).status, 204);
  await assert.rejects(abort(), s3Error('NoSuchUpload', { UploadId: upload.uploadId }));
  await assert.rejects(sendPart(upload, 1, filled(1, 'x')), s3Error('NoSuchUpload'));
  await assert.rejects(
    complete(upload, [{ number: 1, etag: 'x' }]),
    s3Error('NoSuchUpload', { UploadId: upload.uploadId }),
  );
  await assert.rejects(
    gateway.call('ListParts', { bucket, key: 'k', query }),
    s3Error('NoSuchUpload'),
  );
});

test('a long list of parts lets other requests in between', async () => {
  const bucket = await gateway.bucket();
  const body = `<CompleteMultipartUpload>${'<Part/>'.repeat(20_000)}</CompleteMultipartUpload>`;
  const call = { bucket, key: 'k', query: { uploadId: 'absent' }, body };
  let isDone = false;
  const refused = assert.rejects(
    gateway.call('CompleteMultipartUpload', call).finally(() => {
      isDone = true;
    }),
    s3Error('MalformedXML'),
  );
  const turn = new Promise<boolean>((resolve) => setImmediate(() => resolve(isDone)));
  assert.equal(await turn, false, 'the document is read in one go');
  await refused;
});

test('a completion asked for twice answers twice, and only for the same parts', async () => {
  const bucket = await gateway.bucket();
  const upload = await uploadOf(bucket, 'k');
  const named = [
    { number: 1, etag: (await sendPart(upload, 1, filled(9, 'x'))).headers.etag ?? '' },
  ];
  const first = await complete(upload, named);
  const again = await complete(upload, named);
  assert.equal(again.text, first.text);
  await assert.rejects(
    complete(upload, [{ number: 1, etag: 'd41d8cd98f00b204e9800998ecf8427e' }]),
    s3Error('NoSuchUpload'),
  );
});

test('two completions at once: one version, two equal answers', async () => {
  const bucket = await gateway.bucket('Enabled');
  const upload = await uploadOf(bucket, 'k');
  const named = [
    { number: 1, etag: (await sendPart(upload, 1, filled(9, 'x'))).headers.etag ?? '' },
  ];
  const answers = await Promise.all([complete(upload, named), complete(upload, named)]);
  assert.equal(answers[0]?.text, answers[1]?.text);
  const listed = await gateway.call('ListObjectVersions', { bucket });
  assert.equal(children(documentIn(listed, 'ListVersionsResult'), 'Version').length, 1);
});

test('conditions on completing', async () => {
  const bucket = await gateway.bucket();
  const upload = await uploadOf(bucket, 'k');
  const named = [
    { number: 1, etag: (await sendPart(upload, 1, filled(9, 'x'))).headers.etag ?? '' },
  ];
  await assert.rejects(complete(upload, named, { 'if-match': '*' }), s3Error('NoSuchKey'));
  const { headers } = await gateway.put(bucket, 'k', 'first');
  await assert.rejects(
    complete(upload, named, { 'if-none-match': '*' }),
    s3Error('PreconditionFailed'),
  );
  await complete(upload, named, { 'if-match': headers.etag });
});

test('a composite checksum', async () => {
  const bucket = await gateway.bucket();
  const bodies = [filled(minPartBytes, 'a'), filled(100, 'b')];
  const upload = await uploadOf(bucket, 'k', { 'x-amz-checksum-algorithm': 'SHA256' });
  const named: Named[] = [];
  for (const [index, body] of bodies.entries()) {
    // The second part comes without: the gateway computes it.
    const sha = shaOf(body).toString('base64');
    const headers = index === 0 ? { 'x-amz-checksum-sha256': sha } : {};
    const part = await sendPart(upload, index + 1, body, headers);
    assert.equal(part.headers['x-amz-checksum-sha256'], sha);
    named.push({
      number: index + 1,
      etag: part.headers.etag ?? '',
      rest: `<ChecksumSHA256>${sha}</ChecksumSHA256>`,
    });
  }
  await assert.rejects(
    sendPart(upload, 3, filled(1, 'c'), { 'x-amz-checksum-crc32': crcOf(filled(1, 'c')) }),
    s3Error('InvalidRequest'),
  );
  const value = `${shaOf(Buffer.concat(bodies.map(shaOf))).toString('base64')}-2`;
  await assert.rejects(
    complete(upload, named, { 'x-amz-checksum-sha256': shaOf(filled(1, 'x')).toString('base64') }),
    s3Error('BadDigest'),
  );
  await assert.rejects(
    complete(upload, [{ number: 1, etag: named[0]?.etag ?? '', rest: named[1]?.rest ?? '' }]),
    s3Error('InvalidPart'),
  );
  await assert.rejects(
    complete(upload, named, { 'x-amz-checksum-type': 'FULL_OBJECT' }),
    s3Error('InvalidRequest'),
  );
  const answer = await complete(upload, named, { 'x-amz-checksum-sha256': value });
  const root = documentIn(answer, 'CompleteMultipartUploadResult');
  assert.equal(childText(root, 'ChecksumSHA256'), value);
  assert.equal(childText(root, 'ChecksumType'), 'COMPOSITE');
  const asked = { 'x-amz-checksum-mode': 'ENABLED' };
  const whole = await gateway.get(bucket, 'k', {}, asked);
  assert.equal(whole.headers['x-amz-checksum-sha256'], value);
  assert.equal(whole.headers['x-amz-checksum-type'], 'COMPOSITE');
  const part = await gateway.get(bucket, 'k', { partNumber: '2' }, asked);
  assert.equal(part.headers['x-amz-checksum-sha256'], shaOf(filled(100, 'b')).toString('base64'));
  assert.equal(part.headers['x-amz-checksum-type'], 'COMPOSITE');
});

test('a full-object checksum is put together from the parts', async () => {
  const bucket = await gateway.bucket();
  const bodies = [filled(minPartBytes, 'abc'), filled(1234, 'de')];
  const headers = {
    'x-amz-checksum-algorithm': 'CRC32',
    'x-amz-checksum-type': 'FULL_OBJECT',
  };
  const answer = await uploaded(bucket, 'k', bodies, headers);
  const root = documentIn(answer, 'CompleteMultipartUploadResult');
  assert.equal(childText(root, 'ChecksumCRC32'), crcOf(Buffer.concat(bodies)));
  assert.equal(childText(root, 'ChecksumType'), 'FULL_OBJECT');
});

test('uploading a large object again stores only the pages that changed', async () => {
  const bucket = await gateway.bucket('Enabled');
  const bodies = [filled(minPartBytes, 'one '), filled(minPartBytes, 'two '), filled(99, 'end')];
  for (const [index, body] of bodies.entries()) body.writeUInt32BE(index, 8);
  await uploaded(bucket, 'k', bodies);
  const changed = Buffer.from(bodies[1] ?? '');
  changed.write('CHANGED', 3 * mib);
  const stored: number[] = [];
  const { stage } = gateway.blobseer;
  gateway.blobseer.stage = async (...parameters) => {
    const staged = await stage.apply(gateway.blobseer, parameters);
    stored.push(staged.storedBytes);
    return staged;
  };
  await uploaded(bucket, 'k', [bodies[0] ?? changed, changed, bodies[2] ?? changed]);
  gateway.blobseer.stage = stage;
  assert.equal(stored[0], 0);
  assert.ok((stored[1] ?? 0) > 0 && (stored[1] ?? 0) <= mib, `${stored[1]} bytes stored`);
  const got = await gateway.get(bucket, 'k');
  assert.ok(got.body.equals(Buffer.concat([bodies[0] ?? changed, changed, bodies[2] ?? changed])));
});

test('ListParts pages through the parts', async () => {
  const bucket = await gateway.bucket();
  const upload = await uploadOf(bucket, 'k', { 'x-amz-checksum-algorithm': 'CRC32' });
  for (const number of [1, 5, 9]) await sendPart(upload, number, filled(number, 'x'));
  const list = async (query = {}) =>
    documentIn(
      await gateway.call('ListParts', {
        bucket,
        key: 'k',
        query: { uploadId: upload.uploadId, ...query },
      }),
      'ListPartsResult',
    );
  const all = await list();
  assert.deepEqual(texts(all, 'Part', 'PartNumber'), ['1', '5', '9']);
  assert.deepEqual(texts(all, 'Part', 'Size'), ['1', '5', '9']);
  assert.deepEqual(texts(all, 'Part', 'ChecksumCRC32')[1], crcOf(filled(5, 'x')));
  assert.equal(childText(all, 'IsTruncated'), 'false');
  assert.equal(childText(all, 'StorageClass'), 'STANDARD');
  assert.equal(childText(all, 'ChecksumAlgorithm'), 'CRC32');
  assert.deepEqual(texts(all, 'Initiator', 'DisplayName'), ['Alice']);
  const first = await list({ 'max-parts': '2' });
  assert.equal(childText(first, 'IsTruncated'), 'true');
  assert.equal(childText(first, 'NextPartNumberMarker'), '5');
  const second = await list({ 'max-parts': '2', 'part-number-marker': '5' });
  assert.deepEqual(texts(second, 'Part', 'PartNumber'), ['9']);
  assert.equal(childText(second, 'IsTruncated'), 'false');
  await assert.rejects(list({ 'max-parts': 'x' }), s3Error('InvalidArgument'));
});

test('ListMultipartUploads: order, markers, delimiter', async () => {
  const bucket = await gateway.bucket();
  const ids: string[] = [];
  for (const key of ['a', 'a', 'b/1', 'b/2', 'c']) ids.push(await create(bucket, key));
  const list = async (query = {}) =>
    documentIn(
      await gateway.call('ListMultipartUploads', { bucket, query }),
      'ListMultipartUploadsResult',
    );
  const all = await list();
  assert.deepEqual(texts(all, 'Upload', 'Key'), ['a', 'a', 'b/1', 'b/2', 'c']);
  assert.deepEqual(texts(all, 'Upload', 'UploadId'), ids);
  assert.equal(childText(all, 'MaxUploads'), '1000');
  const seen: string[] = [];
  let query: Record<string, string> = { 'max-uploads': '1' };
  for (;;) {
    const page = await list(query);
    seen.push(...texts(page, 'Upload', 'UploadId'));
    if (childText(page, 'IsTruncated') === 'false') break;
    query = {
      'max-uploads': '1',
      'key-marker': childText(page, 'NextKeyMarker') ?? '',
      'upload-id-marker': childText(page, 'NextUploadIdMarker') ?? '',
    };
  }
  assert.deepEqual(seen, ids);
  const rolled = await list({ delimiter: '/' });
  assert.deepEqual(texts(rolled, 'CommonPrefixes', 'Prefix'), ['b/']);
  assert.deepEqual(texts(rolled, 'Upload', 'Key'), ['a', 'a', 'c']);
  assert.deepEqual(texts(await list({ 'key-marker': 'b/2' }), 'Upload', 'Key'), ['c']);
  await assert.rejects(
    list({ 'key-marker': 'a', 'upload-id-marker': '!' }),
    s3Error('InvalidArgument'),
  );
});

test('GetObjectAttributes of both kinds of objects', async () => {
  const bucket = await gateway.bucket('Enabled');
  await gateway.put(bucket, 'plain', 'x');
  const bodies = [filled(minPartBytes, 'a'), filled(minPartBytes, 'b'), filled(10, 'c')];
  const headers = { 'x-amz-checksum-algorithm': 'CRC32' };
  await uploaded(bucket, 'parts', bodies, headers);
  const attributes = async (key: string, wanted: string, more = {}) => {
    const answer = await gateway.call('GetObjectAttributes', {
      bucket,
      key,
      headers: { 'x-amz-object-attributes': wanted, ...more },
    });
    assert.ok(answer.headers['last-modified']);
    assert.ok(answer.headers['x-amz-version-id']);
    return documentIn(answer, 'GetObjectAttributesResponse');
  };
  const all = 'ETag,Checksum,ObjectParts, StorageClass,ObjectSize';
  const plain = await attributes('plain', all);
  assert.equal(childText(plain, 'ETag'), '9dd4e461268c8034f5c8564e155c67a6');
  assert.equal(childText(plain, 'ObjectSize'), '1');
  assert.equal(childText(plain, 'StorageClass'), 'STANDARD');
  assert.equal(child(plain, 'ObjectParts'), undefined);
  // CRC64NVME of the one byte, by default.
  assert.deepEqual(texts(plain, 'Checksum', 'ChecksumCRC64NVME'), ['Lb1nAmRU5LE=']);
  const parts = await attributes('parts', all);
  assert.deepEqual(texts(parts, 'Checksum', 'ChecksumType'), ['COMPOSITE']);
  assert.deepEqual(texts(parts, 'ObjectParts', 'PartsCount'), ['3']);
  assert.deepEqual(texts(parts, 'ObjectParts', 'Part', 'Size'), [
    String(minPartBytes),
    String(minPartBytes),
    '10',
  ]);
  assert.deepEqual(texts(parts, 'ObjectParts', 'Part', 'ChecksumCRC32')[2], crcOf(filled(10, 'c')));
  const page = await attributes('parts', 'ObjectParts', {
    'x-amz-max-parts': '1',
    'x-amz-part-number-marker': '1',
  });
  assert.deepEqual(texts(page, 'ObjectParts', 'Part', 'PartNumber'), ['2']);
  assert.deepEqual(texts(page, 'ObjectParts', 'NextPartNumberMarker'), ['2']);
  assert.deepEqual(texts(page, 'ObjectParts', 'IsTruncated'), ['true']);
  assert.equal(child(page, 'ETag'), undefined);
  await assert.rejects(attributes('plain', 'Colour'), s3Error('InvalidArgument'));
  await assert.rejects(attributes('absent', all), s3Error('NoSuchKey'));
});
