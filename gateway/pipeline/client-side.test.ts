import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Network } from '../config.ts';
import { bucketOfHost } from '../s3/query.ts';
import { type ClientSide, clientSide, type ProxyTrust, proxyTrust } from './client-side.ts';
import { RequestHeaders } from './request-headers.ts';

const network = (address: string, prefix: number): Network => ({
  address,
  prefix,
  family: address.includes(':') ? 'ipv6' : 'ipv4',
});

const trust = proxyTrust({
  domains: ['s3.example.com', 'internal'],
  publicHosts: ['s3.example.com', 's3.example.com:8443'],
  trustedProxies: [network('10.0.0.0', 8), network('fd00::', 8), network('127.0.0.1', 32)],
});
const nobody = proxyTrust({ domains: [], publicHosts: [], trustedProxies: [] });

function seen(
  headers: Readonly<Record<string, string>>,
  address = '10.1.2.3',
  { encrypted = false, by = trust as ProxyTrust } = {},
): ClientSide {
  return clientSide(new RequestHeaders(Object.entries(headers).flat()), { address, encrypted }, by);
}

const forwarded = {
  Host: 'backend:9000',
  'X-Forwarded-Host': 's3.example.com:8443',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-For': '192.0.2.7',
};

test('without a trusted proxy only the connection itself is believed', () => {
  for (const [address, by] of [
    ['192.0.2.1', trust],
    ['11.0.0.1', trust],
    ['::1', trust],
    ['10.1.2.3', nobody],
    ['::ffff:192.0.2.1', trust],
  ] as const) {
    assert.deepEqual(seen(forwarded, address, { by }), {
      host: 'backend:9000',
      hosts: ['backend:9000'],
      publicHost: 'backend:9000',
      secure: false,
      address: address.replace('::ffff:', ''),
    });
    assert.equal(seen(forwarded, address, { by, encrypted: true }).secure, true);
  }
  const gone = { address: undefined, encrypted: false };
  const headers = new RequestHeaders(Object.entries(forwarded).flat());
  assert.equal(clientSide(headers, gone, trust).host, 'backend:9000');
});

test('a trusted proxy tells host, scheme and client', () => {
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd12::1', '127.0.0.1']) {
    assert.deepEqual(seen(forwarded, address), {
      host: 's3.example.com:8443',
      hosts: ['s3.example.com:8443', 'backend:9000', 's3.example.com'],
      publicHost: 's3.example.com:8443',
      secure: true,
      address: '192.0.2.7',
    });
  }
});

test('of a list the last element counts: the others may be inventions of the client', () => {
  const listed = seen({
    Host: 'backend:9000',
    'X-Forwarded-Host': 'evil.example, s3.example.com',
    'X-Forwarded-Proto': 'http,https',
  });
  assert.equal(listed.host, 's3.example.com');
  assert.ok(!listed.hosts.includes('evil.example'));
  assert.equal(listed.secure, true);
});

test('the scheme is that of the connection where the proxy says none or nonsense', () => {
  for (const proto of ['', 'wss', 'https,']) {
    const headers = { Host: 'a', 'X-Forwarded-Proto': proto };
    assert.equal(seen(headers).secure, false, proto);
    assert.equal(seen(headers, '10.0.0.1', { encrypted: true }).secure, true, proto);
  }
  const http = { Host: 'a', 'X-Forwarded-Proto': 'HTTP' };
  assert.equal(seen(http, '10.0.0.1', { encrypted: true }).secure, false);
});

test('a Host that the proxy has rewritten without a word: the public hosts may have been signed', () => {
  const { host, hosts, publicHost } = seen({ Host: 'backend:9000' });
  assert.equal(host, 'backend:9000');
  assert.deepEqual(hosts, ['backend:9000', 's3.example.com', 's3.example.com:8443']);
  assert.equal(publicHost, 's3.example.com', 'answers do not name the backend');
  assert.equal(seen({ Host: 'S3.Example.com:8443' }).publicHost, 'S3.Example.com:8443');
});

test('only hosts that name the same bucket may have been signed', () => {
  const virtual = seen({ Host: 'photos.internal' });
  assert.deepEqual(virtual.hosts, ['photos.internal']);
  assert.equal(virtual.publicHost, 'photos.internal');
  const proxied = seen({ Host: 'backend', 'X-Forwarded-Host': 'photos.s3.example.com' });
  assert.deepEqual(proxied.hosts, ['photos.s3.example.com']);
  const both = seen({ Host: 'photos.internal', 'X-Forwarded-Host': 'photos.s3.example.com' });
  assert.deepEqual(both.hosts, ['photos.s3.example.com', 'photos.internal']);
  const other = seen({ Host: 'secrets.internal', 'X-Forwarded-Host': 'photos.s3.example.com' });
  assert.deepEqual(other.hosts, ['photos.s3.example.com']);
});

test('a host that is none is not believed', () => {
  for (const host of ['', ' ', 'a b', 'a\u00e9']) {
    const { host: believed } = seen({ Host: 'backend', 'X-Forwarded-Host': host });
    assert.equal(believed, 'backend');
  }
});

test('IPv6 hosts, and no Host at all', () => {
  assert.equal(seen({ Host: '[2001:db8::1]:9000' }, '::1').publicHost, '[2001:db8::1]:9000');
  const none = seen({}, '192.0.2.1');
  assert.deepEqual([none.host, none.hosts, none.publicHost], [undefined, [], undefined]);
});

test('the client is the first address from the right that is no trusted proxy', () => {
  const from = (text: string, address = '10.1.2.3') =>
    seen({ Host: 'a', 'X-Forwarded-For': text }, address).address;
  assert.equal(from('198.51.100.1, 192.0.2.7'), '192.0.2.7');
  assert.equal(from('198.51.100.1, 192.0.2.7, 10.9.9.9,fd00::5'), '192.0.2.7');
  assert.equal(from('10.4.4.4, 10.9.9.9'), '10.4.4.4');
  assert.equal(from('192.0.2.7:51234'), '192.0.2.7');
  assert.equal(from('[2001:db8::1]:51234'), '2001:db8::1');
  assert.equal(from('2001:db8::1'), '2001:db8::1');
  assert.equal(from('::ffff:192.0.2.7'), '192.0.2.7');
  assert.equal(from('192.0.2.7, unknown, 10.0.0.9'), '10.0.0.9');
  assert.equal(from(''), '10.1.2.3');
  assert.equal(from('<script>'), '10.1.2.3');
  assert.equal(from('192.0.2.7', 'fe80::1%eth0'), 'fe80::1');
});

test('whatever an untrusted peer sends, it changes nothing', () => {
  const names = fc.constantFrom('X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Forwarded-For');
  fc.assert(
    fc.property(fc.dictionary(names, fc.string()), (headers) => {
      const plain = seen({ Host: 's3.example.com' }, '192.0.2.1');
      assert.deepEqual(seen({ Host: 's3.example.com', ...headers }, '192.0.2.1'), plain);
    }),
    { numRuns: 200 },
  );
});

test('whatever a trusted one sends is answered, with hosts of one bucket', () => {
  const host = fc.oneof(fc.string(), fc.constantFrom('a.internal', 'b.s3.example.com', 'internal'));
  const list = fc.array(host, { maxLength: 3 }).map((hosts) => hosts.join(','));
  fc.assert(
    fc.property(host, list, list, (received, forwardedHost, forwardedFor) => {
      const headers = {
        Host: received,
        'X-Forwarded-Host': forwardedHost,
        'X-Forwarded-For': forwardedFor,
      };
      const { hosts, host: believed, address } = seen(headers);
      assert.equal(hosts[0], believed);
      const buckets = hosts.map((each) => bucketOfHost(each, trust.domains));
      assert.ok(buckets.every((bucket) => bucket === buckets[0]));
      assert.ok(address !== undefined && address !== '');
    }),
    { numRuns: 300 },
  );
});
