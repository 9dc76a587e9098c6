/** The same over TLS, where SDKs change what they send: streams go unsigned, with a trailer. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { writeCertificate } from '../harness/certificate.ts';
import { checksum } from '../harness/checksums.ts';
import { streamingRequest } from '../harness/chunked.ts';
import { signedHeaders } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'blobseer-s3-tls-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const { certFile, keyFile, certificate } = writeCertificate(folder);
// Workers, so that connections are handed over before their handshake.
const s3 = await openTarget({ tls: { certFile, keyFile }, workers: 2 });
const httpsAgent = new https.Agent({ ca: certificate, maxSockets: 8 });
after(() => httpsAgent.destroy());
const client = s3.clientWith({ requestHandler: { httpsAgent } });
const bucket = 'over-https';
await s3.send({ method: 'PUT', path: `/${bucket}` });
const bytes = randomBytes(700_001);

test('a buffer and a stream by the SDK, with the certificate verified', async () => {
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'buffer', Body: bytes }));
  await client.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: 'stream',
      Body: Readable.from([bytes.subarray(0, 300_000), bytes.subarray(300_000)]),
      ContentLength: bytes.length,
    }),
  );
  for (const Key of ['buffer', 'stream']) {
    const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
    assert.ok(Buffer.from((await answer.Body?.transformToByteArray()) ?? []).equals(bytes), Key);
    assert.equal(answer.ContentEncoding, undefined);
  }
});

test('an upload in parts; its Location says https', async () => {
  const body = randomBytes(11_000_000);
  const upload = new Upload({ client, params: { Bucket: bucket, Key: 'parts', Body: body } });
  const answer = await upload.done();
  assert.match(answer.Location ?? '', /^https:\/\//);
  assert.ok((await s3.get(bucket, 'parts')).body.equals(body));
});

test('STREAMING-UNSIGNED-PAYLOAD-TRAILER without a length, as botocore sends it', async () => {
  const put = await s3.send(
    streamingRequest(s3, {
      path: `/${bucket}/botocore`,
      content: bytes,
      form: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      trailers: { 'x-amz-checksum-crc32': checksum('crc32', bytes) },
      chunkedTransfer: true,
    }),
  );
  assert.equal(put.status, 200, put.text);
  assert.ok((await s3.get(bucket, 'botocore')).body.equals(bytes));
});

test('kept connections take one request behind the other, however large their answers', async () => {
  // A client that has all of an answer may send the next request before the server knows that it has.
  const agent = new https.Agent({ ca: certificate, maxSockets: 4, keepAlive: true });
  const send = async (method: 'PUT' | 'GET', path: string, body: Buffer) => {
    const request = https.request(new URL(path, s3.endpoint), {
      ...{ agent, method },
      headers: signedHeaders(s3, {
        ...{ method, path, contentSha256: 'UNSIGNED-PAYLOAD' },
        headers: method === 'PUT' ? { 'Content-Length': String(body.length) } : {},
      }),
    });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    // In pieces, as files are read: the first one goes with the head.
    for (let at = 0; at < body.length; at += pieceBytes) {
      request.write(body.subarray(at, at + pieceBytes));
      if (at % (2 * pieceBytes) === 0) await nextTurn();
    }
    request.end();
    const [answer] = await answered;
    return { status: answer.statusCode, bytes: Buffer.concat(await answer.toArray()) };
  };
  const pieceBytes = 20_000;
  const sizes = [0, 1, 65_535, 65_536, 131_072, 400_000];
  const work = async (worker: number) => {
    const path = `/${bucket}/kept-${worker}`;
    for (let round = 0; round < 150; round += 1) {
      const body = bytes.subarray(round, round + sizes[(round + worker) % sizes.length]!);
      const put = await send('PUT', path, body);
      assert.equal(put.status, 200, `round ${round}: ${put.bytes}`);
      const got = await send('GET', path, Buffer.alloc(0));
      assert.ok(got.bytes.equals(body), `round ${round}`);
    }
  };
  try {
    await Promise.all([0, 1, 2, 3].map(work));
  } finally {
    agent.destroy();
  }
});

test('errors arrive whole over TLS too, while the body is still being sent', async () => {
  const answer = await s3.send({
    method: 'PUT',
    path: `/${bucket}/refused`,
    credentials: { ...s3.credentials, secretAccessKey: 'wrong' },
    body: Buffer.alloc(16 * 1024 * 1024),
    contentSha256: 'UNSIGNED-PAYLOAD',
  });
  assert.equal(answer.status, 403);
  assert.match(answer.text, /<Code>SignatureDoesNotMatch<\/Code>/);
});

test('connections that end before their handshake are closed at once', async () => {
  const { gateway } = s3;
  assert.ok(gateway !== undefined);
  for (const beginning of ['', '\x16\x03\x01']) {
    const silent = connect(gateway.port, '127.0.0.1');
    silent.resume();
    silent.end(beginning, 'latin1');
    await once(silent, 'close');
  }
  assert.equal((await s3.send({ method: 'HEAD', path: `/${bucket}` })).status, 200);
});
