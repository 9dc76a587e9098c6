/** Object tags: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectTaggingCommand,
  GetObjectTaggingCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type Tag,
  UploadPartCommand,
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
  assert.equal((await s3.head(Bucket, 'k')).headers['x-amz-tagging-count'], '2');
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

const putRaw = (key: string, tags: string, method = 'PUT', query = '') =>
  s3.send({
    method,
    path: `/${Bucket}/${key}?tagging${query}`,
    ...(method === 'PUT' && { body: `<Tagging>${tags}</Tagging>` }),
  });
const tag = (key: string, value: string) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`;

test('what S3 says of a tag that it refuses', async () => {
  await s3.put(Bucket, 'refused', 'x');
  for (const [tags, fields] of [
    [
      tag('a', '1') + tag('a', '1'),
      { Message: 'Cannot provide multiple Tags with the same key', TagKey: 'a' },
    ],
    [tag('a,b', '1'), { Message: 'The TagKey you have provided is invalid', TagKey: 'a,b' }],
    [tag('', '1'), { Message: 'The TagKey you have provided is invalid' }],
    [
      tag('a', '1,2'),
      { Message: 'The TagValue you have provided is invalid', TagKey: 'a', TagValue: '1,2' },
    ],
    [tag('aws:a', '1'), { Message: 'Your TagKey cannot be prefixed with aws:', TagKey: 'aws:a' }],
  ] as const) {
    const answer = await putRaw('refused', `<TagSet>${tags}</TagSet>`);
    assertError(answer, 400, 'InvalidTag', fields);
  }
  for (const tags of ['<Tag><Key>a</Key></Tag>', '<Tag><Value>a</Value></Tag>']) {
    assertError(await putRaw('refused', `<TagSet>${tags}</TagSet>`), 400, 'MalformedXML');
  }
  assert.deepEqual(await tagsOf('refused'), {});
});

test('an empty set, and none at all, remove the tags', async () => {
  for (const empty of ['<TagSet></TagSet>', '<TagSet/>', '']) {
    await s3.put(Bucket, 'emptied', 'x', { 'x-amz-tagging': 'a=1' });
    assert.equal((await putRaw('emptied', empty)).status, 200);
    assert.deepEqual(await tagsOf('emptied'), {});
  }
});

test('x-amz-tagging is a query string', async () => {
  for (const [header, tags] of [
    ['a=1&b=&c', { a: '1', b: '', c: '' }],
    ['key1&&&key2', { key1: '', key2: '' }],
    ['a=b=c', { a: 'b=c' }],
    ['a%20b=%C3%A9+%2B&x%3D=%26'.replace('%26', '%40'), { 'a b': 'é +', 'x=': '@' }],
  ] as const) {
    const answer = await s3.put(Bucket, 'query', 'x', { 'x-amz-tagging': header });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(await tagsOf('query'), tags, header);
  }
  const malformed = ['key1=1&key1=2', 'key1=val1,key2=val2', 'a=%ff', 'a=%'];
  for (const header of malformed) {
    const answer = await s3.put(Bucket, 'malformed', 'x', { 'x-amz-tagging': header });
    assertError(answer, 400, 'InvalidArgument', {
      ArgumentName: 'x-amz-tagging',
      ArgumentValue: header,
      Message: /shall be encoded as UTF-8 then URLEncoded URL query parameters/,
    });
  }
  const created = await s3.send({
    method: 'POST',
    path: `/${Bucket}/malformed?uploads`,
    headers: { 'x-amz-tagging': 'a=1&a=2' },
  });
  assertError(created, 400, 'InvalidArgument', { ArgumentName: 'x-amz-tagging' });
});

test('the tagging directive of a copy', async () => {
  await s3.put(Bucket, 'from', 'x', { 'x-amz-tagging': 'a=1' });
  for (const [directive, tagging, tags] of [
    [undefined, undefined, { a: '1' }],
    [undefined, 'b=2', { a: '1' }],
    ['COPY', 'b=2', { a: '1' }],
    ['REPLACE', 'b=2', { b: '2' }],
    ['REPLACE', undefined, {}],
  ] as const) {
    const answer = await s3.put(Bucket, 'to', '', {
      'x-amz-copy-source': `${Bucket}/from`,
      ...(directive && { 'x-amz-tagging-directive': directive }),
      ...(tagging && { 'x-amz-tagging': tagging }),
    });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(await tagsOf('to'), tags, `${directive} ${tagging}`);
  }
  const odd = await s3.put(Bucket, 'to', '', {
    'x-amz-copy-source': `${Bucket}/from`,
    'x-amz-tagging-directive': 'MERGE',
  });
  assertError(odd, 400, 'InvalidArgument', { ArgumentName: 'x-amz-tagging-directive' });
});

test('tags of an upload are those of its object', async () => {
  const created = await s3.client.send(
    new CreateMultipartUploadCommand({ Bucket, Key: 'parts', Tagging: 'a=1&b=two%20words' }),
  );
  const of = { Bucket, Key: 'parts', UploadId: created.UploadId };
  const { ETag } = await s3.client.send(new UploadPartCommand({ ...of, PartNumber: 1, Body: 'x' }));
  await s3.client.send(
    new CompleteMultipartUploadCommand({
      ...of,
      MultipartUpload: { Parts: [{ ETag, PartNumber: 1 }] },
    }),
  );
  assert.deepEqual(await tagsOf('parts'), { a: '1', b: 'two words' });
  assert.equal((await s3.head(Bucket, 'parts')).headers['x-amz-tagging-count'], '2');
});

test('a delete marker has no tags: MethodNotAllowed by id and as the current version', async () => {
  await s3.put(Bucket, 'marked', 'x');
  const marker = await s3.delete(Bucket, 'marked');
  const versionId = String(marker.headers['x-amz-version-id']);
  for (const query of ['', `&versionId=${versionId}`]) {
    for (const method of ['PUT', 'GET', 'DELETE']) {
      const answer = await putRaw('marked', '<TagSet/>', method, query);
      assertError(answer, 405, 'MethodNotAllowed', {
        Method: method,
        ResourceType: 'DeleteMarker',
      });
    }
  }
});

test('of an absent key is NoSuchKey', async () => {
  for (const method of ['GET', 'DELETE']) {
    assertError(await putRaw('absent', '', method), 404, 'NoSuchKey');
  }
  const body = '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>';
  const answer = await s3.send({ method: 'PUT', path: `/${Bucket}/absent?tagging`, body });
  assertError(answer, 404, 'NoSuchKey');
});
