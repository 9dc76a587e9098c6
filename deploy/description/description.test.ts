/** What a deployment file may say, and what is said of one that is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Description, readDescription } from './description.ts';

const smallest = `name: lab
roles:
  metadataProviders: { count: 1 }
  dataProviders: { count: 1 }
`;

const whole = `name: lab
replication: { pages: 3, metadata: 1 }
pageSize: 256KiB
storage: ./lab-data
space: { dataProvider: 1TiB, metadataProvider: 512MiB }
ports: { versionManager: 8001, providerManager: 8002, metadataProvider: 8003, dataProvider: 8010, gateway: 80 }
security: { tls: false, plainNetworks: [ 10.0.0.0/8, "fd00::/8", 192.168.1.7 ] }
credentials:
  accessKey: { file: access-key.txt }
  secretKey: { environment: LAB_SECRET }
roles:
  versionManager: { count: 1, image: managers.gz }
  metadataProviders: { count: 2 }
  dataProviders:
    hosts: [ node-1.example.org, 10.1.0.7, "fd00::7" ]
    instanceType: m1.large
    network: private
  gateways: { count: 2, workers: 4, https: true }
image: blobseer-s3.gz
network: public
targets:
  ssh: { user: blobseer, path: /srv/blobseer-s3 }
  kubernetes: { namespace: storage, storageClass: fast }
`;

test('a file that says the least gets a deployment with safe defaults', () => {
  const machine = { hosts: [], image: undefined, network: undefined, instanceType: undefined };
  const one = { count: 1, ...machine };
  assert.deepEqual(readDescription(smallest), {
    name: 'lab',
    replication: { pages: 1, metadata: 1 },
    pageSize: 'auto',
    storage: undefined,
    spaceBytes: { dataProvider: 100 * 2 ** 30, metadataProvider: 10 * 2 ** 30 },
    ports: {
      versionManager: 7001,
      providerManager: 7002,
      metadataProviders: 7003,
      dataProviders: 7010,
      gateways: 9000,
    },
    security: { tls: true, plainNetworks: [] },
    credentials: undefined,
    roles: {
      versionManager: one,
      providerManager: one,
      metadataProviders: one,
      dataProviders: one,
      gateways: { ...one, workers: 1, https: false },
    },
    targets: {
      ssh: { user: undefined, path: '/opt/blobseer-s3', config: undefined },
      kubernetes: { namespace: undefined, storageClass: undefined },
      nimbus: { cloudClient: undefined, hours: 24 },
      ec2: {
        endpoint: undefined,
        region: undefined,
        signature: 4,
        keyName: undefined,
        securityGroups: [],
        caFile: undefined,
      },
      cloudInit: { package: undefined, packages: [], secretsCommand: undefined },
    },
  } satisfies Description);
  const several = smallest.replaceAll('count: 1', 'count: 5');
  assert.deepEqual(readDescription(several).replication, { pages: 2, metadata: 2 });
});

test('a file may say everything', () => {
  const read = readDescription(whole);
  assert.deepEqual(read.replication, { pages: 3, metadata: 1 });
  assert.equal(read.pageSize, 2 ** 18);
  assert.equal(read.storage, './lab-data');
  assert.deepEqual(read.spaceBytes, { dataProvider: 2 ** 40, metadataProvider: 2 ** 29 });
  assert.equal(read.ports.metadataProviders, 8003);
  assert.deepEqual(read.security, {
    tls: false,
    plainNetworks: ['10.0.0.0/8', 'fd00::/8', '192.168.1.7'],
  });
  assert.deepEqual(read.credentials, {
    accessKey: { kind: 'file', file: 'access-key.txt' },
    secretKey: { kind: 'environment', name: 'LAB_SECRET' },
  });
  assert.deepEqual(read.roles.dataProviders, {
    count: 3,
    hosts: ['node-1.example.org', '10.1.0.7', 'fd00::7'],
    image: 'blobseer-s3.gz',
    network: 'private',
    instanceType: 'm1.large',
  });
  assert.equal(read.roles.versionManager.image, 'managers.gz');
  assert.deepEqual([read.roles.gateways.workers, read.roles.gateways.https], [4, true]);
  assert.deepEqual(read.targets.ssh, {
    user: 'blobseer',
    path: '/srv/blobseer-s3',
    config: undefined,
  });
  assert.deepEqual(read.targets.kubernetes, { namespace: 'storage', storageClass: 'fast' });
});

test('what is wrong is named by its line and its key, with what would be right', () => {
  for (const [from, to, message] of [
    ['name: lab', 'nmae: lab', 'line 1: unknown key "nmae", did you mean "name"?; keys are name, '],
    ['name: lab', 'name: Lab', 'line 1: name must be a name: small letters, digits and dashes'],
    ['name: lab\n', '', 'line 1: name is missing; give a name'],
    ['  dataProviders:', '  dataProvider:', 'line 14: unknown key "roles.dataProvider", did you'],
    ['count: 2, workers', 'count: 0, workers', 'line 18: roles.gateways.count must be a whole '],
    ['{ count: 1, image', '{ count: 2, image', 'line 12: roles.versionManager.count must be 1, no'],
    ['{ count: 2 }', '{ count: 1.5 }', 'line 13: roles.metadataProviders.count must be a whole'],
    ['{ count: 2 }', '{ count: "2" }', 'line 13: roles.metadataProviders.count must be a whole'],
    ['{ count: 2 }', '{ cuont: 2 }', 'line 13: unknown key "roles.metadataProviders.cuont", did'],
    ['{ count: 2 }', '{}', 'line 13: roles.metadataProviders.count is missing; give a whole'],
    ['{ count: 2 }', '[ 2 ]', 'line 13: roles.metadataProviders must be a mapping of count, '],
    ['pages: 3', 'pages: 4', 'line 2: replication.pages must be a whole number from 1 to 3, not 4'],
    ['256KiB', '300KiB', 'line 3: pageSize must be auto, or a power of two from 64KiB to 4MiB, '],
    ['256KiB', '8MiB', 'line 3: pageSize must be auto, or a power of two'],
    ['./lab-data', '"a b"', 'line 4: storage must be the path of a directory, not "a b"'],
    ['1TiB', '1TB', 'line 5: space.dataProvider must be a size in whole MiB, such as 512MiB or'],
    ['512MiB', '512KiB', 'line 5: space.metadataProvider must be a size in whole MiB'],
    ['8001', '70000', 'line 6: ports.versionManager must be a whole number from 1 to 65535'],
    ['tls: false', 'tls: off', 'line 7: security.tls must be true or false, not "off"'],
    ['10.0.0.0/8', '10.0.0.0/33', 'line 7: security.plainNetworks[0] must be a network such as'],
    ['10.1.0.7', '"a b"', 'line 15: roles.dataProviders.hosts[1] must be the name or the address'],
    ['{ user', '{ usr', 'line 22: unknown key "targets.ssh.usr", did you mean "user"?'],
    ['{ environment: LAB_SECRET }', '{}', 'line 10: credentials.secretKey needs a file or an '],
    ['  secretKey: { environment: LAB_SECRET }\n', '', 'line 8: credentials needs both accessKey'],
    ['name: lab', 'name: &x lab', 'line 1: name must be plain YAML: no anchors, aliases or tags'],
    ['name: lab', 'name: !!str lab', 'line 1: name must be plain YAML'],
    ['pages: 3', 'pages: [', 'line 2: column '],
    ['name: lab', 'name: lab\nname: lab', 'line 2: column 1 is no YAML that is taken (DUPLICATE'],
  ] as const) {
    assert.ok(whole.includes(from), from);
    assert.throws(
      () => readDescription(whole.replace(from, to)),
      (error: Error & { kind?: string }) => {
        assert.equal(error.kind, 'invalid-argument');
        assert.ok(error.message.startsWith(message), `${error.message}\nis not\n${message}`);
        return true;
      },
    );
  }
});

test('a secret in the file is refused, and no error repeats it', () => {
  const secret = 'wJalrXUtnFEMI';
  for (const there of [secret, `{ ${secret}: 1`, `[ ${secret} ]`, `{ file: "a ${secret}`]) {
    const text = whole.replace('{ environment: LAB_SECRET }', there);
    assert.throws(
      () => readDescription(text),
      ({ message }: Error) => /^line 1[01]: /.test(message) && !message.includes(`"${secret}"`),
      there,
    );
  }
  const literal = whole.replace('{ environment: LAB_SECRET }', secret);
  assert.throws(() => readDescription(literal), {
    message:
      'line 10: credentials.secretKey must be { file: NAME } or { environment: NAME }: ' +
      'secrets have no place in this file',
  });
});

test('a file beyond all bounds is refused before it is parsed', () => {
  assert.throws(() => readDescription(`${smallest}${'#'.repeat(2 ** 20)}`), /more than 1048576/);
  for (const text of ['', '- name', 'name', '\0']) {
    assert.throws(() => readDescription(text), { kind: 'invalid-argument' }, JSON.stringify(text));
  }
});
