/** What is open to everybody, and what never is: requests without a signature. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertError, presignedPath, type RawRequest } from '../harness/http.ts';
import { bucketWithAcl, otherUser } from '../harness/others.ts';
import { openTarget } from '../harness/target.ts';
import { textOf, textsOf } from '../harness/xml.ts';

const s3 = await openTarget({ workers: 2 });
const other = await otherUser(s3);
const needsOther = { skip: other === undefined ? 'there is no second user' : false };
const anonymously = (request: RawRequest) => s3.send({ ...request, anonymous: true });
const closed = await bucketWithAcl(s3, 'private');
const listed = await bucketWithAcl(s3, 'public-read');
const writable = await bucketWithAcl(s3, 'public-read-write');
for (const bucket of [closed, listed, writable]) {
  await s3.put(bucket, 'secret', 'secret bytes');
  await s3.put(bucket, 'open', 'open bytes', { 'x-amz-acl': 'public-read' });
}

test('a public object is read by everybody, a private one by nobody', async () => {
  for (const bucket of [closed, listed, writable]) {
    const open = await anonymously({ path: `/${bucket}/open` });
    assert.equal(open.text, 'open bytes');
    assert.equal((await anonymously({ method: 'HEAD', path: `/${bucket}/open` })).status, 200);
    const range = await anonymously({ path: `/${bucket}/open`, headers: { Range: 'bytes=0-3' } });
    assert.equal(`${range.status} ${range.text}`, '206 open');
    assertError(await anonymously({ path: `/${bucket}/secret` }), 403, 'AccessDenied');
    const head = await anonymously({ method: 'HEAD', path: `/${bucket}/secret` });
    assert.equal(head.status, 403);
    assert.equal(head.headers.etag, undefined, 'a refusal tells nothing');
    assert.equal(head.headers['last-modified'], undefined);
  }
});

test('an absent key is 404 only for who may list', async () => {
  assertError(await anonymously({ path: `/${closed}/absent` }), 403, 'AccessDenied');
  assert.equal((await anonymously({ method: 'HEAD', path: `/${closed}/absent` })).status, 403);
  assertError(await anonymously({ path: `/${listed}/absent` }), 404, 'NoSuchKey');
  assert.equal((await anonymously({ method: 'HEAD', path: `/${listed}/absent` })).status, 404);
});

test('an absent bucket is 404 for every call', async () => {
  const name = s3.newBucketName();
  const calls: readonly RawRequest[] = [
    { path: `/${name}` },
    { path: `/${name}/k` },
    { method: 'PUT', path: `/${name}/k`, body: 'x' },
    { method: 'DELETE', path: `/${name}/k` },
    { path: `/${name}?acl` },
  ];
  for (const call of calls) assertError(await anonymously(call), 404, 'NoSuchBucket');
});

test('listing is for whom the bucket’s ACL grants READ', async () => {
  for (const query of ['', '?list-type=2', '?versions', '?uploads']) {
    assertError(await anonymously({ path: `/${closed}${query}` }), 403, 'AccessDenied');
    const { status, text } = await anonymously({ path: `/${listed}${query}` });
    assert.equal(status, 200, text);
  }
  const { text } = await anonymously({ path: `/${listed}` });
  assert.deepEqual(textsOf(text, 'Key'), ['open', 'secret']);
  assert.equal((await anonymously({ method: 'HEAD', path: `/${closed}` })).status, 403);
  assert.equal((await anonymously({ method: 'HEAD', path: `/${listed}` })).status, 200);
});

test('writing is for whom the bucket’s ACL grants WRITE', async () => {
  for (const bucket of [closed, listed]) {
    const put = await anonymously({ method: 'PUT', path: `/${bucket}/secret`, body: 'x' });
    assertError(put, 403, 'AccessDenied');
    const gone = await anonymously({ method: 'DELETE', path: `/${bucket}/secret` });
    assertError(gone, 403, 'AccessDenied');
    const body = '<Delete><Object><Key>secret</Key></Object></Delete>';
    const many = await anonymously({ method: 'POST', path: `/${bucket}?delete`, body });
    assert.ok(many.status >= 400, many.text);
    assert.equal((await s3.get(bucket, 'secret')).text, 'secret bytes');
  }
  const put = await anonymously({ method: 'PUT', path: `/${writable}/theirs`, body: 'x' });
  assert.equal(put.status, 200, put.text);
  const { text } = await s3.send({ path: `/${writable}?prefix=theirs` });
  assert.equal(textOf(text, 'ID'), '65a011a29cdf8ec533ec3d1ccaae921c');
  // Its owner is who does not sign: the bucket's may delete it, not read it.
  assertError(await s3.get(writable, 'theirs'), 403, 'AccessDenied');
  assert.equal((await s3.delete(writable, 'theirs')).status, 204);
});

test('nobody uploads in parts, has buckets, or sets anything', async () => {
  const upload = await anonymously({ method: 'POST', path: `/${writable}/k?uploads` });
  assertError(upload, 403, 'AccessDenied', { Message: /authenticate/ });
  assertError(await anonymously({ path: '/' }), 403, 'AccessDenied');
  const name = s3.newBucketName();
  assertError(await anonymously({ method: 'PUT', path: `/${name}` }), 403, 'AccessDenied');
  const open = { 'x-amz-acl': 'public-read-write' };
  const versioning = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  const tagging = '<Tagging><TagSet></TagSet></Tagging>';
  const calls: readonly RawRequest[] = [
    { method: 'PUT', path: `/${writable}?acl`, headers: open },
    { path: `/${writable}?acl` },
    { method: 'PUT', path: `/${writable}/open?acl`, headers: open },
    { path: `/${writable}/open?acl` },
    { path: `/${writable}/open?tagging` },
    { method: 'PUT', path: `/${writable}/open?tagging`, body: tagging },
    { method: 'PUT', path: `/${writable}?versioning`, body: versioning },
    { path: `/${writable}?versioning` },
    { path: `/${writable}?location` },
    { path: `/${writable}?cors` },
    { path: `/${writable}?ownershipControls` },
    { method: 'DELETE', path: `/${writable}?ownershipControls` },
    { method: 'DELETE', path: `/${writable}` },
  ];
  for (const call of calls) assertError(await anonymously(call), 403, 'AccessDenied');
});

test('nobody copies without a signature, into what is open to everybody either', async () => {
  const copied = await anonymously({
    method: 'PUT',
    path: `/${writable}/copied`,
    headers: { 'x-amz-copy-source': `${listed}/open` },
  });
  assertError(copied, 403, 'AccessDenied', { Message: /authenticate/ });
  assertError(await s3.get(writable, 'copied'), 404, 'NoSuchKey');
});

test('overrides of response headers are refused without a signature', async () => {
  const path = `/${closed}/open?response-content-type=text%2Fhtml`;
  assertError(await anonymously({ path }), 400, 'InvalidRequest', {
    Message: 'Request specific response headers cannot be used for anonymous GET requests.',
  });
  assert.equal((await s3.send({ path })).headers['content-type'], 'text/html');
});

test('authenticated-read is for every user and for nobody else', needsOther, async () => {
  const credentials = other?.credentials ?? s3.credentials;
  const bucket = await bucketWithAcl(s3, 'authenticated-read');
  await s3.put(bucket, 'k', 'x', { 'x-amz-acl': 'authenticated-read' });
  assert.equal((await s3.send({ path: `/${bucket}/k`, credentials })).text, 'x');
  assert.equal((await s3.send({ path: `/${bucket}`, credentials })).status, 200);
  assertError(await anonymously({ path: `/${bucket}/k` }), 403, 'AccessDenied');
  assertError(await anonymously({ path: `/${bucket}` }), 403, 'AccessDenied');
});

test('a URL that another presigned may what they may', needsOther, async () => {
  const credentials = other?.credentials ?? s3.credentials;
  const presigned = async (method: string, key: string) => {
    const path = presignedPath(s3, { method, path: `/${closed}/${key}`, credentials });
    const headers = { Host: new URL(s3.endpoint).host };
    return s3.send({ method, path, headers, exactHeaders: true });
  };
  assert.equal((await presigned('GET', 'open')).text, 'open bytes');
  assertError(await presigned('GET', 'secret'), 403, 'AccessDenied');
  assertError(await presigned('PUT', 'new'), 403, 'AccessDenied');
  assertError(await presigned('DELETE', 'secret'), 403, 'AccessDenied');
});

test('a wrong signature is not an anonymous request', async () => {
  const credentials = { accessKeyId: 'NOBODYNOBODYNOBODY00', secretAccessKey: 'x'.repeat(40) };
  const answer = await s3.send({ path: `/${closed}/open`, credentials });
  assertError(answer, 403, 'InvalidAccessKeyId');
});
