/** What a gateway does otherwise where clients of Cumulus are served. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { alice, bob, s3Error, TestGateway } from './testing/gateway.ts';

const gateway = await TestGateway.open({ cumulus: true });
const plain = await TestGateway.open();
after(async () => {
  await gateway.close();
  await plain.close();
});

const denied = s3Error('AccessDenied');
const users = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers';

/** A bucket of Alice's where every user may list and write. */
async function repository(on: TestGateway, name: string): Promise<string> {
  const headers = { 'x-amz-grant-read': `uri=${users}`, 'x-amz-grant-write': `uri=${users}` };
  await on.call('CreateBucket', { bucket: name, headers });
  return name;
}

test('bucket names of before', async () => {
  await gateway.call('CreateBucket', { bucket: 'Repo_2' });
  await assert.rejects(
    plain.call('CreateBucket', { bucket: 'Repo' }),
    s3Error('InvalidBucketName'),
  );
  const bad = gateway.call('CreateBucket', { bucket: '_Repo' });
  await assert.rejects(bad, s3Error('InvalidBucketName'));
});

test('a user is named by access key too, and two names stand for groups', async () => {
  const bucket = await repository(gateway, 'named');
  await gateway.put(bucket, 'k', 'x');
  const { text } = await gateway.call('GetObjectAcl', { bucket, key: 'k' });
  const grantTo = (id: string) =>
    text.replace(
      '</AccessControlList>',
      `<Grant><Grantee><ID>${id}</ID></Grantee><Permission>READ</Permission></Grant></AccessControlList>`,
    );
  const set = (body: string, on = gateway) => on.call('PutObjectAcl', { bucket, key: 'k', body });
  const read = (user: typeof bob | 'anonymous') =>
    gateway.call('GetObject', { bucket, key: 'k', user });
  await assert.rejects(read(bob), denied);
  assert.match(text, /<Owner><ID>AKALICE</);
  await set(grantTo('AKBOB').replace('AKALICE', alice.id));
  assert.equal((await read(bob)).text, 'x');
  assert.match((await gateway.call('GetObjectAcl', { bucket, key: 'k' })).text, /<ID>AKBOB</);
  await assert.rejects(read('anonymous'), denied);
  await set(text);
  await set(grantTo('CumulusAuthenticatedUser'));
  assert.equal((await read(bob)).text, 'x');
  await assert.rejects(read('anonymous'), denied);
  await set(grantTo('CumulusPublicUser'));
  assert.equal((await read('anonymous')).text, 'x');
  await assert.rejects(set(grantTo('AKNOBODY')), s3Error('InvalidArgument'));
  await assert.rejects(set(text.replace('AKALICE', 'AKBOB')), denied);
  const elsewhere = await repository(plain, 'named');
  await plain.put(elsewhere, 'k', 'x');
  const byId = grantTo('AKBOB').replaceAll('AKALICE', alice.id);
  await assert.rejects(set(byId, plain), s3Error('InvalidArgument', { ArgumentValue: 'AKBOB' }));
});

test('WRITE on an object is the right to replace and delete it', async () => {
  const bucket = await repository(gateway, 'writes');
  const put = (user: typeof bob, key: string, headers = {}, on = gateway) =>
    on.call('PutObject', { bucket, key, body: user.displayName, headers, user });
  const remove = (user: typeof bob, key: string, on = gateway) =>
    on.call('DeleteObject', { bucket, key, user });
  await put(alice, 'hers');
  await assert.rejects(put(bob, 'hers'), denied);
  await assert.rejects(remove(bob, 'hers'), denied);
  const headers = { 'x-amz-copy-source': `${bucket}/mine` };
  await put(bob, 'mine');
  const copy = gateway.call('CopyObject', { bucket, key: 'hers', headers, user: bob });
  await assert.rejects(copy, denied);
  const body = '<Delete><Object><Key>hers</Key></Object></Delete>';
  const many = await gateway.call('DeleteObjects', { bucket, body, user: bob });
  assert.match(many.text, /<Code>AccessDenied</);
  assert.equal((await gateway.get(bucket, 'hers')).text, 'Alice');
  // By grant, as the owner of the object, and as the owner of the bucket.
  await put(alice, 'hers', { 'x-amz-grant-write': `id=${bob.id}` });
  await put(bob, 'hers');
  await put(bob, 'mine');
  await put(alice, 'mine');
  await put(bob, 'last');
  await remove(alice, 'last');
  const there = await repository(plain, 'writes');
  assert.equal(there, bucket);
  await put(alice, 'hers', {}, plain);
  await put(bob, 'hers', {}, plain);
});

test('an upload in parts replaces nobody else’s object either', async () => {
  const bucket = await repository(gateway, 'parts');
  await gateway.put(bucket, 'hers', 'x');
  const place = { bucket, key: 'hers', user: bob };
  const begun = await gateway.call('CreateMultipartUpload', place);
  const uploadId = /<UploadId>([^<]+)/.exec(begun.text)?.[1] ?? '';
  const query = { uploadId, partNumber: '1' };
  const { headers } = await gateway.call('UploadPart', { ...place, query, body: 'y' });
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${headers.etag}</ETag></Part></CompleteMultipartUpload>`;
  const complete = { ...place, query: { uploadId }, body };
  await assert.rejects(gateway.call('CompleteMultipartUpload', complete), denied);
  assert.equal((await gateway.get(bucket, 'hers')).text, 'x');
});

test('deleting what is not there is NoSuchKey', async () => {
  const bucket = await repository(gateway, 'absent');
  const missing = { bucket, key: 'k' };
  await assert.rejects(gateway.call('DeleteObject', missing), s3Error('NoSuchKey', { Key: 'k' }));
  await gateway.setVersioning(bucket, 'Enabled');
  await gateway.put(bucket, 'k', 'x');
  await gateway.call('DeleteObject', missing);
  await assert.rejects(gateway.call('DeleteObject', missing), s3Error('NoSuchKey'));
  await plain.call('CreateBucket', { bucket });
  assert.equal((await plain.call('DeleteObject', missing)).status, 204);
});
