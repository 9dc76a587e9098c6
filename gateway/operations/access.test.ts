/** Who may do what: every row of the table, by strangers and by nobody, and the ways around it. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { anonymousId } from '../s3/acl.ts';
import { operations, type S3Action } from './index.ts';
import {
  alice,
  bob,
  type Call,
  documentIn,
  s3Error,
  TestGateway,
  texts,
} from './testing/gateway.ts';

const gateway = await TestGateway.open();
after(() => gateway.close());

type User = NonNullable<Call['user']>;
const strangers: readonly User[] = [bob, 'anonymous'];

async function bucketWith(acl: string): Promise<string> {
  const bucket = await gateway.bucket();
  await gateway.call('PutBucketAcl', { bucket, headers: { 'x-amz-acl': acl } });
  return bucket;
}

const put = (bucket: string, key: string, user: User, acl?: string) =>
  gateway.call('PutObject', {
    bucket,
    key,
    user,
    body: `of ${typeof user === 'string' ? user : user.id}`,
    headers: acl === undefined ? {} : { 'x-amz-acl': acl },
  });
const get = (bucket: string, key: string, user: User, query = {}) =>
  gateway.call('GetObject', { bucket, key, user, query });
const denied = (work: Promise<unknown>) => assert.rejects(work, s3Error('AccessDenied'));

/** Enough of a request for each action that nothing but its rights stands in its way. */
function wellFormed(
  action: S3Action,
  place: { bucket: string; key: string; uploadId: string },
): Call {
  const { bucket, key, uploadId } = place;
  const copySource = `${bucket}/${key}`;
  const calls: { readonly [Action in S3Action]?: Partial<Call> } = {
    CopyObject: { headers: { 'x-amz-copy-source': copySource } },
    UploadPart: { query: { uploadId, partNumber: '1' } },
    UploadPartCopy: {
      query: { uploadId, partNumber: '1' },
      headers: { 'x-amz-copy-source': copySource },
    },
    CompleteMultipartUpload: {
      query: { uploadId },
      body: '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>',
    },
    AbortMultipartUpload: { query: { uploadId } },
    ListParts: { query: { uploadId } },
    ListObjectsV2: { query: { 'list-type': '2' } },
    GetObjectAttributes: { headers: { 'x-amz-object-attributes': 'ETag' } },
    PutObjectAcl: { headers: { 'x-amz-acl': 'public-read' } },
    PutBucketAcl: { headers: { 'x-amz-acl': 'public-read' } },
  };
  return { bucket, key, ...calls[action] };
}

/** Answered without asking who asks, or key by key; or a service of its own. */
const elsewhere = new Set(['ListBuckets', 'CreateBucket', 'DeleteObjects']);

test('no operation on a private bucket is a stranger’s or nobody’s', async () => {
  const bucket = await gateway.bucket();
  const key = 'k';
  await put(bucket, key, alice);
  const created = await gateway.call('CreateMultipartUpload', { bucket, key });
  const [uploadId = ''] = texts(documentIn(created, 'InitiateMultipartUploadResult'), 'UploadId');
  const keysOfBucket = { bucket, key: '', uploadId };
  let refused = 0;
  for (const { name, level, handler, access } of operations) {
    if (handler === undefined || elsewhere.has(name) || access === 'anyone') continue;
    const action = name as S3Action;
    const call = wellFormed(action, level === 'object' ? { bucket, key, uploadId } : keysOfBucket);
    for (const user of strangers) {
      await assert.rejects(gateway.call(action, { ...call, user }), s3Error('AccessDenied'), name);
      refused += 1;
    }
  }
  assert.ok(refused > 100, `${refused} refusals`);
  assert.equal((await gateway.get(bucket, key)).text, 'of alice-id');
  assert.equal((await gateway.call('ListParts', { bucket, key, query: { uploadId } })).status, 200);
});

test('nobody has buckets: ListBuckets and CreateBucket are for who signs', async () => {
  await denied(gateway.call('ListBuckets', { user: 'anonymous' }));
  await denied(gateway.call('CreateBucket', { bucket: 'of-nobody', user: 'anonymous' }));
});

test('an absent bucket is absent to everybody', async () => {
  for (const user of strangers) {
    await assert.rejects(get('no-such-bucket', 'k', user), s3Error('NoSuchBucket'));
  }
});

test('what is absent is told to who may list, and to nobody else', async () => {
  for (const [acl, code] of [
    ['private', 'AccessDenied'],
    ['public-read', 'NoSuchKey'],
  ] as const) {
    const bucket = await bucketWith(acl);
    await gateway.setVersioning(bucket, 'Enabled');
    await put(bucket, 'deleted', alice, 'public-read');
    const marker = await gateway.call('DeleteObject', { bucket, key: 'deleted' });
    const versionId = marker.headers['x-amz-version-id'] ?? '';
    for (const user of strangers) {
      for (const key of ['absent', 'deleted']) {
        await assert.rejects(get(bucket, key, user), (error: Error & { headers?: object }) => {
          s3Error(code)(error);
          const told = Object.keys(error.headers ?? {}).length > 0;
          assert.equal(told, code === 'NoSuchKey' && key === 'deleted', 'delete marker headers');
          return true;
        });
        await assert.rejects(gateway.call('HeadObject', { bucket, key, user }), s3Error(code));
      }
      const byId = acl === 'private' ? 'AccessDenied' : 'MethodNotAllowed';
      await assert.rejects(get(bucket, 'deleted', user, { versionId }), s3Error(byId));
      const absentId = acl === 'private' ? 'AccessDenied' : 'NoSuchVersion';
      await assert.rejects(get(bucket, 'absent', user, { versionId }), s3Error(absentId));
    }
  }
});

test('each version has an ACL of its own', async () => {
  const bucket = await gateway.bucket('Enabled');
  const open = await put(bucket, 'k', alice, 'public-read');
  const versionId = open.headers['x-amz-version-id'] ?? '';
  await put(bucket, 'k', alice);
  for (const user of strangers) {
    await denied(get(bucket, 'k', user));
    assert.equal((await get(bucket, 'k', user, { versionId })).text, 'of alice-id');
  }
  await gateway.call('PutObjectAcl', {
    bucket,
    key: 'k',
    query: { versionId },
    headers: { 'x-amz-acl': 'authenticated-read' },
  });
  await denied(get(bucket, 'k', 'anonymous', { versionId }));
  assert.equal((await get(bucket, 'k', bob, { versionId })).status, 200);
});

test('an uploader owns what they upload, and the bucket’s owner may delete but not read it', async () => {
  const bucket = await bucketWith('public-read-write');
  await put(bucket, 'k', bob);
  await denied(get(bucket, 'k', alice));
  await denied(gateway.call('HeadObject', { bucket, key: 'k' }));
  await denied(gateway.call('GetObjectAcl', { bucket, key: 'k' }));
  const open = { 'x-amz-acl': 'public-read' };
  await denied(gateway.call('PutObjectAcl', { bucket, key: 'k', headers: open }));
  const own = await gateway.bucket();
  const headers = { 'x-amz-copy-source': `${bucket}/k` };
  await denied(gateway.call('CopyObject', { bucket: own, key: 'stolen', headers }));
  assert.equal((await get(bucket, 'k', bob)).text, 'of bob-id');
  await gateway.call('DeleteObject', { bucket, key: 'k' });
  await assert.rejects(get(bucket, 'k', bob), s3Error('NoSuchKey'));
});

test('what nobody uploads is everybody’s who does not sign', async () => {
  const bucket = await bucketWith('public-read-write');
  await put(bucket, 'k', 'anonymous');
  await denied(get(bucket, 'k', alice));
  await denied(get(bucket, 'k', bob));
  assert.equal((await get(bucket, 'k', 'anonymous')).status, 200);
  const list = documentIn(await gateway.call('ListObjects', { bucket }), 'ListBucketResult');
  assert.deepEqual(texts(list, 'Contents', 'Owner', 'ID'), [anonymousId]);
  assert.deepEqual(texts(list, 'Contents', 'Owner', 'DisplayName'), ['anonymous']);
  const headers = { 'x-amz-acl': 'bucket-owner-full-control' };
  await gateway.call('PutObjectAcl', { bucket, key: 'k', user: 'anonymous', headers });
  assert.equal((await get(bucket, 'k', alice)).status, 200);
});

test('nobody copies without a signature, whatever is open to everybody', async () => {
  const bucket = await bucketWith('public-read-write');
  await put(bucket, 'k', alice, 'public-read');
  const headers = { 'x-amz-copy-source': `${bucket}/k` };
  const copy = { bucket, key: 'copy', headers };
  await denied(gateway.call('CopyObject', { ...copy, user: 'anonymous' }));
  assert.equal((await gateway.call('CopyObject', { ...copy, user: bob })).status, 200);
});

test('a copy needs READ on its source and is private', async () => {
  const from = await gateway.bucket('Enabled');
  const hidden = await put(from, 'k', alice);
  await put(from, 'k', alice, 'public-read');
  const to = 'of-bob';
  await gateway.call('CreateBucket', { bucket: to, user: bob });
  const copy = (source: string) =>
    gateway.call('CopyObject', {
      bucket: to,
      key: 'copy',
      user: bob,
      headers: { 'x-amz-copy-source': source },
    });
  await denied(copy(`${from}/k?versionId=${hidden.headers['x-amz-version-id']}`));
  await denied(copy(`${from}/absent`));
  await assert.rejects(copy('no-such-bucket/k'), s3Error('NoSuchBucket'));
  await copy(`${from}/k`);
  assert.equal((await get(to, 'copy', bob)).text, 'of alice-id');
  await denied(get(to, 'copy', alice));
  await denied(get(to, 'copy', 'anonymous'));
  const headers = { 'x-amz-copy-source': `${from}/k`, 'x-amz-acl': 'public-read' };
  await gateway.call('CopyObject', { bucket: to, key: 'open', user: bob, headers });
  assert.equal((await get(to, 'open', 'anonymous')).status, 200);
  await denied(gateway.call('CopyObject', { bucket: from, key: 'x', user: bob, headers }));
});

test('tags are read by the bucket’s owner: neither counted for others nor copied by them', async () => {
  const from = await bucketWith('public-read');
  const headers = { 'x-amz-acl': 'public-read', 'x-amz-tagging': 'secret=1' };
  await gateway.put(from, 'k', 'x', headers);
  assert.equal((await gateway.get(from, 'k')).headers['x-amz-tagging-count'], '1');
  for (const user of strangers) {
    assert.equal((await get(from, 'k', user)).headers['x-amz-tagging-count'], undefined);
  }
  const to = 'tags-of-bob';
  await gateway.call('CreateBucket', { bucket: to, user: bob });
  const copy = (more: Record<string, string>) =>
    gateway.call('CopyObject', {
      bucket: to,
      key: 'copy',
      user: bob,
      headers: { 'x-amz-copy-source': `${from}/k`, ...more },
    });
  await denied(copy({}));
  await copy({ 'x-amz-tagging-directive': 'REPLACE' });
});

async function startUpload(bucket: string, user: User, headers = {}): Promise<string> {
  const created = await gateway.call('CreateMultipartUpload', { bucket, key: 'k', user, headers });
  return texts(documentIn(created, 'InitiateMultipartUploadResult'), 'UploadId')[0] ?? '';
}

test('an upload is its initiator’s and the bucket owner’s, though everybody may write', async () => {
  const bucket = await bucketWith('public-read-write');
  await gateway.call('CreateBucket', { bucket: 'uploads-of-bob', user: bob });
  const uploadId = await startUpload(bucket, alice);
  const part = { bucket, key: 'k', query: { uploadId, partNumber: '1' } };
  const { headers } = await gateway.call('UploadPart', { ...part, body: 'part' });
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${headers.etag}</ETag></Part></CompleteMultipartUpload>`;
  const whole = { bucket, key: 'k', query: { uploadId } };
  const copied = { 'x-amz-copy-source': `${bucket}/k` };
  for (const user of strangers) {
    await denied(gateway.call('UploadPart', { ...part, user, body: 'theirs' }));
    await denied(gateway.call('UploadPartCopy', { ...part, user, headers: copied }));
    await denied(gateway.call('ListParts', { ...whole, user }));
    await denied(gateway.call('CompleteMultipartUpload', { ...whole, user, body }));
    await denied(gateway.call('AbortMultipartUpload', { ...whole, user }));
  }
  await gateway.call('CompleteMultipartUpload', { ...whole, body });
  assert.equal((await get(bucket, 'k', alice)).text, 'part');
  await denied(get(bucket, 'k', bob));
  // Asked again the answer is the same, but not for who may not read what it tells.
  assert.equal((await gateway.call('CompleteMultipartUpload', { ...whole, body })).status, 200);
  const again = gateway.call('CompleteMultipartUpload', { ...whole, body, user: bob });
  await assert.rejects(again, s3Error('NoSuchUpload'));

  const ofBob = await startUpload(bucket, bob);
  await gateway.call('AbortMultipartUpload', { bucket, key: 'k', query: { uploadId: ofBob } });
});

test('an upload’s object is its initiator’s, with the ACL that it was begun with', async () => {
  const bucket = await bucketWith('public-read-write');
  const uploadId = await startUpload(bucket, bob, { 'x-amz-acl': 'bucket-owner-read' });
  const place = { bucket, key: 'k', user: bob };
  const { headers } = await gateway.call('UploadPart', {
    ...place,
    query: { uploadId, partNumber: '1' },
    body: 'x',
  });
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${headers.etag}</ETag></Part></CompleteMultipartUpload>`;
  await gateway.call('CompleteMultipartUpload', { ...place, query: { uploadId }, body });
  assert.equal((await get(bucket, 'k', alice)).text, 'x');
  await denied(get(bucket, 'k', 'anonymous'));
  const acl = await gateway.call('GetObjectAcl', { ...place });
  const grants = texts(
    documentIn(acl, 'AccessControlPolicy'),
    'AccessControlList',
    'Grant',
    'Permission',
  );
  assert.deepEqual(grants, ['FULL_CONTROL', 'READ']);
});

test('nobody uploads in parts without a signature', async () => {
  const bucket = await bucketWith('public-read-write');
  await denied(gateway.call('CreateMultipartUpload', { bucket, key: 'k', user: 'anonymous' }));
});

test('versions are deleted for good by the bucket’s owner alone; keys by who may write', async () => {
  const bucket = await bucketWith('public-read-write');
  await gateway.setVersioning(bucket, 'Enabled');
  const { headers } = await put(bucket, 'k', alice);
  const versionId = headers['x-amz-version-id'] ?? '';
  for (const user of strangers) {
    await denied(gateway.call('DeleteObject', { bucket, key: 'k', user, query: { versionId } }));
    await gateway.call('DeleteObject', { bucket, key: 'k', user });
  }
  const list = await gateway.call('ListObjectVersions', { bucket });
  const root = documentIn(list, 'ListVersionsResult');
  assert.deepEqual(texts(root, 'Version', 'VersionId'), [versionId]);
  assert.deepEqual(texts(root, 'DeleteMarker', 'Owner', 'ID'), [anonymousId, bob.id]);
});

test('DeleteObjects answers a stranger who signs key by key, and nobody else not at all', async () => {
  const closed = await gateway.bucket('Enabled');
  const { headers } = await put(closed, 'k', alice, 'public-read');
  const versionId = headers['x-amz-version-id'] ?? '';
  const body = `<Delete><Object><Key>k</Key></Object><Object><Key>absent</Key></Object><Object><Key>k</Key><VersionId>${versionId}</VersionId></Object></Delete>`;
  await denied(gateway.call('DeleteObjects', { bucket: closed, body, user: 'anonymous' }));
  const answer = await gateway.call('DeleteObjects', { bucket: closed, body, user: bob });
  const codes = texts(documentIn(answer, 'DeleteResult'), 'Error', 'Code');
  assert.deepEqual(codes, ['AccessDenied', 'AccessDenied', 'AccessDenied']);
  assert.equal((await gateway.get(closed, 'k')).status, 200);

  const open = await bucketWith('public-read-write');
  await gateway.setVersioning(open, 'Enabled');
  await put(open, 'k', alice);
  for (const user of strangers) {
    const keys = '<Delete><Object><Key>k</Key></Object></Delete>';
    const deleted = await gateway.call('DeleteObjects', { bucket: open, body: keys, user });
    assert.deepEqual(texts(documentIn(deleted, 'DeleteResult'), 'Deleted', 'Key'), ['k']);
  }
});

test('overrides of response headers are for who signs', async () => {
  const bucket = await gateway.bucket();
  await put(bucket, 'k', alice, 'public-read');
  const query = { 'response-content-type': 'text/html' };
  await assert.rejects(get(bucket, 'k', 'anonymous', query), s3Error('InvalidRequest'));
  await assert.rejects(
    gateway.call('HeadObject', { bucket, key: 'k', query, user: 'anonymous' }),
    s3Error('InvalidRequest'),
  );
  assert.equal((await get(bucket, 'k', bob, query)).headers['content-type'], 'text/html');
});

test('the rights that count for a write are those of the bucket as it is then', async () => {
  const bucket = await bucketWith('public-read-write');
  const body = (async function* () {
    const ownership =
      '<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>';
    await gateway.call('PutBucketAcl', { bucket, headers: { 'x-amz-acl': 'private' } });
    await gateway.call('PutBucketOwnershipControls', { bucket, body: ownership });
    yield Buffer.from('x');
  })();
  const headers = { 'x-amz-acl': 'public-read' };
  await gateway.call('PutObject', { bucket, key: 'k', user: bob, body, headers });
  await denied(get(bucket, 'k', bob));
  await denied(get(bucket, 'k', 'anonymous'));
  await gateway.call('DeleteBucketOwnershipControls', { bucket });
  // It was made while ACLs were disabled: its owner is the bucket's and its ACL none.
  await denied(get(bucket, 'k', bob));
  await denied(get(bucket, 'k', 'anonymous'));
  assert.equal((await get(bucket, 'k', alice)).text, 'x');
});
