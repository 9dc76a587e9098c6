import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { NamespaceError } from '../namespace/errors.ts';
import { asS3Error } from '../pipeline/store-errors.ts';
import { operationTable } from './index.ts';
import { bob, documentIn, TestGateway, texts } from './testing/gateway.ts';

const gateway = await TestGateway.open();
after(() => gateway.close());
const { namespace, blobseer } = gateway.services;

let before = 0;

/** So many bytes more than Bob has already. */
async function giveRoom(bytes: number): Promise<void> {
  const set = (limit: number) =>
    blobseer.store.commit((transaction) => namespace.setQuota(transaction, bob.id, limit));
  await set(0);
  while (await namespace.countUsage());
  namespace.refresh();
  before = namespace.usage(bob.id)?.usedBytes ?? 0;
  await set(before + bytes);
}

/** Of the room given. */
function used(): number {
  namespace.refresh();
  return (namespace.usage(bob.id)?.usedBytes ?? 0) - before;
}

/** For assert.rejects: what the pipeline makes of it. */
function accountProblem(error: unknown): boolean {
  const { code, message, status } = asS3Error(error);
  assert.deepEqual([code, status], ['AccountProblem', 403]);
  assert.match(message, /quota/);
  return true;
}

const asBob = { user: bob };

async function bobsBucket(name: string): Promise<string> {
  await gateway.call('CreateBucket', { bucket: name, ...asBob });
  return name;
}

test('what a quota has no room for is refused before its body is read', async () => {
  const bucket = await bobsBucket('early');
  await giveRoom(10);
  let isRead = false;
  async function* body(): AsyncGenerator<Buffer> {
    isRead = true;
    yield Buffer.alloc(11);
  }
  const request = { ...gateway.request('PutObject', { bucket, key: 'k', ...asBob }) };
  const { handler } = operationTable.PutObject;
  const put = handler?.({ ...request, body: body(), decodedLength: 11 }, gateway.services);
  await assert.rejects(Promise.resolve(put), accountProblem);
  assert.equal(isRead, false);
  // A length that nobody told is found out at the end.
  const open = { bucket, key: 'k', ...asBob, body: 'x'.repeat(11), isLengthUnknown: true };
  await assert.rejects(gateway.call('PutObject', open), accountProblem);
  await gateway.call('PutObject', { ...open, body: 'x'.repeat(10) });
  assert.equal(used(), 10);
  // In place of itself, and shorter, but not beside itself.
  await gateway.call('PutObject', { bucket, key: 'k', body: 'y'.repeat(10), ...asBob });
  await gateway.call('PutObject', { bucket, key: 'k', body: 'z'.repeat(4), ...asBob });
  const source = { 'x-amz-copy-source': `${bucket}/k` };
  await gateway.call('CopyObject', { bucket, key: 'copy', headers: source, ...asBob });
  await assert.rejects(
    gateway.call('CopyObject', { bucket, key: 'another', headers: source, ...asBob }),
    accountProblem,
  );
  assert.equal(used(), 8);
  await gateway.call('DeleteObject', { bucket, key: 'copy', ...asBob });
  assert.equal(used(), 4);
  await gateway.call('DeleteObject', { bucket, key: 'k', ...asBob });
  assert.equal(used(), 0);
});

test('old versions count until they are gone', async () => {
  await giveRoom(10);
  const bucket = await bobsBucket('versions');
  const body = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  await gateway.call('PutBucketVersioning', { bucket, body, ...asBob });
  const put = () => gateway.call('PutObject', { bucket, key: 'k', body: 'xxxxx', ...asBob });
  const { headers } = await put();
  await put();
  await assert.rejects(put(), accountProblem);
  await gateway.call('DeleteObject', { bucket, key: 'k', ...asBob });
  await assert.rejects(put(), accountProblem);
  const query = { versionId: headers['x-amz-version-id'] ?? '' };
  await gateway.call('DeleteObject', { bucket, key: 'k', query, ...asBob });
  await put();
});

test('parts count, and an object made of them counts once', async () => {
  const bucket = await bobsBucket('parts');
  await giveRoom(15);
  const place = { bucket, key: 'k', ...asBob };
  const begun = documentIn(
    await gateway.call('CreateMultipartUpload', place),
    'InitiateMultipartUploadResult',
  );
  const [uploadId = ''] = texts(begun, 'UploadId');
  const part = (body: string) =>
    gateway.call('UploadPart', { ...place, query: { uploadId, partNumber: '1' }, body });
  await assert.rejects(part('x'.repeat(16)), accountProblem);
  await part('x'.repeat(15));
  const { headers } = await part('y'.repeat(14));
  assert.equal(used(), 14);
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${headers.etag}</ETag></Part></CompleteMultipartUpload>`;
  await gateway.call('CompleteMultipartUpload', { ...place, query: { uploadId }, body });
  assert.equal(used(), 14);
});

test('who uploads to another’s bucket pays for it, unless the owner owns it', async () => {
  const bucket = await gateway.bucket();
  await gateway.call('PutBucketAcl', { bucket, headers: { 'x-amz-acl': 'public-read-write' } });
  await giveRoom(3);
  const put = (headers = {}) =>
    gateway.call('PutObject', { bucket, key: 'k', body: 'xxxx', headers, ...asBob });
  await assert.rejects(put(), accountProblem);
  const rule = '<Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule>';
  const body = `<OwnershipControls>${rule}</OwnershipControls>`;
  await gateway.call('PutBucketOwnershipControls', { bucket, body });
  await put({ 'x-amz-acl': 'bucket-owner-full-control' });
  assert.equal(used(), 0);
});

test('other refusals of the namespace keep S3’s words', () => {
  const { message } = asS3Error(new NamespaceError('no-such-bucket', 'bucket 7 is gone'));
  assert.equal(message, 'The specified bucket does not exist');
});
