/** Secrets, certificates, and what a client sends to whom. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import type { Address } from './remote-error.ts';
import type { Security } from './security.ts';
import { Authority, CredentialFolder, loopback } from './testing/credentials.ts';
import { answering, scriptedServer } from './testing/scripted-server.ts';
import { Transport } from './transport.ts';
import { dataProviderCalls } from './wire/messages.ts';

const { read, write } = dataProviderCalls;
const key = Buffer.alloc(16, 7);
const page = Buffer.from('a page that nobody else may see');
const request = { keys: [key], maxValueBytes: 4096 };
const tlsHandshakeByte = 0x16;
const notRun = { kind: 'unavailable', mayHaveRun: false };

function transport(security: Security): Transport & Disposable {
  const made = new Transport({ security });
  return Object.assign(made, { [Symbol.dispose]: () => made.close() });
}

/** Says nothing, and keeps what it was sent. */
async function listener(onConnection: (socket: Socket) => void = () => undefined) {
  const received: Buffer[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', (chunk) => received.push(chunk));
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address: Address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  return {
    address,
    received: () => Buffer.concat(received),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a secret must be long, and its file nobody else may touch', () => {
  using folder = new CredentialFolder();
  const file = folder.path('short');
  const open = () => folder.open({ kind: 'secret', secretFile: file });
  assert.throws(open, { kind: 'invalid-argument', message: /^cannot read .*short: ENOENT$/ });
  writeFileSync(file, 'hunter2'.repeat(4).concat('\r\n\n\n\n'), { mode: 0o600 });
  assert.throws(open, (error: Error) => {
    assert.match(error.message, /^the secret in .*short has 28 bytes; 32 random ones are needed$/);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
  writeFileSync(file, 'x'.repeat(32));
  open();
  for (const mode of [0o640, 0o604, 0o620, 0o602]) {
    chmodSync(file, mode);
    assert.throws(open, { kind: 'denied', message: /chmod 600/ }, mode.toString(8));
  }
  chmodSync(file, 0o600);
  writeFileSync(file, 'x'.repeat(100_000));
  assert.throws(open, { kind: 'invalid-argument', message: /more than 65536 bytes/ });
  assert.throws(
    () => folder.open({ kind: 'secret', secretFile: folder.path('.') }),
    /cannot read .*: EISDIR/,
  );
});

test('a key must be private, and belong to its certificate', () => {
  using folder = new CredentialFolder();
  folder.certificate(new Authority('one'));
  const credentials = {
    kind: 'certificate',
    caFile: folder.path('ca.pem'),
    certFile: folder.path('cert.pem'),
    keyFile: folder.path('key.pem'),
  } as const;
  folder.open(credentials);
  chmodSync(folder.path('key.pem'), 0o644);
  assert.throws(() => folder.open(credentials), { kind: 'denied' });
  chmodSync(folder.path('key.pem'), 0o600);
  const wrong = { ...credentials, certFile: folder.path('ca.pem') };
  assert.throws(() => folder.open(wrong), {
    kind: 'invalid-argument',
    message: /ca.pem, .*key.pem/,
  });
});

test('networks are told by address, of both kinds', () => {
  using folder = new CredentialFolder();
  const security = folder.secret('one', [
    { address: '10.1.0.0', prefixBits: 16, family: 'ipv4' },
    { address: 'fd00::', prefixBits: 8, family: 'ipv6' },
    { address: '127.0.0.1', prefixBits: 32, family: 'ipv4' },
  ]);
  for (const address of ['10.1.0.0', '10.1.255.255', 'fd12::1', '127.0.0.1', '::ffff:10.1.2.3']) {
    // Twice: what is remembered is the same.
    assert.deepEqual([security.isPlain(address), security.isPlain(address)], [true, true], address);
  }
  for (const address of ['10.2.0.0', '127.0.0.2', 'fe80::1', '::1', '', 'name', undefined]) {
    assert.equal(security.isPlain(address), false, address);
  }
});

test('to a plain network goes no byte of TLS, elsewhere nothing else', async () => {
  using folder = new CredentialFolder();
  for (const host of ['127.0.0.1', 'localhost']) {
    await using plain = await scriptedServer(
      answering(({ name }) => (name === read.number ? [page] : [])),
    );
    using insider = transport(folder.secret('one', [loopback]));
    const address = { ...plain.address, host };
    assert.deepEqual(await insider.call(address, read, request), [page]);
    assert.equal(await insider.isEntity(address), false);
    await insider.call(address, write, [[key, page]]);
    assert.equal(plain.peers.length, 2);
    for (const { chunks } of plain.peers) assert.notEqual(chunks[0]![0], tlsHandshakeByte);

    await using other = await listener((socket) => socket.once('data', () => socket.end('no TLS')));
    using outsider = transport(folder.secret('one'));
    const away = { ...other.address, host };
    await assert.rejects(outsider.call(away, write, [[key, page]]), notRun);
    await assert.rejects(outsider.isEntity(away), notRun);
    const received = other.received();
    assert.equal(received[0], tlsHandshakeByte);
    assert.ok(!received.includes(page), 'the page was sent in clear');
  }
});

test('a server that says nothing to TLS costs the time of a connection', async () => {
  using folder = new CredentialFolder();
  await using silent = await listener();
  const client = new Transport({ security: folder.secret('one'), connectTimeoutMs: 30 });
  await assert.rejects(client.call(silent.address, read, request), {
    ...notRun,
    message: /no connection within 30 ms/,
  });
  client.close();
});

test('whoever shows a certificate instead of the secret gets nothing', async () => {
  using folder = new CredentialFolder();
  const authority = new Authority('one');
  const { certificate, privateKey } = authority.issue();
  const received: Buffer[] = [];
  const server = createTlsServer(
    { cert: certificate, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) },
    (socket) => {
      socket.on('data', (chunk) => received.push(chunk));
      socket.on('error', () => undefined);
    },
  );
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  {
    using client = transport(folder.secret('one'));
    await assert.rejects(client.call(address, write, [[key, page]]), notRun);
    // Nor does one that is not of our authority.
    using member = transport(folder.certificate(new Authority('other')));
    await assert.rejects(member.call(address, write, [[key, page]]), notRun);
  }
  await new Promise((resolve) => server.close(resolve));
  assert.equal(Buffer.concat(received).length, 0);
});
