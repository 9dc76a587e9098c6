/** What objects, parts and copies have for checksums, and what is held against them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  type ChecksumAlgorithm,
  checksumAlgorithms,
  checksumElement,
  checksumHeader,
  compositeChecksum,
  createDigest,
  isCrc,
} from '../s3/checksums.ts';
import { putObject } from './put-object.ts';
import {
  type Answer,
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

const minPartBytes = 5 * 1024 * 1024;
const asked = { 'x-amz-checksum-mode': 'ENABLED' };

function digestOf(algorithm: ChecksumAlgorithm, ...pieces: Uint8Array[]): Buffer {
  const digest = createDigest(algorithm);
  for (const piece of pieces) digest.update(piece);
  return digest.digest();
}

const sumOf = (algorithm: ChecksumAlgorithm, ...pieces: Uint8Array[]) =>
  digestOf(algorithm, ...pieces).toString('base64');

const filled = (length: number, text: string) => Buffer.alloc(length, text);

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
}

async function create(bucket: string, key: string, headers = {}): Promise<Upload> {
  const answer = await gateway.call('CreateMultipartUpload', { bucket, key, headers });
  const root = documentIn(answer, 'InitiateMultipartUploadResult');
  return { bucket, key, uploadId: childText(root, 'UploadId') ?? '' };
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

/** `rest`: what the part's element holds beside number and ETag. */
function partElement(number: number, answer: Answer, rest = ''): string {
  return `<Part><PartNumber>${number}</PartNumber><ETag>${answer.headers.etag}</ETag>${rest}</Part>`;
}

async function complete(
  { bucket, key, uploadId }: Upload,
  parts: readonly string[],
  headers = {},
): Promise<Answer> {
  const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
  const query = { uploadId };
  return await gateway.call('CompleteMultipartUpload', { bucket, key, query, body, headers });
}

async function upload(bucket: string, key: string, bodies: readonly Buffer[], headers = {}) {
  const created = await create(bucket, key, headers);
  const parts: string[] = [];
  for (const [index, body] of bodies.entries()) {
    parts.push(partElement(index + 1, await sendPart(created, index + 1, body)));
  }
  return documentIn(await complete(created, parts), 'CompleteMultipartUploadResult');
}

async function attributes(bucket: string, key: string, headers = {}) {
  const answer = await gateway.call('GetObjectAttributes', {
    bucket,
    key,
    headers: { 'x-amz-object-attributes': 'Checksum,ObjectParts', ...headers },
  });
  return documentIn(answer, 'GetObjectAttributesResponse');
}

async function copy(bucket: string, key: string, source: string, headers = {}) {
  const answer = await gateway.call('CopyObject', {
    bucket,
    key,
    headers: { 'x-amz-copy-source': source, ...headers },
  });
  return documentIn(answer, 'CopyObjectResult');
}

/** How many bytes were read of stored snapshots while it ran. */
async function bytesReadIn(work: () => Promise<unknown>): Promise<number> {
  const { read } = gateway.blobseer;
  let bytes = 0;
  gateway.blobseer.read = (snapshot, range, signal) => {
    bytes += range.length;
    return read.call(gateway.blobseer, snapshot, range, signal);
  };
  try {
    await work();
  } finally {
    gateway.blobseer.read = read;
  }
  return bytes;
}

test('what comes without a checksum has CRC64NVME, said at once and kept', async () => {
  const bucket = await gateway.bucket();
  for (const body of [Buffer.alloc(0), filled(9, 'x'), filled(200_000, 'abc')]) {
    const value = sumOf('CRC64NVME', body);
    const md5 = createHash('md5').update(body).digest('base64');
    for (const headers of [{}, { 'content-md5': md5 }]) {
      const put = await gateway.put(bucket, 'k', body, headers);
      assert.equal(put.headers['x-amz-checksum-crc64nvme'], value);
      assert.equal(put.headers['x-amz-checksum-type'], 'FULL_OBJECT');
      const got = await gateway.get(bucket, 'k', {}, asked);
      assert.equal(got.headers['x-amz-checksum-crc64nvme'], value);
      assert.equal((await gateway.get(bucket, 'k')).headers['x-amz-checksum-crc64nvme'], undefined);
    }
  }
});

for (const algorithm of checksumAlgorithms) {
  const header = checksumHeader(algorithm);

  test(`${algorithm}: header, trailer, wrong values; listed and described`, async () => {
    const bucket = await gateway.bucket();
    const body = filled(70_001, 'body');
    const value = sumOf(algorithm, body);
    const announced = { 'x-amz-trailer': header, 'x-amz-sdk-checksum-algorithm': algorithm };
    const answers = [
      await gateway.put(bucket, 'k', body, { [header]: value }),
      await gateway.call('PutObject', {
        bucket,
        key: 'k',
        body,
        headers: announced,
        trailers: { [header]: value },
      }),
      await gateway.get(bucket, 'k', {}, asked),
    ];
    for (const { headers } of answers) {
      assert.equal(headers[header], value);
      assert.equal(headers['x-amz-checksum-type'], 'FULL_OBJECT');
      assert.equal(Object.keys(headers).filter((name) => name.startsWith('x-amz-che')).length, 2);
    }
    const wrong = sumOf(algorithm, filled(1, 'x'));
    await assert.rejects(gateway.put(bucket, 'k', body, { [header]: wrong }), s3Error('BadDigest'));
    await assert.rejects(
      gateway.put(bucket, 'k', body, { [header]: 'bad' }),
      s3Error('InvalidRequest'),
    );
    const listed = documentIn(
      await gateway.call('ListObjectsV2', { bucket, query: { 'list-type': '2' } }),
      'ListBucketResult',
    );
    assert.deepEqual(texts(listed, 'Contents', 'ChecksumAlgorithm'), [algorithm]);
    const described = await attributes(bucket, 'k');
    assert.deepEqual(texts(described, 'Checksum', checksumElement(algorithm)), [value]);
  });

  test(`${algorithm}: as the checksum of a multipart upload`, async () => {
    const bucket = await gateway.bucket();
    const bodies = [filled(minPartBytes, 'a'), filled(77, 'b')];
    const created = await create(bucket, 'k', { 'x-amz-checksum-algorithm': algorithm });
    const element = checksumElement(algorithm);
    const parts: string[] = [];
    for (const [index, body] of bodies.entries()) {
      const value = sumOf(algorithm, body);
      const answer = await sendPart(created, index + 1, body, { [header]: value });
      assert.equal(answer.headers[header], value);
      parts.push(partElement(index + 1, answer, `<${element}>${value}</${element}>`));
    }
    const type = algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE';
    const expected =
      type === 'FULL_OBJECT'
        ? sumOf(algorithm, ...bodies)
        : `${sumOf(algorithm, ...bodies.map((body) => digestOf(algorithm, body)))}-2`;
    const wrong = sumOf(algorithm, filled(1, 'x'));
    await assert.rejects(complete(created, parts, { [header]: wrong }), s3Error('BadDigest'));
    const done = await complete(created, parts, {
      [header]: expected,
      'x-amz-checksum-type': type,
      'x-amz-mp-object-size': String(minPartBytes + 77),
    });
    const root = documentIn(done, 'CompleteMultipartUploadResult');
    assert.equal(childText(root, element), expected);
    assert.equal(childText(root, 'ChecksumType'), type);
    const described = await attributes(bucket, 'k');
    assert.deepEqual(texts(described, 'Checksum', element), [expected]);
    assert.deepEqual(
      texts(described, 'ObjectParts', 'Part', element),
      bodies.map((body) => sumOf(algorithm, body)),
    );
  });
}

test('a multipart upload without an algorithm becomes an object with CRC64NVME', async () => {
  const bucket = await gateway.bucket();
  const bodies = [filled(minPartBytes, 'abc'), filled(minPartBytes + 3, 'de'), Buffer.alloc(0)];
  const created = await create(bucket, 'k');
  const parts: string[] = [];
  for (const [index, body] of bodies.entries()) {
    // Clients may send any checksum with a part: it is verified and answered.
    const sha1 = sumOf('SHA1', body);
    const answer = await sendPart(
      created,
      index + 1,
      body,
      index === 1 ? { 'x-amz-checksum-sha1': sha1 } : {},
    );
    assert.equal(answer.headers['x-amz-checksum-sha1'], index === 1 ? sha1 : undefined);
    assert.equal(answer.headers['x-amz-checksum-crc64nvme'], undefined);
    parts.push(
      partElement(index + 1, answer, index === 1 ? `<ChecksumSHA1>${sha1}</ChecksumSHA1>` : ''),
    );
  }
  const listed = documentIn(
    await gateway.call('ListParts', { bucket, key: 'k', query: { uploadId: created.uploadId } }),
    'ListPartsResult',
  );
  const sums = bodies.map((body) => sumOf('CRC64NVME', body));
  assert.deepEqual(texts(listed, 'Part', 'ChecksumCRC64NVME'), sums);
  assert.deepEqual(texts(listed, 'Part', 'ChecksumSHA1'), []);
  assert.equal(childText(listed, 'ChecksumAlgorithm'), undefined);
  const whole = sumOf('CRC64NVME', ...bodies);
  await assert.rejects(
    complete(created, parts, { 'x-amz-checksum-crc64nvme': sums[0] }),
    s3Error('BadDigest'),
  );
  await assert.rejects(
    complete(created, parts, { 'x-amz-checksum-sha1': sumOf('SHA1', ...bodies) }),
    s3Error('InvalidRequest'),
  );
  await assert.rejects(
    complete(created, parts, { 'x-amz-checksum-type': 'COMPOSITE' }),
    s3Error('InvalidRequest'),
  );
  const done = await complete(created, parts, { 'x-amz-checksum-crc64nvme': whole });
  const root = documentIn(done, 'CompleteMultipartUploadResult');
  assert.equal(childText(root, 'ChecksumCRC64NVME'), whole);
  assert.equal(childText(root, 'ChecksumType'), 'FULL_OBJECT');
  const second = await gateway.get(bucket, 'k', { partNumber: '2' }, asked);
  assert.equal(second.headers['x-amz-checksum-crc64nvme'], sums[1]);
  const empty = await gateway.get(bucket, 'k', { partNumber: '3' }, asked);
  assert.equal(empty.headers['x-amz-checksum-crc64nvme'], sums[2]);
  assert.equal(empty.body.length, 0);
  const range = await gateway.get(bucket, 'k', {}, { ...asked, range: 'bytes=0-9' });
  assert.equal(range.headers['x-amz-checksum-crc64nvme'], undefined);
  const page = await attributes(bucket, 'k', {
    'x-amz-max-parts': '1',
    'x-amz-part-number-marker': '1',
  });
  assert.deepEqual(texts(page, 'ObjectParts', 'Part', 'ChecksumCRC64NVME'), [sums[1]]);
  assert.deepEqual(texts(page, 'ObjectParts', 'NextPartNumberMarker'), ['2']);
});

test('an upload of one empty part, of either type', async () => {
  const bucket = await gateway.bucket();
  const nothing = Buffer.alloc(0);
  for (const [headers, element, expected] of [
    [{}, 'ChecksumCRC64NVME', sumOf('CRC64NVME')],
    [
      { 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-checksum-type': 'FULL_OBJECT' },
      'ChecksumCRC32',
      sumOf('CRC32'),
    ],
    [
      { 'x-amz-checksum-algorithm': 'XXHASH128' },
      'ChecksumXXHASH128',
      compositeChecksum('XXHASH128', [digestOf('XXHASH128')]),
    ],
  ] as const) {
    assert.equal(childText(await upload(bucket, 'k', [nothing], headers), element), expected);
    assert.equal((await gateway.get(bucket, 'k', {}, asked)).body.length, 0);
  }
});

test('what Complete says of a part must be what the part is', async () => {
  const bucket = await gateway.bucket();
  const body = filled(10, 'a');
  const created = await create(bucket, 'k', { 'x-amz-checksum-algorithm': 'SHA256' });
  const part = await sendPart(created, 1, body);
  const own = `<ChecksumSHA256>${sumOf('SHA256', body)}</ChecksumSHA256>`;
  const crc = `<ChecksumCRC32>${sumOf('CRC32', body)}</ChecksumCRC32>`;
  const wrong = `<ChecksumSHA256>${sumOf('SHA256', filled(1, 'x'))}</ChecksumSHA256>`;
  const malformed = '<ChecksumSHA256>bad</ChecksumSHA256>';
  const named = (rest: string) => complete(created, [partElement(1, part, rest)]);
  await assert.rejects(named(own + crc), s3Error('InvalidArgument', { ArgumentName: 'Checksum' }));
  await assert.rejects(named(malformed), s3Error('InvalidArgument', { ArgumentValue: 'bad' }));
  await assert.rejects(named(wrong), s3Error('InvalidPart', { PartNumber: '1' }));
  await assert.rejects(named(crc), s3Error('BadDigest'));
  await named('<ChecksumCRC32></ChecksumCRC32>');
});

test('x-amz-mp-object-size: negative, no number, and not what the parts add up to', async () => {
  const bucket = await gateway.bucket();
  const created = await create(bucket, 'k');
  const parts = [partElement(1, await sendPart(created, 1, filled(10, 'a')))];
  for (const [size, message] of [
    ['-1', /less than zero: '-1'/],
    ['ten', /is invalid: 'ten'/],
    ['11', /value 11 does not match what was computed: 10/],
  ] as const) {
    await assert.rejects(complete(created, parts, { 'x-amz-mp-object-size': size }), {
      code: 'InvalidRequest',
      message,
    });
  }
  await complete(created, parts, { 'x-amz-mp-object-size': '10' });
});

test('a SHA-256 that the signature has verified is not computed again', async () => {
  const bucket = await gateway.bucket();
  const { services } = gateway;
  const body = filled(1000, 'x');
  const header = { 'x-amz-checksum-sha256': sumOf('SHA256', body) };
  const request = gateway.request('PutObject', { bucket, key: 'k', body, headers: header });
  // A digest of other bytes: where it is believed, nothing else was computed.
  const payloadSha256 = () => digestOf('SHA256', filled(1, 'other'));
  await assert.rejects(
    async () => putObject({ ...request, payloadSha256 }, services),
    s3Error('BadDigest'),
  );
});

test('a copy keeps the checksum of its source, whatever it is, and reads nothing', async () => {
  const bucket = await gateway.bucket();
  const body = filled(20_000_000, 'source');
  const bodies = [body.subarray(0, minPartBytes), body.subarray(minPartBytes)];
  await gateway.put(bucket, 'sha', body, { 'x-amz-checksum-sha1': sumOf('SHA1', body) });
  await upload(bucket, 'parts', bodies, { 'x-amz-checksum-algorithm': 'CRC32C' });
  const composite = compositeChecksum(
    'CRC32C',
    bodies.map((each) => digestOf('CRC32C', each)),
  );
  const read = await bytesReadIn(async () => {
    const ofSha = await copy(bucket, 'a', `${bucket}/sha`);
    assert.equal(childText(ofSha, 'ChecksumSHA1'), sumOf('SHA1', body));
    const ofParts = await copy(bucket, 'b', `${bucket}/parts`);
    assert.equal(childText(ofParts, 'ChecksumCRC32C'), composite);
    assert.equal(childText(ofParts, 'ChecksumType'), 'COMPOSITE');
    // Of the whole, from those of the parts.
    const asFull = await copy(bucket, 'c', `${bucket}/parts`, {
      'x-amz-checksum-algorithm': 'CRC32C',
    });
    assert.equal(childText(asFull, 'ChecksumCRC32C'), sumOf('CRC32C', body));
    assert.equal(childText(asFull, 'ChecksumType'), 'FULL_OBJECT');
  });
  assert.equal(read, 0);
});

test('a copy may be given another checksum: it is read once, and its parts go along', async () => {
  const bucket = await gateway.bucket();
  const bodies = [filled(minPartBytes, 'a'), filled(1000, 'b')];
  await upload(bucket, 'parts', bodies, { 'x-amz-checksum-algorithm': 'SHA256' });
  for (const algorithm of checksumAlgorithms) {
    const element = checksumElement(algorithm);
    const read = await bytesReadIn(async () => {
      const copied = await copy(bucket, 'copy', `${bucket}/parts`, {
        'x-amz-checksum-algorithm': algorithm,
      });
      assert.equal(childText(copied, element), sumOf(algorithm, ...bodies));
      assert.equal(childText(copied, 'ChecksumType'), 'FULL_OBJECT');
    });
    assert.equal(read, minPartBytes + 1000);
    const described = await attributes(bucket, 'copy');
    assert.deepEqual(texts(described, 'ObjectParts', 'PartsCount'), ['2']);
    assert.deepEqual(
      texts(described, 'ObjectParts', 'Part', element),
      isCrc(algorithm) ? bodies.map((body) => sumOf(algorithm, body)) : [],
    );
    if (algorithm !== 'SHA256') {
      assert.deepEqual(texts(described, 'ObjectParts', 'Part', 'ChecksumSHA256'), []);
    }
  }
});

async function copyPart(to: Upload, number: number, source: string, range?: string) {
  const answer = await gateway.call('UploadPartCopy', {
    bucket: to.bucket,
    key: to.key,
    query: { uploadId: to.uploadId, partNumber: String(number) },
    headers: {
      'x-amz-copy-source': source,
      ...(range === undefined ? {} : { 'x-amz-copy-source-range': range }),
    },
  });
  const root = documentIn(answer, 'CopyPartResult');
  const etag = childText(root, 'ETag') ?? '';
  return { root, part: partElement(number, { ...answer, headers: { etag } }) };
}

test('copied parts: known checksums are put together, nothing is read', async () => {
  const bucket = await gateway.bucket();
  const bodies = [filled(minPartBytes, 'a'), filled(minPartBytes, 'b'), filled(1000, 'c')];
  await upload(bucket, 'parts', bodies);
  await gateway.put(bucket, 'plain', filled(minPartBytes, 'p'));
  const created = await create(bucket, 'copy');
  const read = await bytesReadIn(async () => {
    const parts = [
      await copyPart(created, 1, `${bucket}/plain`),
      await copyPart(
        created,
        2,
        `${bucket}/parts`,
        `bytes=${minPartBytes}-${2 * minPartBytes + 999}`,
      ),
      await copyPart(created, 3, `${bucket}/parts`),
    ];
    const done = await complete(
      created,
      parts.map(({ part }) => part),
    );
    const root = documentIn(done, 'CompleteMultipartUploadResult');
    const expected = sumOf('CRC64NVME', filled(minPartBytes, 'p'), ...bodies.slice(1), ...bodies);
    assert.equal(childText(root, 'ChecksumCRC64NVME'), expected);
  });
  assert.equal(read, 0);
});

test('a range inside a part is not read for a checksum that nobody asked for', async () => {
  const bucket = await gateway.bucket();
  const body = filled(minPartBytes + 10, 'abc');
  await gateway.put(bucket, 'plain', body);
  const created = await create(bucket, 'copy');
  const { part } = await copyPart(created, 1, `${bucket}/plain`, `bytes=1-${minPartBytes}`);
  const done = await complete(created, [part]);
  const root = documentIn(done, 'CompleteMultipartUploadResult');
  assert.equal(childText(root, 'ChecksumType'), undefined);
  const got = await gateway.get(bucket, 'copy', {}, asked);
  assert.ok(got.body.equals(body.subarray(1, minPartBytes + 1)));
  assert.equal(got.headers['x-amz-checksum-type'], undefined);
  assert.deepEqual(texts(await attributes(bucket, 'copy'), 'Checksum', 'ChecksumType'), []);
  // A copy of the whole gets one, as it is small.
  const whole = await copy(bucket, 'whole', `${bucket}/copy`);
  assert.equal(childText(whole, 'ChecksumCRC64NVME'), sumOf('CRC64NVME', got.body));

  const again = await create(bucket, 'copy');
  const second = await copyPart(again, 1, `${bucket}/plain`, 'bytes=1-5');
  await assert.rejects(
    complete(again, [second.part], { 'x-amz-checksum-crc64nvme': sumOf('CRC64NVME') }),
    s3Error('InvalidRequest'),
  );

  const summed = await create(bucket, 'copy', { 'x-amz-checksum-algorithm': 'MD5' });
  const { root: answered } = await copyPart(summed, 1, `${bucket}/plain`, 'bytes=1-5');
  assert.equal(childText(answered, 'ChecksumMD5'), sumOf('MD5', body.subarray(1, 6)));
  assert.equal(
    childText(answered, 'ETag'),
    `"${digestOf('MD5', body.subarray(1, 6)).toString('hex')}"`,
  );
});
