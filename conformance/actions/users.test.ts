/** Users and their buckets: each sees and uses their own. Users are made as an operator makes them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { type Credentials, runCommand } from '../harness/gateway.ts';
import { assertError, type RawRequest } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { textOf } from '../harness/xml.ts';

const s3 = await openTarget({ workers: 2, args: [] });
const dataDirectory = s3.gateway?.dataDirectory ?? '';
const accountId = '123456789012';
const userId = 'ab'.repeat(32);
const alice: Credentials = {
  accessKeyId: 'ALICEALICEALICEALICE',
  secretAccessKey: 'alice-secret-0123456789-abcdefghijklmnop',
};

async function user(args: readonly string[], secret = ''): Promise<string> {
  const { status, output } = await runCommand(['user', ...args, '--data', dataDirectory], {
    BLOBSEER_S3_USER_SECRET: secret,
  });
  assert.equal(status, 0, output);
  return output;
}

const asAlice = (request: RawRequest) => s3.send({ ...request, credentials: alice });

// Imported with everything that another S3 knew of her, while the server runs.
await user(
  [
    'add',
    'alice',
    ...['--id', userId, '--account-id', accountId, '--access-key', alice.accessKeyId],
  ],
  alice.secretAccessKey,
);
const ofRoot = await s3.makeBucket();
await s3.put(ofRoot, 'k', 'secret of root');
const ofAlice = s3.newBucketName();
assert.equal((await asAlice({ method: 'PUT', path: `/${ofAlice}` })).status, 200);
await asAlice({ method: 'PUT', path: `/${ofAlice}/k`, body: 'of alice' });

test('a user added while the server runs can sign at once, on every worker', async () => {
  for (let round = 0; round < 10; round += 1) {
    assert.equal((await asAlice({ path: `/${ofAlice}/k` })).text, 'of alice');
  }
});

test('ListBuckets shows one’s own, and who one is', async () => {
  const hers = await asAlice({ path: '/' });
  assert.match(hers.text, new RegExp(`<Name>${ofAlice}</Name>`));
  assert.doesNotMatch(hers.text, new RegExp(`<Name>${ofRoot}</Name>`));
  assert.equal(textOf(hers.text, 'ID'), userId);
  assert.equal(textOf(hers.text, 'DisplayName'), 'alice');
  const roots = await s3.client.send(new ListBucketsCommand({}));
  assert.ok(!roots.Buckets?.some(({ Name }) => Name === ofAlice));
});

test('another’s bucket is AccessDenied for every call, and unchanged', async () => {
  const calls: readonly RawRequest[] = [
    { path: `/${ofRoot}` },
    { path: `/${ofRoot}?list-type=2` },
    { path: `/${ofRoot}?versions` },
    { path: `/${ofRoot}?uploads` },
    { path: `/${ofRoot}?acl` },
    { path: `/${ofRoot}?policy` },
    { path: `/${ofRoot}/k` },
    { method: 'PUT', path: `/${ofRoot}/k`, body: 'overwritten' },
    { method: 'DELETE', path: `/${ofRoot}/k` },
    { method: 'DELETE', path: `/${ofRoot}` },
    { method: 'POST', path: `/${ofRoot}/k?uploads` },
    {
      method: 'PUT',
      path: `/${ofRoot}?versioning`,
      body: '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
    },
  ];
  for (const call of calls) assertError(await asAlice(call), 403, 'AccessDenied');
  assert.equal((await asAlice({ method: 'HEAD', path: `/${ofRoot}/k` })).status, 403);
  assert.equal((await s3.get(ofRoot, 'k')).text, 'secret of root');
});

test('another’s object is no copy source', async () => {
  const answer = await asAlice({
    method: 'PUT',
    path: `/${ofAlice}/stolen`,
    headers: { 'x-amz-copy-source': `${ofRoot}/k` },
  });
  assertError(answer, 403, 'AccessDenied');
  assertError(await asAlice({ path: `/${ofAlice}/stolen` }), 404, 'NoSuchKey');
});

test('creating a name that another has is BucketAlreadyExists', async () => {
  assertError(await asAlice({ method: 'PUT', path: `/${ofRoot}` }), 409, 'BucketAlreadyExists', {
    BucketName: ofRoot,
  });
  assert.equal((await asAlice({ method: 'PUT', path: `/${ofAlice}` })).status, 200);
});

test('x-amz-expected-bucket-owner is compared with the account id', async () => {
  const path = `/${ofAlice}/k`;
  const right = await asAlice({ path, headers: { 'x-amz-expected-bucket-owner': accountId } });
  assert.equal(right.status, 200);
  const wrong = await asAlice({ path, headers: { 'x-amz-expected-bucket-owner': '999999999999' } });
  assertError(wrong, 403, 'AccessDenied');
});

test('objects name their owner in listings', async () => {
  const list = await asAlice({ path: `/${ofAlice}?list-type=2&fetch-owner=true` });
  assert.equal(textOf(list.text, 'ID'), userId);
  const acl = await asAlice({ path: `/${ofAlice}/k?acl` });
  assert.equal(textOf(acl.text, 'ID'), userId);
});

test('a rotated key no longer signs; a removed user neither', async () => {
  const bob = { accessKeyId: 'BOBBOBBOBBOBBOBBOBBO', secretAccessKey: 'bob-secret-0123456789-abc' };
  await user(['add', 'bob', '--access-key', bob.accessKeyId], bob.secretAccessKey);
  assert.equal((await s3.send({ path: '/', credentials: bob })).status, 200);
  await user(['rotate', 'bob']);
  assertError(await s3.send({ path: '/', credentials: bob }), 403, 'InvalidAccessKeyId');
  assert.match(await user(['list']), /bob/);
  await user(['remove', 'bob']);
  assert.doesNotMatch(await user(['list']), /bob/);
});
