import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { crc32 } from '@node-rs/crc32';
import { versionsPage } from '../namespace/testing/pages.ts';
import { S3Error } from '../s3/errors.ts';
import { bob, s3Error, TestGateway } from './testing/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await TestGateway.open();
});
after(() => gateway.close());

const mib = 1024 * 1024;
const md5 = (bytes: string | Uint8Array) => createHash('md5').update(bytes).digest('hex');
const crcOf = (bytes: string | Uint8Array) => {
  const digest = Buffer.alloc(4);
  digest.writeUInt32BE(crc32(Buffer.from(bytes as string)));
  return digest.toString('base64');
};

/** Bytes that differ everywhere, so that a page in the wrong place shows. */
function patterned(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let at = 0; at < length; at += 1) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    bytes[at] = state >> 16;
  }
  return bytes;
}

test('what was put comes back, of every size', async () => {
  const bucket = await gateway.bucket();
  for (const size of [0, 1, 4096, 65_536, 65_537, 300_000, 3 * mib + 5]) {
    const bytes = patterned(size);
    const put = await gateway.put(bucket, `size-${size}`, bytes);
    assert.equal(put.headers.etag, `"${md5(bytes)}"`);
    const got = await gateway.get(bucket, `size-${size}`);
    assert.equal(got.status, 200);
    assert.ok(got.body.equals(bytes), `size ${size}`);
    assert.equal(got.headers['content-length'], String(size));
    assert.equal(got.headers.etag, put.headers.etag);
  }
});

test('a body of unknown length in many pieces', async () => {
  const bucket = await gateway.bucket();
  const pieces = Array.from({ length: 40 }, (_, index) => patterned(10_000 + index, index));
  await gateway.call('PutObject', { bucket, key: 'k', body: pieces, isLengthUnknown: true });
  assert.ok((await gateway.get(bucket, 'k')).body.equals(Buffer.concat(pieces)));
  await gateway.call('PutObject', { bucket, key: 'none', body: [], isLengthUnknown: true });
  assert.equal((await gateway.get(bucket, 'none')).headers['content-length'], '0');
});

test('every legal key is a key of its own', async () => {
  const bucket = await gateway.bucket();
  const keys = ['a', 'a/b', 'a//b', '.', '..', ' a ', 'a+b', '0123', '1e3', 'true', '__proto__'];
  keys.push('constructor', 'cr\rlf\n', 'u\u0001', 'ü', '🦭', 'é', '\uffff', 'x'.repeat(1024));
  for (const key of keys) await gateway.put(bucket, key, `of ${key}`);
  for (const key of keys) assert.equal((await gateway.get(bucket, key)).text, `of ${key}`);
  await assert.rejects(
    gateway.put(bucket, 'x'.repeat(1025), ''),
    s3Error('KeyTooLongError', { Size: '1025', MaxSizeAllowed: '1024' }),
  );
});

test('Content-MD5 and checksums are verified before anything is visible', async () => {
  const bucket = await gateway.bucket();
  const body = 'hello';
  const good = createHash('md5').update(body).digest('base64');
  const bad = createHash('md5').update('other').digest('base64');
  const put = (key: string, headers: Record<string, string>, rest = {}) =>
    gateway.call('PutObject', { bucket, key, body, headers, ...rest });
  await put('md5', { 'content-md5': good });
  await assert.rejects(put('bad', { 'content-md5': bad }), s3Error('BadDigest'));
  await assert.rejects(put('bad', { 'content-md5': 'x' }), s3Error('InvalidDigest'));
  const checked = await put('crc', { 'x-amz-checksum-crc32': crcOf(body) });
  assert.equal(checked.headers['x-amz-checksum-crc32'], crcOf(body));
  assert.equal(checked.headers['x-amz-checksum-type'], 'FULL_OBJECT');
  await assert.rejects(
    put('bad', { 'x-amz-checksum-crc32': crcOf('other') }),
    s3Error('BadDigest'),
  );
  const announced = { 'x-amz-trailer': 'x-amz-checksum-crc32' };
  await put('trailer', announced, { trailers: { 'x-amz-checksum-crc32': crcOf(body) } });
  await assert.rejects(
    put('bad', announced, { trailers: { 'x-amz-checksum-crc32': crcOf('other') } }),
    s3Error('BadDigest'),
  );
  await assert.rejects(put('bad', announced), s3Error('MalformedTrailerError'));
  await assert.rejects(gateway.get(bucket, 'bad'), s3Error('NoSuchKey', { Key: 'bad' }));
  const found = await gateway.get(bucket, 'trailer', {}, { 'x-amz-checksum-mode': 'ENABLED' });
  assert.equal(found.headers['x-amz-checksum-crc32'], crcOf(body));
});

test('a trailer is verified beside an empty body too', async () => {
  const bucket = await gateway.bucket();
  const headers = { 'x-amz-trailer': 'x-amz-checksum-crc32' };
  const put = (value: string) =>
    gateway.call('PutObject', {
      bucket,
      key: 'empty',
      body: '',
      headers,
      trailers: { 'x-amz-checksum-crc32': value },
    });
  await assert.rejects(put(crcOf('x')), s3Error('BadDigest'));
  assert.equal((await put(crcOf(''))).headers['x-amz-checksum-crc32'], crcOf(''));
});

test('a body that breaks off leaves nothing behind', async () => {
  const bucket = await gateway.bucket();
  async function* broken() {
    yield patterned(200_000);
    throw new S3Error('IncompleteBody');
  }
  await gateway.put(bucket, 'k', 'before');
  await assert.rejects(
    gateway.call('PutObject', { bucket, key: 'k', body: broken() }),
    s3Error('IncompleteBody'),
  );
  assert.equal((await gateway.get(bucket, 'k')).text, 'before');
});

test('what is too large is refused before its first byte', async () => {
  const bucket = await gateway.bucket();
  const size = 5 * 1024 * mib + 1;
  const request = gateway.request('PutObject', { bucket, key: 'k', body: '' });
  const { putObject } = await import('./put-object.ts');
  await assert.rejects(
    putObject({ ...request, decodedLength: size }, gateway.services),
    s3Error('EntityTooLarge', { ProposedSize: String(size), MaxSizeAllowed: String(size - 1) }),
  );
});

test('If-None-Match and If-Match on writes', async () => {
  const bucket = await gateway.bucket();
  const put = (body: string, headers: Record<string, string>) =>
    gateway.put(bucket, 'k', body, headers);
  await assert.rejects(put('1', { 'if-match': '*' }), s3Error('NoSuchKey'));
  await assert.rejects(put('1', { 'if-match': '"abc"' }), s3Error('NoSuchKey'));
  const first = await put('1', { 'if-none-match': '*' });
  const etag = first.headers.etag ?? '';
  await assert.rejects(put('2', { 'if-none-match': '*' }), s3Error('PreconditionFailed'));
  await assert.rejects(put('2', { 'if-none-match': etag }), s3Error('PreconditionFailed'));
  await assert.rejects(put('2', { 'if-match': '"abc"' }), s3Error('PreconditionFailed'));
  assert.equal((await gateway.get(bucket, 'k')).text, '1');
  await put('2', { 'if-match': etag });
  await put('3', { 'if-none-match': etag });
  assert.equal((await gateway.get(bucket, 'k')).text, '3');
});

test('a delete marker is no object to the conditions of a write', async () => {
  const bucket = await gateway.bucket('Enabled');
  await gateway.put(bucket, 'k', '1');
  await gateway.call('DeleteObject', { bucket, key: 'k' });
  await assert.rejects(gateway.put(bucket, 'k', '2', { 'if-match': '*' }), s3Error('NoSuchKey'));
  await gateway.put(bucket, 'k', '2', { 'if-none-match': '*' });
});

test('of many writers that all want to be first exactly one is', async () => {
  const bucket = await gateway.bucket();
  const writers = Array.from({ length: 12 }, (_, index) =>
    gateway.put(bucket, 'k', `writer ${index} ${'.'.repeat(index * 20_000)}`, {
      'if-none-match': '*',
    }),
  );
  const outcomes = await Promise.allSettled(writers);
  const winners = outcomes.filter(({ status }) => status === 'fulfilled');
  assert.equal(winners.length, 1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') s3Error('PreconditionFailed')(outcome.reason);
  }
  const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
  assert.ok((await gateway.get(bucket, 'k')).text.startsWith(`writer ${winner} `));
});

test('headers that are not supported and would change the result are refused by name', async () => {
  const bucket = await gateway.bucket();
  for (const header of [
    'x-amz-server-side-encryption',
    'x-amz-server-side-encryption-customer-algorithm',
    'x-amz-object-lock-mode',
    'x-amz-object-lock-legal-hold',
    'x-amz-write-offset-bytes',
  ]) {
    await assert.rejects(
      gateway.put(bucket, 'k', 'x', { [header]: '1' }),
      s3Error('NotImplemented', { Header: header }),
    );
  }
  // New ones come every month: what is not known is no reason to refuse.
  await gateway.put(bucket, 'k', 'x', { 'x-amz-sdk-novelty': '1' });
});

test('half an UploadPart does not replace the object', async () => {
  const bucket = await gateway.bucket();
  await assert.rejects(
    gateway.call('PutObject', { bucket, key: 'k', body: 'x', query: { partNumber: '1' } }),
    s3Error('InvalidArgument'),
  );
});

test('what makes the newest version takes no version id', async () => {
  const bucket = await gateway.bucket();
  const query = { versionId: 'null' };
  const document =
    '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>';
  const named = s3Error('InvalidArgument', { ArgumentName: 'versionId', ArgumentValue: 'null' });
  const call = { bucket, key: 'k', query };
  await assert.rejects(gateway.call('PutObject', { ...call, body: 'x' }), named);
  const headers = { 'x-amz-copy-source': `${bucket}/k` };
  await assert.rejects(gateway.call('CopyObject', { ...call, headers }), named);
  const complete = { ...call, query: { ...query, uploadId: 'u' }, body: document };
  await assert.rejects(gateway.call('CompleteMultipartUpload', complete), named);
});

test('an overwrite in which little changed stores little', async () => {
  const bucket = await gateway.bucket('Enabled');
  const bytes = patterned(4 * mib);
  await gateway.put(bucket, 'k', bytes);
  const { namespace, blobseer } = gateway.services;
  const record = namespace.bucket(bucket);
  assert.ok(record !== undefined);
  const snapshotOf = (text: string) => {
    const version = namespace.version(record.id, 'k', text);
    return version && namespace.extents(record.id, version)[0]?.snapshot;
  };
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(2 * mib) ^ 255, 2 * mib);
  let stored = -1;
  const { stage } = blobseer;
  gateway.blobseer.stage = async (...parameters) => {
    const staged = await stage.apply(gateway.blobseer, parameters);
    stored = staged.storedBytes;
    return staged;
  };
  const second = await gateway.put(bucket, 'k', changed);
  gateway.blobseer.stage = stage;
  assert.ok(stored > 0 && stored <= mib, `${stored} bytes stored`);
  assert.ok((await gateway.get(bucket, 'k')).body.equals(changed));
  const current = snapshotOf(second.headers['x-amz-version-id'] ?? '');
  const page = versionsPage(namespace, record.id, {
    prefix: '',
    delimiter: '',
    after: '',
    afterVersionId: '',
    limit: 10,
  });
  const older = page.items[1];
  assert.ok(older !== undefined && current !== undefined);
  // The same blob's next snapshot; the version before still reads as it was.
  assert.equal(snapshotOf(older.versionId)?.blobId, current.blobId);
  const before_ = await gateway.get(bucket, 'k', { versionId: older.versionId });
  assert.ok(before_.body.equals(bytes));
});

test('a shorter overwrite has no trace of the longer object', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'k', patterned(mib));
  const shorter = patterned(200_000);
  await gateway.put(bucket, 'k', shorter);
  assert.ok((await gateway.get(bucket, 'k')).body.equals(shorter));
  await gateway.put(bucket, 'k', '');
  assert.equal((await gateway.get(bucket, 'k')).body.length, 0);
});

test('the owner of an object is who wrote it', async () => {
  const bucket = await gateway.bucket();
  const headers = { 'x-amz-acl': 'public-read-write' };
  await gateway.call('PutBucketAcl', { bucket, headers });
  await gateway.call('PutObject', { bucket, key: 'k', body: 'x', user: bob });
  const record = gateway.services.namespace.bucket(bucket);
  const version = record && gateway.services.namespace.current(record.id, 'k');
  assert.equal(version?.ownerId, 'bob-id');
});
