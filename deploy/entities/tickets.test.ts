/** Tickets of version managers as programs: killed at any moment, and with writers that never come back. */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32c } from '@node-rs/crc32';
import { DataProviders } from '../../blobseer-client/remote/data-provider.ts';
import { MetadataProviders } from '../../blobseer-client/remote/metadata-providers.ts';
import { ProviderManager } from '../../blobseer-client/remote/provider-manager.ts';
import { Transport } from '../../blobseer-client/remote/transport.ts';
import { VersionManager, type WritableBlob } from '../../blobseer-client/remote/version-manager.ts';
import { makePageKey } from '../../blobseer-client/remote/wire/page-key.ts';
import { pageKeysOf } from '../../blobseer-client/remote/wire/tree.ts';
import { weave } from '../../blobseer-client/remote/wire/weave.ts';
import { Cluster, freePorts } from './testing/processes.ts';

const pageSize = 4096;
const pollMs = 50;
/** As good as no lease. */
const longSeconds = 3600;

test('a version manager that is killed at any moment gives no version out twice and forgets none', async () => {
  await using cluster = new Cluster();
  const [port] = await freePorts(1);
  cluster.configure(1111);
  const transport = new Transport({ deadlineMs: 5000 });
  let manager = await cluster.start('version-manager', 'vm', port!);
  const versions = new VersionManager(transport, manager.address);
  const blobs = new Map<number, WritableBlob>();
  const given = new Set<string>();
  const published = new Map<string, number>();
  const create = async () => {
    const blob = await versions.create({ pageSize, ftInfo: 1 });
    assert.ok(!blobs.has(blob.blobId), `blob ${blob.blobId} twice`);
    blobs.set(blob.blobId, blob);
  };
  const write = async () => {
    const blob = [...blobs.values()][randomInt(blobs.size)]!;
    const { interval, version, root } = await versions.appendTicket(blob, pageSize);
    const name = `${blob.blobId}/${version}`;
    assert.ok(!given.has(name), `version ${name} twice`);
    given.add(name);
    if (randomInt(10) === 0) return;
    assert.ok(await versions.publish(interval), `version ${name} is not pending`);
    published.set(name, root.node.size);
  };
  await create();
  for (let round = 0; round < 6; round++) {
    let left = randomInt(1, 400);
    let killed = Promise.resolve();
    const running = manager;
    const lane = async (): Promise<void> => {
      for (;;) {
        try {
          await (randomInt(20) === 0 ? create() : write());
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          return;
        }
        if (--left === 0) killed = sleep(randomInt(10)).then(() => running.kill());
      }
    };
    await Promise.all(Array.from({ length: 16 }, lane));
    await killed;
    manager = await cluster.start('version-manager', 'vm', port!);
    // A blob whose answer was lost may be there as well.
    assert.ok((await versions.blobCount()) >= blobs.size);
    for (const blob of blobs.values()) {
      // What was abandoned, or whose answers were lost: another ticket lists it.
      const own = await versions.appendTicket(blob, pageSize);
      const name = `${blob.blobId}/${own.version}`;
      assert.ok(!given.has(name), `version ${name} twice`);
      given.add(name);
      for (const { interval } of own.pending) await versions.publish(interval);
      assert.equal(await versions.publish(own.interval), true);
      assert.equal((await versions.newestRoot(blob.blobId))!.node.version, own.version);
    }
  }
  assert.ok(published.size > 0);
  for (const [name, size] of published) {
    const [blobId, version] = name.split('/').map(Number);
    const root = await versions.publishedRoot(blobId!, version!);
    assert.equal(root?.node.size, size, `version ${name}`);
  }
  transport.close();
  assert.equal(await manager.stop(), 0);
  assert.match(manager.log(), /"msg":"stopped"/);
});

/** Clients of one deployment, and a writer as the original's: woven among what is pending. */
async function deployment(cluster: Cluster) {
  const [managerPort, dataPort, metadataPort, versionsPort] = await freePorts(4);
  const setLease = (seconds: number) =>
    cluster.configure(managerPort!, { seconds, metadataPort: metadataPort! });
  setLease(longSeconds);
  await cluster.start('provider-manager', 'pm', managerPort!);
  const data = await cluster.start('data-provider', 'data', dataPort!);
  while (!data.log().includes('known to the provider manager')) await sleep(pollMs);
  const startMetadata = () => cluster.start('metadata-provider', 'meta', metadataPort!);
  const startVersions = () => cluster.start('version-manager', 'vm', versionsPort!);
  const transport = new Transport({ deadlineMs: 5000 });
  const host = '127.0.0.1';
  const at = (port: number | undefined) => ({ host, port: port! });
  const versions = new VersionManager(transport, at(versionsPort));
  const providerManager = new ProviderManager(transport, at(managerPort));
  const dataProviders = new DataProviders(transport);
  const gateways = [at(metadataPort)];
  const metadata = new MetadataProviders(transport, { gateways, replication: 1 });
  const begin = async (blob: WritableBlob, pages: number) => {
    const keys: Buffer[] = [];
    const places = await providerManager.providers(pages, 1);
    for (const [index, providers] of places.entries()) {
      const page = randomBytes(pageSize);
      const key = makePageKey(randomBytes(8), index, crc32c(page));
      await dataProviders.write(providers[0]!, [{ key, page }]);
      await metadata.put({ pages: [{ key, providers }] });
      keys.push(key);
    }
    const ticket = await versions.appendTicket(blob, pages * pageSize);
    const { interval, root, pending, stableRoot } = ticket;
    const shape = { interval, pageSize, rootSize: root.node.size, pageKeys: keys, pending };
    const finish = async () => {
      const woven = await metadata.run(weave({ ...shape, stableRoot: stableRoot.node }));
      await metadata.put({ nodes: woven });
      return await versions.publish(interval);
    };
    return { keys, version: ticket.version, finish };
  };
  /** The first pages of a version, each read from its provider. */
  const read = async (blobId: number, version: number, count: number) => {
    const root = await versions.publishedRoot(blobId, version);
    const keys = await metadata.run(pageKeysOf(root!.node, pageSize, 0, count));
    const places = await metadata.pages(keys.map((key) => key!));
    for (const [index, key] of keys.entries()) {
      const [page] = await dataProviders.read(places[index]![0]!, [key!], pageSize);
      assert.equal(page?.length, pageSize);
    }
    return keys.map((key) => key!);
  };
  const visible = async (blobId: number, version: number) => {
    while ((await versions.newestRoot(blobId))!.node.version < version) await sleep(pollMs);
  };
  return {
    setLease,
    startMetadata,
    startVersions,
    transport,
    versions,
    begin,
    read,
    visible,
  };
}

test('a writer that never comes back freezes nothing: its followers become visible, and are whole', async () => {
  await using cluster = new Cluster();
  const { setLease, startMetadata, startVersions, transport, versions, begin, read, visible } =
    await deployment(cluster);
  await startMetadata();
  const manager = await startVersions();
  const blob = await versions.create({ pageSize, ftInfo: 1 });
  const first = await begin(blob, 2);
  assert.ok(await first.finish());
  const abandoned = await begin(blob, 3);
  const follower = await begin(blob, 1);
  assert.ok(await follower.finish());
  assert.equal(await manager.stop(), 0);
  setLease(1);
  await startVersions();
  await visible(blob.blobId, follower.version);
  const keys = await read(blob.blobId, follower.version, 6);
  assert.deepEqual([keys[0], keys[1], keys[5]], [...first.keys, ...follower.keys]);
  assert.equal(new Set(keys.slice(2, 5).map(String)).size, 1, 'one page of zeros');
  assert.equal(await abandoned.finish(), false);
  transport.close();
});

test('a version manager that is killed between fence and nodes closes what it fenced', async () => {
  await using cluster = new Cluster();
  const { setLease, startMetadata, startVersions, transport, versions, begin, read, visible } =
    await deployment(cluster);
  const metadata = await startMetadata();
  const first = await startVersions();
  const blob = await versions.create({ pageSize, ftInfo: 1 });
  const abandoned = await begin(blob, 3);
  const follower = await begin(blob, 1);
  assert.ok(await follower.finish());
  await metadata.kill();
  await first.kill();
  setLease(1);
  const second = await startVersions();
  while (!second.log().includes('cannot be closed yet')) await sleep(pollMs);
  await second.kill();
  // Nobody's lease is over any more: what is closed now was fenced before.
  setLease(longSeconds);
  await startMetadata();
  await startVersions();
  await visible(blob.blobId, follower.version);
  const keys = await read(blob.blobId, follower.version, 4);
  assert.deepEqual(keys[3], follower.keys[0]);
  assert.equal(await abandoned.finish(), false);
  transport.close();
});

test('without metadata providers in the file there are no leases, and the log says so', async () => {
  await using cluster = new Cluster();
  const [port] = await freePorts(1);
  cluster.configure(1111);
  const manager = await cluster.start('version-manager', 'vm', port!);
  assert.equal(await manager.stop(), 0);
  assert.match(manager.log(), /tickets have no lease: the configuration names no metadata/);
});
