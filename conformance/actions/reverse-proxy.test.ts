/**
 * Behind a reverse proxy: which host a signature is for, which scheme answers name, which address is
 * logged, and that nobody but a trusted proxy can say so. The server behind is always one of ours.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { writeCertificate } from '../harness/certificate.ts';
import { Gateway } from '../harness/gateway.ts';
import {
  assertError,
  type Endpoint,
  presignedPath,
  type RawRequest,
  send,
} from '../harness/http.ts';
import { type ProxyOptions, startProxy } from '../harness/proxy.ts';
import { textOf } from '../harness/xml.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'blobseer-s3-proxy-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const tls = writeCertificate(folder);

const publicHost = 's3.public.test';
const otherHost = 'storage.public.test:8443';
const domain = ['--domain', publicHost];
const believing = await Gateway.start({
  args: [
    ...domain,
    ...['--trusted-proxy', '127.0.0.0/8'],
    ...['--public-host', publicHost],
    ...['--public-host', otherHost],
  ],
});
const doubting = await Gateway.start({ args: [...domain, '--trusted-proxy', '192.0.2.0/24'] });
const naming = await Gateway.start({ args: [...domain, '--trusted-proxy', '127.0.0.1'] });
after(() => Promise.all([believing, doubting, naming].map((gateway) => gateway.remove())));

const backendHost = 'backend.internal:9000';
const forwards = (client: string) => ({
  'X-Forwarded-Host': client,
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-For': '192.0.2.77',
});

async function proxied(gateway: Gateway, options: Omit<ProxyOptions, 'backend'>) {
  const proxy = await startProxy({ backend: gateway.endpoint, ...options });
  after(() => proxy.close());
  const target = {
    endpoint: proxy.endpoint,
    credentials: gateway.credentials,
    region: 'us-east-1',
  };
  return {
    target,
    /** Signed for the host that the client calls. */
    call: (request: RawRequest, host = publicHost) =>
      send(target, { ...request, headers: { Host: host, ...request.headers } }),
  };
}

/** As a browser opens a URL. */
const open = (target: Endpoint, url: string, headers: Record<string, string>) =>
  send(target, { path: url, headers, exactHeaders: true });

const bucket = 'behind-a-proxy';
for (const gateway of [believing, doubting, naming]) {
  const { endpoint, credentials } = gateway;
  const made = { method: 'PUT', path: `/${bucket}` };
  assert.equal((await send({ endpoint, credentials, region: 'us-east-1' }, made)).status, 200);
}

test('a proxy that keeps Host needs no setting', async () => {
  for (const gateway of [believing, doubting, naming]) {
    const { call } = await proxied(gateway, {});
    for (const host of [publicHost, 'any.test:1234', '[2001:db8::1]:9000', '[::1]']) {
      assert.equal((await call({ path: `/${bucket}` }, host)).status, 200, host);
    }
    const virtual = await call({ path: '/' }, `${bucket}.${publicHost}`);
    assert.match(virtual.text, /<ListBucketResult/);
  }
});

test('a proxy that rewrites Host and says so is believed where it is trusted', async () => {
  for (const gateway of [believing, naming]) {
    const { call, target } = await proxied(gateway, { host: backendHost, sets: forwards });
    for (const host of [publicHost, 'any.test:1234', '[2001:db8::1]:9000']) {
      assert.equal((await call({ path: `/${bucket}` }, host)).status, 200, host);
    }
    const virtual = await call({ method: 'PUT', path: '/k', body: 'x' }, `${bucket}.${publicHost}`);
    assert.equal(virtual.status, 200, virtual.text);
    const url = presignedPath(target, { path: `/${bucket}/k`, headers: { Host: publicHost } });
    const opened = await open(target, url, { Host: publicHost });
    assert.equal(opened.text, 'x');
  }
});

test('where it is not trusted the signature is held against Host as received, which is shown', async () => {
  const { call } = await proxied(doubting, { host: backendHost, sets: forwards });
  const answer = await call({ path: `/${bucket}` });
  assertError(answer, 403, 'SignatureDoesNotMatch');
  const canonical = textOf(answer.text, 'CanonicalRequest') ?? '';
  assert.ok(canonical.includes(`\nhost:${backendHost}\n`), canonical);
});

test('no client is believed what only a proxy may say', async () => {
  const target = {
    endpoint: doubting.endpoint,
    credentials: doubting.credentials,
    region: 'us-east-1',
  };
  const headers = { Host: backendHost, ...forwards(`${bucket}.${publicHost}`) };
  const listed = await send(target, { path: '/', headers });
  assert.match(listed.text, /<ListAllMyBucketsResult/, 'no bucket from X-Forwarded-Host');
  assert.ok(!doubting.log().includes('192.0.2.77'), 'no address from X-Forwarded-For');
  const signed = presignedPath(target, { path: '/', headers: { Host: publicHost } });
  const sent = { Host: backendHost, 'X-Forwarded-Host': publicHost };
  const replayed = await open(target, signed, sent);
  assert.equal((await open(target, signed, { Host: publicHost })).status, 200);
  assertError(replayed, 403, 'SignatureDoesNotMatch');
});

test('a proxy that rewrites Host without a word: the public hosts may have been signed', async () => {
  const { call } = await proxied(believing, { host: backendHost });
  for (const host of [publicHost, otherHost]) {
    assert.equal((await call({ path: `/${bucket}` }, host)).status, 200, host);
  }
  const unknown = await call({ path: `/${bucket}` }, 'unknown.test');
  assertError(unknown, 403, 'SignatureDoesNotMatch');
  assert.match(textOf(unknown.text, 'CanonicalRequest') ?? '', /\nhost:backend\.internal:9000\n/);
  const { call: named } = await proxied(naming, { host: backendHost });
  assertError(await named({ path: `/${bucket}` }), 403, 'SignatureDoesNotMatch');
  const { call: doubted } = await proxied(doubting, { host: publicHost });
  assertError(await doubted({ path: `/${bucket}` }, otherHost), 403, 'SignatureDoesNotMatch');
});

test('a signature for the host of one bucket does not open another', async () => {
  const { call } = await proxied(believing, { host: `secrets.${publicHost}` });
  assertError(await call({ path: '/k' }, publicHost), 403, 'SignatureDoesNotMatch');
});

async function locationThrough(options: Omit<ProxyOptions, 'backend'>, host: string) {
  const { call } = await proxied(believing, options);
  const target = `/${bucket}/parts`;
  const created = await call({ method: 'POST', path: `${target}?uploads` }, host);
  const uploadId = textOf(created.text, 'UploadId') ?? '';
  const part = `${target}?partNumber=1&uploadId=${uploadId}`;
  const { headers } = await call({ method: 'PUT', path: part, body: 'part' }, host);
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${headers.etag}</ETag></Part></CompleteMultipartUpload>`;
  const finish = { method: 'POST', path: `${target}?uploadId=${uploadId}`, body };
  const completed = await call(finish, host);
  assert.equal(completed.status, 200, completed.text);
  return textOf(completed.text, 'Location');
}

test('Location names scheme and host as the client saw them', async () => {
  const key = `${bucket}/parts`;
  assert.equal(
    await locationThrough({ tls, host: backendHost, sets: forwards }, 'any.test:4443'),
    `https://any.test:4443/${key}`,
  );
  assert.equal(
    await locationThrough({ host: backendHost }, otherHost),
    `http://${otherHost}/${key}`,
  );
  assert.equal(await locationThrough({}, publicHost), `http://${publicHost}/${key}`);
  const onlyScheme = { tls, sets: () => ({ 'X-Forwarded-Proto': 'https' }) };
  assert.equal(await locationThrough(onlyScheme, publicHost), `https://${publicHost}/${key}`);
});

test("the log has the client's address", () => {
  const addresses = believing
    .log()
    .split('\n')
    .filter((line) => line.includes('"msg":"request"'))
    .map((line) => (JSON.parse(line) as { remote?: string }).remote);
  assert.ok(addresses.includes('192.0.2.77'), addresses.join(' '));
  assert.ok(addresses.includes('127.0.0.1'), 'where the proxy does not say');
});

test('own paths are served to the host that the client called', async () => {
  const { call } = await proxied(naming, { host: backendHost, sets: forwards });
  const health = { path: '/_/health/live', anonymous: true };
  assert.equal((await call(health)).text, 'live\n');
  assertError(await call({ path: '/_/health/live' }, `${bucket}.${publicHost}`), 404, 'NoSuchKey');
});
