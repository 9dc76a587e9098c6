/**
 * HTTP at its edges: what Node answers by itself, what proxies and odd clients send, and errors that
 * have to reach a client which is still sending its body.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { assertError, sendBytes, signedHeaders } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
await s3.put(bucket, 'k', 'hello');
const host = new URL(s3.endpoint).host;

const head = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');

test('requests that Node itself refuses are answered with an S3 error and a request id', async () => {
  const refused: Readonly<Record<string, string>> = {
    'an unknown method': `BREW /${bucket} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    'headers over the limit': `GET / HTTP/1.1\r\nHost: ${host}\r\nX-Long: ${'x'.repeat(70_000)}\r\n\r\n`,
    'a URL over the limit': `GET /${bucket}/${'x'.repeat(70_000)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    'an empty Content-Length': `PUT /${bucket}/k HTTP/1.1\r\nHost: ${host}\r\nContent-Length: \r\n\r\n`,
    'a negative Content-Length': `PUT /${bucket}/k HTTP/1.1\r\nHost: ${host}\r\nContent-Length: -5\r\n\r\n`,
    'both lengths': `PUT /${bucket}/k HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'raw UTF-8 in the path': `GET /${bucket}/\xc3\xa9 HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    'no HTTP at all': 'hello there\r\n\r\n',
  };
  for (const [what, bytes] of Object.entries(refused)) {
    const { text } = await sendBytes(s3.endpoint, Buffer.from(bytes, 'latin1'));
    assert.match(text, /^HTTP\/1\.1 4\d\d /, what);
    assert.match(text, /<Error>[\s\S]*<Code>\w+<\/Code>[\s\S]*<RequestId>/, what);
    assert.match(text, /x-amz-request-id: /i, what);
  }
});

test('without a Host, and with two, it is a 400', async () => {
  for (const hosts of ['', `Host: ${host}\r\nHost: other\r\n`]) {
    const { text } = await sendBytes(
      s3.endpoint,
      `GET /${bucket} HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`,
    );
    assert.match(text, /^HTTP\/1\.1 400 /);
    assert.match(text, /<Code>\w+<\/Code>/);
  }
});

test('a second Authorization or X-Amz-Date is refused', async () => {
  const path = `/${bucket}/k`;
  for (const name of ['Authorization', 'X-Amz-Date']) {
    const headers = signedHeaders(s3, { path });
    const { text } = await sendBytes(
      s3.endpoint,
      `GET ${path} HTTP/1.1\r\n${head(headers)}${name}: ${headers[name]}\r\nConnection: close\r\n\r\n`,
    );
    assert.match(text, /^HTTP\/1\.1 4\d\d /, name);
  }
});

test('thousands of headers are refused, not cut off in silence', async () => {
  const many = Array.from({ length: 1500 }, (_, index) => `X${index}: 1\r\n`).join('');
  const { text } = await sendBytes(
    s3.endpoint,
    `GET / HTTP/1.1\r\nHost: ${host}\r\n${many}Connection: close\r\n\r\n`,
  );
  assert.match(text, /^HTTP\/1\.1 4\d\d /);
});

test('unknown calls and OPTIONS get a 4xx or 501, never another 5xx', async () => {
  const calls: readonly (readonly [string, string, string])[] = [
    ['OPTIONS', '/', ''],
    ['OPTIONS', `/${bucket}/k`, ''],
    ['POST', '/', 'Action=ListUsers&Version=2010-05-08'],
    ['POST', '/?Action=GetUser', ''],
    ['POST', `/${bucket}`, ''],
    ['POST', `/${bucket}/k`, ''],
    ['PATCH', `/${bucket}/k`, 'x'],
    ['DELETE', '/', ''],
    ['PUT', '/', ''],
    ['GET', `/${bucket}?session`, ''],
    ['PUT', `/${bucket}/k?acl`, '<a/>'],
    ['POST', `/${bucket}/k?select&select-type=2`, '<a/>'],
    ['POST', `/${bucket}/k?restore`, '<a/>'],
  ];
  for (const [method, path, body] of calls) {
    for (const anonymous of [false, true]) {
      const answer = await s3.send({ method, path, body, anonymous });
      const what = `${method} ${path}: ${answer.status} ${answer.text}`;
      assert.ok((answer.status >= 400 && answer.status < 500) || answer.status === 501, what);
    }
  }
});

test('100-continue comes only after authorization', async () => {
  const request = {
    method: 'PUT',
    path: `/${bucket}/continued`,
    body: 'abc',
    headers: { Expect: '100-continue', 'Content-Length': '3' },
    waitForContinue: true,
  };
  const good = await s3.send(request);
  assert.equal(good.status, 200, good.text);
  assert.equal(good.continued, true);
  const credentials = { ...s3.credentials, secretAccessKey: 'wrong' };
  const bad = await s3.send({ ...request, credentials });
  assertError(bad, 403, 'SignatureDoesNotMatch');
  assert.equal(bad.continued, false);
});

test('Expect: 200 and an empty Expect work', async () => {
  for (const expect of ['200', '']) {
    const path = `/${bucket}/expect`;
    const headers = signedHeaders(s3, { method: 'PUT', path, body: 'abc' });
    const { text } = await sendBytes(
      s3.endpoint,
      `PUT ${path} HTTP/1.1\r\n${head(headers)}Expect: ${expect}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc`,
    );
    assert.match(text, /^(HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 200 /, `Expect: ${expect}`);
  }
});

test('an error reaches a client that is still sending a large body, every time', async () => {
  for (let round = 0; round < 10; round += 1) {
    const answer = await s3.send({
      method: 'PUT',
      path: `/${bucket}/refused`,
      credentials: { ...s3.credentials, secretAccessKey: 'wrong' },
      body: Buffer.alloc(16 * 1024 * 1024),
      contentSha256: 'UNSIGNED-PAYLOAD',
    });
    assertError(answer, 403, 'SignatureDoesNotMatch');
  }
});

test('a refused upload does not make the server read without end', async () => {
  const url = new URL(s3.endpoint);
  const socket = net.connect(Number(url.port), url.hostname);
  await once(socket, 'connect');
  let closed = false;
  socket.on('close', () => {
    closed = true;
  });
  socket.on('error', () => {});
  socket.resume();
  const totalBytes = 4 * 1024 ** 3;
  socket.write(
    `PUT /${bucket}/k HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${totalBytes}\r\n\r\n`,
  );
  const piece = Buffer.alloc(256 * 1024);
  let sentBytes = 0;
  while (!closed && sentBytes < 1024 ** 3) {
    if (!socket.write(piece))
      await Promise.race([once(socket, 'drain').catch(() => {}), delay(200)]);
    sentBytes += piece.length;
  }
  const read = socket.bytesWritten;
  socket.destroy();
  assert.ok(closed, 'the server closed the connection');
  assert.ok(read < 256 * 1024 * 1024, `it took ${read} bytes`);
});

test('a slow but living upload is not cut off', async () => {
  const pieces = 12;
  async function* slowly() {
    for (let index = 0; index < pieces; index += 1) {
      yield Buffer.alloc(1000, index);
      await delay(150);
    }
  }
  const answer = await s3.send({
    method: 'PUT',
    path: `/${bucket}/slow`,
    headers: { 'Content-Length': String(pieces * 1000) },
    contentSha256: 'UNSIGNED-PAYLOAD',
    stream: slowly(),
  });
  assert.equal(answer.status, 200, answer.text);
});

test('a connection is kept alive over many requests, errors included', async () => {
  const path = `/${bucket}/k`;
  const url = new URL(s3.endpoint);
  const socket = net.connect(Number(url.port), url.hostname);
  await once(socket, 'connect');
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
  });
  const answers = () => (text.match(/HTTP\/1\.1 \d\d\d/g) ?? []).length;
  for (let round = 1; round <= 6; round += 1) {
    const target = round % 2 === 0 ? `/${bucket}/absent` : path;
    socket.write(`GET ${target} HTTP/1.1\r\n${head(signedHeaders(s3, { path: target }))}\r\n`);
    while (answers() < round) await once(socket, 'data');
  }
  socket.destroy();
  assert.equal((text.match(/HTTP\/1\.1 200/g) ?? []).length, 3);
  assert.equal((text.match(/HTTP\/1\.1 404/g) ?? []).length, 3);
});

test('health is answered without a signature', async () => {
  for (const path of ['/_/health/live', '/_/health/ready']) {
    const answer = await s3.send({ path, anonymous: true });
    assert.equal(answer.status, 200, path);
  }
  const none = await s3.send({ path: '/_/nothing', anonymous: true });
  assert.ok(none.status >= 400 && none.status < 500);
});

test('every answer has a request id of its own', async () => {
  const ids = new Set<string>();
  for (let round = 0; round < 20; round += 1) {
    ids.add(String((await s3.get(bucket, 'k')).headers['x-amz-request-id']));
  }
  assert.equal(ids.size, 20);
});
