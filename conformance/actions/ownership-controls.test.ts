/** Put-, Get- and DeleteBucketOwnershipControls, and who owns what others upload. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteBucketOwnershipControlsCommand,
  GetBucketOwnershipControlsCommand,
  type ObjectOwnership,
  PutBucketOwnershipControlsCommand,
} from '@aws-sdk/client-s3';
import { assertError } from '../harness/http.ts';
import { bucketWithAcl, otherUser } from '../harness/others.ts';
import { openTarget } from '../harness/target.ts';
import { elements, textOf } from '../harness/xml.ts';

const s3 = await openTarget();
const other = await otherUser(s3);
const needsOther = { skip: other === undefined ? 'there is no second user' : false };

const configure = (bucket: string, ownership: ObjectOwnership) =>
  s3.client.send(
    new PutBucketOwnershipControlsCommand({
      Bucket: bucket,
      OwnershipControls: { Rules: [{ ObjectOwnership: ownership }] },
    }),
  );

async function configured(bucket: string): Promise<string | undefined> {
  const { OwnershipControls } = await s3.client.send(
    new GetBucketOwnershipControlsCommand({ Bucket: bucket }),
  );
  assert.equal(OwnershipControls?.Rules?.length, 1);
  return OwnershipControls.Rules[0]?.ObjectOwnership;
}

test('ownership is given at creation, replaced and removed', async () => {
  const bucket = s3.newBucketName();
  await s3.client.send(
    new CreateBucketCommand({ Bucket: bucket, ObjectOwnership: 'BucketOwnerPreferred' }),
  );
  assert.equal(await configured(bucket), 'BucketOwnerPreferred');
  for (const ownership of ['ObjectWriter', 'BucketOwnerEnforced'] as const) {
    await configure(bucket, ownership);
    assert.equal(await configured(bucket), ownership);
  }
  for (let round = 0; round < 2; round += 1) {
    await s3.client.send(new DeleteBucketOwnershipControlsCommand({ Bucket: bucket }));
    assertError(
      await s3.send({ path: `/${bucket}?ownershipControls` }),
      404,
      'OwnershipControlsNotFoundError',
    );
  }
});

test('a document that says no ownership is MalformedXML', async () => {
  const bucket = await bucketWithAcl(s3, 'private');
  for (const body of [
    '<OwnershipControls></OwnershipControls>',
    '<OwnershipControls><Rule><ObjectOwnership>Nobody</ObjectOwnership></Rule></OwnershipControls>',
    '<OwnershipControls>',
  ]) {
    const answer = await s3.send({ method: 'PUT', path: `/${bucket}?ownershipControls`, body });
    assertError(answer, 400, 'MalformedXML');
  }
  assert.equal(await configured(bucket), 'ObjectWriter');
});

test('ACLs are not disabled on a bucket that is open by its ACL, nor is one made so', async () => {
  const bucket = await bucketWithAcl(s3, 'public-read');
  await assert.rejects(configure(bucket, 'BucketOwnerEnforced'), {
    name: 'InvalidBucketAclWithObjectOwnership',
  });
  const name = s3.newBucketName();
  const headers = { 'x-amz-acl': 'public-read', 'x-amz-object-ownership': 'BucketOwnerEnforced' };
  const answer = await s3.send({ method: 'PUT', path: `/${name}`, headers });
  assertError(answer, 400, 'InvalidBucketAclWithObjectOwnership');
  assert.equal((await s3.send({ method: 'HEAD', path: `/${name}` })).status, 404);
});

test('where ACLs are disabled they neither grant nor are taken', async () => {
  const bucket = await bucketWithAcl(s3, 'private');
  await s3.put(bucket, 'open', 'x', { 'x-amz-acl': 'public-read' });
  await configure(bucket, 'BucketOwnerEnforced');
  assertError(await s3.send({ path: `/${bucket}/open`, anonymous: true }), 403, 'AccessDenied');
  for (const path of [`/${bucket}/new`, `/${bucket}/open?acl`, `/${bucket}?acl`]) {
    const answer = await s3.send({
      method: 'PUT',
      path,
      headers: { 'x-amz-acl': 'public-read' },
    });
    assertError(answer, 400, 'AccessControlListNotSupported');
  }
  const full = { 'x-amz-acl': 'bucket-owner-full-control' };
  assert.equal((await s3.put(bucket, 'new', 'x', full)).status, 200);
  assert.equal((await s3.send({ path: `/${bucket}?acl` })).status, 200, 'they are still shown');
});

test('a preferred bucket owner owns what is given to them in full', needsOther, async () => {
  const bucket = await bucketWithAcl(s3, 'public-read-write');
  await configure(bucket, 'BucketOwnerPreferred');
  const put = (key: string, headers = {}) =>
    s3.send({
      method: 'PUT',
      path: `/${bucket}/${key}`,
      headers,
      body: 'x',
      credentials: other?.credentials ?? s3.credentials,
    });
  await put('given', { 'x-amz-acl': 'bucket-owner-full-control' });
  await put('kept');
  const owners = async (key: string) => {
    const { text } = await s3.send({ path: `/${bucket}?prefix=${key}` });
    return textOf(elements(text, 'Owner')[0] ?? '', 'ID');
  };
  assert.notEqual(await owners('given'), other?.id);
  assert.equal(await owners('kept'), other?.id);
  assert.equal((await s3.get(bucket, 'given')).text, 'x');
  assertError(await s3.get(bucket, 'kept'), 403, 'AccessDenied');
});
