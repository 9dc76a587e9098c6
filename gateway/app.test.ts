import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { testOperations } from './testing/operations.ts';
import { startTestServer, type TestServer } from './testing/pipeline-server.ts';
import { request, tag } from './testing/signed-request.ts';

let server: TestServer;
before(async () => {
  server = await startTestServer({
    operations: testOperations,
    config: { domains: ['s3.test'] },
  });
});
after(() => server.close());

const send = (given: Parameters<typeof request>[1]) => request(server.port, given);
const lastLine = () => server.logged.at(-1) ?? {};

describe('answers', () => {
  test('every answer carries the ids, the server and the date', async () => {
    for (const path of ['/', '/mine', '/mine/absent', '/nobody/x']) {
      const { headers } = await send({ path });
      assert.match(String(headers['x-amz-request-id']), /^[0-9A-F]{16}$/);
      assert.equal(headers['x-amz-id-2'], 'test-host');
      assert.equal(headers.server, 'blobseer-s3');
      assert.match(String(headers.date), / GMT$/);
    }
  });

  test('an error is XML with its fields, the resource and the ids of its headers', async () => {
    const { status, headers, body } = await send({ path: '/mine/absent?x=1' });
    assert.equal(status, 404);
    assert.equal(headers['content-type'], 'application/xml');
    assert.equal(tag(body, 'Code'), 'NoSuchKey');
    assert.equal(tag(body, 'Key'), 'absent');
    assert.equal(tag(body, 'Resource'), '/mine/absent');
    assert.equal(tag(body, 'RequestId'), headers['x-amz-request-id']);
    assert.equal(tag(body, 'HostId'), 'test-host');
  });

  test('HEAD has no body, error or not, and keeps the length of the answer', async () => {
    const good = await send({ method: 'HEAD', path: '/mine/x' });
    assert.deepEqual([good.status, good.headers['content-length'], good.body], [200, '2000', '']);
    const bad = await send({ method: 'HEAD', path: '/mine/absent' });
    assert.deepEqual([bad.status, bad.body], [404, '']);
    assert.match(String(bad.headers['x-amz-request-id']), /^[0-9A-F]{16}$/);
  });

  test('304 keeps its headers and has no document', async () => {
    const { status, headers, body } = await send({ path: '/mine/unchanged' });
    assert.deepEqual([status, headers.etag, body], [304, '"e"', '']);
  });

  test('Content-Type stands as the handler set it; an empty body is 200 with length 0', async () => {
    const { status, headers } = await send({ path: '/mine/empty' });
    assert.deepEqual(
      [status, headers['content-type'], headers['content-length']],
      [200, 'text/plain', '0'],
    );
    const deleted = await send({ method: 'DELETE', path: '/mine' });
    assert.deepEqual([deleted.status, deleted.headers['content-length']], [204, undefined]);
  });

  test('a fault of ours is InternalError: logged with its cause, not told', async () => {
    const { status, body } = await send({ path: '/mine/bug' });
    assert.deepEqual([status, tag(body, 'Code')], [500, 'InternalError']);
    assert.ok(!body.includes('secret-detail'));
    const fault = server.logged.find((line) => line.msg === 'request failed');
    assert.match(JSON.stringify(fault), /secret-detail/);
  });

  test('a full disk is 507', async () => {
    const { status, body } = await send({ method: 'PUT', path: '/mine/full', body: 'x' });
    assert.deepEqual([status, tag(body, 'Code')], [507, 'InsufficientStorage']);
  });

  test('a first page found corrupt is an error document', async () => {
    const { status, body } = await send({ path: '/mine/corrupt-first' });
    assert.deepEqual([status, tag(body, 'Code')], [500, 'InternalError']);
  });

  test('a later page found corrupt breaks the connection', async () => {
    await assert.rejects(send({ path: '/mine/corrupt-later' }), { code: 'ECONNRESET' });
    const line = server.logged.findLast((entry) => entry.msg === 'request');
    assert.equal(line?.errorCode, 'InternalError');
  });
});

describe('order of the steps', () => {
  test('anonymous requests are refused; an absent bucket is told first', async () => {
    for (const [path, status, code] of [
      ['/', 403, 'AccessDenied'],
      ['/mine', 403, 'AccessDenied'],
      ['/nobody', 404, 'NoSuchBucket'],
    ] as const) {
      const got = await send({ path, isAnonymous: true });
      assert.deepEqual([got.status, tag(got.body, 'Code')], [status, code]);
    }
  });

  test("another owner's bucket is AccessDenied", async () => {
    const { status, body } = await send({ path: '/theirs/x' });
    assert.deepEqual([status, tag(body, 'Code')], [403, 'AccessDenied']);
  });

  test('x-amz-expected-bucket-owner is the account id', async () => {
    const expecting = (id: string) => ({ 'x-amz-expected-bucket-owner': id });
    const right = await send({ path: '/mine', headers: expecting('111122223333') });
    const wrong = await send({ path: '/mine', headers: expecting('999999999999') });
    assert.deepEqual([right.status, wrong.status], [200, 403]);
  });

  test('a wrong signature wins over not implemented and over no such bucket', async () => {
    const forged = {
      authorization:
        'AWS4-HMAC-SHA256 Credential=NOBODY/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00',
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    };
    for (const path of ['/mine?cors', '/nobody?cors']) {
      const got = await send({ method: 'PUT', path, headers: forged, isAnonymous: true });
      assert.ok(got.status === 400 || got.status === 403, String(got.status));
      assert.notEqual(tag(got.body, 'Code'), 'NoSuchBucket');
    }
  });

  test('what is recognised and not built says its name, after authentication', async () => {
    const got = await send({ method: 'PUT', path: '/mine?cors', body: '<x/>' });
    assert.deepEqual([got.status, tag(got.body, 'Code')], [501, 'NotImplemented']);
    assert.match(got.body, /PutBucketCors/);
    assert.equal(server.logged.at(-1)?.operation, 'PutBucketCors');
    const anonymous = await send({ method: 'PUT', path: '/mine?cors', isAnonymous: true });
    assert.equal(anonymous.status, 403);
  });

  test('unknown methods and calls get a 4xx, never a 5xx', async () => {
    const post = await send({ method: 'POST', path: '/', body: 'Action=GetUser' });
    assert.deepEqual([post.status, tag(post.body, 'Code')], [405, 'MethodNotAllowed']);
    assert.equal(post.headers.allow, 'GET');
    for (const path of ['/', '/mine', '/mine/x']) {
      const options = await send({ method: 'OPTIONS', path, isAnonymous: true });
      assert.equal(options.status, 405);
      const patch = await send({ method: 'PATCH', path, isAnonymous: true });
      assert.equal(patch.status, 405);
    }
  });

  test('unknown query parameters and headers change nothing', async () => {
    const got = await send({ path: '/mine?x-id=ListObjects&new-thing', headers: { 'x-new': '1' } });
    assert.equal(got.status, 200);
    assert.equal(JSON.parse(got.body).name, 'ListObjects');
  });
});

describe('address', () => {
  test('path style and virtual host name the same bucket and key', async () => {
    const path = await send({ method: 'PUT', path: '/mine/a/b%2Bc%20d', headers: copyHeader });
    const host = await send({
      method: 'PUT',
      path: '/a/b%2Bc%20d',
      headers: { ...copyHeader, host: 'mine.s3.test' },
    });
    for (const { body, status } of [path, host]) {
      assert.equal(status, 200, body);
      const { bucket, key, record } = JSON.parse(body);
      assert.deepEqual([bucket, key, record], ['mine', 'a/b+c d', 1]);
    }
    assert.equal(JSON.parse(host.body).origin, 'http://mine.s3.test');
  });

  test('invalid UTF-8 in the path is InvalidURI', async () => {
    const got = await send({ path: '/mine/%ff', isAnonymous: true });
    assert.deepEqual([got.status, tag(got.body, 'Code')], [400, 'InvalidURI']);
  });

  test('own paths are served where the Host names no bucket', async () => {
    const live = await send({ path: '/_/health/live', isAnonymous: true });
    assert.deepEqual([live.status, live.body], [200, 'live\n']);
    const asKey = await send({
      path: '/_/health/live',
      isAnonymous: true,
      headers: { host: 'mine.s3.test' },
    });
    assert.equal(asKey.status, 403);
    const head = await send({ method: 'HEAD', path: '/_/health/ready', isAnonymous: true });
    assert.deepEqual([head.status, head.body], [200, '']);
  });

  test('readiness follows the state of the process', async () => {
    server.notReady = 'shutting down';
    const got = await send({ path: '/_/health/ready', isAnonymous: true });
    server.notReady = undefined;
    assert.deepEqual([got.status, got.body], [503, 'not ready: shutting down\n']);
  });
});

const copyHeader = { 'x-amz-copy-source': '/mine/source' };

describe('documents', () => {
  const put = (body: string, headers: Record<string, string> = {}) =>
    send({ method: 'PUT', path: '/mine?versioning', body, headers });

  test('are handed over whole', async () => {
    const { status, body } = await put('<a/>');
    assert.equal(status, 200, body);
    assert.equal(JSON.parse(body).document, '<a/>');
  });

  test('are limited by announced and by real length', async () => {
    const got = await put('x'.repeat(1001));
    assert.deepEqual([got.status, tag(got.body, 'Code')], [400, 'MaxMessageLengthExceeded']);
    const chunked = await send({
      method: 'PUT',
      path: '/mine?versioning',
      unsignedBody: 'x'.repeat(1001),
      headers: { 'Transfer-Encoding': 'chunked', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    });
    assert.deepEqual(
      [chunked.status, tag(chunked.body, 'Code')],
      [400, 'MaxMessageLengthExceeded'],
    );
  });

  test('are held against Content-MD5 and a checksum header', async () => {
    const md5 = createHash('md5').update('<a/>').digest('base64');
    assert.equal((await put('<a/>', { 'content-md5': md5 })).status, 200);
    assert.equal(tag((await put('<b/>', { 'content-md5': md5 })).body, 'Code'), 'BadDigest');
    assert.equal(tag((await put('<b/>', { 'content-md5': 'x' })).body, 'Code'), 'InvalidDigest');
    const sha = createHash('sha256').update('<a/>').digest('base64');
    assert.equal((await put('<a/>', { 'x-amz-checksum-sha256': sha })).status, 200);
    const wrong = await put('<b/>', { 'x-amz-checksum-sha256': sha });
    assert.equal(tag(wrong.body, 'Code'), 'BadDigest');
  });

  test('are held against the signed hash of the payload', async () => {
    const hash = createHash('sha256').update('<b/>').digest('hex');
    const got = await put('<a/>', { 'x-amz-content-sha256': hash });
    assert.equal(tag(got.body, 'Code'), 'XAmzContentSHA256Mismatch');
  });

  test("Complete's checksum header is of the object, not of the document", async () => {
    const got = await send({
      method: 'POST',
      path: '/mine/k?uploadId=1',
      body: '<c/>',
      headers: { 'x-amz-checksum-crc32': 'AAAAAA==-2' },
    });
    assert.equal(got.status, 200, got.body);
  });

  test('a PUT without body and without length is an empty document', async () => {
    const got = await send({ method: 'PUT', path: '/new-bucket' });
    assert.equal(got.status, 200, got.body);
    assert.equal(JSON.parse(got.body).document, '');
  });
});

describe('log', () => {
  test('has one line per request, and no secret, signature or query in it', async () => {
    const before = server.logged.length;
    await send({ method: 'PUT', path: '/mine/k?token=abc', body: 'hello' });
    const lines = server.logged.slice(before);
    assert.equal(lines.length, 1);
    const { operation, bucket, key, status, bytesIn, accessKey } = lastLine();
    assert.deepEqual(
      { operation, bucket, key, status, bytesIn, accessKey },
      {
        operation: 'PutObject',
        bucket: 'mine',
        key: 'k',
        status: 200,
        bytesIn: 5,
        accessKey: 'AKTEST',
      },
    );
    assert.equal(typeof lastLine().durationMs, 'number');
    assert.doesNotMatch(JSON.stringify(lines), /Signature|token|abc|test-secret/i);
  });

  test('names the error code and the bytes of the answer', async () => {
    const got = await send({ path: '/mine/absent' });
    assert.equal(lastLine().errorCode, 'NoSuchKey');
    assert.equal(lastLine().bytesOut, Buffer.byteLength(got.body));
  });
});
