/** The page of zeros, through the real clients, against servers that work, fail or are too few. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DataProviders } from './data-provider.ts';
import { MetadataProviders } from './metadata-providers.ts';
import { ProviderManager, providerAt } from './provider-manager.ts';
import type { Address } from './remote-error.ts';
import { keyValueServer } from './testing/key-value-server.ts';
import { scriptedServer } from './testing/scripted-server.ts';
import { Transport } from './transport.ts';
import { providerManagerCalls, status } from './wire/messages.ts';
import { storeZeroPage } from './zero-page.ts';

/** Hands out these providers, in groups of so many at most. */
function managerOf(providers: readonly Address[]) {
  const { get } = providerManagerCalls;
  return scriptedServer(async (peer) => {
    for (let request = await peer.request(); request; request = await peer.request()) {
      const { count } = get.decodeRequest(request.items);
      if (count > providers.length) peer.answer(request, [], status.noResources);
      else peer.answer(request, get.encodeAnswer(providers.slice(0, count).map(providerAt), 18));
    }
  });
}

test('a page of zeros is on all providers that take it, and its list names those', async () => {
  await using data = await keyValueServer();
  await using meta = await keyValueServer();
  await using refusing = await scriptedServer(async (peer) => {
    for (let request = await peer.request(); request; request = await peer.request()) {
      peer.answer(request, [], status.noResources);
    }
  });
  const transport = new Transport();
  const dataProviders = new DataProviders(transport);
  const metadata = new MetadataProviders(transport, { gateways: [meta.address], replication: 1 });
  const store = async (providers: readonly Address[], replicas: number) => {
    await using manager = await managerOf(providers);
    const providerManager = new ProviderManager(transport, manager.address);
    return await storeZeroPage({ providerManager, dataProviders, metadata }, 5000, replicas);
  };
  const key = await store([refusing.address, data.address], 2);
  assert.deepEqual(await metadata.pages([key]), [[data.address]]);
  assert.deepEqual(await dataProviders.read(data.address, [key], 9999), [Buffer.alloc(5000)]);
  const other = await store([data.address], 3);
  assert.deepEqual(await metadata.pages([other]), [[data.address]]);
  assert.notDeepEqual(other, key);
  const before = meta.values.size;
  await assert.rejects(store([refusing.address], 1), { kind: 'no-space' });
  await assert.rejects(store([], 1), { kind: 'no-space' });
  assert.equal(meta.values.size, before);
  transport.close();
});
