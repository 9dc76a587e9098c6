/** The launch plan, level by level: each machine runs what cloudinit.d would run on it. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { readDeployment } from '../../blobseer-client/remote/deployment.ts';
import { readDescription } from '../description/description.ts';
import { type EntityRole, entityRoles, readSettings } from '../entities/settings.ts';
import { machineFiles } from '../systemd/units.ts';
import { lab } from '../testing/descriptions.ts';
import { TestMachine } from '../testing/machines.ts';
import { runTool } from '../testing/tools.ts';
import { launchPlan } from './launch-plan.ts';
import { launch } from './testing/launch.ts';

const plan = new Map(launchPlan(lab).map((file) => [file.path, file]));
function fileOf(name: string): string {
  const file = plan.get(name);
  assert.ok(file !== undefined, `the plan has no ${name}`);
  return file.text;
}
const services = launch(fileOf);

test('managers come before storage, storage before gateways', () => {
  assert.deepEqual(
    services.map(({ level, name }) => `${level} ${name}`),
    [
      'level1 version-manager',
      'level1 provider-manager',
      'level2 metadata-provider-0',
      'level2 metadata-provider-1',
      'level2 data-provider-0',
      'level2 data-provider-1',
      'level2 data-provider-2',
      'level3 gateway-0',
      'level3 gateway-1',
      'level3 version-manager-leases',
    ],
  );
});

test('what a service names is in the plan, programs as programs', () => {
  for (const { name, settings } of services) {
    for (const key of ['bootpgm', 'readypgm', 'terminatepgm']) {
      assert.equal(plan.get(settings.get(key)!)?.isProgram, true, `${name}: ${key}`);
    }
  }
});

/** The boot programs of one machine, in the order of levels. */
function boot(machine: TestMachine, hostname: string): void {
  for (const one of services.filter((service) => service.hostname === hostname)) {
    if (one.bootEnvironment !== undefined) machine.write('stage/bootenv.sh', one.bootEnvironment);
    // As cloudinit.d calls a program for which the plan has no arguments.
    const { status, stdout, stderr } = runTool('sh', ['-s', 'None'], {
      cwd: machine.root,
      env: { ...machine.environment, PATH: machine.environment.PATH },
      input: `cd ${machine.has('stage') ? 'stage' : '.'}\n${fileOf(one.settings.get('bootpgm')!)}`,
    });
    assert.equal(status, 0, `${one.name}: ${stdout}${stderr}`);
  }
}

test('every machine is configured with what its role has to know', (t) => {
  const hostnames = [...new Set(services.map(({ hostname }) => hostname))];
  assert.equal(hostnames.length, services.length - 1, 'leases are given to a machine that exists');
  for (const hostname of hostnames) {
    const machine = new TestMachine(machineFiles(lab, '0.0.0.0'));
    t.after(() => machine.remove());
    boot(machine, hostname);
    const role = hostname.replace(/(-\d+)?\.example\.org$/, '');
    const directory = `/var/lib/blobseer/${role}`;
    const text = machine.read(`${directory}/blobseer.cfg`);
    const entity = entityRoles.find((one): one is EntityRole => one === role);
    if (entity !== undefined) {
      const { providerManager, leases } = readSettings(text, entity, directory);
      if (entity === 'data-provider') {
        assert.equal(providerManager?.host, 'provider-manager.example.org');
      }
      assert.equal(leases !== undefined, entity === 'version-manager', 'who closes versions');
    } else {
      const deployment = readDeployment(text, directory);
      assert.equal(deployment.versionManager.host, 'version-manager.example.org');
      assert.deepEqual(
        deployment.gateways.map(({ host }) => host),
        ['metadata-provider-0.example.org', 'metadata-provider-1.example.org'],
      );
    }
    assert.equal(path.basename(directory), role);
  }
});

test('a machine is ready when it waits for secrets, then when its members answer', async (t) => {
  const machine = new TestMachine(machineFiles(lab, '0.0.0.0'));
  t.after(() => machine.remove());
  const ready = () =>
    runTool('sh', [], { env: machine.environment, cwd: machine.root, input: fileOf('ready.sh') });
  machine.write('unit-status', '3\n');
  assert.match(ready().stderr, /this machine is not configured yet/);
  machine.write('unit-status', '0\n');
  boot(machine, 'provider-manager.example.org');
  assert.deepEqual(ready(), {
    status: 0,
    stdout: 'the members of this machine wait for their secrets\n',
    stderr: '',
  });
  machine.write('var/lib/blobseer/complete', '');
  machine.write('var/lib/blobseer/provider-manager/member.env', 'PORT=1\n');
  const { status, stderr } = ready();
  assert.equal(status, 1);
  assert.match(stderr, /provider-manager does not listen on port 1/);
});

test('the end of a machine stops what would start its members again, then them', (t) => {
  const machine = new TestMachine(machineFiles(lab, '0.0.0.0'));
  t.after(() => machine.remove());
  const { status } = runTool('sh', [], { env: machine.environment, input: fileOf('stop.sh') });
  assert.equal(status, 0);
  assert.deepEqual(machine.takeSystemctl(), ['stop blobseer.path', 'stop blobseer.target']);
  // The machine of the version manager is stopped by its own service, not by that of its leases.
  const programs = services
    .filter(({ hostname }) => hostname === 'version-manager.example.org')
    .map(({ settings }) => settings.get('terminatepgm'));
  assert.deepEqual(programs, ['stop.sh', 'ready.sh']);
});

test('a cloud of its own has an address, one of EC2 a region', () => {
  const topOf = (ec2: string): string =>
    launchPlan(
      readDescription(`name: lab
image: blobseer-s3.gz
roles: { metadataProviders: { count: 1 }, dataProviders: { count: 1 } }
targets: { ec2: ${ec2} }
`),
    )[0]!.text;
  assert.match(
    topOf('{ endpoint: "https://n.example.org:8444" }'),
    /^iaas: nimbus\niaas_url: https:\/\/n\.example\.org:8444$/m,
  );
  assert.match(topOf('{ region: us-east-1, keyName: me }'), /^iaas: us-east-1$/m);
  assert.match(topOf('{ region: us-east-1, keyName: me }'), /^sshkeyname: me$/m);
});
