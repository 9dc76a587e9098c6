import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { documentIn, s3Error, TestGateway, texts } from './testing/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await TestGateway.open();
});
after(() => gateway.close());

async function tagsOf(bucket: string, query = {}): Promise<string[][]> {
  const answer = await gateway.call('GetObjectTagging', { bucket, key: 'k', query });
  const root = documentIn(answer, 'Tagging');
  const values = texts(root, 'TagSet', 'Tag', 'Value');
  return texts(root, 'TagSet', 'Tag', 'Key').map((key, index) => [key, values[index] ?? '']);
}

function document(tags: readonly (readonly [string, string])[]): string {
  const items = tags.map(([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`);
  return `<Tagging><TagSet>${items.join('')}</TagSet></Tagging>`;
}

test('tags are set with the object, replaced and removed, and nothing else changes', async () => {
  const bucket = await gateway.bucket();
  const put = await gateway.put(bucket, 'k', 'bytes', { 'x-amz-tagging': 'foo=bar&bar' });
  assert.deepEqual(await tagsOf(bucket), [
    ['bar', ''],
    ['foo', 'bar'],
  ]);
  const body = document([['new', 'one two']]);
  await gateway.call('PutObjectTagging', { bucket, key: 'k', body });
  assert.deepEqual(await tagsOf(bucket), [['new', 'one two']]);
  const got = await gateway.get(bucket, 'k');
  assert.equal(got.text, 'bytes');
  assert.equal(got.headers.etag, put.headers.etag);
  assert.equal(got.headers['x-amz-tagging-count'], '1');
  const removed = await gateway.call('DeleteObjectTagging', { bucket, key: 'k' });
  assert.equal(removed.status, 204);
  assert.deepEqual(await tagsOf(bucket), []);
});

test('each version has its own tags', async () => {
  const bucket = await gateway.bucket('Enabled');
  const first = (await gateway.put(bucket, 'k', '1')).headers['x-amz-version-id'] ?? '';
  await gateway.put(bucket, 'k', '2', { 'x-amz-tagging': 'of=second' });
  const query = { versionId: first };
  const answer = await gateway.call('PutObjectTagging', {
    bucket,
    key: 'k',
    query,
    body: document([['of', 'first']]),
  });
  assert.equal(answer.headers['x-amz-version-id'], first);
  assert.deepEqual(await tagsOf(bucket, query), [['of', 'first']]);
  assert.deepEqual(await tagsOf(bucket), [['of', 'second']]);
  assert.equal((await gateway.get(bucket, 'k', query)).text, '1');
});

test('bad tags, absent objects and delete markers', async () => {
  const bucket = await gateway.bucket('Enabled');
  const put = (body: string, query = {}) =>
    gateway.call('PutObjectTagging', { bucket, key: 'k', body, query });
  await assert.rejects(put(document([])), s3Error('NoSuchKey'));
  await gateway.put(bucket, 'k', 'x');
  const many = Array.from({ length: 11 }, (_, index) => [`k${index}`, 'v'] as const);
  await assert.rejects(put(document(many)), s3Error('InvalidTag'));
  await assert.rejects(
    put(
      document([
        ['a', '1'],
        ['a', '2'],
      ]),
    ),
    s3Error('InvalidTag'),
  );
  await assert.rejects(put(''), s3Error('MalformedXML'));
  const marker = await gateway.call('DeleteObject', { bucket, key: 'k' });
  const refused = { Method: 'PUT', ResourceType: 'DeleteMarker' };
  await assert.rejects(put(document([])), s3Error('MethodNotAllowed', refused));
  const versionId = marker.headers['x-amz-version-id'] ?? '';
  await assert.rejects(put(document([]), { versionId }), s3Error('MethodNotAllowed', refused));
});

test('tags of an object of many parts leave its parts alone', async () => {
  const bucket = await gateway.bucket();
  const mib = 1024 * 1024;
  const bytes = Buffer.alloc(5 * mib, 'part');
  await gateway.put(bucket, 'source', bytes);
  const created = await gateway.call('CreateMultipartUpload', { bucket, key: 'k' });
  const [uploadId = ''] = texts(documentIn(created, 'InitiateMultipartUploadResult'), 'UploadId');
  const parts: string[] = [];
  for (let number = 1; number <= 6; number += 1) {
    const answer = await gateway.call('UploadPartCopy', {
      bucket,
      key: 'k',
      query: { uploadId, partNumber: String(number) },
      headers: { 'x-amz-copy-source': `${bucket}/source` },
    });
    const [etag = ''] = texts(documentIn(answer, 'CopyPartResult'), 'ETag');
    parts.push(`<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`);
  }
  const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
  await gateway.call('CompleteMultipartUpload', { bucket, key: 'k', query: { uploadId }, body });
  await gateway.call('PutObjectTagging', { bucket, key: 'k', body: document([['a', 'b']]) });
  assert.deepEqual(await tagsOf(bucket), [['a', 'b']]);
  const last = await gateway.get(bucket, 'k', { partNumber: '6' });
  assert.ok(last.body.equals(bytes));
  assert.equal(last.headers['x-amz-mp-parts-count'], '6');
  assert.equal((await gateway.get(bucket, 'k')).body.length, 30 * mib);
});
