import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  type Answer,
  alice,
  bob,
  type Call,
  child,
  children,
  childText,
  documentIn,
  s3Error,
  TestGateway,
  texts,
} from './testing/gateway.ts';

const gateway = await TestGateway.open();
after(() => gateway.close());

const everyone = 'http://acs.amazonaws.com/groups/global/AllUsers';
const users = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers';
const logDelivery = 'http://acs.amazonaws.com/groups/s3/LogDelivery';

/** Owner and grants of an answer, one line each. */
function shown(answer: Answer): string[] {
  const root = documentIn(answer, 'AccessControlPolicy');
  const list = child(root, 'AccessControlList');
  assert.ok(list !== undefined);
  const grants = children(list, 'Grant').map((grant) => {
    const grantee = child(grant, 'Grantee');
    const who = grantee && (childText(grantee, 'DisplayName') ?? childText(grantee, 'URI'));
    return `${who} ${childText(grant, 'Permission')}`;
  });
  return [`${texts(root, 'Owner', 'DisplayName')} owns`, ...grants];
}

const bucketAcl = async (bucket: string) => shown(await gateway.call('GetBucketAcl', { bucket }));
const setBucketAcl = (bucket: string, acl: string) =>
  gateway.call('PutBucketAcl', { bucket, headers: { 'x-amz-acl': acl } });

const ofBucket: Readonly<Record<string, readonly string[]>> = {
  private: [],
  'public-read': [`${everyone} READ`],
  'public-read-write': [`${everyone} READ`, `${everyone} WRITE`],
  'authenticated-read': [`${users} READ`],
  'log-delivery-write': [`${logDelivery} WRITE`, `${logDelivery} READ_ACP`],
  'bucket-owner-read': [],
  'bucket-owner-full-control': [],
};

test('a bucket’s canned ACL is given at its creation or put, and shown as its grants', async () => {
  for (const [acl, grants] of Object.entries(ofBucket)) {
    const expected = ['Alice owns', 'Alice FULL_CONTROL', ...grants];
    const created = `created-${acl}`;
    await gateway.call('CreateBucket', { bucket: created, headers: { 'x-amz-acl': acl } });
    assert.deepEqual(await bucketAcl(created), expected);
    const bucket = await gateway.bucket();
    await setBucketAcl(bucket, acl);
    assert.deepEqual(await bucketAcl(bucket), expected);
  }
});

test('what is shown can be put back', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'k', 'x');
  for (const acl of Object.keys(ofBucket)) {
    await setBucketAcl(bucket, acl);
    const before = await gateway.call('GetBucketAcl', { bucket });
    await setBucketAcl(bucket, 'private');
    await gateway.call('PutBucketAcl', { bucket, body: before.body });
    assert.equal((await gateway.call('GetBucketAcl', { bucket })).text, before.text, acl);
    if (acl === 'log-delivery-write') continue;
    const place = { bucket, key: 'k' };
    await gateway.call('PutObjectAcl', { ...place, headers: { 'x-amz-acl': acl } });
    const ofObject = await gateway.call('GetObjectAcl', place);
    await gateway.call('PutObjectAcl', { ...place, headers: { 'x-amz-acl': 'private' } });
    await gateway.call('PutObjectAcl', { ...place, body: ofObject.body });
    assert.equal((await gateway.call('GetObjectAcl', place)).text, ofObject.text, acl);
  }
});

test('an object’s ACL tells its own owner from the bucket’s', async () => {
  const bucket = await gateway.bucket();
  await setBucketAcl(bucket, 'public-read-write');
  const place = { bucket, key: 'k', user: bob };
  const expected: Readonly<Record<string, readonly string[]>> = {
    private: [],
    'public-read': [`${everyone} READ`],
    'bucket-owner-read': ['Alice READ'],
    'bucket-owner-full-control': ['Alice FULL_CONTROL'],
  };
  for (const [acl, grants] of Object.entries(expected)) {
    await gateway.call('PutObject', { ...place, body: 'x', headers: { 'x-amz-acl': acl } });
    const answer = shown(await gateway.call('GetObjectAcl', place));
    assert.deepEqual(answer, ['Bob owns', 'Bob FULL_CONTROL', ...grants]);
  }
  // FULL_CONTROL is what it says: the bucket's owner may now set the ACL, and the owner stays.
  const open = { 'x-amz-acl': 'public-read' };
  await gateway.call('PutObjectAcl', { ...place, user: alice, headers: open });
  const changed = shown(await gateway.call('GetObjectAcl', place));
  assert.deepEqual(changed, ['Bob owns', 'Bob FULL_CONTROL', `${everyone} READ`]);
});

test('an ACL that is set changes nothing else of the version', async () => {
  const bucket = await gateway.bucket('Enabled');
  const headers = { 'x-amz-meta-a': 'b', 'x-amz-tagging': 't=1', 'content-type': 'text/x' };
  const put = await gateway.put(bucket, 'k', 'bytes', headers);
  const before = await gateway.get(bucket, 'k');
  const place = { bucket, key: 'k' };
  const open = { 'x-amz-acl': 'public-read' };
  const answer = await gateway.call('PutObjectAcl', { ...place, headers: open });
  assert.equal(answer.headers['x-amz-version-id'], put.headers['x-amz-version-id']);
  const now = await gateway.get(bucket, 'k');
  assert.deepEqual(now.headers, before.headers);
  assert.equal(now.text, 'bytes');
  const tags = { Tagging: '<Tagging><TagSet></TagSet></Tagging>' };
  await gateway.call('PutObjectTagging', { ...place, body: tags.Tagging });
  const acl = shown(await gateway.call('GetObjectAcl', place));
  assert.deepEqual(acl, ['Alice owns', 'Alice FULL_CONTROL', `${everyone} READ`]);
});

test('an overwrite has the ACL that it is given, not what was there', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'k', 'x', { 'x-amz-acl': 'public-read' });
  await gateway.put(bucket, 'k', 'y');
  const acl = await gateway.call('GetObjectAcl', { bucket, key: 'k' });
  assert.deepEqual(shown(acl), ['Alice owns', 'Alice FULL_CONTROL']);
});

test('re-creating one’s own bucket sets its ACL anew', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'k', 'x');
  await setBucketAcl(bucket, 'public-read-write');
  await gateway.call('CreateBucket', { bucket });
  assert.deepEqual(await bucketAcl(bucket), ['Alice owns', 'Alice FULL_CONTROL']);
  await gateway.call('CreateBucket', { bucket, headers: { 'x-amz-acl': 'public-read' } });
  assert.equal((await bucketAcl(bucket)).at(-1), `${everyone} READ`);
  assert.equal((await gateway.get(bucket, 'k')).text, 'x');
  const theft = { bucket, user: bob, headers: { 'x-amz-acl': 'public-read-write' } };
  await assert.rejects(gateway.call('CreateBucket', theft), s3Error('BucketAlreadyExists'));
  assert.equal((await bucketAcl(bucket)).at(-1), `${everyone} READ`);
});

test('an ACL is said once: by a header or by a document', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'k', 'x');
  const { body } = await gateway.call('GetBucketAcl', { bucket });
  const headers = { 'x-amz-acl': 'public-read' };
  for (const action of ['PutBucketAcl', 'PutObjectAcl'] as const) {
    const set = (call: Call) => gateway.call(action, { bucket, key: 'k', ...call });
    await assert.rejects(set({ body, headers }), s3Error('UnexpectedContent'));
    await assert.rejects(
      set({}),
      s3Error('MissingSecurityHeader', { MissingHeaderName: 'x-amz-acl' }),
    );
    await assert.rejects(set({ body: '<AccessControlPolicy/>' }), s3Error('MalformedACLError'));
    const both = { ...headers, 'x-amz-grant-read': `uri="${everyone}"` };
    await assert.rejects(set({ headers: both }), s3Error('InvalidRequest'));
    const grants = {
      'x-amz-grant-full-control': `id="${alice.id}"`,
      'x-amz-grant-read': `uri="${everyone}"`,
    };
    await set({ headers: grants });
  }
  assert.equal((await bucketAcl(bucket)).at(-1), `${everyone} READ`);
  assert.equal(
    (await gateway.call('GetObject', { bucket, key: 'k', user: 'anonymous' })).text,
    'x',
  );
});

test('a document that names another owner or nobody is refused', async () => {
  const bucket = await gateway.bucket();
  await setBucketAcl(bucket, 'private');
  const { text } = await gateway.call('GetBucketAcl', { bucket });
  const set = (body: string) => gateway.call('PutBucketAcl', { bucket, body });
  const toBob = text.replaceAll(alice.id, bob.id);
  await assert.rejects(set(toBob), s3Error('AccessDenied'));
  const grantedToBob = text.replace(`xsi:type="CanonicalUser"><ID>${alice.id}`, `><ID>${bob.id}`);
  assert.notEqual(grantedToBob, text);
  await assert.rejects(set(grantedToBob.replace(bob.id, 'x')), s3Error('InvalidArgument'));
  assert.deepEqual(await bucketAcl(bucket), ['Alice owns', 'Alice FULL_CONTROL']);
  await set(grantedToBob);
  assert.deepEqual(await bucketAcl(bucket), ['Alice owns', 'Bob FULL_CONTROL']);
});

test('the ACL of what is not there', async () => {
  const bucket = await gateway.bucket();
  const headers = { 'x-amz-acl': 'public-read' };
  const place = { bucket, key: 'absent' };
  await assert.rejects(gateway.call('GetObjectAcl', place), s3Error('NoSuchKey'));
  await assert.rejects(gateway.call('PutObjectAcl', { ...place, headers }), s3Error('NoSuchKey'));
  const query = { versionId: 'x' };
  await assert.rejects(
    gateway.call('PutObjectAcl', { ...place, query, headers }),
    s3Error('InvalidArgument'),
  );
});

test('grants to one user on a bucket and on an object let them in, and nobody else', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'k', 'x', { 'x-amz-grant-read-acp': `id="${bob.id}"` });
  const asBob = { bucket, key: 'k', user: bob };
  const denied = s3Error('AccessDenied');
  await assert.rejects(gateway.call('GetObject', asBob), denied);
  assert.deepEqual(shown(await gateway.call('GetObjectAcl', asBob)), [
    'Alice owns',
    'Bob READ_ACP',
  ]);
  const read = { 'x-amz-grant-read': `id=${bob.id}`, 'x-amz-grant-write-acp': `id=${bob.id}` };
  await gateway.call('PutObjectAcl', { bucket, key: 'k', headers: read });
  assert.equal((await gateway.call('GetObject', asBob)).text, 'x');
  await assert.rejects(gateway.call('GetObject', { ...asBob, user: 'anonymous' }), denied);
  // What may be written may be given away.
  await gateway.call('PutObjectAcl', { ...asBob, headers: { 'x-amz-acl': 'public-read' } });
  assert.equal((await gateway.call('GetObject', { ...asBob, user: 'anonymous' })).text, 'x');

  await assert.rejects(gateway.call('ListObjects', { bucket, user: bob }), denied);
  const headers = { 'x-amz-grant-read': `id="${bob.id}"`, 'x-amz-grant-write': `id="${bob.id}"` };
  await gateway.call('PutBucketAcl', { bucket, headers });
  assert.deepEqual(await bucketAcl(bucket), ['Alice owns', 'Bob READ', 'Bob WRITE']);
  await gateway.call('ListObjects', { bucket, user: bob });
  await gateway.call('PutObject', { bucket, key: 'of bob', body: 'y', user: bob });
  await assert.rejects(gateway.call('ListObjects', { bucket, user: 'anonymous' }), denied);
  await assert.rejects(gateway.call('GetBucketAcl', { bucket, user: bob }), denied);
  await assert.rejects(gateway.get(bucket, 'of bob'), denied);
});

test('the owner of a bucket or object whose ACL grants nothing still may everything', async () => {
  const bucket = await gateway.bucket();
  const { text } = await gateway.call('GetBucketAcl', { bucket });
  const empty = text.replace(/<Grant>.*<\/Grant>/, '');
  await gateway.call('PutBucketAcl', { bucket, body: empty });
  assert.deepEqual(await bucketAcl(bucket), ['Alice owns']);
  await gateway.put(bucket, 'k', 'x');
  await gateway.call('PutObjectAcl', { bucket, key: 'k', body: empty });
  assert.equal((await gateway.get(bucket, 'k')).text, 'x');
  // Nothing is granted to others: ACLs may be disabled.
  const rule = '<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>';
  const body = `<OwnershipControls>${rule}</OwnershipControls>`;
  await gateway.call('PutBucketOwnershipControls', { bucket, body });
});
