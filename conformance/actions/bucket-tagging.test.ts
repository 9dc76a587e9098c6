/**
 * PutBucketTagging, GetBucketTagging, DeleteBucketTagging, and tags of a new bucket:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketConfiguration.html
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteBucketTaggingCommand,
  GetBucketTaggingCommand,
  PutBucketTaggingCommand,
  type Tag,
} from '@aws-sdk/client-s3';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const Bucket = await s3.makeBucket();

const put = (bucket: string, TagSet: Tag[]) =>
  s3.client.send(new PutBucketTaggingCommand({ Bucket: bucket, Tagging: { TagSet } }));
const tagsOf = async (bucket: string) =>
  (await s3.client.send(new GetBucketTaggingCommand({ Bucket: bucket }))).TagSet;
const tag = (Key: string, Value: string) => ({ Key, Value });

test('tags are put, replaced and deleted as a whole', async () => {
  await assert.rejects(tagsOf(Bucket), { name: 'NoSuchTagSet' });
  const first = await put(Bucket, [tag('tag1', 'ü +/=@'), tag('tag2', '')]);
  assert.equal(first.$metadata.httpStatusCode, 204);
  assert.deepEqual(await tagsOf(Bucket), [tag('tag1', 'ü +/=@'), tag('tag2', '')]);
  await put(Bucket, [tag('tag3', '3')]);
  assert.deepEqual(await tagsOf(Bucket), [tag('tag3', '3')]);
  for (let times = 0; times < 2; times += 1) {
    const gone = await s3.client.send(new DeleteBucketTaggingCommand({ Bucket }));
    assert.equal(gone.$metadata.httpStatusCode, 204);
  }
  await assert.rejects(tagsOf(Bucket), { name: 'NoSuchTagSet' });
});

test('an empty set is no set', async () => {
  await put(Bucket, [tag('a', '1')]);
  assert.equal((await put(Bucket, [])).$metadata.httpStatusCode, 204);
  assertError(await s3.send({ path: `/${Bucket}?tagging` }), 404, 'NoSuchTagSet', {
    BucketName: Bucket,
  });
});

test('50 tags, keys of 128 and values of 256 characters are the limits', async () => {
  const tags = (count: number) =>
    Array.from({ length: count }, (_, index) =>
      tag(`${String(index).padStart(2, '0')}${'k'.repeat(126)}`, 'v'.repeat(256)),
    );
  await put(Bucket, tags(50));
  assert.equal((await tagsOf(Bucket))?.length, 50);
  await assert.rejects(put(Bucket, tags(51)), { name: /^(BadRequest|InvalidTag)$/ });
  await assert.rejects(put(Bucket, [tag('k'.repeat(129), '')]), { name: 'InvalidTag' });
  await assert.rejects(put(Bucket, [tag('k', 'v'.repeat(257))]), { name: 'InvalidTag' });
  assert.equal((await tagsOf(Bucket))?.length, 50);
});

test('what S3 says of a tag that it refuses', async () => {
  const putRaw = (tags: string) =>
    s3.send({
      method: 'PUT',
      path: `/${Bucket}?tagging`,
      body: `<Tagging><TagSet>${tags}</TagSet></Tagging>`,
    });
  const raw = (key: string, value: string) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`;
  assertError(await putRaw(raw('a', '1') + raw('a', '2')), 400, 'InvalidTag', {
    Message: 'Cannot provide multiple Tags with the same key',
    TagKey: 'a',
  });
  assertError(await putRaw(raw('a,b', '1')), 400, 'InvalidTag', {
    Message: 'The TagKey you have provided is invalid',
    TagKey: 'a,b',
  });
  assertError(await putRaw(raw('a', '1,2')), 400, 'InvalidTag', {
    Message: 'The TagValue you have provided is invalid',
    TagKey: 'a',
    TagValue: '1,2',
  });
  assertError(await putRaw(raw('aws:a', '1')), 400, 'InvalidTag', {
    Message: 'System tags cannot be added/updated by requester',
    TagKey: 'aws:a',
  });
  assertError(await putRaw('<Tag><Key>a</Key></Tag>'), 400, 'MalformedXML');
  assertError(await s3.send({ method: 'PUT', path: `/${Bucket}?tagging` }), 400, 'MalformedXML');
});

test('of an absent bucket is NoSuchBucket', async () => {
  const path = `/${s3.newBucketName()}?tagging`;
  const body = '<Tagging><TagSet/></Tagging>';
  assertError(await s3.send({ path }), 404, 'NoSuchBucket');
  assertError(await s3.send({ method: 'DELETE', path }), 404, 'NoSuchBucket');
  assertError(await s3.send({ method: 'PUT', path, body }), 404, 'NoSuchBucket');
});

test('a bucket is made with tags', async () => {
  const bucket = s3.newBucketName();
  const create = (Tags?: Tag[]) =>
    s3.client.send(
      new CreateBucketCommand({
        Bucket: bucket,
        ...(Tags && { CreateBucketConfiguration: { Tags } }),
      }),
    );
  await create([tag('a', '1')]);
  assert.deepEqual(await tagsOf(bucket), [tag('a', '1')]);
  // As in us-east-1: making one's own bucket again is no error, with tags it is.
  await create();
  await create([]);
  await assert.rejects(create([tag('b', '2')]), { name: 'BucketAlreadyOwnedByYou' });
  await assert.rejects(create([tag('a', '1')]), { name: 'BucketAlreadyOwnedByYou' });
  assert.deepEqual(await tagsOf(bucket), [tag('a', '1')]);
});

test('bad tags make no bucket', async () => {
  const path = `/${s3.newBucketName()}`;
  const create = (key: string, value: string) =>
    s3.send({
      method: 'PUT',
      path,
      body: `<CreateBucketConfiguration><Tags><Tag><Key>${key}</Key><Value>${value}</Value></Tag></Tags></CreateBucketConfiguration>`,
    });
  assertError(await create('aws:a', '1'), 400, 'InvalidTag', {
    Message: /^User-defined tag keys can't start with "aws:"\./,
  });
  assertError(await create('a,b', '1'), 400, 'InvalidTag', { TagKey: 'a,b' });
  assertError(await create('a', '1,2'), 400, 'InvalidTag', { TagKey: 'a', TagValue: '1,2' });
  assertError(await s3.send({ path }), 404, 'NoSuchBucket');
});

test('the tags of a bucket that is made again are gone', async () => {
  const bucket = await s3.makeBucket();
  await put(bucket, [tag('a', '1')]);
  await s3.send({ method: 'DELETE', path: `/${bucket}` });
  await s3.send({ method: 'PUT', path: `/${bucket}` });
  await assert.rejects(tagsOf(bucket), { name: 'NoSuchTagSet' });
});
