/** Certificates of a deployment, looked at by Node, by openssl, and by TLS itself. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { Authority, type Identity } from './authority.ts';
import { addressBytes, time } from './der.ts';

const dayMs = 86_400_000;
const nowMs = Date.now();
const directory = mkdtempSync(path.join(tmpdir(), 'authority-'));
after(() => rmSync(directory, { recursive: true }));

const open = (name: string, atMs = nowMs): Authority =>
  Authority.open({ directory: path.join(directory, name), name, nowMs: () => atMs });

const member = {
  name: 'data-provider-1',
  hosts: ['node-1.example.org', '127.0.0.1', 'fd00::7', 'localhost'],
};

test('the authority is made once, its key is its owner’s alone', () => {
  const authority = open('lab');
  assert.equal(open('lab').certificate, authority.certificate);
  assert.notEqual(open('other').certificate, authority.certificate);
  const read = new X509Certificate(authority.certificate);
  assert.equal(read.ca, true);
  assert.equal(read.subject, 'CN=lab authority');
  assert.ok(Date.parse(read.validFrom) < nowMs && Date.parse(read.validTo) > nowMs + 7000 * dayMs);
  for (const file of ['ca-key.pem', 'ca.pem']) {
    assert.equal(statSync(path.join(directory, 'lab', file)).mode & 0o777, 0o600, file);
  }
  assert.equal(statSync(path.join(directory, 'lab')).mode & 0o777, 0o700);
});

test('a certificate has the names of its member and is for both ends of a connection', () => {
  const read = new X509Certificate(open('lab').issue(member).certificate);
  assert.equal(read.subject, 'CN=data-provider-1.lab');
  assert.equal(read.issuer, 'CN=lab authority');
  assert.equal(read.ca, false);
  assert.equal(
    read.subjectAltName,
    'DNS:node-1.example.org, IP Address:127.0.0.1, IP Address:FD00:0:0:0:0:0:0:7, DNS:localhost',
  );
  assert.deepEqual(read.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  const other = new X509Certificate(open('lab').issue(member).certificate);
  assert.notEqual(read.serialNumber, other.serialNumber);
});

test('openssl finds nothing wrong, as server, as client, and by the strict rules', () => {
  const { certificate, authority } = open('lab').issue(member);
  const files = [
    ['a.pem', authority],
    ['m.pem', certificate],
  ] as const;
  for (const [name, text] of files) writeFileSync(path.join(directory, name), text);
  for (const purpose of ['sslserver', 'sslclient']) {
    const said = execFileSync(
      'openssl',
      ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', 'a.pem', 'm.pem'],
      { cwd: directory, encoding: 'utf8' },
    );
    assert.equal(said, 'm.pem: OK\n');
  }
  const text = execFileSync('openssl', ['x509', '-in', 'a.pem', '-noout', '-text'], {
    cwd: directory,
    encoding: 'utf8',
  });
  assert.match(text, /CA:TRUE, pathlen:0/);
  assert.match(text, /Key Usage: critical\s+Certificate Sign, CRL Sign/);
});

test('a certificate is good while it lasts, with its key, for its names, under its authority', () => {
  const authority = open('lab');
  const identity = authority.issue(member);
  assert.equal(authority.isGood(identity, member), true);
  assert.equal(open('lab', nowMs + 300 * dayMs).isGood(identity, member), true);
  assert.equal(open('lab', nowMs + 400 * dayMs).isGood(identity, member), false);
  const other = open('other').issue(member);
  const wrong: Identity[] = [
    other,
    { ...identity, key: other.key },
    { ...identity, authority: other.authority },
    { ...identity, certificate: '' },
    { ...identity, key: 'no key' },
  ];
  for (const one of wrong) assert.equal(authority.isGood(one, member), false);
  const moved = { ...member, hosts: ['10.0.0.9'] };
  assert.equal(authority.isGood(identity, moved), false);
  assert.equal(authority.isGood(identity, { ...member, hosts: ['node-2.example.org'] }), false);
});

test('an authority without its key, or with another one, is not replaced in silence', () => {
  open('lost');
  rmSync(path.join(directory, 'lost', 'ca-key.pem'));
  assert.throws(() => open('lost'), {
    kind: 'not-found',
    message: /ca-key\.pem is missing: bring/,
  });
  open('mixed');
  const key = readFileSync(path.join(directory, 'lab', 'ca-key.pem'));
  writeFileSync(path.join(directory, 'mixed', 'ca-key.pem'), key);
  assert.throws(() => open('mixed'), { kind: 'corrupt', message: /is not the certificate of/ });
  writeFileSync(path.join(directory, 'mixed', 'ca-key.pem'), 'nothing');
  assert.throws(() => open('mixed'), { kind: 'corrupt', message: /is no private key/ });
});

test('a start that was cut off before the certificate goes on with the same key', () => {
  const before = open('cut');
  const identity = before.issue(member);
  rmSync(path.join(directory, 'cut', 'ca.pem'));
  const again = open('cut');
  assert.equal(again.isGood({ ...identity, authority: again.certificate }, member), true);
});

const unknownAuthority = /^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE)$/;

/** What each end says of the other: an error's code, or the name of who is there. */
async function meet(server: Identity, client: Identity, host: string): Promise<string[]> {
  const listener = createServer({
    ca: server.authority,
    cert: server.certificate,
    key: server.key,
    requestCert: true,
    rejectUnauthorized: true,
  });
  const seen = new Promise<string>((resolve) => {
    listener.once('secureConnection', (socket) => resolve(nameOn(socket)));
    listener.once('tlsClientError', (error, socket) =>
      resolve(`${socket.authorizationError ?? error.message}`),
    );
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const options = { ca: client.authority, cert: client.certificate, key: client.key };
  const socket = connect({ ...options, host: '127.0.0.1', port, servername: host });
  const found = new Promise<string>((resolve) => {
    socket.once('secureConnect', () => resolve(nameOn(socket)));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
  const both = await Promise.all([found, seen]);
  socket.destroy();
  listener.close();
  return both;
}

const nameOn = (socket: TLSSocket): string => `${socket.getPeerX509Certificate()?.subject}`;

test('members of one deployment meet by TLS, those of two do not', async () => {
  const authority = open('lab');
  const server = authority.issue(member);
  const client = authority.issue({ name: 'gateway-1', hosts: ['127.0.0.1'] });
  assert.deepEqual(await meet(server, client, 'node-1.example.org'), [
    'CN=data-provider-1.lab',
    'CN=gateway-1.lab',
  ]);
  const stranger = open('other').issue(member);
  const [asClient] = await meet(server, stranger, 'localhost');
  assert.match(asClient!, unknownAuthority);
  // Who trusts the deployment and is not of it: the server ends what the client took for done.
  const pretender = { ...stranger, authority: server.authority };
  const [, asServer] = await meet(server, pretender, 'localhost');
  assert.match(asServer!, unknownAuthority);
});

test('addresses and times are written as they must be', () => {
  const hex = (address: string): string => addressBytes(address).toString('hex');
  assert.equal(hex('10.1.0.255'), '0a0100ff');
  assert.equal(hex('::'), '0'.repeat(32));
  assert.equal(hex('::1'), `${'0'.repeat(31)}1`);
  assert.equal(hex('fd00::'), `fd00${'0'.repeat(28)}`);
  assert.equal(hex('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008');
  assert.equal(hex('::ffff:10.1.0.255'), `${'0'.repeat(20)}ffff0a0100ff`);
  assert.equal(time(Date.UTC(2049, 11, 31, 23, 59, 59)).toString('latin1', 2), '491231235959Z');
  assert.equal(time(Date.UTC(2050, 0, 1)).toString('latin1', 2), '20500101000000Z');
});
