/** User data, by cloud-init itself and by files known to be right; what it writes makes a machine. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { readDeployment } from '../../blobseer-client/remote/deployment.ts';
import { writeArtifacts } from '../artifact.ts';
import { readDescription } from '../description/description.ts';
import { lab } from '../testing/descriptions.ts';
import { assertGolden } from '../testing/golden.ts';
import { TestMachine } from '../testing/machines.ts';
import { runTool, unless } from '../testing/tools.ts';
import { cloudInitFiles, maxUserDataBytes } from './user-data.ts';

const files = cloudInitFiles(lab);
const roles = [
  'version-manager',
  'provider-manager',
  'metadata-provider',
  'data-provider',
  'gateway',
] as const;
const userDataOf = (role: string, from = files): string =>
  from.find((file) => file.path === `${role}.yaml`)!.text;

const cloudy = readDescription(`name: lab
roles: { metadataProviders: { count: 1 }, dataProviders: { count: 1, hosts: [ 10.1.0.7 ] } }
targets:
  cloudInit:
    package: { url: "https://example.org/blobseer-s3.tar.gz", sha256: ${'ab'.repeat(32)} }
    packages: [ nodejs, curl ]
    secretsCommand: aws s3 cp s3://lab-secrets/data-provider-1.tar -
`);

test('user data is that which is known to be right', () => {
  // The seeds' user data is that of their role.
  const distinct = files.filter((file) => !file.path.endsWith('/user-data'));
  assertGolden('cloud-init', distinct);
});

test('cloud-init finds nothing wrong', { skip: unless('cloud-init') }, (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'user-data-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const all = [
    ...files,
    ...cloudInitFiles(cloudy).map((file) => ({ ...file, path: `c/${file.path}` })),
  ];
  const configs = all.filter((file) => !file.path.endsWith('meta-data'));
  writeArtifacts(directory, configs);
  const names = roles.flatMap((role) => [`${role}.yaml`, `c/${role}.yaml`]);
  for (const name of names) {
    const args = ['schema', '--config-file', path.join(directory, name)];
    const { status, stdout, stderr } = runTool('cloud-init', args);
    assert.equal(status, 0, `${name}: ${stdout}${stderr}`);
    assert.match(stdout, /^Valid cloud-config/);
  }
});

test('every member has a seed: the user data of its role, and a name of its own', () => {
  const names = files
    .filter((file) => file.path.endsWith('/meta-data'))
    .map(({ text }) => (parse(text) as Record<string, string>)['local-hostname']);
  assert.deepEqual(names.toSorted(), [
    'lab-data-provider-1',
    'lab-data-provider-2',
    'lab-data-provider-3',
    'lab-gateway-1',
    'lab-gateway-2',
    'lab-metadata-provider-1',
    'lab-metadata-provider-2',
    'lab-provider-manager-1',
    'lab-version-manager-1',
  ]);
  for (const { path: name, text } of files.filter((file) => file.path.endsWith('/user-data'))) {
    const role = name.replace(/^nocloud\/(.*)-\d+\/user-data$/, '$1');
    assert.equal(text, userDataOf(role), name);
  }
});

interface CloudConfig {
  readonly write_files: readonly {
    readonly path: string;
    readonly permissions: string;
    readonly content: string;
  }[];
  readonly runcmd: readonly string[];
}

test('a machine that does what its user data says waits for secrets, with all addresses known', (t) => {
  for (const role of roles) {
    const { write_files, runcmd } = parse(userDataOf(role)) as CloudConfig;
    const machine = new TestMachine(
      write_files.map(({ path: name, permissions, content }) => ({
        path: name,
        text: content,
        isProgram: permissions === '0755',
      })),
    );
    t.after(() => machine.remove());
    // What is absolute is below the root of this machine; of the system's own only systemctl is stood in for.
    const script = runcmd
      .filter((line) => !line.startsWith('systemd-sysusers'))
      .join('\n')
      .replaceAll(' /', ` ${machine.root}/`)
      .replace(/^\//gm, `${machine.root}/`);
    const { status, stdout, stderr } = runTool('sh', [], {
      env: machine.environment,
      input: script,
    });
    assert.equal(status, 0, `${role}: ${stdout}${stderr}`);
    const directory = `/var/lib/blobseer/${role}`;
    const deployment = readDeployment(machine.read(`${directory}/blobseer.cfg`), directory);
    assert.equal(deployment.versionManager.host, 'lab-version-manager-1');
    assert.deepEqual(
      deployment.gateways.map(({ host }) => host),
      ['lab-metadata-provider-1', 'lab-metadata-provider-2'],
    );
    const asked = machine.takeSystemctl();
    assert.deepEqual([asked[0], asked.at(-1)], ['daemon-reload', 'enable --now blobseer.path']);
    assert.equal(machine.has('var/lib/blobseer/complete'), false);
  }
});

test('the program is fetched and checked, secrets are asked for, where the description says so', () => {
  const text = userDataOf('data-provider', cloudInitFiles(cloudy));
  const { runcmd } = parse(text) as CloudConfig;
  assert.match(text, /^packages:\n {2}- nodejs\n {2}- curl$/m);
  assert.equal(runcmd[0], 'set -e');
  assert.match(runcmd[1]!, /^curl -fsSL .* 'https:\/\/example\.org\/blobseer-s3\.tar\.gz'$/);
  assert.match(runcmd[2]!, /sha256sum -c$/);
  assert.equal(
    runcmd.at(-1),
    '(aws s3 cp s3://lab-secrets/data-provider-1.tar -) | /usr/local/lib/blobseer/machine secrets data-provider',
  );
  const check = runcmd[2]!.replaceAll('/run/', `${tmpdir()}/absent-`);
  const { status } = runTool('sh', [], { input: `set -e\n${check}\necho unpacked` });
  assert.notEqual(status, 0, 'a package that is not as described ends the installation');
});

test('what is too large for a cloud is refused', () => {
  const secretsCommand = 'x'.repeat(512);
  const { targets } = lab;
  const hosts = Array.from({ length: 600 }, (_, at) => `metadata-provider-${at}.lab.example.org`);
  const large = {
    ...lab,
    roles: {
      ...lab.roles,
      metadataProviders: { ...lab.roles.metadataProviders, count: 600, hosts },
    },
    targets: { ...targets, cloudInit: { ...targets.cloudInit, secretsCommand } },
  };
  assert.throws(() => cloudInitFiles(large), {
    kind: 'invalid-argument',
    message: new RegExp(
      `^the user data of a version-manager has \\d+ bytes, and clouds take ${maxUserDataBytes}$`,
    ),
  });
});

test('no user data has a secret in it', () => {
  for (const { text } of files) assert.doesNotMatch(text, /PRIVATE KEY|secret-key:/);
});
