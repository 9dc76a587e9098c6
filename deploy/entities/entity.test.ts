/** Entities as programs: what they acknowledged outlives their being killed. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import { DataProviders } from '../../blobseer-client/remote/data-provider.ts';
import { MetadataProviders } from '../../blobseer-client/remote/metadata-providers.ts';
import { ProviderManager } from '../../blobseer-client/remote/provider-manager.ts';
import { Transport } from '../../blobseer-client/remote/transport.ts';
import { makePageKey } from '../../blobseer-client/remote/wire/page-key.ts';
import { Cluster, freePorts } from './testing/processes.ts';

/** Calls in lanes until the program they go to is killed; what was acknowledged, in order. */
async function untilKilled<Done>(
  call: () => Promise<Done>,
  kill: () => Promise<void>,
  enough: number,
): Promise<Done[]> {
  const done: Done[] = [];
  const lane = async (): Promise<void> => {
    for (;;) {
      try {
        done.push(await call());
      } catch {
        return;
      }
      if (done.length === enough) void kill();
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  assert.ok(done.length >= enough, `${done.length} calls`);
  return done;
}

test('providers that are killed under load lose nothing of what they acknowledged, and keep nothing that was released', async () => {
  await using cluster = new Cluster();
  const [pmPort, dataPort, metaPort] = await freePorts(3);
  cluster.configure(pmPort!);
  const transport = new Transport({ deadlineMs: 5000 });
  const manager = await cluster.start('provider-manager', 'pm', pmPort!);
  const data = await cluster.start('data-provider', 'data', dataPort!);
  const meta = await cluster.start('metadata-provider', 'meta', metaPort!);
  const providers = new ProviderManager(transport, manager.address);
  const known = async (): Promise<boolean> => {
    try {
      const groups = await providers.providers(1, 1);
      assert.deepEqual(groups, [[data.address]]);
      return true;
    } catch (error) {
      if ((error as { kind?: string }).kind === 'no-space') return false;
      throw error;
    }
  };
  while (!(await known())) await new Promise((resolve) => setTimeout(resolve, 50));

  const pages = new DataProviders(transport);
  const nodes = new MetadataProviders(transport, { gateways: [meta.address], replication: 1 });
  let index = 0;
  const writePage = async () => {
    const page = randomBytes([3000, 50_000, 200_000][index % 3]!);
    const writeId = randomBytes(8);
    const key = makePageKey(writeId, index++, crc32c(page));
    const isReleased = index % 4 === 0;
    await pages.write(data.address, [{ key, page }]);
    if (isReleased) await pages.releaseWrites(data.address, [writeId]);
    return { key, isReleased };
  };
  const keys = await untilKilled(writePage, () => data.kill(), 60);
  let offset = 0;
  const writeNode = async () => {
    const segment = { blobId: 1, version: 1, offset: offset++ * 4096, size: 4096 };
    const node = { kind: 'leaf', pageKey: randomBytes(16), accessCount: 0 } as const;
    const isReleased = offset % 4 === 0;
    await nodes.put({ nodes: [{ segment, node }] });
    if (isReleased) await nodes.releaseOn(0, nodes.placesOf([segment], []).get(0)!);
    return { segment, pageKey: node.pageKey, isReleased };
  };
  const leaves = await untilKilled(writeNode, () => meta.kill(), 100);

  const again = await cluster.start('data-provider', 'data', dataPort!);
  await cluster.start('metadata-provider', 'meta', metaPort!);
  for (const { key, isReleased } of keys) {
    const [page] = await pages.read(again.address, [key], 2 ** 20);
    assert.equal(page === undefined, isReleased, `page ${key.toString('hex')}`);
  }
  const found = await nodes.nodes(leaves.map(({ segment }) => segment));
  for (const [at, node] of found.entries()) {
    const { pageKey, isReleased } = leaves[at]!;
    if (isReleased) assert.equal(node, undefined);
    else assert.ok(node?.kind === 'leaf' && node.pageKey.equals(pageKey));
  }
  // The manager is back with what it knew, at once.
  await manager.kill();
  await cluster.start('provider-manager', 'pm', pmPort!);
  assert.deepEqual(await providers.providers(1, 1), [[data.address]]);
  // A provider that has gone is missed within seconds.
  await again.kill();
  while (await known()) await new Promise((resolve) => setTimeout(resolve, 200));
  transport.close();
});

test('a data provider is handed out by the address that it listens on', async () => {
  await using cluster = new Cluster();
  const [pmPort, dataPort] = await freePorts(2);
  cluster.configure(pmPort!);
  const manager = await cluster.start('provider-manager', 'pm', pmPort!);
  const data = await cluster.start('data-provider', 'data', dataPort!, '127.0.0.5');
  while (!data.log().includes('known to the provider manager')) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const transport = new Transport({ deadlineMs: 5000 });
  const groups = await new ProviderManager(transport, manager.address).providers(1, 1);
  assert.deepEqual(groups, [[data.address]]);
  transport.close();
});

test('a provider is handed out under the name that it was told, and no other role takes one', async () => {
  await using cluster = new Cluster();
  const [pmPort, dataPort] = await freePorts(2);
  cluster.configure(pmPort!);
  const manager = await cluster.start('provider-manager', 'pm', pmPort!);
  await cluster.start('data-provider', 'data', dataPort!, '127.0.0.1', [
    '--advertise',
    'localhost',
  ]);
  const transport = new Transport({ deadlineMs: 5000 });
  const providers = new ProviderManager(transport, manager.address);
  const found = async (): Promise<string | undefined> => {
    const groups = await providers.providers(1, 1).catch(() => []);
    return groups[0]?.[0]?.host;
  };
  let host = await found();
  for (; host === undefined; host = await found()) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(host, 'localhost');
  const pages = new DataProviders(transport);
  const page = randomBytes(3000);
  const key = makePageKey(randomBytes(8), 0, crc32c(page));
  const address = { host, port: dataPort! };
  await pages.write(address, [{ key, page }]);
  transport.close();
  const named = ['--advertise', 'localhost'];
  const [other] = await freePorts(1);
  const refused = /--advertise is for data providers, not for a version-manager/;
  await assert.rejects(cluster.start('version-manager', 'vm', other!, '127.0.0.1', named), refused);
});

test("a directory is one entity's alone, and of one role", async () => {
  await using cluster = new Cluster();
  const [port, other] = await freePorts(2);
  cluster.configure(1111);
  const manager = await cluster.start('version-manager', 'state', port!);
  assert.equal(await manager.stop(), 0);
  await assert.rejects(cluster.start('metadata-provider', 'state', other!), /holds the state of/);
  const first = await cluster.start('version-manager', 'state', port!);
  await assert.rejects(cluster.start('version-manager', 'elsewhere', port!), /EADDRINUSE/);
  assert.equal(await first.stop(), 0);
});
