/**
 * `--cumulus`: what the clients of Nimbus's S3 service send, as they send it (path style, Signature
 * Version 2 by header), in the order of its cloud-client and of boto 2.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { diskUseMiB, mebibyte } from '../harness/disk-use.ts';
import { type Credentials, runCommand } from '../harness/gateway.ts';
import { assertError, type RawRequest } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { version2Headers } from '../harness/version2.ts';
import { elements, textOf, textsOf } from '../harness/xml.ts';

interface User {
  readonly name: string;
  /** As Cumulus made them: a UUID of version 1, 21 letters and digits, 42 of them. */
  readonly id: string;
  readonly credentials: Credentials;
}

const ada: User = {
  name: 'ada',
  id: '048db304-6b4c-11df-897b-001de0a80259',
  credentials: {
    accessKeyId: 'eqe0YoRAs2GT1sDvPZKAU',
    secretAccessKey: 'S9Ii7QqcCQxDecrezMn6o5frSFvXhThYWmCE4S7nAf',
  },
};
const ben: User = {
  name: 'ben',
  id: '1f0c8e0a-6b4d-11df-8d2f-001de0a80259',
  credentials: {
    accessKeyId: 'mVZqCI5eyw3dLDoLhE5Ix',
    secretAccessKey: 'ZXXK0nRWw5NyDrDq6kHCwJxZpvj3AhyyKZCSWbsXwY',
  },
};

const s3 = await openTarget({ args: ['--cumulus'] });
const dataDirectory = s3.gateway?.dataDirectory ?? '';
const { host } = new URL(s3.endpoint);

async function command(args: readonly string[], secret = ''): Promise<string> {
  const { status, output } = await runCommand(['user', ...args, '--data', dataDirectory], {
    BLOBSEER_S3_USER_SECRET: secret,
  });
  assert.equal(status, 0, output);
  return output;
}

for (const { name, id, credentials } of [ada, ben]) {
  await command(
    ['add', name, '--id', id, '--access-key', credentials.accessKeyId],
    credentials.secretAccessKey,
  );
}

type Call = Omit<RawRequest, 'credentials'>;

/** Signed by header with Signature Version 2. */
function call({ credentials }: Pick<User, 'credentials'>, request: Call) {
  const length: Record<string, string> =
    request.body === undefined ? {} : { 'Content-Length': String(request.body.length) };
  const headers = { Host: host, ...length, ...request.headers };
  const signed = version2Headers(credentials, { ...request, headers });
  return s3.send({ ...request, headers: signed, exactHeaders: true });
}

const root = { credentials: s3.credentials };
const users = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers';
const imageOf = (user: User, name: string) => `/Repo/VMS/${user.id}/${name}`;
const common = (name: string) => `/Repo/VMS/common/${name}`;

const put = (user: Pick<User, 'credentials'>, path: string, body: Buffer | string, headers = {}) =>
  call(user, { method: 'PUT', path, body, headers });

// The operator makes the bucket of images, open to every user and to nobody else.
assert.equal((await put(root, '/Repo', '')).status, 200);
const opened = await put(root, '/Repo?acl', '', {
  'x-amz-grant-read': `uri="${users}"`,
  'x-amz-grant-write': `uri="${users}"`,
});
assert.equal(opened.status, 200, opened.text);

test('cloud-client --transfer, --list, --run and --download', async () => {
  const image = randomBytes(3 * mebibyte);
  const md5 = createHash('md5').update(image);
  const sent = await put(ada, imageOf(ada, 'debian.gz'), image, {
    'Content-Type': 'application/octet-stream',
    'Content-MD5': md5.copy().digest('base64'),
    'x-amz-meta-md5-hash': md5.copy().digest('base64'),
    Expect: '100-continue',
  });
  assert.equal(sent.status, 200, sent.text);
  assert.equal(sent.headers.etag, `"${md5.digest('hex')}"`);
  const description = `/Repo/VMS.description/${ada.id}/debian.gz`;
  const text = { 'Content-Type': 'text/plain; charset=utf-8' };
  assert.equal((await put(ada, description, 'a system', text)).status, 200);

  const path = `/Repo?prefix=VMS/${ada.id}/&max-keys=1000`;
  const listed = await call(ada, { path });
  assert.deepEqual(textsOf(listed.text, 'Key'), [`VMS/${ada.id}/debian.gz`]);
  const [contents = ''] = elements(listed.text, 'Contents');
  assert.equal(textOf(contents, 'Size'), String(image.length));
  assert.equal(textOf(elements(contents, 'Owner')[0] ?? '', 'DisplayName'), 'ada');
  const nobodys = await call(ada, { path: '/Repo?prefix=VMS/common/&max-keys=1000' });
  assert.deepEqual(textsOf(nobodys.text, 'Key'), []);

  assert.equal((await call(ada, { method: 'HEAD', path: imageOf(ada, 'debian.gz') })).status, 200);
  assert.equal((await call(ada, { method: 'HEAD', path: imageOf(ada, 'absent') })).status, 404);
  const got = await call(ada, { path: imageOf(ada, 'debian.gz') });
  assert.ok(got.body.equals(image));
  assert.equal((await call(ada, { path: description })).text, 'a system');
});

test('an image is its owner’s; --common makes one that all may read', async () => {
  await put(ada, imageOf(ada, 'own'), 'own');
  assertError(await call(ben, { path: imageOf(ada, 'own') }), 403, 'AccessDenied');
  assertError(await put(ben, imageOf(ada, 'own'), 'forged'), 403, 'AccessDenied');
  const erase = { method: 'DELETE', path: imageOf(ada, 'own') };
  assertError(await call(ben, erase), 403, 'AccessDenied');
  assert.equal((await call(ada, { path: imageOf(ada, 'own') })).text, 'own');

  const publicRead = { 'x-amz-acl': 'public-read' };
  assert.equal((await put(ada, common('shared'), 'shared', publicRead)).status, 200);
  assert.equal((await call(ben, { path: common('shared') })).text, 'shared');
  assertError(await put(ben, common('shared'), 'forged'), 403, 'AccessDenied');
  // As the http propagation of a VMM fetches it.
  const fetched = await s3.send({ path: common('shared'), anonymous: true });
  assert.equal(fetched.text, 'shared');
  const unsigned = await s3.send({ path: imageOf(ada, 'own'), anonymous: true });
  assertError(unsigned, 403, 'AccessDenied');
  assertError(await s3.send({ path: '/Repo', anonymous: true }), 403, 'AccessDenied');
});

test('cloud-client --delete looks for its 404 and tries the common name', async () => {
  await put(ada, common('old'), 'x', { 'x-amz-acl': 'public-read' });
  const erase = (path: string) => call(ada, { method: 'DELETE', path });
  assertError(await erase(imageOf(ada, 'old')), 404, 'NoSuchKey');
  assert.equal((await erase(common('old'))).status, 204);
  assertError(await call(ada, { path: common('old') }), 404, 'NoSuchKey');
});

test('a copy is the copier’s', async () => {
  await put(ada, common('source'), 'bytes', { 'x-amz-acl': 'public-read' });
  await put(ada, imageOf(ada, 'secret'), 'bytes');
  const copy = (source: string) =>
    put(ben, imageOf(ben, 'copied'), '', { 'x-amz-copy-source': source });
  const copied = await copy(common('source'));
  assert.equal(copied.status, 200, copied.text);
  assert.match(copied.text, /<CopyObjectResult/);
  assert.equal((await call(ben, { path: imageOf(ben, 'copied') })).text, 'bytes');
  assertError(await call(ada, { path: imageOf(ben, 'copied') }), 403, 'AccessDenied');
  assertError(await copy(imageOf(ada, 'secret')), 403, 'AccessDenied');
});

test('boto’s add_user_grant: the ACL is read, a grant by access key added, all put back', async () => {
  const bucket = '/CumulusTest42';
  assert.equal((await put(ada, bucket, '')).status, 200);
  await put(ada, `${bucket}/k`, 'x');
  const grant = async (path: string, permission: string) => {
    const { text } = await call(ada, { path: `${path}?acl` });
    const id = ben.credentials.accessKeyId;
    const added = `<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>${id}</ID><DisplayName></DisplayName></Grantee><Permission>${permission}</Permission></Grant></AccessControlList>`;
    const body = text.replace('</AccessControlList>', added);
    const answer = await put(ada, `${path}?acl`, body, { 'Content-Type': 'text/xml' });
    assert.equal(answer.status, 200, answer.text);
  };
  const list = { path: bucket };
  const read = { path: `${bucket}/k` };
  assertError(await call(ben, list), 403, 'AccessDenied');
  await grant(bucket, 'READ');
  assert.equal((await call(ben, list)).status, 200);
  assertError(await put(ben, `${bucket}/new`, 'y'), 403, 'AccessDenied');
  await grant(bucket, 'WRITE');
  assert.equal((await put(ben, `${bucket}/new`, 'y')).status, 200);
  assertError(await call(ben, read), 403, 'AccessDenied');
  assertError(await put(ben, `${bucket}/k`, 'y'), 403, 'AccessDenied');
  await grant(`${bucket}/k`, 'READ');
  assert.equal((await call(ben, read)).text, 'x');
  assertError(await put(ben, `${bucket}/k`, 'y'), 403, 'AccessDenied');
  await grant(`${bucket}/k`, 'WRITE');
  assert.equal((await put(ben, `${bucket}/k`, 'y')).status, 200);
  const acl = await call(ben, { path: `${bucket}/k?acl` });
  const [owner = ''] = elements(acl.text, 'Owner');
  assert.equal(textOf(owner, 'ID'), ben.credentials.accessKeyId);
  assertError(await put(ada, `${bucket}/k?acl`, acl.text), 403, 'AccessDenied');
  const names = textsOf((await call(ada, { path: '/' })).text, 'Name');
  assert.ok(names.includes('CumulusTest42'));
});

test('what a quota has no room for is 403 AccountProblem, until room is made', async () => {
  await command(['quota', 'ben', 'none']);
  const used = async () => {
    const said = await command(['quota', 'ben', '1T']);
    return Number(/uses (\d+) of/.exec(said)?.[1]);
  };
  const before = await used();
  await command(['quota', 'ben', String(before + 100)]);
  const image = (name: string, bytes: number) => put(ben, imageOf(ben, name), 'x'.repeat(bytes));
  assertError(await image('big', 101), 403, 'AccountProblem', { Message: /quota/ });
  assertError(await call(ben, { path: imageOf(ben, 'big') }), 404, 'NoSuchKey');
  assert.equal((await image('one', 100)).status, 200);
  assert.equal((await image('one', 100)).status, 200);
  assertError(await image('two', 1), 403, 'AccountProblem');
  const copy = { 'x-amz-copy-source': imageOf(ben, 'one') };
  assertError(await put(ben, imageOf(ben, 'two'), '', copy), 403, 'AccountProblem');
  assert.equal((await put(ada, imageOf(ada, 'hers'), 'x'.repeat(1000))).status, 200);
  const erased = await call(ben, { method: 'DELETE', path: imageOf(ben, 'one') });
  assert.equal(erased.status, 204);
  assert.equal((await image('two', 100)).status, 200);
  assert.equal(await used(), before + 100);
});

test('a new version of an image costs its changed pages', async () => {
  const image = randomBytes(32 * mebibyte);
  const path = imageOf(ada, 'growing');
  assert.equal((await put(ada, path, image)).status, 200);
  const before = diskUseMiB(dataDirectory);
  randomBytes(mebibyte).copy(image, 20 * mebibyte + 12_345);
  assert.equal((await put(ada, path, image)).status, 200);
  const grown = diskUseMiB(dataDirectory) - before;
  assert.ok(grown < 4, `the second version takes ${grown} MiB`);
  assert.ok((await call(ada, { path })).body.equals(image));
});
