/** Whole deployments whose programs speak to each other by TLS. */
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlobModel, stepSequences } from '../../blobseer-client/contract/blob-model.ts';
import { ProviderManager } from '../../blobseer-client/remote/provider-manager.ts';
import { CredentialFolder } from '../../blobseer-client/remote/testing/credentials.ts';
import { Transport } from '../../blobseer-client/remote/transport.ts';
import { entityCalls } from '../../blobseer-client/remote/wire/messages.ts';
import { LocalCluster } from './testing/local-cluster.ts';
import { Cluster, freePorts } from './testing/processes.ts';

test('an engine and its entities share a secret; without it nobody gets an answer', async () => {
  using folder = new CredentialFolder();
  const security = folder.secretSettings('ours');
  await using cluster = await LocalCluster.start({ security });
  const property = fc.asyncProperty(stepSequences, (steps) =>
    cluster.withEngine(async (engine) => {
      const model = new BlobModel(engine, () => engine.maintain());
      await model.add();
      for (const step of steps) await model.run(step);
      await model.verify();
    }),
  );
  await fc.assert(property, { numRuns: 3 });
  const { versionManager, providerManager, gateways } = cluster.deployment;
  for (const stranger of [new Transport(), new Transport({ security: folder.secret('theirs') })]) {
    for (const address of [versionManager, providerManager, ...gateways]) {
      await assert.rejects(stranger.call(address, entityCalls.statistics, undefined), {
        kind: 'unavailable',
      });
    }
    stranger.close();
  }
});

test('entities as programs: reports by TLS, a secret that others can read is refused', async () => {
  using folder = new CredentialFolder();
  const secret = folder.secret('ours');
  await using cluster = new Cluster();
  const [managerPort, dataPort] = await freePorts(2);
  const group = `security: { secret_file = "${folder.path('ours')}"; };`;
  cluster.configure(managerPort!, undefined, group);
  const manager = await cluster.start('provider-manager', 'pm', managerPort!);
  const data = await cluster.start('data-provider', 'data', dataPort!);
  while (!data.log().includes('known to the provider manager')) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const transport = new Transport({ security: secret });
  const providers = new ProviderManager(transport, manager.address);
  assert.deepEqual(await providers.providers(1, 1), [[data.address]]);
  transport.close();
  assert.equal(await data.stop(), 0);
  chmodSync(folder.path('ours'), 0o644);
  await assert.rejects(cluster.start('data-provider', 'data', dataPort!), (error: Error) => {
    assert.match(error.message, /others than its owner have access to .*ours: chmod 600 it/);
    return true;
  });
  for (const { log } of [manager, data]) assert.doesNotMatch(log(), /ours\.\./);
});
