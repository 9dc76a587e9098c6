/** The same over TLS, where SDKs change what they send: streams go unsigned, with a trailer. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import https from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { writeCertificate } from '../harness/certificate.ts';
import { checksum } from '../harness/checksums.ts';
import { streamingRequest } from '../harness/chunked.ts';
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
