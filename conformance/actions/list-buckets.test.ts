/** ListBuckets: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { CreateBucketCommand, ListBucketsCommand, paginateListBuckets } from '@aws-sdk/client-s3';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { elements, textOf, textsOf } from '../harness/xml.ts';

const s3 = await openTarget();

test('lists own buckets with owner and creation time, in order of name', async () => {
  const before = Date.now() - 60_000;
  const names = [await s3.makeBucket(), await s3.makeBucket()].sort();
  const answer = await s3.client.send(new ListBucketsCommand({}));
  const listed = (answer.Buckets ?? []).filter((bucket) => names.includes(bucket.Name ?? ''));
  assert.deepEqual(
    listed.map((bucket) => bucket.Name),
    names,
  );
  for (const { CreationDate } of listed) assert.ok((CreationDate?.getTime() ?? 0) > before);
  assert.ok((answer.Owner?.ID ?? '').length > 0);
});

test('the document has the namespace, and times with milliseconds', async () => {
  await s3.makeBucket();
  const answer = await s3.send({ path: '/' });
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'] ?? '', /^application\/xml/);
  assert.match(
    answer.text,
    /<ListAllMyBucketsResult xmlns="http:\/\/s3\.amazonaws\.com\/doc\/2006-03-01\/">/,
  );
  assert.match(
    textOf(answer.text, 'CreationDate') ?? '',
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
  );
  assert.ok(elements(answer.text, 'DisplayName').length > 0);
});

test('prefix, max-buckets and continuation-token page through', async () => {
  const prefix = `conformance-${randomBytes(4).toString('hex')}-`;
  const names = ['a', 'b', 'c', 'd', 'e'].map((letter) => `${prefix}${letter}`);
  for (const Bucket of names) await s3.client.send(new CreateBucketCommand({ Bucket }));

  const seen: string[] = [];
  let pages = 0;
  for await (const page of paginateListBuckets(
    { client: s3.client, pageSize: 2 },
    { Prefix: prefix },
  )) {
    pages += 1;
    assert.ok((page.Buckets ?? []).length <= 2);
    seen.push(...(page.Buckets ?? []).map((bucket) => bucket.Name ?? ''));
  }
  assert.deepEqual(seen, names);
  assert.equal(pages, 3);

  const first = await s3.send({ path: `/?max-buckets=2&prefix=${prefix}` });
  assert.deepEqual(textsOf(first.text, 'Name'), names.slice(0, 2));
  assert.equal(textOf(first.text, 'Prefix'), prefix);
  assert.ok((textOf(first.text, 'ContinuationToken') ?? '').length > 0);
  if (s3.gateway !== undefined) {
    for (const bucket of names) await s3.send({ method: 'DELETE', path: `/${bucket}` });
  }
});

test('max-buckets outside 1 to 10000 is InvalidArgument', async () => {
  for (const value of ['0', '10001', '-1', 'x']) {
    assertError(await s3.send({ path: `/?max-buckets=${value}` }), 400, 'InvalidArgument');
  }
});

test('x-id and unknown query parameters are ignored', async () => {
  const answer = await s3.send({ path: '/?x-id=ListBuckets&some-new-parameter=1' });
  assert.equal(answer.status, 200);
});
