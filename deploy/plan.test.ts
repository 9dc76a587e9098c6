/** Members of a deployment, and the files that they are configured with. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDeployment } from '../blobseer-client/remote/deployment.ts';
import { blobseerConfiguration, gatewayConfiguration } from './configuration-files.ts';
import { readDescription } from './description/description.ts';
import { readSettings } from './entities/settings.ts';
import { type Placement, planMembers } from './plan.ts';

const description = readDescription(`name: lab
space: { dataProvider: 1GiB, metadataProvider: 512MiB }
security: { plainNetworks: [ 10.0.0.0/8 ] }
pageSize: 1MiB
roles:
  metadataProviders: { count: 3 }
  dataProviders: { count: 3 }
  gateways: { count: 2, workers: 2, https: true }
`);

/** Everything on one host, metadata providers on addresses of their own. */
const local: Placement = {
  storage: '/srv/lab',
  hostOf: (role, index) => (role === 'metadata-provider' ? `127.0.0.${index + 1}` : '127.0.0.1'),
};

test('members have names, ports and directories that follow from their numbers', () => {
  const rows = planMembers(description, local).map(
    ({ name, role, host, port, directory }) => `${name} ${role} ${host}:${port} ${directory}`,
  );
  assert.deepEqual(rows, [
    'version-manager-1 version-manager 127.0.0.1:7001 /srv/lab/version-manager-1',
    'provider-manager-1 provider-manager 127.0.0.1:7002 /srv/lab/provider-manager-1',
    'metadata-provider-1 metadata-provider 127.0.0.1:7003 /srv/lab/metadata-provider-1',
    'metadata-provider-2 metadata-provider 127.0.0.2:7003 /srv/lab/metadata-provider-2',
    'metadata-provider-3 metadata-provider 127.0.0.3:7003 /srv/lab/metadata-provider-3',
    'data-provider-1 data-provider 127.0.0.1:7010 /srv/lab/data-provider-1',
    'data-provider-2 data-provider 127.0.0.1:7011 /srv/lab/data-provider-2',
    'data-provider-3 data-provider 127.0.0.1:7012 /srv/lab/data-provider-3',
    'gateway-1 gateway 127.0.0.1:9000 /srv/lab/gateway-1',
    'gateway-2 gateway 127.0.0.1:9001 /srv/lab/gateway-2',
  ]);
});

test('where each has a machine of its own, all ports are those of the description', () => {
  const placement: Placement = { ...local, hostOf: (role, index) => `${role}-${index}.example` };
  const ports = planMembers(description, placement).map(({ port }) => port);
  assert.deepEqual(ports, [7001, 7002, 7003, 7003, 7003, 7010, 7010, 7010, 9000, 9000]);
});

test('two members never have the same address', () => {
  const oneHost: Placement = { ...local, hostOf: () => '127.0.0.1' };
  assert.throws(() => planMembers(description, oneHost), {
    kind: 'invalid-argument',
    message: 'metadata-provider-2 and metadata-provider-1 would both listen on 127.0.0.1:7003',
  });
  const ports = { ...description.ports, versionManager: 9001 };
  assert.throws(() => planMembers({ ...description, ports }, local), {
    message: 'gateway-2 and version-manager-1 would both listen on 127.0.0.1:9001',
  });
  const last = { ...description.ports, dataProviders: 65_534 };
  assert.throws(() => planMembers({ ...description, ports: last }, local), {
    message: 'there is no port left for data-provider-3',
  });
});

test('the configuration file is as it always was, and entities and clients read it', () => {
  const members = planMembers(description, local);
  const text = blobseerConfiguration(description, members);
  assert.equal(
    text,
    `# The BlobSeer of the deployment lab.
vmanager: {
  host = "127.0.0.1";
  service = "7001";
};
pmanager: {
  host = "127.0.0.1";
  service = "7002";
};
provider: {
  service = "7010";
  space = 1024;
  retry = 1;
  deduplication = false;
  ft_engine = "replication";
};
sdht: {
  space = 512;
};
dht: {
  service = "7003";
  gateways = ( "127.0.0.1", "127.0.0.2", "127.0.0.3" );
  replication = 2;
  timeout = 10;
  cachesize = 1048576;
};
security: {
  ca_file = "ca.pem";
  cert_file = "cert.pem";
  key_file = "key.pem";
  plain_networks = ( "10.0.0.0/8" );
};
`,
  );
  const { versionManager, gateways, replication, security } = readDeployment(text, '/');
  assert.deepEqual(versionManager, { host: '127.0.0.1', port: 7001 });
  assert.deepEqual([gateways.length, replication], [3, 2]);
  assert.equal(security?.credentials.kind, 'certificate');
  const data = readSettings(text, 'data-provider', '/');
  assert.deepEqual([data.port, data.spaceBytes], [7010, 2 ** 30]);
  assert.equal(readSettings(text, 'metadata-provider', '/').spaceBytes, 2 ** 29);
  assert.notEqual(readSettings(text, 'version-manager', '/').leases, undefined);
  const plain = { ...description, security: { tls: false, plainNetworks: [] } };
  assert.equal(readDeployment(blobseerConfiguration(plain, members), '/').security, undefined);
});

test("a gateway's configuration file names what is beside it", () => {
  const gateway = planMembers(description, local).at(-1)!;
  assert.equal(
    gatewayConfiguration(description, gateway),
    `data: data
listen: https://127.0.0.1:9001
workers: 2
blobseer: blobseer.cfg
replication: 2
page-size: 1048576
tls-cert: cert.pem
tls-key: key.pem
`,
  );
});
