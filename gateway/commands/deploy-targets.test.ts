/** `blobseer-s3 deploy` for machines elsewhere, as it is typed: files, secrets, and clouds that are scripted. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { program } from '../../deploy/artifact.ts';
import { readDescription } from '../../deploy/description/description.ts';
import { generatedTargets } from '../../deploy/generate.ts';
import { roleTemplate } from '../../deploy/machine.ts';
import { Ec2Server } from '../../deploy/nimbus/testing/ec2-server.ts';
import { machineFiles } from '../../deploy/systemd/units.ts';
import { TestMachine } from '../../deploy/testing/machines.ts';
import { makeKey, SshServer } from '../../deploy/testing/ssh-server.ts';
import { runTool, unless } from '../../deploy/testing/tools.ts';
import { runCli } from '../cli.ts';

const roles = [
  'version-manager',
  'provider-manager',
  'metadata-provider',
  'data-provider',
  'gateway',
] as const;
const hosts = '{ hosts: [ node-1.example.org ] }';
const text = `name: lab
image: blobseer-s3.gz
network: public
roles:
  versionManager: ${hosts}
  providerManager: ${hosts}
  metadataProviders: ${hosts}
  dataProviders: ${hosts}
  gateways: ${hosts}
`;

interface Workplace {
  readonly directory: string;
  /** The status, and what it printed and complained. */
  run(
    args: readonly string[],
    environment?: Record<string, string>,
  ): Promise<[number, string, string]>;
}

function workplace(t: TestContext, description = text): Workplace {
  const directory = mkdtempSync(path.join(tmpdir(), 'deploy-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(path.join(directory, 'lab.yaml'), description);
  return {
    directory,
    async run(args, environment = {}) {
      let [printed, complained] = ['', ''];
      const status = await runCli(['deploy', ...args], {
        print: (line) => {
          printed += `${line}\n`;
        },
        complain: (line) => {
          complained += `${line}\n`;
        },
        redraw: () => undefined,
        readStdin: async () => '',
        environment: { PATH: process.env.PATH, ...environment },
        workingDirectory: directory,
      });
      return [status, printed, complained];
    },
  };
}

const filesBelow = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted();

test('every target writes the same files each time, none of them secret', async (t) => {
  const { directory, run } = workplace(t);
  for (const target of Object.keys(generatedTargets)) {
    const contents = async (out: string): Promise<string[]> => {
      const args = ['generate', 'lab.yaml', '--target', target, '--out', out];
      const [status, printed] = await run(args);
      assert.equal(status, 0, target);
      const files = filesBelow(path.join(directory, out));
      assert.match(printed, new RegExp(`^${files.length} files in `));
      return files.map(
        (file) =>
          `${path.relative(path.join(directory, out), file)}\n${readFileSync(file, 'utf8')}`,
      );
    };
    const first = await contents(`${target}-1`);
    assert.deepEqual(await contents(`${target}-2`), first);
    for (const file of first) assert.doesNotMatch(file, /PRIVATE KEY|secret-key:/);
  }
});

test('secrets are files of their owner alone, and stay what they were', async (t) => {
  const { directory, run } = workplace(t);
  const args = ['secrets', 'lab.yaml', '--target', 'compose', '--out', 'members'];
  assert.equal((await run(args))[0], 0);
  const members = path.join(directory, 'members');
  const key = path.join(members, 'data-provider-1', 'key.pem');
  const before = readFileSync(key, 'utf8');
  for (const file of [key, path.join(members, 'gateway-1', 'gateway.yaml')]) {
    assert.equal(statSync(file).mode & 0o777, 0o600, file);
  }
  const [, printed] = await run(args);
  assert.equal(readFileSync(key, 'utf8'), before);
  assert.doesNotMatch(printed, /PRIVATE|secret-key/);
  // What both write of a member is the same.
  const own = readFileSync(path.join(members, 'gateway-1', 'blobseer.cfg'), 'utf8');
  await run(['generate', 'lab.yaml', '--target', 'compose', '--out', 'compose']);
  const generated = path.join(directory, 'compose', 'members', 'gateway-1', 'blobseer.cfg');
  assert.equal(readFileSync(generated, 'utf8'), own);
});

test('what makes no sense is said', async (t) => {
  const { run } = workplace(t);
  for (const [args, message] of [
    [['generate', 'lab.yaml', '--target', 'kubernetes'], /--out DIR is needed/],
    [
      ['generate', 'lab.yaml', '--target', 'kubernets', '--out', 'x'],
      /did you mean "kubernetes"\?/,
    ],
    [
      ['up', 'lab.yaml', '--target', 'compose'],
      /unknown action "up".*actions are generate, secrets/,
    ],
    [['secrets', 'lab.yaml', '--target', 'nimbus', '--out', 'x'], /unknown action "secrets"/],
    [['up', 'lab.yaml', '--target', 'ec2'], /needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/],
  ] as const) {
    const [status, , complained] = await run(args);
    assert.equal(status, 2, args.join(' '));
    assert.match(complained, message);
  }
  const [status, , complained] = await run(['status', 'lab.yaml', '--target', 'nimbus']);
  assert.equal(status, 1);
  assert.match(complained, /lab is not up: use "deploy up --target nimbus"/);
});

test('without the cloud client, up says what to run, and has written it', async (t) => {
  const { directory, run } = workplace(t);
  const environment = { PATH: path.join(directory, 'nowhere') };
  const [status, printed] = await run(['up', 'lab.yaml', '--target', 'nimbus'], environment);
  assert.equal(status, 1);
  const [, document] = /cloud-client\.sh --run --cluster (\S+) --hours 24$/m.exec(printed)!;
  assert.ok(existsSync(document!));
});

const skip = unless('sshd', 'ssh', 'ssh-keygen', 'tar', 'node');

/** One machine that plays all roles, behind every address that a cloud gives. */
async function cloud(t: TestContext, ec2: string): Promise<[Workplace, TestMachine, string]> {
  const ports = await Promise.all(
    roles.map(async () => {
      const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      t.after(() => server.close());
      return (server.address() as { port: number }).port;
    }),
  );
  const keys = ['versionManager', 'providerManager', 'metadataProvider', 'dataProvider', 'gateway'];
  const place = workplace(
    t,
    `${text}ports: { ${keys.map((key, at) => `${key}: ${ports[at]}`).join(', ')} }
targets:
  ssh: { config: ssh_config }
  nimbus: { cloudClient: cloud-client, hours: 1.5 }
  ec2: ${ec2}
`,
  );
  const file = readFileSync(path.join(place.directory, 'lab.yaml'), 'utf8');
  const description = readDescription(file);
  const machine = new TestMachine(machineFiles(description, '0.0.0.0'));
  t.after(() => machine.remove());
  for (const role of roles) {
    machine.write(`context/members/${role}`, roleTemplate(description, role, []));
  }
  const own = path.join(machine.root, 'usr/local/lib/blobseer/machine');
  const args = ['configure', path.join(machine.root, 'context')];
  assert.equal(runTool(own, args, { env: machine.environment }).status, 0);
  const key = path.join(place.directory, 'key');
  makeKey(key);
  const server = await SshServer.start(machine, key);
  t.after(() => server.stop());
  const config = `HostName 127.0.0.1\n  Port ${server.port}\n  HostKeyAlias %h\n  IdentityFile ${key}\n  IdentitiesOnly yes\n`;
  writeFileSync(path.join(place.directory, 'ssh_config'), `Host 10.10.10.* 192.0.2.*\n  ${config}`);
  return [place, machine, file];
}

function assertComplete(machine: TestMachine): void {
  for (const role of roles) {
    const at = `var/lib/blobseer/${role}`;
    assert.match(machine.read(`${at}/key.pem`), /PRIVATE KEY/);
    assert.equal(machine.has(`${at}/gateway.yaml`), role === 'gateway');
  }
  assert.ok(machine.has('var/lib/blobseer/complete'));
}

const clientProgram = `#!/bin/sh
echo "$*" >>"$(dirname "$0")/calls"
case $1 in
  --terminate) exit 0 ;;
esac
cat <<'SAID'

SSH known_hosts contained tilde:
  - '~/.ssh/known_hosts' --> '/home/me/.ssh/known_hosts'

Requesting cluster.
  - version-manager: image 'blobseer-s3.gz', 1 instance

Creating workspace "version-manager"... done.
  - 10.10.10.5 [ host5.example.org ]

Creating workspace "provider-manager"... done.
  - 10.10.10.4 [ host4.example.org ]

Creating workspace "metadata-provider"... done.
  - 10.10.10.3 [ host3.example.org ]

Creating group "data-provider"... done.
  - 10.10.10.2 [ host2.example.org ]

Creating workspace "gateway"... done.
  - 10.10.10.1 [ host1.example.org ]

Launching cluster-007... done.

Waiting for context broker updates.
  - cluster-007: contextualized
SAID
`;

test('up on Nimbus runs its client, then gives each machine its secrets', { skip }, async (t) => {
  const [{ directory, run }, machine] = await cloud(t, '{}');
  const bin = path.join(directory, 'cloud-client/bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, 'cloud-client.sh'), clientProgram);
  chmodSync(path.join(bin, 'cloud-client.sh'), 0o755);
  const calls = (): string[] => readFileSync(path.join(bin, 'calls'), 'utf8').trimEnd().split('\n');

  const [status, printed, complained] = await run(['up', 'lab.yaml', '--target', 'nimbus']);
  assert.equal(status, 0, complained);
  assert.match(printed, /^endpoint +http:\/\/10\.10\.10\.1:\d+$/m);
  assert.match(
    calls()[0]!,
    /^--run --cluster \S+\/lab-deployment\/nimbus\/cluster\.xml --hours 1\.5$/,
  );
  assertComplete(machine);
  const own = readFileSync(path.join(directory, 'lab-deployment/gateway-1/blobseer.cfg'), 'utf8');
  assert.match(own, /gateways = \( "10\.10\.10\.3" \);/);

  assert.equal(
    (await run(['up', 'lab.yaml', '--target', 'nimbus']))[0],
    0,
    'again, for secrets alone',
  );
  assert.equal(calls().length, 1);
  machine.takeSystemctl();
  assert.equal((await run(['down', 'lab.yaml', '--target', 'nimbus']))[0], 0);
  assert.ok(machine.takeSystemctl().includes('stop blobseer.target'));
  assert.equal(calls().length, 1, 'machines with data are not given back for nothing');
  const wrong = await run(['down', 'lab.yaml', '--target', 'nimbus', '--delete-data', 'lap']);
  assert.equal(wrong[0], 2);
  assert.equal(
    (await run(['down', 'lab.yaml', '--target', 'nimbus', '--delete-data', 'lab']))[0],
    0,
  );
  assert.deepEqual(calls().slice(1), ['--terminate --handle cluster-007']);
  assert.equal(existsSync(path.join(directory, 'lab-deployment')), false);
});

test('up on EC2 starts machines level by level, each with the addresses it needs', {
  skip,
}, async (t) => {
  const server = await Ec2Server.start();
  t.after(() => server.close());
  const ec2 = `{ endpoint: "${server.url.origin}", signature: 2, keyName: me }`;
  const [{ directory, run }, machine] = await cloud(t, ec2);
  const secret = 'cloud-secret-that-nobody-prints';
  const environment = { AWS_ACCESS_KEY_ID: 'ME', AWS_SECRET_ACCESS_KEY: secret };
  const up = () => run(['up', 'lab.yaml', '--target', 'ec2'], environment);

  // The cloud breaks off at the second level.
  server.refuseAfter('RunInstances', 3);
  const [failed, , complained] = await up();
  assert.equal(failed, 1);
  assert.match(complained, /RunInstances was refused: InstanceLimitExceeded/);
  assert.equal(server.machines.length, 3);
  const [status, printed, said] = await up();
  assert.equal(status, 0, said);
  assert.equal(server.machines.length, roles.length, 'what runs is not ordered again');
  assert.doesNotMatch(printed + said, new RegExp(secret));
  const orders = server.asked
    .filter(({ parameters }) => parameters.get('Action') === 'RunInstances')
    .map(({ parameters }) => ({
      role: parameters.get('ClientToken')!.replace(/^[0-9a-f-]{36}-/, ''),
      data: Buffer.from(parameters.get('UserData')!, 'base64').toString(),
    }));
  assert.deepEqual(
    orders.map(({ role }) => role),
    [
      'metadata-provider',
      'provider-manager',
      'version-manager',
      'data-provider',
      'data-provider',
      'gateway',
    ],
  );
  const dataOf = (role: string): string => orders.findLast((one) => one.role === role)!.data;
  assert.doesNotMatch(dataOf('metadata-provider'), /host = |gateways = /);
  assert.match(dataOf('version-manager'), /gateways = \( "10\.9\.0\.1" \);/);
  assert.match(dataOf('version-manager'), /pmanager: \{\n +host = "10\.9\.0\.2";/);
  assert.match(dataOf('data-provider'), /pmanager: \{\n +host = "10\.9\.0\.2";/);
  assert.match(dataOf('gateway'), /vmanager: \{\n +host = "10\.9\.0\.3";/);
  for (const { data } of orders) assert.doesNotMatch(data, /PRIVATE KEY|secret-key/);
  assertComplete(machine);
  assert.match(printed, /^endpoint +http:\/\/192\.0\.2\.5:\d+$/m);

  const down = ['down', 'lab.yaml', '--target', 'ec2', '--delete-data', 'lab'];
  assert.equal((await run(down, environment))[0], 0);
  assert.ok(server.machines.every(({ state }) => state === 'terminated'));
  assert.equal(existsSync(path.join(directory, 'lab-deployment')), false);
});

const fakeCloudInit = program(
  'stand-ins/cloud-init',
  '#!/bin/sh\necho "$*" >>"$BLOBSEER_ROOT/cloud-init.log"\n',
);
const fakeCurl = program(
  'stand-ins/curl',
  '#!/bin/sh\nfor url; do :; done\ncat "$BLOBSEER_ROOT/served/$(basename "$url")"\n',
);

test('on Nimbus, user data for cloud-init becomes a seed; the agent’s is left to the agent', (t) => {
  const files = generatedTargets.nimbus!.generate(readDescription(text));
  const script = files.find((file) => file.path.endsWith('nimbus-user-data'))!;
  const machine = new TestMachine([fakeCloudInit, fakeCurl]);
  t.after(() => machine.remove());
  machine.write('var/nimbus-metadata-server-url', 'http://192.0.2.9:8080\n');
  machine.write('served/local-ipv4', '10.9.0.7');
  const boot = () => runTool('sh', [], { env: machine.environment, input: script.text });
  machine.write('served/user-data', '<NIMBUS_CTX></NIMBUS_CTX>\n');
  assert.equal(boot().status, 0);
  assert.equal(machine.has('cloud-init.log'), false);
  machine.write('served/user-data', '#cloud-config\nruncmd: []\n');
  const { status, stderr } = boot();
  assert.equal(status, 0, stderr);
  const seed = 'var/lib/cloud/seed/nocloud';
  assert.equal(machine.read(`${seed}/user-data`), '#cloud-config\nruncmd: []\n');
  assert.equal(machine.read(`${seed}/meta-data`), 'instance-id: nimbus-10.9.0.7\n');
  assert.deepEqual(machine.read('cloud-init.log').split('\n').slice(0, 3), [
    'init',
    'modules --mode=config',
    'modules --mode=final',
  ]);
});
