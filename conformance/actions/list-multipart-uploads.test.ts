/** ListMultipartUploads: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { assertError } from '../harness/http.ts';
import { Uploads } from '../harness/multipart.ts';
import { openTarget } from '../harness/target.ts';
import { textOf, textsOf } from '../harness/xml.ts';

const s3 = await openTarget();
const Bucket = await s3.makeBucket();
const uploads = new Uploads(s3, Bucket);
const keys = ['a', 'a', 'd/1', 'd/2', 'd/e/3', 'f/4', 'z'];
const ids: string[] = [];
for (const key of keys) ids.push(await uploads.create(key));

interface Listed {
  /** KEY@ID */
  readonly uploads: readonly string[];
  readonly prefixes: readonly string[];
  readonly pages: number;
}

/** All pages of a listing. */
async function listAll(more: {
  MaxUploads: number;
  Prefix?: string;
  Delimiter?: string;
}): Promise<Listed> {
  const found: string[] = [];
  const prefixes: string[] = [];
  let markers: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (let pages = 1; ; pages += 1) {
    const answer = await s3.client.send(
      new ListMultipartUploadsCommand({ Bucket, ...more, ...markers }),
    );
    const entries = answer.Uploads ?? [];
    const groups = answer.CommonPrefixes ?? [];
    assert.ok(entries.length + groups.length <= more.MaxUploads);
    found.push(...entries.map(({ Key, UploadId }) => `${Key}@${UploadId}`));
    prefixes.push(...groups.map(({ Prefix = '' }) => Prefix));
    if (answer.IsTruncated !== true) return { uploads: found, prefixes, pages };
    assert.ok(answer.NextKeyMarker, 'a page that is not the last tells where the next begins');
    markers = { KeyMarker: answer.NextKeyMarker, UploadIdMarker: answer.NextUploadIdMarker ?? '' };
  }
}

test('every upload once, by key, over pages of every size', async () => {
  const expected = keys.map((key, index) => `${key}@${ids[index]}`);
  for (const MaxUploads of [1, 2, 3, 7, 8, 1000]) {
    const listed = await listAll({ MaxUploads });
    assert.deepEqual([...listed.uploads].sort(), [...expected].sort(), `pages of ${MaxUploads}`);
    assert.deepEqual(
      listed.uploads.map((each) => each.split('@')[0]),
      keys,
    );
    assert.equal(listed.pages, Math.ceil(keys.length / MaxUploads));
  }
});

test('prefix and delimiter, over pages of every size', async () => {
  const cases: readonly (readonly [{ Prefix?: string; Delimiter?: string }, string[], string[]])[] =
    [
      [{ Delimiter: '/' }, ['a', 'a', 'z'], ['d/', 'f/']],
      [{ Prefix: 'd/' }, ['d/1', 'd/2', 'd/e/3'], []],
      [{ Prefix: 'd/', Delimiter: '/' }, ['d/1', 'd/2'], ['d/e/']],
      [{ Prefix: 'd', Delimiter: '/' }, [], ['d/']],
      [{ Prefix: 'none' }, [], []],
    ];
  for (const [query, expected, prefixes] of cases) {
    for (const MaxUploads of [1, 2, 1000]) {
      const listed = await listAll({ MaxUploads, ...query });
      const about = `${JSON.stringify(query)} by ${MaxUploads}`;
      assert.deepEqual(
        listed.uploads.map((each) => each.split('@')[0]),
        expected,
        about,
      );
      assert.deepEqual(listed.prefixes, prefixes, about);
    }
  }
});

test('an entry tells who, when, and how it is stored', async () => {
  const bucket = await s3.makeBucket();
  const own = new Uploads(s3, bucket);
  const UploadId = await own.create('k', { StorageClass: 'GLACIER', ChecksumAlgorithm: 'SHA256' });
  const raw = await s3.send({ path: `/${bucket}?uploads` });
  assert.equal(textOf(raw.text, 'UploadId'), UploadId);
  assert.equal(textOf(raw.text, 'StorageClass'), 'GLACIER');
  assert.equal(textOf(raw.text, 'ChecksumAlgorithm'), 'SHA256');
  assert.equal(textOf(raw.text, 'ChecksumType'), 'COMPOSITE');
  assert.match(textOf(raw.text, 'Initiated') ?? '', /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/);
  assert.equal(textsOf(raw.text, 'Owner').length, 1);
  assert.equal(textsOf(raw.text, 'Initiator').length, 1);
});

test('uploads that have ended are not listed', async () => {
  const bucket = await s3.makeBucket();
  const own = new Uploads(s3, bucket);
  const completed = await own.create('k');
  const part = await own.part('k', completed, 1, Buffer.from('x'));
  const aborted = await own.create('k');
  const open = await own.create('k');
  assert.equal((await own.complete('k', completed, [part])).status, 200);
  assert.equal((await own.abort('k', aborted)).status, 204);
  const { text } = await s3.send({ path: `/${bucket}?uploads` });
  assert.deepEqual(textsOf(text, 'UploadId'), [open]);
});

test('encoding-type=url encodes keys, prefixes and markers', async () => {
  const raw = await s3.send({
    path: `/${Bucket}?uploads&prefix=d%2F&encoding-type=url&max-uploads=1`,
  });
  assert.equal(textOf(raw.text, 'EncodingType'), 'url');
  assert.deepEqual(textsOf(raw.text, 'Key').map(decodeURIComponent), ['d/1']);
  assert.equal(decodeURIComponent(textOf(raw.text, 'NextKeyMarker') ?? ''), 'd/1');
  assert.equal(textOf(raw.text, 'IsTruncated'), 'true');
});

test('an upload id without a key marker is ignored, a limit that is none refused', async () => {
  const ignored = await s3.send({ path: `/${Bucket}?uploads&upload-id-marker=${ids[6]}` });
  assert.equal(textsOf(ignored.text, 'UploadId').length, keys.length);
  for (const limit of ['x', '-1']) {
    const answer = await s3.send({ path: `/${Bucket}?uploads&max-uploads=${limit}` });
    assertError(answer, 400, 'InvalidArgument');
  }
  assertError(await s3.send({ path: `/${s3.newBucketName()}?uploads` }), 404, 'NoSuchBucket');
});
