/** GetObjectAcl and PutObjectAcl, and the ACLs that PutObject, CopyObject and uploads give. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectAclCommand,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { assertError } from '../harness/http.ts';
import { bucketWithAcl, otherUser } from '../harness/others.ts';
import { openTarget } from '../harness/target.ts';
import { elements, textOf } from '../harness/xml.ts';

const s3 = await openTarget();
const other = await otherUser(s3);
const needsOther = { skip: other === undefined ? 'there is no second user' : false };
const everyone = 'http://acs.amazonaws.com/groups/global/AllUsers';
const bucket = await bucketWithAcl(s3, 'private');

async function isPublic(key: string, query = ''): Promise<boolean> {
  const path = `/${bucket}/${key}${query === '' ? '' : `?${query}`}`;
  const { status, text } = await s3.send({ path, anonymous: true });
  assert.ok(status === 200 || status === 403, text);
  return status === 200;
}

async function grants(key: string, versionId?: string): Promise<string[]> {
  const { Grants = [], Owner } = await s3.client.send(
    new GetObjectAclCommand({ Bucket: bucket, Key: key, VersionId: versionId }),
  );
  return Grants.map(({ Grantee, Permission }) => {
    const who = Grantee?.ID === Owner?.ID ? 'owner' : (Grantee?.URI ?? Grantee?.ID);
    return `${who} ${Permission}`;
  }).sort();
}

const open = [`${everyone} READ`, 'owner FULL_CONTROL'];

test('PutObject, CopyObject and multipart uploads give an ACL; nothing inherits one', async () => {
  const named = { Bucket: bucket, ACL: 'public-read' } as const;
  await s3.client.send(new PutObjectCommand({ ...named, Key: 'put', Body: 'x' }));
  const CopySource = `${bucket}/put`;
  await s3.client.send(new CopyObjectCommand({ ...named, Key: 'copy', CopySource }));
  const { UploadId } = await s3.client.send(
    new CreateMultipartUploadCommand({ ...named, Key: 'parts' }),
  );
  const part = { Bucket: bucket, Key: 'parts', UploadId, PartNumber: 1 };
  const { ETag } = await s3.client.send(new UploadPartCommand({ ...part, Body: 'x' }));
  const Parts = [{ ETag, PartNumber: 1 }];
  await s3.client.send(new CompleteMultipartUploadCommand({ ...part, MultipartUpload: { Parts } }));
  for (const key of ['put', 'copy', 'parts']) {
    assert.deepEqual(await grants(key), open, key);
    assert.ok(await isPublic(key), key);
  }
  await s3.client.send(new CopyObjectCommand({ Bucket: bucket, Key: 'inherits', CopySource }));
  await s3.put(bucket, 'put', 'overwritten');
  for (const key of ['inherits', 'put']) {
    assert.deepEqual(await grants(key), ['owner FULL_CONTROL'], key);
    assert.ok(!(await isPublic(key)), key);
  }
});

test('PutObjectAcl by header and by document; the object stays what it was', async () => {
  await s3.put(bucket, 'set', 'bytes', { 'x-amz-meta-a': 'b' });
  const before = await s3.head(bucket, 'set');
  await s3.client.send(new PutObjectAclCommand({ Bucket: bucket, Key: 'set', ACL: 'public-read' }));
  assert.ok(await isPublic('set'));
  const shown = await s3.get(bucket, 'set', 'acl');
  const set = (headers: Record<string, string>, body = '') =>
    s3.send({ method: 'PUT', path: `/${bucket}/set?acl`, headers, body });
  assert.equal((await set({ 'x-amz-acl': 'private' })).status, 200);
  assert.ok(!(await isPublic('set')));
  assert.equal((await set({}, shown.text)).status, 200);
  assert.ok(await isPublic('set'));
  const after = await s3.head(bucket, 'set');
  for (const name of ['last-modified', 'etag', 'x-amz-meta-a', 'content-length']) {
    assert.equal(after.headers[name], before.headers[name], name);
  }
  assertError(await set({ 'x-amz-acl': 'log-delivery-write' }), 400, 'InvalidArgument');
  assertError(await set({}), 400, 'MissingSecurityHeader');
  assertError(await set({}, '<AccessControlPolicy/>'), 400, 'MalformedACLError');
});

test('each version has its own', async () => {
  const versioned = await bucketWithAcl(s3, 'private');
  await s3.client.send(
    new PutBucketVersioningCommand({
      Bucket: versioned,
      VersioningConfiguration: { Status: 'Enabled' },
    }),
  );
  const first = (await s3.put(versioned, 'k', '1')).headers['x-amz-version-id'];
  await s3.put(versioned, 'k', '2');
  const read = (query: string) => s3.send({ path: `/${versioned}/k${query}`, anonymous: true });
  const answer = await s3.send({
    method: 'PUT',
    path: `/${versioned}/k?acl&versionId=${first}`,
    headers: { 'x-amz-acl': 'public-read' },
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal((await read(`?versionId=${first}`)).text, '1');
  assertError(await read(''), 403, 'AccessDenied');
  assertError(await s3.get(versioned, 'k', 'acl&versionId=nonsense'), 400, 'InvalidArgument');
  assertError(await s3.get(versioned, 'absent', 'acl'), 404, 'NoSuchKey');
});

test('an unknown canned ACL is refused before anything is stored', async () => {
  assertError(
    await s3.put(bucket, 'never', 'x', { 'x-amz-acl': 'public' }),
    400,
    'InvalidArgument',
    {
      ArgumentName: 'x-amz-acl',
      ArgumentValue: 'public',
    },
  );
  assertError(await s3.get(bucket, 'never'), 404, 'NoSuchKey');
});

test(
  'another’s upload is theirs; bucket-owner-full-control lets the bucket’s owner in',
  needsOther,
  async () => {
    const shared = await bucketWithAcl(s3, 'public-read-write');
    const credentials = other?.credentials ?? s3.credentials;
    const put = (key: string, headers = {}) =>
      s3.send({ method: 'PUT', path: `/${shared}/${key}`, headers, body: 'theirs', credentials });
    assert.equal((await put('kept')).status, 200);
    assert.equal((await put('given', { 'x-amz-acl': 'bucket-owner-full-control' })).status, 200);
    assertError(await s3.get(shared, 'kept'), 403, 'AccessDenied');
    assertError(await s3.get(shared, 'kept', 'acl'), 403, 'AccessDenied');
    assert.equal((await s3.head(shared, 'kept')).status, 403);
    assert.equal((await s3.get(shared, 'given')).text, 'theirs');
    const acl = await s3.get(shared, 'given', 'acl');
    assert.equal(textOf(elements(acl.text, 'Owner')[0] ?? '', 'ID'), other?.id);
    assert.equal(elements(acl.text, 'Grant').length, 2);
    assert.equal((await s3.delete(shared, 'kept')).status, 204);
  },
);

test('another may copy what they may read, and it is theirs', needsOther, async () => {
  const credentials = other?.credentials ?? s3.credentials;
  await s3.put(bucket, 'source', 'x', { 'x-amz-acl': 'public-read' });
  await s3.put(bucket, 'secret', 'y');
  const shared = await bucketWithAcl(s3, 'public-read-write');
  const copy = (source: string, key: string) =>
    s3.send({
      method: 'PUT',
      path: `/${shared}/${key}`,
      headers: { 'x-amz-copy-source': source },
      credentials,
    });
  assert.equal((await copy(`${bucket}/source`, 'copy')).status, 200);
  assertError(await copy(`${bucket}/secret`, 'stolen'), 403, 'AccessDenied');
  assertError(await copy(`${bucket}/absent`, 'stolen'), 403, 'AccessDenied');
  assertError(await s3.get(shared, 'copy'), 403, 'AccessDenied');
  const read = await s3.send({ path: `/${shared}/copy`, credentials });
  assert.equal(read.text, 'x');
});
