import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { children, childText, documentIn, s3Error, TestGateway, texts } from './testing/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await TestGateway.open();
});
after(() => gateway.close());

interface Wanted {
  readonly key: string;
  readonly versionId?: string;
  /** More elements of the entry. */
  readonly rest?: string;
}

function escaped(text: string): string {
  return text.replace(/[&<>\r\n]/g, (found) => `&#${found.charCodeAt(0)};`);
}

async function remove(bucket: string, wanted: readonly Wanted[], quiet = false) {
  const objects = wanted.map(({ key, versionId, rest = '' }) => {
    const id = versionId === undefined ? '' : `<VersionId>${versionId}</VersionId>`;
    return `<Object><Key>${escaped(key)}</Key>${id}${rest}</Object>`;
  });
  const body = `<Delete>${quiet ? '<Quiet>true</Quiet>' : ''}${objects.join('')}</Delete>`;
  const answer = await gateway.call('DeleteObjects', { bucket, body });
  return documentIn(answer, 'DeleteResult');
}

async function keysIn(bucket: string): Promise<string[]> {
  const query = { 'list-type': '2' };
  const answer = await gateway.call('ListObjectsV2', { bucket, query });
  return texts(documentIn(answer, 'ListBucketResult'), 'Contents', 'Key');
}

test('exactly the named keys go, odd ones and absent ones too', async () => {
  const bucket = await gateway.bucket();
  const keys = ['0123', '1e3', 'true', ' a ', 'cr\r', 'lf\n', '__proto__', '&', 'a/b', 'a'];
  for (const key of [...keys, 'stays', 'cr', 'lf']) await gateway.put(bucket, key, '');
  const result = await remove(
    bucket,
    [...keys, 'absent'].map((key) => ({ key })),
  );
  assert.deepEqual(texts(result, 'Deleted', 'Key'), [...keys, 'absent']);
  assert.deepEqual(texts(result, 'Deleted', 'DeleteMarker'), []);
  assert.deepEqual(await keysIn(bucket), ['cr', 'lf', 'stays']);
});

test('Quiet answers errors only', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'k', '');
  const long = 'x'.repeat(1025);
  const result = await remove(bucket, [{ key: 'k' }, { key: long }], true);
  assert.deepEqual(texts(result, 'Deleted', 'Key'), []);
  assert.deepEqual(texts(result, 'Error', 'Code'), ['KeyTooLongError']);
  assert.deepEqual(await keysIn(bucket), []);
});

test('in a versioned bucket: markers, versions, and one key twice', async () => {
  const bucket = await gateway.bucket('Enabled');
  const first = (await gateway.put(bucket, 'k', '1')).headers['x-amz-version-id'] ?? '';
  const result = await remove(bucket, [{ key: 'k' }, { key: 'k' }, { key: 'k', versionId: first }]);
  const [one, two, three] = children(result, 'Deleted');
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  assert.equal(childText(one, 'DeleteMarker'), 'true');
  const markers = [one, two].map((node) => childText(node, 'DeleteMarkerVersionId') ?? '');
  assert.equal(new Set(markers).size, 2);
  assert.equal(childText(three, 'VersionId'), first);
  assert.equal(childText(three, 'DeleteMarker'), undefined);
  const undone = await remove(
    bucket,
    markers.map((versionId) => ({ key: 'k', versionId })),
  );
  assert.deepEqual(texts(undone, 'Deleted', 'DeleteMarker'), ['true', 'true']);
  assert.deepEqual(texts(undone, 'Deleted', 'DeleteMarkerVersionId'), markers);
  await gateway.call('DeleteBucket', { bucket });
});

test('each entry has its own conditions and its own outcome', async () => {
  const bucket = await gateway.bucket();
  const etag = (await gateway.put(bucket, 'a', 'x')).headers.etag ?? '';
  for (const key of ['b', 'c', 'd']) await gateway.put(bucket, key, 'x');
  const result = await remove(bucket, [
    { key: 'a', rest: '<ETag>"other"</ETag>' },
    { key: 'b', rest: '<Size>2</Size>' },
    { key: 'c', rest: '<LastModifiedTime>2015-01-01T00:00:00Z</LastModifiedTime>' },
    { key: 'd', rest: `<ETag>${etag}</ETag><Size>1</Size>` },
    { key: 'e', rest: '<ETag>*</ETag>' },
    { key: 'f', rest: '<Size>2</Size>' },
    { key: 'a', versionId: 'nonsense' },
    { key: 'a', rest: '<Size>much</Size>' },
  ]);
  assert.deepEqual(texts(result, 'Deleted', 'Key'), ['d', 'f']);
  assert.deepEqual(texts(result, 'Error', 'Key'), ['a', 'b', 'c', 'e', 'a', 'a']);
  assert.deepEqual(texts(result, 'Error', 'Code'), [
    'PreconditionFailed',
    'PreconditionFailed',
    'PreconditionFailed',
    'NoSuchKey',
    'NoSuchVersion',
    'InvalidArgument',
  ]);
  assert.deepEqual(await keysIn(bucket), ['a', 'b', 'c']);
});

test('a thousand keys at most, and only well-formed documents', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'k-999', '');
  const wanted = Array.from({ length: 1001 }, (_, index) => ({ key: `k-${index}` }));
  await assert.rejects(remove(bucket, wanted), s3Error('MalformedXML'));
  const result = await remove(bucket, wanted.slice(0, 1000));
  assert.equal(children(result, 'Deleted').length, 1000);
  assert.deepEqual(await keysIn(bucket), []);
  const send = (body: string) => gateway.call('DeleteObjects', { bucket, body });
  for (const body of [
    '',
    '<Delete/>',
    '<Delete><Object><Key></Key></Object></Delete>',
    '<Delete><Object><VersionId>1</VersionId></Object></Delete>',
    '<Delete><Quiet>perhaps</Quiet><Object><Key>a</Key></Object></Delete>',
    '<!DOCTYPE d><Delete><Object><Key>a</Key></Object></Delete>',
  ]) {
    await assert.rejects(send(body), s3Error('MalformedXML'), body);
  }
});

test('DeleteObject with conditions', async () => {
  const bucket = await gateway.bucket('Enabled');
  const call = (headers: Record<string, string>, query = {}) =>
    gateway.call('DeleteObject', { bucket, key: 'k', headers, query });
  // Absent: If-Match is 404 as on AWS, the others let it pass.
  await assert.rejects(call({ 'if-match': '*' }), s3Error('NoSuchKey'));
  const put = await gateway.put(bucket, 'k', 'x');
  const etag = put.headers.etag ?? '';
  const versionId = put.headers['x-amz-version-id'] ?? '';
  await assert.rejects(call({ 'if-match': '"other"' }), s3Error('PreconditionFailed'));
  await assert.rejects(call({ 'x-amz-if-match-size': '9' }), s3Error('PreconditionFailed'));
  await assert.rejects(
    call({ 'x-amz-if-match-last-modified-time': 'Thu, 01 Jan 2015 00:00:00 GMT' }),
    s3Error('PreconditionFailed'),
  );
  await assert.rejects(
    call({ 'if-match': '"other"' }, { versionId }),
    s3Error('PreconditionFailed'),
  );
  const head = await gateway.call('HeadObject', { bucket, key: 'k' });
  await call({
    'if-match': etag,
    'x-amz-if-match-size': '1',
    'x-amz-if-match-last-modified-time': head.headers['last-modified'] ?? '',
  });
  // A delete marker is no object to If-Match; its time and size are held against the others.
  await assert.rejects(call({ 'if-match': '*' }), s3Error('PreconditionFailed'));
  await assert.rejects(call({ 'x-amz-if-match-size': '9' }), s3Error('PreconditionFailed'));
  await call({ 'if-match': '*' }, { versionId });
  assert.equal((await call({ 'if-match': '*' }, { versionId })).status, 204);
});
