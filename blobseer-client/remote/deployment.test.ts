/** What a client takes of the original's configuration file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDeployment } from './deployment.ts';

/** Every setting that the original's own example has, in its order and spelling. */
const original = `# Version manager
vmanager: {
    # Where clients find it
    host = "vm.cluster";
    service = "2222";
};

pmanager: {
    host = "10.1.0.2";
    service = "1111";
};

provider: {
    service = "1235";
    cacheslots = 1024;
    urate = 100;
    dbname = "/tmp/blobseer/provider/db/provider.db";
    #dbname = "";
    space = 4096;
    sync = 100;
    retry = 1;
    deduplication = false;
    ft_engine = "replication";
};

sdht: {
    cacheslots = 1000000;
    dbname = "";
    space = 128;
    sync = 10;
    compression = false;
};

dht: {
    service = "1234";
    gateways = (
        "meta-b",
\t\t"meta-a"
    );
    replication = 2;
    timeout = 10;
    cachesize = 1048576;
};
`;

test("a client takes the original's file as it is, and says what has no effect", () => {
  assert.deepEqual(readDeployment(original, '/etc'), {
    versionManager: { host: 'vm.cluster', port: 2222 },
    providerManager: { host: '10.1.0.2', port: 1111 },
    gateways: [
      { host: 'meta-b', port: 1234 },
      { host: 'meta-a', port: 1234 },
    ],
    replication: 2,
    security: undefined,
    ignored: [
      'line 21: provider.retry (what fails is tried elsewhere as long as its deadline allows)',
      'line 22: provider.deduplication (versions share their pages without it)',
      'line 41: dht.timeout (calls have deadlines of their own)',
      'line 42: dht.cachesize (what is kept in memory has bounds of its own)',
    ],
  });
});

test('what is missing, makes no sense or is not built is named with its line', () => {
  for (const [from, to, message] of [
    ['service = "2222"', 'service = 2222', /^line 5: vmanager.service must be a string in quotes/],
    ['host = "vm.cluster"', 'host = "vm cluster"', /^line 4: vmanager.host must be the name or/],
    ['host = "vm.cluster"', 'host = "vm:1"', /^line 4: vmanager.host must be the name or/],
    ['"meta-b"', '""', /^line 37: dht.gateways must be a string/],
    ['"meta-b"', '7', /^line 37: dht.gateways must be a string/],
    [
      'replication = 2',
      'replication = 0',
      /^line 40: dht.replication must be a number of replicas/,
    ],
    ['replication = 2;', '', /^line 34: dht.replication is missing/],
    ['"replication"', '"erasure"', /^line 23: provider.ft_engine must be "replication"/],
  ] as const) {
    const text = original.replace(from, to);
    assert.notEqual(text, original);
    assert.throws(() => readDeployment(text, '/etc'), { kind: 'invalid-argument', message }, to);
  }
  const none = original.replace(/gateways = \([^)]*\)/, 'gateways = ()');
  assert.throws(() => readDeployment(none, '/etc'), /dht.gateways must be a list of strings/);
  const more = original.replace('vmanager: {', 'vmanager: { hots = "x";').concat('vmanger = 1;');
  const { ignored } = readDeployment(more, '/etc');
  assert.ok(ignored.includes('line 2: vmanager.hots (unknown)'));
  assert.ok(ignored.includes('line 44: vmanger (unknown)'));
});

const secured = (group: string) =>
  readDeployment(`${original}security: { ${group} };`, '/etc').security;

test('the group security: a secret or certificates, and where bytes travel in clear', () => {
  assert.deepEqual(
    secured('secret_file = "s"; plain_networks = [ "10.1.0.0/16", "::1", "127.0.0.1" ];'),
    {
      credentials: { kind: 'secret', secretFile: '/etc/s' },
      plainNetworks: [
        { address: '10.1.0.0', prefixBits: 16, family: 'ipv4' },
        { address: '::1', prefixBits: 128, family: 'ipv6' },
        { address: '127.0.0.1', prefixBits: 32, family: 'ipv4' },
      ],
    },
  );
  assert.deepEqual(secured('ca_file = "a"; cert_file = "../c"; key_file = "/k";'), {
    credentials: { kind: 'certificate', caFile: '/etc/a', certFile: '/c', keyFile: '/k' },
    plainNetworks: [],
  });
  for (const [group, message] of [
    ['', /security needs secret_file, or ca_file/],
    ['plain_networks = ("::/0");', /security needs secret_file, or ca_file/],
    ['secret_file = "s"; ca_file = "a";', /security needs secret_file, or ca_file/],
    ['ca_file = "a"; key_file = "k";', /security.cert_file is missing/],
    ['secret_file = "s"; plain_network = ("::/0");', /security.plain_network is unknown/],
    ['secret_file = "s"; plain_networks = "::/0";', /security.plain_networks must be a list/],
    ['secret_file = "s"; plain_networks = ("10.1/16");', /not "10.1\/16"/],
    ['secret_file = "s"; plain_networks = ("10.1.0.0/33");', /not "10.1.0.0\/33"/],
    ['secret_file = "s"; plain_networks = ("::/1/2");', /not "::\/1\/2"/],
    ['secret_file = "s"; plain_networks = ("::/");', /not "::\/"/],
  ] as const) {
    assert.throws(() => secured(group), { kind: 'invalid-argument', message }, group);
  }
});
