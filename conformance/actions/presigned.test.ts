/** SigV4 in the query: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { anyChecksum, checksum, checksumNames } from '../harness/checksums.ts';
import { assertError, presignedPath } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
await s3.put(bucket, 'k', 'hello');

const open = (path: string, method = 'GET', body = '', headers: Record<string, string> = {}) =>
  s3.send({
    method,
    path,
    body,
    exactHeaders: true,
    headers: {
      Host: new URL(s3.endpoint).host,
      ...(method === 'PUT' ? { 'Content-Length': String(Buffer.byteLength(body)) } : {}),
      ...headers,
    },
  });
const presign = (more: Partial<Parameters<typeof presignedPath>[1]> = {}) =>
  presignedPath(s3, { path: `/${bucket}/k`, ...more });

test('a presigned GET, HEAD, PUT and DELETE need no header', async () => {
  assert.equal((await open(presign())).text, 'hello');
  assert.equal((await open(presign({ method: 'HEAD' }), 'HEAD')).status, 200);
  const put = presign({ method: 'PUT', path: `/${bucket}/put` });
  assert.equal((await open(put, 'PUT', 'any body at all')).status, 200);
  assert.equal((await s3.get(bucket, 'put')).text, 'any body at all');
  const remove = presign({ method: 'DELETE', path: `/${bucket}/put` });
  assert.equal((await open(remove, 'DELETE')).status, 204);
});

test('SDK-made URLs for GET and PUT, the PUT with a body nobody knew when signing', async () => {
  const get = await getSignedUrl(s3.client, new GetObjectCommand({ Bucket: bucket, Key: 'k' }), {
    expiresIn: 60,
  });
  assert.equal(await (await fetch(get)).text(), 'hello');
  const put = await getSignedUrl(s3.client, new PutObjectCommand({ Bucket: bucket, Key: 'b rö' }), {
    expiresIn: 60,
  });
  const answer = await fetch(put, { method: 'PUT', body: 'from a browser' });
  assert.equal(answer.status, 200, await answer.text());
  assert.equal((await s3.get(bucket, 'b rö')).text, 'from a browser');
});

test('x-amz-* headers that an SDK put into the URL count as headers', async () => {
  const expiresIn = 60;
  const put = async (more: Partial<PutObjectCommandInput>, body = 'data') => {
    const command = new PutObjectCommand({ Bucket: bucket, Key: 'hoisted', ...more });
    return await fetch(await getSignedUrl(s3.client, command, { expiresIn }), {
      method: 'PUT',
      body,
    });
  };

  const described = await put({
    Metadata: { who: 'ö + x' },
    StorageClass: 'GLACIER',
    Tagging: 'a=b',
  });
  assert.equal(described.status, 200, await described.text());
  const { headers } = await s3.head(bucket, 'hoisted');
  assert.equal(headers['x-amz-meta-who'], '=?UTF-8?Q?=C3=B6_+_x?=');
  assert.equal(headers['x-amz-storage-class'], 'GLACIER');
  assert.equal(headers['x-amz-tagging-count'], '1');

  const copy = new CopyObjectCommand({ Bucket: bucket, Key: 'copy', CopySource: `${bucket}/k` });
  const copyUrl = await getSignedUrl(s3.client, copy, { expiresIn });
  assert.equal((await fetch(copyUrl, { method: 'PUT' })).status, 200);
  assert.equal((await s3.get(bucket, 'copy')).text, 'hello');

  assert.equal((await put({ ExpectedBucketOwner: '999999999999' })).status, 403);
  assert.equal((await put({ ChecksumCRC32: checksum('crc32', Buffer.from('other')) })).status, 400);
  assert.equal((await put({ ChecksumCRC32: checksum('crc32', Buffer.from('data')) })).status, 200);
  assert.equal((await put({ ObjectLockMode: 'GOVERNANCE' })).status, 501);
});

test('a value in the URL that no header could have is InvalidArgument', async () => {
  const path = presign({ method: 'PUT', path: `/${bucket}/k?x-amz-meta-a=b%0D%0Ac` });
  assertError(await open(path, 'PUT', 'x'), 400, 'InvalidArgument');
});

test('response-* parameters are covered by the signature', async () => {
  const path = presign({ path: `/${bucket}/k?response-content-type=text%2Fx` });
  assert.equal((await open(path)).headers['content-type'], 'text/x');
  assertError(await open(path.replace('text%2Fx', 'text%2Fy')), 403, 'SignatureDoesNotMatch');
});

test('another method, key or signature is SignatureDoesNotMatch', async () => {
  assertError(await open(presign(), 'DELETE'), 403, 'SignatureDoesNotMatch');
  assertError(await open(presign().replace('/k?', '/other?')), 403, 'SignatureDoesNotMatch');
  const tampered = presign().replace(/Signature=[0-9a-f]{4}/, 'Signature=0000');
  assertError(await open(tampered), 403, 'SignatureDoesNotMatch');
  const short = presign().replace(/Signature=[0-9a-f]+/, 'Signature=abc');
  assert.equal((await open(short)).status, 403);
});

test('expired is AccessDenied with Expires and ServerTime', async () => {
  const path = presign({ dateMs: Date.now() - 120_000, expiresSeconds: 60 });
  assertError(await open(path), 403, 'AccessDenied', {
    'X-Amz-Expires': '60',
    Expires: /^\d{4}-.*Z$/,
    ServerTime: /^\d{4}-.*Z$/,
  });
});

test('seven days are the most; a date in the future is refused', async () => {
  assert.equal((await open(presign({ expiresSeconds: 604_800 }))).status, 200);
  for (const expiresSeconds of [604_801, -1]) {
    const answer = await open(presign({ expiresSeconds }));
    assertError(answer, 400, 'AuthorizationQueryParametersError');
  }
  assertError(await open(presign({ expiresSeconds: 0 })), 403, 'AccessDenied');
  const future = await open(presign({ dateMs: Date.now() + 3_600_000 }));
  assert.equal(future.status, 403);
});

test('missing and malformed parameters are AuthorizationQueryParametersError', async () => {
  for (const name of ['X-Amz-Credential', 'X-Amz-Date', 'X-Amz-Expires', 'X-Amz-SignedHeaders']) {
    const without = presign().replace(new RegExp(`([?&])${name}=[^&]*&?`), '$1');
    assertError(await open(without), 400, 'AuthorizationQueryParametersError');
  }
  const malformed: readonly (readonly [RegExp, string])[] = [
    [/X-Amz-Expires=\d+/, 'X-Amz-Expires=soon'],
    [/X-Amz-Date=[^&]+/, 'X-Amz-Date=yesterday'],
    [/X-Amz-Credential=[^&]+/, 'X-Amz-Credential=whoever'],
    [/X-Amz-Algorithm=[^&]+/, 'X-Amz-Algorithm=AWS4-HMAC-MD5'],
  ];
  for (const [pattern, replacement] of malformed) {
    assertError(
      await open(presign().replace(pattern, replacement)),
      400,
      'AuthorizationQueryParametersError',
    );
  }
});

test('an unknown access key is InvalidAccessKeyId', async () => {
  const path = presign({
    credentials: { ...s3.credentials, accessKeyId: 'NOBODYNOBODYNOBODY00' },
  });
  assertError(await open(path), 403, 'InvalidAccessKeyId', {
    AWSAccessKeyId: 'NOBODYNOBODYNOBODY00',
  });
});

test('a header that was signed must come, and x-amz-* headers that come must be signed', async () => {
  const signed = presignedPath(s3, {
    path: `/${bucket}/meta`,
    method: 'PUT',
    headers: { 'x-amz-meta-a': '1' },
  });
  assert.equal((await open(signed, 'PUT', 'x', { 'x-amz-meta-a': '1' })).status, 200);
  assert.equal((await s3.head(bucket, 'meta')).headers['x-amz-meta-a'], '1');
  assert.equal((await open(signed, 'PUT', 'x')).status, 403);
  assertError(
    await open(signed, 'PUT', 'x', { 'x-amz-meta-a': '1', 'x-amz-meta-b': '2' }),
    403,
    'AccessDenied',
    { HeadersNotSigned: 'x-amz-meta-b' },
  );
});

test('signed by query and by header at once is InvalidArgument', async () => {
  const answer = await open(presign(), 'GET', '', { Authorization: 'AWS4-HMAC-SHA256 x' });
  assertError(answer, 400, 'InvalidArgument');
});

test('SigV2 is refused with the advice to use AWS4-HMAC-SHA256', async () => {
  const query = await open(`/${bucket}/k?AWSAccessKeyId=a&Signature=b&Expires=9999999999`);
  assertError(query, 400, 'InvalidRequest', { Message: /AWS4-HMAC-SHA256/ });
  const header = await open(`/${bucket}/k`, 'GET', '', { Authorization: 'AWS a:b' });
  assertError(header, 400, 'InvalidRequest', { Message: /AWS4-HMAC-SHA256/ });
});

test('checksums of nothing in the URL promise nothing; in a header they do', async () => {
  const expiresIn = 60;
  for (const name of checksumNames) {
    const ofNothing = await anyChecksum(name, Buffer.alloc(0));
    const header = `x-amz-checksum-${name}`;
    const path = presign({
      method: 'PUT',
      path: `/${bucket}/nothing?${header}=${encodeURIComponent(ofNothing)}`,
    });
    assert.equal((await open(path, 'PUT', 'from a browser')).status, 200, name);
    assert.equal((await s3.get(bucket, 'nothing')).text, 'from a browser');
    assertError(await s3.put(bucket, 'nothing', 'x', { [header]: ofNothing }), 400, 'BadDigest');
  }
  // A part too, whose upload was created with the algorithm that the SDK asks for by itself.
  const Key = 'parts';
  const { UploadId } = await s3.client.send(
    new CreateMultipartUploadCommand({ Bucket: bucket, Key }),
  );
  const command = new UploadPartCommand({ Bucket: bucket, Key, UploadId, PartNumber: 1 });
  const url = await getSignedUrl(s3.client, command, { expiresIn });
  const sent = await fetch(url, { method: 'PUT', body: 'a part' });
  assert.equal(sent.status, 200, await sent.text());
  assert.ok(sent.headers.get('etag'));
});
