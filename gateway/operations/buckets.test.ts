import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  alice,
  bob,
  child,
  childText,
  documentIn,
  s3Error,
  TestGateway,
  texts,
} from './testing/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await TestGateway.open();
});
after(() => gateway.close());

test('a new bucket is there, located where it was asked for', async () => {
  const created = await gateway.call('CreateBucket', {
    bucket: 'located',
    body: '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>',
  });
  assert.equal(created.status, 200);
  assert.equal(created.headers.location, '/located');
  const location = await gateway.call('GetBucketLocation', { bucket: 'located' });
  assert.equal(documentIn(location, 'LocationConstraint').text, 'eu-central-1');
  const head = await gateway.call('HeadBucket', { bucket: 'located' });
  assert.equal(head.headers['x-amz-bucket-region'], 'eu-central-1');
  assert.equal(head.body.length, 0);
});

test('GetBucketLocation is empty for us-east-1', async () => {
  const bucket = await gateway.bucket();
  const location = await gateway.call('GetBucketLocation', { bucket });
  assert.equal(documentIn(location, 'LocationConstraint').text, '');
  const head = await gateway.call('HeadBucket', { bucket });
  assert.equal(head.headers['x-amz-bucket-region'], 'us-east-1');
});

test('one may create one’s own bucket again, not another’s', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'kept', 'x');
  assert.equal((await gateway.call('CreateBucket', { bucket })).status, 200);
  assert.equal((await gateway.get(bucket, 'kept')).text, 'x');
  await assert.rejects(
    gateway.call('CreateBucket', { bucket, user: bob }),
    s3Error('BucketAlreadyExists', { BucketName: bucket }),
  );
});

test('bad names, documents and unsupported wishes are refused', async () => {
  const create = (bucket: string, rest = {}) => gateway.call('CreateBucket', { bucket, ...rest });
  await assert.rejects(create('Bad_Name'), s3Error('InvalidBucketName'));
  await assert.rejects(create('good', { body: '<Other/>' }), s3Error('MalformedXML'));
  await assert.rejects(
    create('good', {
      body: '<CreateBucketConfiguration><LocationConstraint>a b</LocationConstraint></CreateBucketConfiguration>',
    }),
    s3Error('InvalidLocationConstraint'),
  );
  await assert.rejects(
    create('good', { headers: { 'x-amz-bucket-object-lock-enabled': 'true' } }),
    s3Error('NotImplemented', { Header: 'x-amz-bucket-object-lock-enabled' }),
  );
  await assert.rejects(
    create('good', { headers: { 'x-amz-grant-read': 'id=nobody' } }),
    s3Error('InvalidArgument', { ArgumentValue: 'nobody' }),
  );
  await assert.rejects(
    create('good', { headers: { 'x-amz-acl': 'nonsense' } }),
    s3Error('InvalidArgument'),
  );
  for (const acl of ['private', 'bucket-owner-full-control']) {
    assert.equal((await create('good', { headers: { 'x-amz-acl': acl } })).status, 200);
  }
});

test('ListBuckets shows one’s own, by prefix, region and page', async () => {
  const names = ['list-a', 'list-b', 'list-c'];
  for (const bucket of names) await gateway.call('CreateBucket', { bucket });
  await gateway.call('CreateBucket', { bucket: 'list-bob', user: bob });
  const list = async (query: Record<string, string>, user = alice) =>
    documentIn(await gateway.call('ListBuckets', { query, user }), 'ListAllMyBucketsResult');
  const names_ = (root: Awaited<ReturnType<typeof list>>) =>
    texts(root, 'Buckets', 'Bucket', 'Name');

  const all = await list({ prefix: 'list-' });
  assert.deepEqual(names_(all), names);
  assert.deepEqual(texts(all, 'Owner', 'ID'), [alice.id]);
  assert.deepEqual(texts(all, 'Owner', 'DisplayName'), ['Alice']);
  assert.equal(childText(all, 'Prefix'), 'list-');
  assert.equal(child(all, 'ContinuationToken'), undefined);
  assert.deepEqual(names_(await list({}, bob)), ['list-bob']);

  const first = await list({ prefix: 'list-', 'max-buckets': '2' });
  assert.deepEqual(names_(first), ['list-a', 'list-b']);
  const token = childText(first, 'ContinuationToken') ?? '';
  assert.notEqual(token, '');
  const second = await list({
    prefix: 'list-',
    'max-buckets': '2',
    'continuation-token': token,
  });
  assert.deepEqual(names_(second), ['list-c']);
  assert.equal(child(second, 'ContinuationToken'), undefined);
  assert.deepEqual(names_(await list({ prefix: 'list-', 'bucket-region': 'eu-west-1' })), []);
  assert.deepEqual(names_(await list({ prefix: 'list-', 'bucket-region': 'us-east-1' })), names);
  for (const bad of ['0', '-1', 'x', '10001']) {
    await assert.rejects(list({ 'max-buckets': bad }), s3Error('InvalidArgument'));
  }
  await assert.rejects(list({ 'continuation-token': '!' }), s3Error('InvalidArgument'));
});

test('a bucket goes only when empty; open uploads do not hold it', async () => {
  const bucket = await gateway.bucket('Enabled');
  await gateway.put(bucket, 'k', 'x');
  const remove = () => gateway.call('DeleteBucket', { bucket });
  await assert.rejects(remove(), s3Error('BucketNotEmpty', { BucketName: bucket }));
  const marker = await gateway.call('DeleteObject', { bucket, key: 'k' });
  await assert.rejects(remove(), s3Error('BucketNotEmpty'));
  const versions = await gateway.call('ListObjectVersions', { bucket });
  const root = documentIn(versions, 'ListVersionsResult');
  for (const versionId of texts(root, 'Version', 'VersionId')) {
    await gateway.call('DeleteObject', { bucket, key: 'k', query: { versionId } });
  }
  await assert.rejects(remove(), s3Error('BucketNotEmpty'));
  await gateway.call('DeleteObject', {
    bucket,
    key: 'k',
    query: { versionId: marker.headers['x-amz-version-id'] ?? '' },
  });
  await gateway.call('CreateMultipartUpload', { bucket, key: 'open' });
  assert.equal((await remove()).status, 204);
  assert.equal(gateway.services.namespace.bucket(bucket), undefined);
});

test('a bucket that went away between look-up and commit is NoSuchBucket', async () => {
  const bucket = await gateway.bucket();
  const request = gateway.request('PutObject', { bucket, key: 'k', body: 'late' });
  await gateway.call('DeleteBucket', { bucket });
  const { putObject } = await import('./put-object.ts');
  await assert.rejects(putObject(request, gateway.services), s3Error('NoSuchBucket'));
  // A bucket of the same name is another bucket.
  await gateway.call('CreateBucket', { bucket });
  const again = { ...request, body: gateway.request('PutObject', { body: 'late' }).body };
  await assert.rejects(putObject(again, gateway.services), s3Error('NoSuchBucket'));
});
