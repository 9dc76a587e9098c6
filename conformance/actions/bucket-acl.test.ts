/** GetBucketAcl and PutBucketAcl: canned ACLs by header, document and grants. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GetBucketAclCommand, PutBucketAclCommand } from '@aws-sdk/client-s3';
import { assertError } from '../harness/http.ts';
import { bucketWithAcl } from '../harness/others.ts';
import { openTarget } from '../harness/target.ts';
import { elements, textOf } from '../harness/xml.ts';

const s3 = await openTarget();
const everyone = 'http://acs.amazonaws.com/groups/global/AllUsers';
const users = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers';

const set = (bucket: string, headers: Record<string, string>, body = '') =>
  s3.send({ method: 'PUT', path: `/${bucket}?acl`, headers, body });
const get = (bucket: string) => s3.send({ path: `/${bucket}?acl` });

/** Grantee and permission of each grant, in any order. */
async function grants(bucket: string): Promise<string[]> {
  const { Grants = [], Owner } = await s3.client.send(new GetBucketAclCommand({ Bucket: bucket }));
  return Grants.map(({ Grantee, Permission }) => {
    const who = Grantee?.ID === Owner?.ID ? 'owner' : (Grantee?.URI ?? Grantee?.ID);
    return `${Grantee?.Type} ${who} ${Permission}`;
  }).sort();
}

test('a canned ACL is shown as its grants', async () => {
  const bucket = await bucketWithAcl(s3, 'private');
  const own = 'CanonicalUser owner FULL_CONTROL';
  assert.deepEqual(await grants(bucket), [own]);
  const expected = {
    'public-read': [`Group ${everyone} READ`],
    'public-read-write': [`Group ${everyone} READ`, `Group ${everyone} WRITE`],
    'authenticated-read': [`Group ${users} READ`],
    private: [],
  } as const;
  for (const [acl, others] of Object.entries(expected)) {
    await s3.client.send(
      new PutBucketAclCommand({ Bucket: bucket, ACL: acl as keyof typeof expected }),
    );
    assert.deepEqual(await grants(bucket), [own, ...others], acl);
  }
});

test('the document names its owner and the types of its grantees', async () => {
  const { text } = await get(await bucketWithAcl(s3, 'public-read'));
  const [owner = ''] = elements(text, 'Owner');
  assert.ok((textOf(owner, 'ID') ?? '').length > 0);
  assert.match(text, /<Grantee [^>]*xsi:type="CanonicalUser"/);
  assert.match(text, /<Grantee [^>]*xsi:type="Group"/);
});

test('what GET shows can be PUT back, by raw document and by SDK', async () => {
  const bucket = await bucketWithAcl(s3, 'public-read');
  const before = await get(bucket);
  const { Grants, Owner } = await s3.client.send(new GetBucketAclCommand({ Bucket: bucket }));
  const policy = { Grants, Owner };
  for (const restore of [
    () => set(bucket, {}, before.text),
    () => s3.client.send(new PutBucketAclCommand({ Bucket: bucket, AccessControlPolicy: policy })),
  ]) {
    assert.equal((await set(bucket, { 'x-amz-acl': 'private' })).status, 200);
    await restore();
    assert.equal((await get(bucket)).text, before.text);
  }
});

test('grants by header that say what a canned ACL says', async () => {
  const bucket = await bucketWithAcl(s3, 'private');
  const id = textOf((await get(bucket)).text, 'ID') ?? '';
  const answer = await set(bucket, {
    'x-amz-grant-full-control': `id="${id}"`,
    'x-amz-grant-read': `uri="${everyone}"`,
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal((await grants(bucket)).length, 2);
});

test('unknown, double and missing ACLs are refused', async () => {
  const bucket = await bucketWithAcl(s3, 'private');
  assertError(await set(bucket, { 'x-amz-acl': 'public' }), 400, 'InvalidArgument', {
    ArgumentName: 'x-amz-acl',
    ArgumentValue: 'public',
  });
  const both = { 'x-amz-acl': 'private', 'x-amz-grant-read': `uri="${everyone}"` };
  assertError(await set(bucket, both), 400, 'InvalidRequest');
  assertError(await set(bucket, {}), 400, 'MissingSecurityHeader');
  assertError(await set(bucket, {}, '<AccessControlPolicy>'), 400, 'MalformedACLError');
  assertError(await set(bucket, {}, '<AccessControlPolicy/>'), 400, 'MalformedACLError');
  const nobody = { 'x-amz-grant-read': `id="${'0'.repeat(64)}"` };
  assertError(await set(bucket, nobody), 400, 'InvalidArgument');
  assert.deepEqual(await grants(bucket), ['CanonicalUser owner FULL_CONTROL']);
});

test('CreateBucket takes a canned ACL, and again sets it anew', async () => {
  const bucket = s3.newBucketName();
  const create = (headers: Record<string, string>) =>
    s3.send({ method: 'PUT', path: `/${bucket}`, headers });
  const ownership = { 'x-amz-object-ownership': 'ObjectWriter' };
  assert.equal((await create({ ...ownership, 'x-amz-acl': 'authenticated-read' })).status, 200);
  assert.equal((await grants(bucket)).length, 2);
  assert.equal((await create({})).status, 200);
  assert.deepEqual(await grants(bucket), ['CanonicalUser owner FULL_CONTROL']);
});
