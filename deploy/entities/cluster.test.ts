/** The clients' own suite against a cluster of entities: what passes on the original passes here. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { Cluster, freePorts } from './testing/processes.ts';

const suite = path.join(import.meta.dirname, '../../blobseer-client/remote/live.test.js');

test("the clients' suite passes on six entities, metadata kept twice", async () => {
  await using cluster = new Cluster();
  const [providerManager, versionManager, ...others] = await freePorts(6);
  const [firstMeta, secondMeta, ...data] = others;
  cluster.configure(providerManager!);
  await cluster.start('provider-manager', 'provider-manager', providerManager!);
  await cluster.start('version-manager', 'version-manager', versionManager!);
  const providers = [];
  for (const port of data) {
    providers.push(await cluster.start('data-provider', `data-${port}`, port));
  }
  for (const port of [firstMeta!, secondMeta!]) {
    await cluster.start('metadata-provider', `metadata-${port}`, port);
  }
  while (!providers.every((one) => one.log().includes('known to the provider manager'))) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const live = {
    versionManager: `127.0.0.1:${versionManager}`,
    providerManager: `127.0.0.1:${providerManager}`,
    gateways: [`127.0.0.1:${firstMeta}`, `127.0.0.1:${secondMeta}`],
    replication: 2,
  };
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const child = spawn(process.execPath, ['--test', '--test-reporter', 'tap', suite], {
    env: { ...environment, BLOBSEER_LIVE: JSON.stringify(live) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += `${chunk}`;
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  assert.equal(status, 0, output);
  assert.match(output, /^# skipped 0$/m);
  assert.doesNotMatch(output, /^# pass 0$/m);
});
