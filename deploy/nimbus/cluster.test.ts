/** The cluster document by a schema and by files known to be right; its scripts run as the agent runs them. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { readDeployment } from '../../blobseer-client/remote/deployment.ts';
import { type EntityRole, readSettings } from '../entities/settings.ts';
import { generatedTargets } from '../generate.ts';
import { machineFiles } from '../systemd/units.ts';
import { lab } from '../testing/descriptions.ts';
import { assertGolden } from '../testing/golden.ts';
import { TestMachine } from '../testing/machines.ts';
import { runTool, unless } from '../testing/tools.ts';
import { clusterDocument, contextRoles } from './cluster-document.ts';
import { contextScripts } from './context-scripts.ts';
import { contextualize } from './testing/context-agent.ts';
import { ContextBroker, type ContextMember, startCluster } from './testing/context-broker.ts';

const schema = path.join(import.meta.dirname, '../../../deploy/nimbus/cluster.xsd');
const document = clusterDocument(lab);
const image = [...contextScripts(), ...machineFiles(lab, '0.0.0.0')];

test('what is generated for Nimbus is what is known to be right', () =>
  assertGolden('nimbus', generatedTargets.nimbus!.generate(lab)));

const validate = (text: string) =>
  runTool('xmllint', ['--noout', '--nonet', '--schema', schema, '-'], { input: text });

test('the document fits the schema, and a wrong one does not', { skip: unless('xmllint') }, () => {
  const { status, stderr } = validate(document);
  assert.equal(status, 0, stderr);
  for (const [from, to] of [
    ['<quantity>3</quantity>', '<quantity>0</quantity>'],
    ['<nic c:wantlogin="true">public</nic>', ''],
    ['c:name="vmanager"', 'name="vmanager"'],
    ['<name>gateway</name>', '<name>data-provider</name>'],
    ['<image>blobseer-s3.gz</image>', '<picture>blobseer-s3.gz</picture>'],
    [' xmlns="http://www.globus.org/2008/12/nimbus/ctxdescription"', ''],
  ] as const) {
    assert.ok(document.includes(from), from);
    assert.notEqual(validate(document.replace(from, to)).status, 0, to);
  }
});

test('scripts of the image and of the launch plan pass shellcheck', {
  skip: unless('shellcheck'),
}, () => {
  const scripts = generatedTargets.nimbus!.generate(lab).filter((one) => one.isProgram);
  assert.ok(scripts.length > 15);
  for (const { path: name, text } of scripts) {
    const { status, stdout } = runTool('shellcheck', ['-'], { input: text });
    assert.equal(status, 0, `${name}: ${stdout}`);
  }
});

test('systemd finds nothing to say about the unit of the image', {
  skip: unless('systemd-analyze'),
}, (t) => {
  const machine = new TestMachine(generatedTargets.nimbus!.generate(lab));
  t.after(() => machine.remove());
  const file = path.join(machine.root, 'image/etc/systemd/system/blobseer-user-data.service');
  const { status, stdout, stderr } = runTool('systemd-analyze', ['verify', file]);
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
});

test('what the cloud client or its broker would not end well with is refused', () => {
  const withRole = (changes: Partial<(typeof lab.roles)['dataProviders']>) => ({
    ...lab,
    roles: { ...lab.roles, dataProviders: { ...lab.roles.dataProviders, ...changes } },
  });
  for (const [changes, message] of [
    [{ image: undefined }, /^roles\.dataProviders\.image is missing/],
    [{ network: undefined }, /^roles\.dataProviders\.network is missing/],
    [{ network: 'internal' }, /must begin with "pub" or "priv", not "internal"$/],
    [{ count: 40_000 }, /^roles\.dataProviders\.count is more than 32767$/],
  ] as const) {
    const wrong = { kind: 'invalid-argument', message };
    assert.throws(() => clusterDocument(withRole(changes)), wrong);
  }
});

test('every required role is provided, and every data item has its script and one place', () => {
  const members = startCluster(document);
  assert.equal(members.length, 1 + 1 + 2 + 3 + 2);
  const provided = new Set(members.flatMap((one) => one.provides));
  assert.deepEqual(provided, new Set(Object.values(contextRoles)));
  for (const role of members.flatMap((one) => one.requires)) assert.ok(provided.has(role), role);
  const places = new Map<string, Set<string>>();
  for (const { workspace, requiresData } of members) {
    for (const { name } of requiresData) {
      places.set(name, (places.get(name) ?? new Set()).add(workspace));
    }
  }
  for (const [name, workspaces] of places) {
    assert.equal(workspaces.size, 1, name);
    assert.ok(
      image.some((file) => file.path.endsWith(`3-data/${name}`)),
      name,
    );
  }
});

test('contextualization leaves every member with a configuration, the same addresses in each', (t) => {
  const members = startCluster(document);
  const broker = new ContextBroker(members.length);
  assert.equal(broker.retrieve(members[0]!), undefined);
  for (const member of members) broker.call(member);
  const addressesOf = (role: string): string[] =>
    members.filter((one) => one.provides.includes(role)).map((one) => one.identity.ip);
  const [versionManager] = addressesOf('vmanager');
  const [providerManager] = addressesOf('pmanager');
  const gateways = addressesOf('sdht').toSorted();
  assert.notDeepEqual(gateways, addressesOf('sdht'), 'the broker’s order is another');
  for (const member of members) {
    const machine = new TestMachine(image);
    t.after(() => machine.remove());
    contextualize(machine, member, broker.retrieve(member)!);
    const role = member.workspace;
    const directory = `var/lib/blobseer/${role}`;
    const text = machine.read(`${directory}/blobseer.cfg`);
    const deployment = readDeployment(text, path.join(machine.root, directory));
    assert.equal(deployment.versionManager.host, versionManager);
    assert.equal(deployment.providerManager.host, providerManager);
    assert.deepEqual(
      deployment.gateways.map(({ host }) => host),
      gateways,
    );
    assert.equal(deployment.security?.credentials.kind, 'certificate');
    const isGateway = role === 'gateway';
    if (!isGateway) {
      const settings = readSettings(text, role as EntityRole, '/');
      assert.match(
        machine.read(`${directory}/member.env`),
        new RegExp(`^PORT=${settings.port}$`, 'm'),
      );
    }
    assert.match(machine.read(`${directory}/member.env`), new RegExp(`^ROLE=${role}$`, 'm'));
    const unit = `blobseer-${isGateway ? 'gateway' : 'entity'}@${role}.service`;
    assert.deepEqual(machine.takeSystemctl(), [
      `enable ${unit}`,
      `try-restart ${unit}`,
      'enable --now blobseer.path',
    ]);
    assert.equal(machine.read('etc/hosts').trimEnd().split('\n').length, 1 + members.length);
    assert.equal(machine.has('var/lib/blobseer/complete'), false, 'it waits for its secrets');
    // A second life with the same addresses changes nothing.
    contextualize(machine, member, broker.retrieve(member)!);
    assert.deepEqual(machine.takeSystemctl(), [`enable ${unit}`, 'enable --now blobseer.path']);
    assert.equal(machine.read(`${directory}/blobseer.cfg`), text);
  }
});

test('what cannot be used fails the contextualization, as the broker must hear of it', (t) => {
  const members = startCluster(document);
  const broker = new ContextBroker(members.length);
  for (const member of members) broker.call(member);
  const [member] = members as [ContextMember];
  const manifest = broker.retrieve(member)!;
  const attempt = (changed: Partial<typeof manifest>): void => {
    const machine = new TestMachine(image);
    t.after(() => machine.remove());
    contextualize(machine, member, { ...manifest, ...changed });
  };
  assert.throws(
    () => attempt({ data: [{ name: 'gridmap', value: '' }] }),
    /3-data\/gridmap does not/,
  );
  const without = (name: string) => manifest.roles.filter((role) => role.name !== name);
  assert.throws(
    () => attempt({ roles: without('sdht') }),
    /nobody told the address of a metadata-prov/,
  );
  const [second] = manifest.roles.filter((role) => role.name === 'sdht');
  const two = [...manifest.roles, { ...second!, name: 'vmanager' }];
  assert.throws(() => attempt({ roles: two }), /there is more than one version-manager/);
  const odd = [
    ...without('pmanager'),
    { name: 'pmanager', identity: { ip: '$(id)', host: 'x.y' } },
  ];
  assert.throws(
    () => attempt({ roles: odd }),
    /what was told of the provider-manager is no address/,
  );
});
