/** Object tags: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CopyObjectCommand,
  DeleteObjectTaggingCommand,
  GetObjectTaggingCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type Tag,
} from '@aws-sdk/client-s3';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const Bucket = await s3.makeBucket();

const put = (Key: string, TagSet: Tag[], VersionId?: string) =>
  s3.client.send(new PutObjectTaggingCommand({ Bucket, Key, VersionId, Tagging: { TagSet } }));

async function tagsOf(Key: string, VersionId?: string): Promise<Record<string, string>> {
  const answer = await s3.client.send(new GetObjectTaggingCommand({ Bucket, Key, VersionId }));
  const tags: [string, string][] = (answer.TagSet ?? []).map((tag) => [
    tag.Key ?? '',
    tag.Value ?? '',
  ]);
  return Object.fromEntries(tags);
}

test('tags are put, replaced and deleted as a whole; HEAD counts them', async () => {
  await s3.put(Bucket, 'k', 'x');
  await put('k', [
    { Key: 'a', Value: '1' },
    { Key: 'b', Value: '' },
  ]);
  assert.deepEqual(await tagsOf('k'), { a: '1', b: '' });
  assert.equal((await s3.get(Bucket, 'k')).headers['x-amz-tagging-count'], '2');
  await put('k', [{ Key: 'c', Value: 'ü +/=@' }]);
  assert.deepEqual(await tagsOf('k'), { c: 'ü +/=@' });
  await s3.client.send(new DeleteObjectTaggingCommand({ Bucket, Key: 'k' }));
  assert.deepEqual(await tagsOf('k'), {});
  assert.equal((await s3.get(Bucket, 'k')).headers['x-amz-tagging-count'], undefined);
});

test('tags come with a PUT, go with an overwrite, and travel with a copy', async () => {
  await s3.client.send(new PutObjectCommand({ Bucket, Key: 'p', Body: 'x', Tagging: 'a=1&b=%2B' }));
  assert.deepEqual(await tagsOf('p'), { a: '1', b: '+' });
  await s3.client.send(new CopyObjectCommand({ Bucket, Key: 'q', CopySource: `${Bucket}/p` }));
  assert.deepEqual(await tagsOf('q'), { a: '1', b: '+' });
  await s3.put(Bucket, 'p', 'y');
  assert.deepEqual(await tagsOf('p'), {});
});

test('each version has its own tags', async () => {
  await s3.client.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  const first = String((await s3.put(Bucket, 'v', 'one')).headers['x-amz-version-id']);
  const second = String((await s3.put(Bucket, 'v', 'two')).headers['x-amz-version-id']);
  await put('v', [{ Key: 'of', Value: 'first' }], first);
  await put('v', [{ Key: 'of', Value: 'second' }]);
  assert.deepEqual(await tagsOf('v', first), { of: 'first' });
  assert.deepEqual(await tagsOf('v', second), { of: 'second' });
});

test('names that JavaScript could bend are tags like any other', async () => {
  await s3.put(Bucket, 'odd', 'x');
  const names = ['__proto__', 'constructor', 'toString', '0123', 'true'];
  await put(
    'odd',
    names.map((Key) => ({ Key, Value: `value of ${Key}` })),
  );
  const answer = await s3.client.send(new GetObjectTaggingCommand({ Bucket, Key: 'odd' }));
  assert.deepEqual(answer.TagSet?.map(({ Key }) => Key).sort(), [...names].sort());
  for (const { Key, Value } of answer.TagSet ?? []) assert.equal(Value, `value of ${Key}`);
});

test('too many, too long and repeated tags are InvalidTag or BadRequest', async () => {
  await s3.put(Bucket, 'limits', 'x');
  const eleven = Array.from({ length: 11 }, (_, index) => ({ Key: `k${index}`, Value: 'v' }));
  // BadRequest on AWS; the suite of Ceph wants InvalidTag.
  await assert.rejects(put('limits', eleven), { name: /^(BadRequest|InvalidTag)$/ });
  await assert.rejects(put('limits', [{ Key: 'k'.repeat(129), Value: 'v' }]), {
    name: 'InvalidTag',
  });
  await assert.rejects(put('limits', [{ Key: 'k', Value: 'v'.repeat(257) }]), {
    name: 'InvalidTag',
  });
  const twice = [
    { Key: 'k', Value: '1' },
    { Key: 'k', Value: '2' },
  ];
  await assert.rejects(put('limits', twice), { name: 'InvalidTag' });
  assert.deepEqual(await tagsOf('limits'), {});
});

test('of an absent key is NoSuchKey', async () => {
  const body = '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>';
  const answer = await s3.send({ method: 'PUT', path: `/${Bucket}/absent?tagging`, body });
  assertError(answer, 404, 'NoSuchKey');
});
