/** Grants to single users, by header and by document, on buckets and objects. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateMultipartUploadCommand,
  GetBucketAclCommand,
  GetObjectAclCommand,
  PutBucketAclCommand,
  PutObjectAclCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { assertError, type RawRequest } from '../harness/http.ts';
import { bucketWithAcl, otherUser } from '../harness/others.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const other = await otherUser(s3);
const needsOther = { skip: other === undefined ? 'there is no second user' : false };
const otherId = other?.id ?? '';
const users = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers';

const asOther = (request: RawRequest) =>
  s3.send({ ...request, credentials: other?.credentials ?? s3.credentials });

interface Shown {
  readonly Grants?: readonly {
    readonly Grantee?: { readonly ID?: string | undefined; readonly URI?: string | undefined };
    readonly Permission?: string | undefined;
  }[];
  readonly Owner?: { readonly ID?: string | undefined };
}

function lines({ Grants = [], Owner }: Shown): string[] {
  return Grants.map(({ Grantee, Permission }) => {
    const id = Grantee?.ID === Owner?.ID ? 'owner' : Grantee?.ID === otherId ? 'other' : undefined;
    return `${id ?? Grantee?.URI ?? Grantee?.ID} ${Permission}`;
  }).sort();
}

test('each permission on a bucket is its own right', needsOther, async () => {
  const bucket = await bucketWithAcl(s3, 'private');
  await s3.put(bucket, 'k', 'x');
  const rights: Readonly<Record<string, RawRequest>> = {
    read: { path: `/${bucket}` },
    write: { method: 'PUT', path: `/${bucket}/of-other`, body: 'y' },
    'read-acp': { path: `/${bucket}?acl` },
    'write-acp': {
      method: 'PUT',
      path: `/${bucket}?acl`,
      headers: { 'x-amz-grant-write-acp': `id="${otherId}"` },
    },
  };
  const grant = (name: string) =>
    s3.send({
      method: 'PUT',
      path: `/${bucket}?acl`,
      headers: { [`x-amz-grant-${name}`]: `id="${otherId}"` },
    });
  for (const name of [...Object.keys(rights), 'full-control']) {
    const set = await grant(name);
    assert.equal(set.status, 200, set.text);
    for (const [right, request] of Object.entries(rights)) {
      const answer = await asOther(request);
      if (name === right || name === 'full-control') assert.equal(answer.status, 200, right);
      else assertError(answer, 403, 'AccessDenied');
    }
    assert.equal((await grant(name)).status, 200);
    assertError(await asOther({ path: `/${bucket}/k` }), 403, 'AccessDenied');
    assertError(await s3.send({ path: `/${bucket}`, anonymous: true }), 403, 'AccessDenied');
  }
});

test('what the SDK grants it shows, and what it shows it can put back', needsOther, async () => {
  const bucket = await bucketWithAcl(s3, 'private');
  const place = { Bucket: bucket, Key: 'k' };
  const ID = otherId;
  await s3.client.send(new PutObjectCommand({ ...place, Body: 'x', GrantRead: `id=${ID}` }));
  assert.deepEqual(lines(await s3.client.send(new GetObjectAclCommand(place))), ['other READ']);
  const { Owner } = await s3.client.send(new GetObjectAclCommand(place));
  const Grants = [
    { Grantee: { Type: 'CanonicalUser', ID: Owner?.ID ?? '' }, Permission: 'FULL_CONTROL' },
    { Grantee: { Type: 'CanonicalUser', ID }, Permission: 'READ_ACP' },
    { Grantee: { Type: 'CanonicalUser', ID }, Permission: 'READ' },
    { Grantee: { Type: 'Group', URI: users }, Permission: 'READ_ACP' },
  ] as const;
  const policy = { Owner, Grants: [...Grants] };
  const expected = [`${users} READ_ACP`, 'other READ', 'other READ_ACP', 'owner FULL_CONTROL'];
  await s3.client.send(new PutObjectAclCommand({ ...place, AccessControlPolicy: policy }));
  assert.deepEqual(lines(await s3.client.send(new GetObjectAclCommand(place))), expected);
  assert.equal((await asOther({ path: `/${bucket}/k` })).text, 'x');
  assertError(await s3.send({ path: `/${bucket}/k`, anonymous: true }), 403, 'AccessDenied');
  const shown = (await asOther({ path: `/${bucket}/k?acl` })).text;
  const set = (body: string) => s3.send({ method: 'PUT', path: `/${bucket}/k?acl`, body });
  assert.equal((await set(shown.replace(/<Grant>.*<\/Grant>/, ''))).status, 200);
  assertError(await asOther({ path: `/${bucket}/k` }), 403, 'AccessDenied');
  assert.equal((await set(shown)).status, 200);
  assert.deepEqual(lines(await s3.client.send(new GetObjectAclCommand(place))), expected);
  assertError(await set(shown.replaceAll(otherId, 'nobody-at-all')), 400, 'InvalidArgument');

  await s3.client.send(new PutBucketAclCommand({ Bucket: bucket, AccessControlPolicy: policy }));
  const ofBucket = await s3.client.send(new GetBucketAclCommand({ Bucket: bucket }));
  assert.deepEqual(lines(ofBucket), expected);
});

test(
  'uploads in parts and copies give grants, and an overwrite takes them',
  needsOther,
  async () => {
    const bucket = await bucketWithAcl(s3, 'private');
    const GrantRead = `id="${otherId}"`;
    const { UploadId } = await s3.client.send(
      new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'parts', GrantRead }),
    );
    const path = `/${bucket}/parts?uploadId=${UploadId}`;
    const part = await s3.send({ method: 'PUT', path: `${path}&partNumber=1`, body: 'parts' });
    const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${part.headers.etag}</ETag></Part></CompleteMultipartUpload>`;
    assert.equal((await s3.send({ method: 'POST', path, body })).status, 200);
    assert.equal((await asOther({ path: `/${bucket}/parts` })).text, 'parts');
    const headers = { 'x-amz-copy-source': `${bucket}/parts`, 'x-amz-grant-read': GrantRead };
    assert.equal((await s3.put(bucket, 'copy', '', headers)).status, 200);
    assert.equal((await asOther({ path: `/${bucket}/copy` })).text, 'parts');
    await s3.put(bucket, 'copy', 'overwritten');
    assertError(await asOther({ path: `/${bucket}/copy` }), 403, 'AccessDenied');
  },
);

test(
  'a reader by grant may copy, and an owner who grants nothing loses nothing',
  needsOther,
  async () => {
    const bucket = await bucketWithAcl(s3, 'private');
    await s3.put(bucket, 'k', 'x', { 'x-amz-grant-read': `id="${otherId}"` });
    const theirs = s3.newBucketName();
    assert.equal((await asOther({ method: 'PUT', path: `/${theirs}` })).status, 200);
    const headers = { 'x-amz-copy-source': `${bucket}/k` };
    const copied = await asOther({ method: 'PUT', path: `/${theirs}/k`, headers });
    assert.equal(copied.status, 200, copied.text);
    assert.equal((await s3.get(bucket, 'k')).text, 'x');
    assert.equal((await s3.get(bucket, 'k', 'acl')).status, 200);
    for (const path of [`/${theirs}/k`, `/${theirs}`]) await asOther({ method: 'DELETE', path });
  },
);
