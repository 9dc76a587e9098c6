/** What each entity takes of the configuration file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings } from './settings.ts';

const original = `
vmanager: { host = "vm.cluster"; service = "2222"; };
pmanager: { host = "pm.cluster"; service = "1111"; };
provider: {
  service = "1235"; cacheslots = 1024; urate = 100;
  dbname = "/tmp/provider.db";
  space = 4096; sync = 100; retry = 1; deduplication = false; ft_engine = "replication";
};
sdht: { cacheslots = 1000000; dbname = ""; space = 128; sync = 10; compression = false; };
dht: { service = "1234"; gateways = ( "a", "b" ); replication = 1; timeout = 10; cachesize = 1048576; };
`;

test("each role takes its own of the original's file and says what has no effect", () => {
  const data = readSettings(original, 'data-provider', '/etc');
  assert.deepEqual(data.providerManager, { host: 'pm.cluster', port: 1111 });
  assert.equal(data.port, 1235);
  assert.equal(data.spaceBytes, 4096 * 2 ** 20);
  assert.ok(data.ignored.includes('line 5: provider.urate (reports are sent every second)'));
  assert.equal(data.ignored.length, 7);
  const metadata = readSettings(original, 'metadata-provider', '/etc');
  assert.deepEqual([metadata.port, metadata.spaceBytes], [1234, 128 * 2 ** 20]);
  assert.equal(metadata.ignored.length, 4);
  assert.equal(readSettings(original, 'version-manager', '/etc').port, 2222);
  assert.deepEqual(readSettings(original, 'provider-manager', '/etc').ignored, [
    'line 3: pmanager.host (for clients; give --listen the address to listen on)',
  ]);
});

test('settings that are missing or make no sense are named with their line', () => {
  for (const [from, to, message] of [
    ['service = "2222"', 'service = 2222', /^line 2: vmanager.service must be a string in quotes/],
    ['service = "2222"', 'service = "x"', /^line 2: vmanager.service must be a port in quotes/],
    ['service = "2222"', 'service = "65536"', /^line 2: vmanager.service must be a port/],
    ['service = "2222";', '', /^line 2: vmanager.service is missing/],
  ] as const) {
    const text = original.replace(from, to);
    assert.throws(() => readSettings(text, 'version-manager', '/etc'), {
      kind: 'invalid-argument',
      message,
    });
  }
  for (const space of ['"4"', '0', '1.5']) {
    const text = original.replace('space = 4096', `space = ${space}`);
    assert.throws(
      () => readSettings(text, 'data-provider', '/etc'),
      /line 7: provider.space must be/,
    );
  }
});

test("what is nobody's is named to every role: it may be a group misspelt", () => {
  const text = `${original}\nsecurty: { secret_file = "s"; };`;
  assert.deepEqual(readSettings(text, 'version-manager', '/etc').ignored, [
    'line 2: vmanager.host (for clients; give --listen the address to listen on)',
    'line 12: securty (unknown)',
  ]);
});

test('a version manager takes its leases, and where metadata goes, of the same file', () => {
  const leases = (text: string) => readSettings(text, 'version-manager', '/etc').leases;
  const gateways = [
    { host: 'a', port: 1234 },
    { host: 'b', port: 1234 },
  ];
  const expected = {
    leaseMs: 60_000,
    metadata: { gateways, replication: 1 },
    providerManager: { host: 'pm.cluster', port: 1111 },
  };
  assert.deepEqual(leases(original), expected);
  const withLease = (value: string) =>
    original.replace('service = "2222";', `service = "2222"; lease = ${value};`);
  assert.deepEqual(leases(withLease('5')), { ...expected, leaseMs: 5000 });
  assert.equal(leases(withLease('0'))?.leaseMs, 0);
  assert.deepEqual(readSettings(withLease('5'), 'version-manager', '/etc').ignored, [
    'line 2: vmanager.host (for clients; give --listen the address to listen on)',
  ]);
  for (const wrong of ['-1', '0.5', '"5"', '86401']) {
    assert.throws(() => leases(withLease(wrong)), /line 2: vmanager.lease must be a number of sec/);
  }
  assert.equal(leases(original.replace('gateways = ( "a", "b" );', '')), undefined);
  assert.throws(
    () => leases(original.replace('replication = 1;', '')),
    /dht.replication is missing/,
  );
  assert.equal(readSettings(original, 'provider-manager', '/etc').leases, undefined);
});
