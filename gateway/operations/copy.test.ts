import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  type Answer,
  bob,
  childText,
  documentIn,
  s3Error,
  TestGateway,
} from './testing/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await TestGateway.open();
});
after(() => gateway.close());

const mib = 1024 * 1024;

async function copy(
  bucket: string,
  key: string,
  source: string,
  headers: Record<string, string> = {},
  user = {},
): Promise<Answer> {
  return await gateway.call('CopyObject', {
    bucket,
    key,
    headers: { 'x-amz-copy-source': source, ...headers },
    ...user,
  });
}

test('a copy has the bytes, headers and tags of its source, and moves nothing', async () => {
  const bucket = await gateway.bucket();
  const other = await gateway.bucket();
  const bytes = Buffer.alloc(3 * mib, 'copied ');
  await gateway.put(bucket, 'source', bytes, {
    'content-type': 'text/x-source',
    'x-amz-meta-a': 'b',
    'x-amz-tagging': 't=1',
    'x-amz-website-redirect-location': '/elsewhere',
  });
  const { stage } = gateway.blobseer;
  gateway.blobseer.stage = () => assert.fail('bytes were moved');
  const answer = await copy(other, 'copy', `/${bucket}/source`);
  gateway.blobseer.stage = stage;
  const root = documentIn(answer, 'CopyObjectResult');
  assert.match(childText(root, 'LastModified') ?? '', /Z$/);
  const got = await gateway.get(other, 'copy');
  assert.ok(got.body.equals(bytes));
  assert.equal(childText(root, 'ETag'), got.headers.etag);
  assert.equal(got.headers['content-type'], 'text/x-source');
  assert.equal(got.headers['x-amz-meta-a'], 'b');
  assert.equal(got.headers['x-amz-tagging-count'], '1');
  assert.equal(got.headers['x-amz-website-redirect-location'], undefined);
  // The copy owns its own references: the source may go.
  await gateway.call('DeleteObject', { bucket, key: 'source' });
  await gateway.blobseer.maintain();
  assert.ok((await gateway.get(other, 'copy')).body.equals(bytes));
});

test('directives replace headers and tags', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'k', 'x', { 'x-amz-meta-a': 'b', 'x-amz-tagging': 't=1&u=2' });
  await copy(bucket, 'k', `${bucket}/k`, {
    'x-amz-metadata-directive': 'REPLACE',
    'x-amz-tagging-directive': 'REPLACE',
    'x-amz-meta-c': 'd',
    'x-amz-tagging': 'v=3',
    'x-amz-storage-class': 'STANDARD_IA',
  });
  const { headers, text } = await gateway.get(bucket, 'k');
  assert.equal(text, 'x');
  assert.equal(headers['x-amz-meta-a'], undefined);
  assert.equal(headers['x-amz-meta-c'], 'd');
  assert.equal(headers['x-amz-tagging-count'], '1');
  assert.equal(headers['x-amz-storage-class'], 'STANDARD_IA');
  await assert.rejects(
    copy(bucket, 'k', `${bucket}/k`, { 'x-amz-metadata-directive': 'MERGE' }),
    s3Error('InvalidArgument'),
  );
});

test('a copy onto itself must change something, unless it restores a version', async () => {
  const bucket = await gateway.bucket('Enabled');
  const old = (await gateway.put(bucket, 'k', 'old')).headers['x-amz-version-id'] ?? '';
  await gateway.put(bucket, 'k', 'new');
  await assert.rejects(copy(bucket, 'k', `${bucket}/k`), s3Error('InvalidRequest'));
  const restored = await copy(bucket, 'k', `${bucket}/k?versionId=${old}`);
  assert.equal(restored.headers['x-amz-copy-source-version-id'], old);
  assert.notEqual(restored.headers['x-amz-version-id'], old);
  assert.equal((await gateway.get(bucket, 'k')).text, 'old');
});

test('sources: encoded, absent, another’s, markers', async () => {
  const bucket = await gateway.bucket('Enabled');
  await gateway.put(bucket, 'a b+c/ü?x', 'odd');
  const encoded = encodeURIComponent('a b+c/ü?x');
  await copy(bucket, 'copy', `${bucket}/${encoded}`);
  assert.equal((await gateway.get(bucket, 'copy')).text, 'odd');
  await gateway.put(bucket, 'ü', 'raw');
  await copy(bucket, 'copy', `${bucket}/${Buffer.from('ü').toString('latin1')}`);
  assert.equal((await gateway.get(bucket, 'copy')).text, 'raw');
  await assert.rejects(copy(bucket, 'x', `${bucket}/absent`), s3Error('NoSuchKey'));
  await assert.rejects(copy(bucket, 'x', 'no-such-bucket/k'), s3Error('NoSuchBucket'));
  for (const bad of ['', bucket, `${bucket}/`, `${bucket}/%zz`]) {
    await assert.rejects(copy(bucket, 'x', bad), s3Error('InvalidArgument'), bad);
  }
  await assert.rejects(copy(bucket, 'x', `${bucket}/ü?versionId=bad!`), s3Error('InvalidArgument'));
  const theirs = await gateway.call('CreateBucket', { bucket: 'copies-of-bob', user: bob });
  assert.equal(theirs.status, 200);
  await assert.rejects(
    copy('copies-of-bob', 'x', `${bucket}/copy`, {}, { user: bob }),
    s3Error('AccessDenied'),
  );
  await assert.rejects(
    copy(bucket, 'x', `${bucket}/copy`, { 'x-amz-source-expected-bucket-owner': bob.accountId }),
    s3Error('AccessDenied'),
  );
  const marker = await gateway.call('DeleteObject', { bucket, key: 'copy' });
  await assert.rejects(copy(bucket, 'x', `${bucket}/copy`), s3Error('NoSuchKey'));
  const id = marker.headers['x-amz-version-id'];
  await assert.rejects(
    copy(bucket, 'x', `${bucket}/copy?versionId=${id}`),
    s3Error('InvalidRequest'),
  );
});

test('conditions on the source and on the destination', async () => {
  const bucket = await gateway.bucket();
  const etag = (await gateway.put(bucket, 'k', 'x')).headers.etag ?? '';
  const source = `${bucket}/k`;
  await copy(bucket, 'a', source, { 'x-amz-copy-source-if-match': etag });
  await assert.rejects(
    copy(bucket, 'a', source, { 'x-amz-copy-source-if-match': '"x"' }),
    s3Error('PreconditionFailed'),
  );
  await assert.rejects(
    copy(bucket, 'a', source, { 'x-amz-copy-source-if-none-match': etag }),
    s3Error('PreconditionFailed'),
  );
  await assert.rejects(
    copy(bucket, 'a', source, { 'if-none-match': '*' }),
    s3Error('PreconditionFailed'),
  );
  await copy(bucket, 'b', source, { 'if-none-match': '*' });
});

test('a copy may be given a checksum that its source does not have', async () => {
  const bucket = await gateway.bucket();
  const bytes = Buffer.alloc(mib, 'sum');
  await gateway.put(bucket, 'k', bytes);
  const answer = await copy(bucket, 'k', `${bucket}/k`, { 'x-amz-checksum-algorithm': 'SHA256' });
  const sha = createHash('sha256').update(bytes).digest('base64');
  assert.equal(childText(documentIn(answer, 'CopyObjectResult'), 'ChecksumSHA256'), sha);
  const got = await gateway.get(bucket, 'k', {}, { 'x-amz-checksum-mode': 'ENABLED' });
  assert.equal(got.headers['x-amz-checksum-sha256'], sha);
});

test('an object made of parts, some of them copied ranges; and a copy of it', async () => {
  const bucket = await gateway.bucket();
  const bytes = Buffer.alloc(12 * mib);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32BE(at, at);
  await gateway.put(bucket, 'source', bytes);
  const created = await gateway.call('CreateMultipartUpload', { bucket, key: 'k' });
  const uploadId =
    childText(documentIn(created, 'InitiateMultipartUploadResult'), 'UploadId') ?? '';
  const etags: string[] = [];
  const ranges = [
    [mib + 1, 7 * mib],
    [2 * mib, 8 * mib - 1],
  ] as const;
  for (const [index, [first, last]] of ranges.entries()) {
    const answer = await gateway.call('UploadPartCopy', {
      bucket,
      key: 'k',
      query: { uploadId, partNumber: String(index + 1) },
      headers: {
        'x-amz-copy-source': `${bucket}/source`,
        'x-amz-copy-source-range': `bytes=${first}-${last}`,
      },
    });
    etags.push(childText(documentIn(answer, 'CopyPartResult'), 'ETag') ?? '');
  }
  const last = await gateway.call('UploadPart', {
    bucket,
    key: 'k',
    query: { uploadId, partNumber: '3' },
    body: 'the end',
  });
  etags.push(last.headers.etag ?? '');
  const body = `<CompleteMultipartUpload>${etags
    .map((etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`)
    .join('')}</CompleteMultipartUpload>`;
  await gateway.call('CompleteMultipartUpload', { bucket, key: 'k', query: { uploadId }, body });
  const expected = Buffer.concat([
    bytes.subarray(mib + 1, 7 * mib + 1),
    bytes.subarray(2 * mib, 8 * mib),
    Buffer.from('the end'),
  ]);
  await gateway.call('DeleteObject', { bucket, key: 'source' });
  await gateway.blobseer.maintain();
  assert.ok((await gateway.get(bucket, 'k')).body.equals(expected));
  await copy(bucket, 'again', `${bucket}/k`);
  await gateway.call('DeleteObject', { bucket, key: 'k' });
  await gateway.blobseer.maintain();
  const again = await gateway.get(bucket, 'again');
  assert.ok(again.body.equals(expected));
  const part = await gateway.get(bucket, 'again', { partNumber: '3' });
  assert.equal(part.text, 'the end');
});

test('copied parts: whole sources, checksums, and ranges that are refused', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'source', '01234');
  const copyPart = (uploadId: string, headers: Record<string, string>) =>
    gateway.call('UploadPartCopy', {
      bucket,
      key: 'k',
      query: { uploadId, partNumber: '1' },
      headers: { 'x-amz-copy-source': `${bucket}/source`, ...headers },
    });
  const create = async (headers = {}) => {
    const answer = await gateway.call('CreateMultipartUpload', { bucket, key: 'k', headers });
    return childText(documentIn(answer, 'InitiateMultipartUploadResult'), 'UploadId') ?? '';
  };
  const plain = await create();
  const whole = documentIn(await copyPart(plain, {}), 'CopyPartResult');
  assert.equal(childText(whole, 'ETag'), '"4100c4d44da9177247e44a5fc1546778"');
  for (const range of ['0-2', 'bytes=0', 'bytes=a-b', 'bytes=0-', 'bytes=0-1,3-4', 'bytes=0-21']) {
    await assert.rejects(
      copyPart(plain, { 'x-amz-copy-source-range': range }),
      s3Error('InvalidArgument', { ArgumentName: 'x-amz-copy-source-range' }),
      range,
    );
  }
  const summed = await create({ 'x-amz-checksum-algorithm': 'SHA256' });
  const part = documentIn(
    await copyPart(summed, { 'x-amz-copy-source-range': 'bytes=1-2' }),
    'CopyPartResult',
  );
  assert.equal(
    childText(part, 'ChecksumSHA256'),
    createHash('sha256').update('12').digest('base64'),
  );
  assert.equal(childText(part, 'ETag'), `"${createHash('md5').update('12').digest('hex')}"`);
  await assert.rejects(copyPart('nonsense', {}), s3Error('NoSuchUpload'));
});
