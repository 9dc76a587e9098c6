import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { alice, bob, documentIn, s3Error, TestGateway, texts } from './testing/gateway.ts';

const gateway = await TestGateway.open();
after(() => gateway.close());

const controls = (...ownerships: string[]) =>
  `<OwnershipControls>${ownerships.map((name) => `<Rule><ObjectOwnership>${name}</ObjectOwnership></Rule>`).join('')}</OwnershipControls>`;
const set = (bucket: string, ownership: string) =>
  gateway.call('PutBucketOwnershipControls', { bucket, body: controls(ownership) });
const get = async (bucket: string) =>
  texts(
    documentIn(await gateway.call('GetBucketOwnershipControls', { bucket }), 'OwnershipControls'),
    'Rule',
    'ObjectOwnership',
  );
const setAcl = (bucket: string, acl: string) =>
  gateway.call('PutBucketAcl', { bucket, headers: { 'x-amz-acl': acl } });
const withAcl = (acl: string) => ({ headers: { 'x-amz-acl': acl } });

async function ownerOf(bucket: string, key: string): Promise<string | undefined> {
  const list = await gateway.call('ListObjects', { bucket, query: { prefix: key } });
  return texts(documentIn(list, 'ListBucketResult'), 'Contents', 'Owner', 'ID')[0];
}

test('ownership is configured at creation or put, shown, and taken away', async () => {
  const bucket = await gateway.bucket();
  await assert.rejects(get(bucket), s3Error('OwnershipControlsNotFoundError'));
  for (const ownership of ['ObjectWriter', 'BucketOwnerPreferred', 'BucketOwnerEnforced']) {
    await set(bucket, ownership);
    assert.deepEqual(await get(bucket), [ownership]);
    const created = `created-${ownership.toLowerCase()}`;
    const headers = { 'x-amz-object-ownership': ownership };
    await gateway.call('CreateBucket', { bucket: created, headers });
    assert.deepEqual(await get(created), [ownership]);
  }
  for (let round = 0; round < 2; round += 1) {
    const answer = await gateway.call('DeleteBucketOwnershipControls', { bucket });
    assert.equal(answer.status, 204);
    await assert.rejects(get(bucket), s3Error('OwnershipControlsNotFoundError'));
  }
});

test('documents that say nothing, too much or nonsense are refused', async () => {
  const bucket = await gateway.bucket();
  const put = (body: string) => gateway.call('PutBucketOwnershipControls', { bucket, body });
  await assert.rejects(put(''), s3Error('MissingRequestBodyError'));
  for (const body of [
    controls(),
    controls('Nobody'),
    controls(''),
    controls('ObjectWriter', 'ObjectWriter'),
    '<OwnershipControls><Rule/></OwnershipControls>',
    '<Other/>',
  ]) {
    await assert.rejects(put(body), s3Error('MalformedXML'));
  }
  const headers = { 'x-amz-object-ownership': 'objectwriter' };
  await assert.rejects(
    gateway.call('CreateBucket', { bucket: 'never', headers }),
    s3Error('InvalidArgument', { ArgumentName: 'x-amz-object-ownership' }),
  );
});

test('a preferred bucket owner owns what is given to them in full', async () => {
  const bucket = await gateway.bucket();
  await set(bucket, 'BucketOwnerPreferred');
  await setAcl(bucket, 'public-read-write');
  const put = (key: string, acl?: string) =>
    gateway.call('PutObject', {
      bucket,
      key,
      body: 'x',
      user: bob,
      ...(acl === undefined ? {} : withAcl(acl)),
    });
  await put('given', 'bucket-owner-full-control');
  await put('read', 'bucket-owner-read');
  await put('kept');
  assert.equal(await ownerOf(bucket, 'given'), alice.id);
  assert.equal(await ownerOf(bucket, 'read'), bob.id);
  assert.equal(await ownerOf(bucket, 'kept'), bob.id);
  await assert.rejects(
    gateway.call('GetObject', { bucket, key: 'given', user: bob }),
    s3Error('AccessDenied'),
  );
  await set(bucket, 'ObjectWriter');
  await put('given', 'bucket-owner-full-control');
  assert.equal(await ownerOf(bucket, 'given'), bob.id);
});

test('ACLs are disabled where the bucket owner is enforced, and count again where not', async () => {
  const bucket = await gateway.bucket();
  await setAcl(bucket, 'public-read-write');
  await gateway.call('PutObject', {
    bucket,
    key: 'k',
    body: 'x',
    user: bob,
    ...withAcl('public-read'),
  });
  await assert.rejects(
    set(bucket, 'BucketOwnerEnforced'),
    s3Error('InvalidBucketAclWithObjectOwnership'),
  );
  await setAcl(bucket, 'private');
  await set(bucket, 'BucketOwnerEnforced');
  assert.equal((await gateway.get(bucket, 'k')).text, 'x', 'the bucket’s owner owns it');
  assert.equal(await ownerOf(bucket, 'k'), alice.id);
  const shown = await gateway.call('GetObjectAcl', { bucket, key: 'k' });
  const policy = documentIn(shown, 'AccessControlPolicy');
  assert.deepEqual(texts(policy, 'AccessControlList', 'Grant', 'Grantee', 'ID'), [alice.id]);
  for (const user of [bob, 'anonymous'] as const) {
    const read = gateway.call('GetObject', { bucket, key: 'k', user });
    await assert.rejects(read, s3Error('AccessDenied'));
  }
  await gateway.call('PutObjectAcl', { bucket, key: 'k', body: shown.body });
  await gateway.call('DeleteBucketOwnershipControls', { bucket });
  const again = await gateway.call('GetObject', { bucket, key: 'k', user: 'anonymous' });
  assert.equal(again.text, 'x', 'its own ACL was kept meanwhile');
  assert.equal(await ownerOf(bucket, 'k'), bob.id);
});

test('where ACLs are disabled only bucket-owner-full-control is taken', async () => {
  const bucket = await gateway.bucket();
  await set(bucket, 'BucketOwnerEnforced');
  const place = { bucket, key: 'k' };
  await gateway.put(bucket, 'k', 'x');
  const refused = s3Error('AccessControlListNotSupported');
  const copied = { 'x-amz-copy-source': `${bucket}/k` };
  for (const acl of ['private', 'public-read', 'bucket-owner-read']) {
    const header = { 'x-amz-acl': acl };
    await assert.rejects(gateway.put(bucket, 'k', 'x', header), refused);
    await assert.rejects(
      gateway.call('CopyObject', { ...place, headers: { ...copied, ...header } }),
      refused,
    );
    await assert.rejects(
      gateway.call('CreateMultipartUpload', { ...place, headers: header }),
      refused,
    );
    await assert.rejects(gateway.call('PutObjectAcl', { ...place, headers: header }), refused);
    await assert.rejects(setAcl(bucket, acl), refused);
  }
  const full = { 'x-amz-acl': 'bucket-owner-full-control' };
  await gateway.put(bucket, 'k', 'x', full);
  await gateway.put(bucket, 'k', 'x', { 'x-amz-grant-full-control': `id=${alice.id}` });
  await gateway.call('CreateMultipartUpload', { ...place, headers: full });
  await gateway.call('PutObjectAcl', { ...place, headers: full });
  await assert.rejects(
    gateway.call('CreateBucket', { bucket, headers: { 'x-amz-acl': 'public-read' } }),
    s3Error('InvalidBucketAclWithObjectOwnership'),
  );
  await gateway.call('CreateBucket', { bucket });
  assert.deepEqual(await get(bucket), ['BucketOwnerEnforced']);
});

test('a bucket is not made with an ACL that its ownership disables', async () => {
  const create = (acl: string) =>
    gateway.call('CreateBucket', {
      bucket: 'made',
      headers: { 'x-amz-acl': acl, 'x-amz-object-ownership': 'BucketOwnerEnforced' },
    });
  await assert.rejects(create('public-read'), s3Error('InvalidBucketAclWithObjectOwnership'));
  assert.equal(gateway.services.namespace.bucket('made'), undefined);
  await create('private');
  assert.deepEqual(await get('made'), ['BucketOwnerEnforced']);
});

test('an upload that ends under another ownership is owned as that has it', async () => {
  const bucket = await gateway.bucket();
  await setAcl(bucket, 'public-read-write');
  const place = { bucket, key: 'k', user: bob };
  const created = await gateway.call('CreateMultipartUpload', {
    ...place,
    ...withAcl('public-read'),
  });
  const [uploadId = ''] = texts(documentIn(created, 'InitiateMultipartUploadResult'), 'UploadId');
  const part = await gateway.call('UploadPart', {
    ...place,
    query: { uploadId, partNumber: '1' },
    body: 'x',
  });
  await setAcl(bucket, 'private');
  await set(bucket, 'BucketOwnerEnforced');
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${part.headers.etag}</ETag></Part></CompleteMultipartUpload>`;
  const complete = { bucket, key: 'k', query: { uploadId }, body };
  await assert.rejects(
    gateway.call('CompleteMultipartUpload', { ...complete, user: bob }),
    s3Error('AccessDenied'),
  );
  await gateway.call('CompleteMultipartUpload', complete);
  await gateway.call('DeleteBucketOwnershipControls', { bucket });
  assert.equal(await ownerOf(bucket, 'k'), alice.id);
});
