/** The target ssh, on two machines that are directories behind a real sshd each. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { readDeployment } from '../../blobseer-client/remote/deployment.ts';
import { type Description, readDescription } from '../description/description.ts';
import { generatedTargets } from '../generate.ts';
import { prepare } from '../local/prepare.ts';
import { type Member, planMembers } from '../plan.ts';
import { assertGolden } from '../testing/golden.ts';
import { TestMachine } from '../testing/machines.ts';
import { makeKey, SshServer } from '../testing/ssh-server.ts';
import { unless } from '../testing/tools.ts';
import { givenHosts } from './hosts.ts';
import { installMembers, startMembers, stopMembers } from './install.ts';
import { Remote } from './remote.ts';

const skip = unless('sshd', 'ssh', 'ssh-keygen', 'rsync', 'tar');
const directory = mkdtempSync(path.join(tmpdir(), 'ssh-target-'));
const machines = new Map<string, TestMachine>();
const closings: (() => unknown)[] = [() => rmSync(directory, { recursive: true })];
after(async () => {
  for (const close of closings.toReversed()) await close();
});

/** What members would listen on: their units are run by a stand-in, which runs nothing. */
async function listening(): Promise<number> {
  const server: Server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closings.push(() => server.close());
  return (server.address() as { port: number }).port;
}

let description: Description;
let members: Member[];
const steps: string[] = [];

const remoteOf = (host: string): Remote =>
  new Remote({
    host,
    user: undefined,
    configFile: path.join(directory, 'ssh_config'),
    knownHostsFile: path.join(directory, 'known_hosts'),
  });
const installation = () => ({
  description,
  members,
  remoteOf,
  readyTimeoutMs: 20_000,
  onStep: (text: string) => steps.push(text),
});

before(async () => {
  if (skip !== false) return;
  const key = path.join(directory, 'key');
  makeKey(key);
  let config = '';
  for (const host of ['node-1', 'node-2']) {
    const machine = new TestMachine([]);
    machines.set(host, machine);
    closings.push(() => machine.remove());
    const server = await SshServer.start(machine, key);
    closings.push(() => server.stop());
    config += `Host ${host}\n  HostName 127.0.0.1\n  Port ${server.port}\n  HostKeyAlias ${host}\n  IdentityFile ${key}\n  IdentitiesOnly yes\n`;
  }
  writeFileSync(path.join(directory, 'ssh_config'), config);
  const ports = await Promise.all(Array.from({ length: 5 }, listening));
  description = readDescription(`name: lab
ports: { versionManager: ${ports[0]}, providerManager: ${ports[1]}, metadataProvider: ${ports[2]}, dataProvider: ${ports[3]}, gateway: ${ports[4]} }
roles:
  versionManager: { hosts: [ node-1 ] }
  providerManager: { hosts: [ node-1 ] }
  metadataProviders: { hosts: [ node-1, node-2 ] }
  dataProviders: { count: 2, hosts: [ node-1, node-2 ] }
  gateways: { hosts: [ node-2 ] }
`);
  const plan = { hostOf: givenHosts(description), storage: path.join(directory, 'deployment') };
  members = planMembers(description, plan);
  prepare({
    description,
    members,
    directory: plan.storage,
    credentials: { accessKey: 'LABACCESSKEY', secretKey: 'a-secret-of-the-lab' },
    nowMs: () => Date.now(),
  });
});

test('the files for a machine are those that are known to be right', () => {
  const host = '{ hosts: [ node-1 ] }';
  const one = readDescription(`name: lab
roles: { versionManager: ${host}, providerManager: ${host}, metadataProviders: ${host}, dataProviders: { count: 2, hosts: [ node-1 ] }, gateways: ${host} }
`);
  assertGolden('ssh', generatedTargets.ssh!.generate(one));
});

test('every machine gets the program, its members and their secrets', { skip }, async () => {
  await installMembers(installation());
  assert.equal(steps.at(-1), `${members.length} members on 2 machines are ready`);
  for (const [host, machine] of machines) {
    const own = members.filter((member) => member.host === host);
    const bin = path.join(machine.root, 'opt/blobseer-s3/bin/blobseer-s3.js');
    const said = execFileSync(process.execPath, [bin, 'version'], { encoding: 'utf8' });
    assert.match(said, /^blobseer-s3 \d/, 'the copy is complete: it loads all that it needs');
    assert.equal(machine.has('opt/blobseer-s3/node_modules/typescript'), false);
    assert.equal(machine.has('opt/blobseer-s3/dist/deploy/ssh/ssh.test.js'), false);
    for (const { name, role, port } of own) {
      const at = `var/lib/blobseer/${name}`;
      const deployment = readDeployment(machine.read(`${at}/blobseer.cfg`), '/');
      assert.deepEqual(
        deployment.gateways.map((gateway) => gateway.host),
        ['node-1', 'node-2'],
      );
      assert.equal(
        machine.read(`${at}/member.env`),
        `ROLE=${role}\nPORT=${port}\nLISTEN=0.0.0.0\nADVERTISE=${role === 'data-provider' ? `--advertise=${host}` : ''}\n`,
      );
      assert.match(machine.read(`${at}/cert.pem`), /BEGIN CERTIFICATE/);
      const { mode } = statSync(path.join(machine.root, at, 'key.pem'));
      assert.equal(mode & 0o777, 0o600);
      assert.equal(statSync(path.join(machine.root, at)).mode & 0o777, 0o700);
    }
    assert.equal(machine.has('var/lib/blobseer/complete'), true);
    const asked = machine.takeSystemctl();
    const enabled = asked.filter((line) => line.startsWith('enable blobseer-'));
    const unit = ({ name, role }: Member) =>
      `enable blobseer-${role === 'gateway' ? 'gateway' : 'entity'}@${name}.service`;
    assert.deepEqual(enabled.toSorted(), own.map(unit).toSorted());
    assert.ok(asked.includes('enable --now blobseer.path'));
    assert.ok(asked.includes('try-restart blobseer.target'), 'the program is new');
  }
  const gateway = machines.get('node-2')!.read('var/lib/blobseer/gateway-1/gateway.yaml');
  assert.match(gateway, /^secret-key: "a-secret-of-the-lab"$/m);
});

test('what is right already is left alone', { skip }, async () => {
  await installMembers(installation());
  for (const machine of machines.values()) {
    const restarts = machine.takeSystemctl().filter((line) => line.startsWith('try-restart'));
    assert.deepEqual(restarts, []);
  }
});

test('what is stopped starts again', { skip }, async () => {
  await stopMembers(installation());
  for (const machine of machines.values()) {
    assert.deepEqual(machine.takeSystemctl(), ['stop blobseer.path', 'stop blobseer.target']);
  }
  await startMembers(installation());
  for (const machine of machines.values()) {
    assert.equal(machine.takeSystemctl()[0], 'start blobseer.path');
  }
});

test('a machine that is not fit, or not there, is named', { skip }, async () => {
  const elsewhere = members.map((member) => ({ ...member, host: 'node-3' }));
  await assert.rejects(installMembers({ ...installation(), members: elsewhere }), {
    kind: 'unavailable',
    message: /^ssh ended with 255: .*node-3/s,
  });
  const machine = machines.get('node-1')!;
  machine.write('stand-ins/node', '#!/bin/sh\necho v18.19.0\n');
  execFileSync('chmod', ['+x', path.join(machine.root, 'stand-ins/node')]);
  await assert.rejects(installMembers(installation()), {
    kind: 'unavailable',
    message: 'node-1: its Node is older than 20.19',
  });
});

test('a role without machines is refused', () => {
  const without = readDescription(`name: lab
roles: { metadataProviders: { count: 1 }, dataProviders: { count: 1 } }
`);
  assert.throws(() => planMembers(without, { hostOf: givenHosts(without), storage: '/' }), {
    kind: 'invalid-argument',
    message: /^roles\.versionManager\.hosts is missing/,
  });
});
