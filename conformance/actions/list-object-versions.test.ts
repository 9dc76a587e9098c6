/** ListObjectVersions: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListObjectVersionsCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { assertError, encodeRfc3986 } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { elements, textOf } from '../harness/xml.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
await s3.client.send(
  new PutBucketVersioningCommand({
    Bucket: bucket,
    VersioningConfiguration: { Status: 'Enabled' },
  }),
);
/** Newest first for each key, '-' for a delete marker. */
const expected: string[] = [];
for (const key of ['a', 'd/1', 'd/2', 'z']) {
  const ofKey: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    const put = await s3.put(bucket, key, `${key}${round}`);
    ofKey.unshift(`${key}@${put.headers['x-amz-version-id']}`);
  }
  if (key !== 'z') {
    const marker = await s3.delete(bucket, key);
    ofKey.unshift(`-${key}@${marker.headers['x-amz-version-id']}`);
  }
  expected.push(...ofKey);
}

const list = (query: string) => s3.send({ path: `/${bucket}?versions&${query}` });

/** Versions and markers in the order of the document. */
function entries(xml: string): string[] {
  const pattern = /<(Version|DeleteMarker)>([\s\S]*?)<\/\1>/g;
  return [...xml.matchAll(pattern)].map(
    ([, kind, inner = '']) =>
      `${kind === 'Version' ? '' : '-'}${textOf(inner, 'Key')}@${textOf(inner, 'VersionId')}`,
  );
}

test('versions and delete markers by key, newest first, in one order', async () => {
  const answer = await list('');
  assert.equal(answer.status, 200);
  assert.match(answer.text, /<ListVersionsResult xmlns=/);
  assert.deepEqual(entries(answer.text), expected);
  const [version = ''] = elements(answer.text, 'Version');
  assert.equal(textOf(version, 'IsLatest'), 'false');
  assert.equal(textOf(version, 'Size'), '2');
  assert.ok((textOf(version, 'ETag') ?? '').startsWith('"'));
  assert.equal(elements(version, 'Owner').length, 1);
  const [marker = ''] = elements(answer.text, 'DeleteMarker');
  assert.equal(textOf(marker, 'IsLatest'), 'true');
  assert.equal(textOf(marker, 'Size'), undefined);
  assert.equal(textOf(marker, 'ETag'), undefined);
});

test('every page size gives the same list; a truncated page carries both next markers', async () => {
  for (let size = 1; size <= expected.length; size += 1) {
    const seen: string[] = [];
    let markers = '';
    for (;;) {
      const answer = await list(`max-keys=${size}${markers}`);
      seen.push(...entries(answer.text));
      const nextKey = textOf(answer.text, 'NextKeyMarker');
      const nextVersion = textOf(answer.text, 'NextVersionIdMarker');
      if (textOf(answer.text, 'IsTruncated') === 'false') {
        assert.equal(nextKey, undefined);
        break;
      }
      assert.ok(nextKey !== undefined && nextVersion !== undefined, answer.text);
      markers = `&key-marker=${encodeRfc3986(nextKey)}&version-id-marker=${encodeRfc3986(nextVersion)}`;
    }
    assert.deepEqual(seen, expected, `page size ${size}`);
  }
});

test('prefix and delimiter; a page that ends at a common prefix goes on behind it', async () => {
  const grouped = await list('delimiter=%2F');
  assert.deepEqual(
    entries(grouped.text),
    expected.filter((entry) => !entry.includes('d/')),
  );
  assert.deepEqual(
    elements(grouped.text, 'CommonPrefixes').map((each) => textOf(each, 'Prefix')),
    ['d/'],
  );
  const inside = await list('prefix=d%2F');
  assert.deepEqual(
    entries(inside.text),
    expected.filter((entry) => entry.includes('d/')),
  );
  const first = await list('delimiter=%2F&max-keys=5');
  assert.equal(textOf(first.text, 'IsTruncated'), 'true');
  const next = `key-marker=${encodeRfc3986(textOf(first.text, 'NextKeyMarker') ?? '')}`;
  const version = `version-id-marker=${encodeRfc3986(textOf(first.text, 'NextVersionIdMarker') ?? '')}`;
  const second = await list(`delimiter=%2F&${next}&${version}`);
  assert.deepEqual(
    entries(second.text),
    expected.filter((entry) => entry.startsWith('z')),
  );
});

test('a key marker alone starts behind all versions of that key', async () => {
  const answer = await list('key-marker=a');
  assert.deepEqual(
    entries(answer.text),
    expected.filter((entry) => !/^-?a@/.test(entry)),
  );
});

test('a version-id-marker without a key-marker is InvalidArgument', async () => {
  assertError(await list('version-id-marker=abc'), 400, 'InvalidArgument');
});

test('max-keys: 0 allowed, negative or text InvalidArgument', async () => {
  assert.equal((await list('max-keys=0')).status, 200);
  assertError(await list('max-keys=-1'), 400, 'InvalidArgument');
  assertError(await list('max-keys=x'), 400, 'InvalidArgument');
});

test('a bucket that never had versioning lists null versions', async () => {
  const plain = await s3.makeBucket();
  await s3.put(plain, 'k', 'x');
  const answer = await s3.client.send(new ListObjectVersionsCommand({ Bucket: plain }));
  assert.equal(answer.Versions?.[0]?.VersionId, 'null');
  assert.equal(answer.Versions?.[0]?.IsLatest, true);
});

test('of an absent bucket is NoSuchBucket', async () => {
  assertError(await s3.send({ path: `/${s3.newBucketName()}?versions` }), 404, 'NoSuchBucket');
});
