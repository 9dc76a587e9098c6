/** Programs of BlobSeer that are away, slow, full, or have lost what they had, while a gateway goes on. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Blob } from '../../blob.ts';
import { BlobSeerError } from '../../errors.ts';
import { Gate } from '../testing/gate.ts';
import { leftRows, nothingLeft } from '../testing/leftovers.ts';
import { OriginalCluster, type Store } from '../testing/original-cluster.ts';
import { assertBytes, pageSize, pagesOf, withPage } from '../testing/pages.ts';
import type { Conduct } from '../testing/role-server.ts';
import { dataProviderCalls, status, versionManagerCalls } from '../wire/messages.ts';
import { nodeKeyBytes, pageKeyBytes } from '../wire/records.ts';
import { decodeDeferred } from './records.ts';
import type { RemoteBlobSeer } from './remote.ts';

const first = pagesOf(1, 20);
const second = withPage(first, 3, 2);
const third = withPage(second, 4, 3);
const isKind = (kind: string) => (error: unknown) =>
  error instanceof BlobSeerError && error.kind === kind;

let cluster: OriginalCluster;
beforeEach(async () => {
  cluster = await OriginalCluster.start();
});
afterEach(() => cluster[Symbol.asyncDispose]());

async function written(engine: RemoteBlobSeer): Promise<Blob> {
  const blob = await Blob.create(engine, { pageSize });
  await blob.write([first]);
  return blob;
}

const isWrite = ({ name }: { readonly name: number }): boolean =>
  name === dataProviderCalls.write.number;

/** To writes; all else is served. */
function meetWrites(stores: readonly Store[], conduct: Conduct): void {
  for (const { server } of stores) server.conduct = (call) => (isWrite(call) ? conduct : 'serve');
}

const keysOf = ({ double }: Store): string[] => [...double.values.keys()].sort();

async function assertAllVersions(blob: Blob, versions: readonly Buffer[]): Promise<void> {
  for (const [index, bytes] of versions.entries()) await assertBytes(blob, index + 1, bytes);
}

test('H17: what a metadata provider missed while it was away reaches it later', async () => {
  const engine = await cluster.open();
  const blob = await written(engine);
  const [one, other] = cluster.metadataProviders;
  await one!.server.down();
  await blob.write([second]);
  await blob.write([third]);
  await assertAllVersions(blob, [first, second, third]);
  await engine.maintain();
  assert.ok(leftRows(engine)['remote-deferred'] > 0);
  await one!.server.up();
  await engine.maintain();
  assert.equal(leftRows(engine)['remote-deferred'], 0);
  assert.deepEqual(keysOf(one!), keysOf(other!));
  await other!.server.down();
  await assertAllVersions(blob, [first, second, third]);
});

test('H17: a metadata provider that does not answer is not waited for, and gets it all the same', async () => {
  const engine = await cluster.open({ timings: { slowMs: 20 } });
  const blob = await written(engine);
  const [one, other] = cluster.metadataProviders;
  meetWrites([one!], 'hang');
  await blob.write([second]);
  one!.server.conduct = () => 'hang';
  await assertAllVersions(blob, [first, second]);
  one!.server.conduct = () => 'serve';
  await engine.maintain();
  assert.equal(leftRows(engine)['remote-deferred'], 0);
  assert.deepEqual(keysOf(one!), keysOf(other!));
});

test('H17: a metadata provider that came back empty hides nothing', async () => {
  const engine = await cluster.open();
  const blob = await written(engine);
  await blob.write([second]);
  cluster.metadataProviders[0]!.double.values.clear();
  const again = await cluster.open({ name: 'gateway-0', role: 'tool' });
  await assertAllVersions(Blob.open(again, blob.id), [first, second]);
  await blob.append([Buffer.from('more')]);
  await assertBytes(blob, 3, Buffer.concat([second, Buffer.from('more')]));
});

for (const [what, meet] of [
  ['is away', ({ server }: Store) => server.down()],
  ['cuts connections', async (store: Store) => meetWrites([store], 'cut')],
  ['is full', async (store: Store) => meetWrites([store], status.noResources)],
  ['does not answer', async (store: Store) => meetWrites([store], 'hang')],
  ['loses answers', async (store: Store) => meetWrites([store], 'forget')],
] as const) {
  test(`H16: where a data provider ${what}, another one takes the pages`, async () => {
    const engine = await cluster.open({ timings: { slowMs: 20 } });
    const blob = await written(engine);
    const [one, ...others] = cluster.dataProviders;
    await meet(one!);
    const page = pagesOf(9, 1);
    await blob.append([page]);
    await assertBytes(blob, 2, Buffer.concat([first, page]));
    for (const { double } of others) {
      assert.ok([...double.values.values()].some((value) => value.equals(page)));
    }
    // What the one may have got beside is released.
    await one!.server.down();
    one!.server.conduct = () => 'serve';
    await one!.server.up();
    await engine.maintain();
    assert.equal(leftRows(engine)['remote-deferred'], 0);
    assert.ok(![...one!.double.values.values()].some((value) => value.equals(page)));
    await assertBytes(blob, 2, Buffer.concat([first, page]));
  });
}

test('H16: the provider that joined last is the only one that is named, and is away', async () => {
  const engine = await cluster.open({ replication: 1 });
  const [joined] = cluster.dataProviders;
  for (const [service, { provider }] of cluster.providers.scores) {
    const isJoined = service === `${joined!.server.address.port}`;
    cluster.providers.scores.set(service, { provider, score: isJoined ? 0 : 100_000 });
  }
  await joined!.server.down();
  const blob = await written(engine);
  await assertBytes(blob, 1, first);
});

for (const [what, meet, kind] of [
  [
    'are away',
    async () => Promise.all(cluster.dataProviders.map(({ server }) => server.down())),
    'unavailable',
  ],
  ['are full', async () => meetWrites(cluster.dataProviders, status.noResources), 'no-space'],
] as const) {
  test(`all data providers ${what}: the write is refused, and nothing is left of it`, async () => {
    const engine = await cluster.open();
    const blob = await written(engine);
    await meet();
    await assert.rejects(blob.write([pagesOf(5, 20)]), isKind(kind));
    assert.equal(leftRows(engine)['remote-intents'], 0);
    for (const { server } of cluster.dataProviders) {
      await server.down();
      server.conduct = () => 'serve';
      await server.up();
    }
    await assertBytes(blob, 1, first);
    await blob.release(1);
    for (let pass = 0; pass < 2; pass++) await engine.maintain();
    assert.deepEqual(leftRows(engine), nothingLeft);
    assert.ok(cluster.pageLengths().every((length) => length === 1));
  });
}

test('H9: pages that one provider has lost are read from the other; lost by both they are damage', async () => {
  const engine = await cluster.open();
  const blob = await written(engine);
  const holders = cluster.dataProviders.filter(({ double }) => double.values.size > 0);
  holders[0]!.double.values.clear();
  await assertBytes(blob, 1, first);
  holders[1]!.double.values.clear();
  await assert.rejects(assertBytes(blob, 1, first), isKind('corrupt'));
});

test('a write does not fail because what it replaces cannot be read', async () => {
  const engine = await cluster.open();
  const blob = await written(engine);
  for (const { double } of cluster.dataProviders) double.values.clear();
  const { version } = await blob.write([first]);
  await assertBytes(blob, version, first);
  for (const { double } of cluster.metadataProviders) double.values.clear();
  const again = await cluster.open({ name: 'gateway-0', role: 'tool' });
  const same = Blob.open(again, blob.id);
  await assertBytes(same, (await same.write([first])).version, first);
});

test('without the provider manager, those that it named last take the pages', async () => {
  const engine = await cluster.open({ timings: { groupsGoodMs: 0 } });
  const blob = await written(engine);
  await cluster.providerManager.down();
  for (let seed = 10; seed < 14; seed++) await blob.write([pagesOf(seed, 20)]);
  await assertBytes(blob, 5, pagesOf(13, 20));
});

test('a version manager that is away for a moment is waited for; one that stays away is not', async () => {
  const engine = await cluster.open({ timings: { managerPatienceMs: 60_000 } });
  const blob = await written(engine);
  await cluster.versionManager.down();
  const writing = blob.write([second]);
  await cluster.versionManager.up();
  await writing;
  await assertAllVersions(blob, [first, second]);

  const hasty = await cluster.open({ timings: { managerPatienceMs: 0 } });
  const other = await written(hasty);
  await cluster.versionManager.down();
  await assert.rejects(other.write([second]), isKind('unavailable'));
  await cluster.versionManager.up();
  await hasty.maintain();
  assert.equal(leftRows(hasty)['remote-intents'], 0);
  assert.equal(leftRows(hasty)['remote-deferred'], 0);
  await other.write([second]);
  await assertAllVersions(other, [first, second]);
});

test('a write that is given up while it is sealed is not published, and leaves nothing', async () => {
  const engine = await cluster.open();
  const blob = await written(engine);
  const gate = new Gate();
  cluster.versionManager.conduct = async ({ name }): Promise<Conduct> => {
    if (name === versionManagerCalls.publish.number) await gate.pass();
    return 'serve';
  };
  const staged = await engine.stage([second], { blobId: blob.id });
  const sealing = staged.seal();
  await gate.reached;
  const aborting = staged.abort();
  gate.open();
  await assert.rejects(sealing, isKind('invalid-argument'));
  await aborting;
  engine.store.refresh();
  const released = engine.store
    .table('remote-deferred')
    .range({ limit: 100 })
    .map(({ value }) => decodeDeferred(value))
    .filter(({ call }) => call === 'release-nodes')
    .flatMap(({ items }) => items);
  for (const bytes of [pageKeyBytes, nodeKeyBytes]) {
    assert.ok(released.some(({ length }) => length === bytes));
  }
  await assert.rejects(
    engine.store.commit((transaction) => engine.publish(transaction, staged)),
    isKind('invalid-argument'),
  );
  await blob.release(1);
  for (let pass = 0; pass < 2; pass++) await engine.maintain();
  assert.deepEqual(leftRows(engine), nothingLeft);
  assert.ok(cluster.pageLengths().every((length) => length === 1));
});

test('a write that fails does not wait for what is under way', async () => {
  const patience = { slowMs: 3_600_000, pageCallDeadlineMs: 3_600_000 };
  const engine = await cluster.open({ timings: patience });
  const gate = new Gate();
  for (const { server } of cluster.dataProviders) {
    server.conduct = async (call): Promise<Conduct> => {
      if (isWrite(call)) void gate.pass();
      return isWrite(call) ? 'hang' : 'serve';
    };
  }
  const cause = new Error('the client has gone');
  async function* source(): AsyncGenerator<Buffer> {
    yield pagesOf(1, 600); // two stretches are on their way, and a third one is collected
    await gate.reached;
    throw cause;
  }
  await assert.rejects(engine.stage(source(), { pageSize }), cause);
  meetWrites(cluster.dataProviders, 'serve');
  await engine.maintain();
  assert.deepEqual(leftRows(engine), nothingLeft);
});

test('an engine closes although a provider that is to be told something does not answer', async () => {
  const engine = await cluster.open({ timings: { callDeadlineMs: 3_600_000 } });
  const blob = await written(engine);
  await blob.release(1);
  const gate = new Gate();
  for (const { server } of cluster.dataProviders) {
    server.conduct = async (): Promise<Conduct> => {
      void gate.pass();
      return 'hang';
    };
  }
  const maintaining = (async () => {
    await engine.maintain();
    await engine.maintain();
  })();
  await gate.reached;
  await cluster.close(engine);
  await maintaining;
});

test('hosts that do not answer keep no other from being told', async () => {
  for (const told of cluster.dataProviders) {
    const engine = await cluster.open({ timings: { callDeadlineMs: 3_600_000 } });
    const blob = await written(engine);
    await blob.write([second]);
    await blob.write([third]);
    for (const version of [1, 2, 3]) await blob.release(version);
    meetWrites(
      cluster.dataProviders.filter((store) => store !== told),
      'hang',
    );
    const maintaining = engine.maintain();
    const isDead = (value: Buffer): boolean => value.length === 1;
    while (![...told.double.values.values()].every(isDead)) await sleep(5);
    await cluster.close(engine);
    await maintaining;
    meetWrites(cluster.dataProviders, 'serve');
    for (const { double } of cluster.dataProviders) double.values.clear();
  }
});

test('a directory is not served with other metadata providers, or in another order', async () => {
  const engine = await cluster.open({ name: 'gateway' });
  await cluster.close(engine);
  const { deployment } = cluster;
  const gateways = [...deployment.gateways].reverse();
  for (const other of [
    { ...deployment, gateways },
    { ...deployment, gateways: gateways.slice(1) },
    { ...deployment, replication: 1 },
  ]) {
    await assert.rejects(
      cluster.open({ name: 'gateway', deployment: other }),
      isKind('invalid-argument'),
    );
  }
  await written(await cluster.open({ name: 'gateway' }));
});

test('H14: no call keeps a program busy for long: it does one thing at a time', async () => {
  let calls = 0;
  for (const { server } of [...cluster.dataProviders, ...cluster.metadataProviders]) {
    server.conduct = ({ items }) => {
      calls++;
      assert.ok(items.reduce((sum, { length }) => sum + length, 0) < 1.1 * 2 ** 20);
      assert.ok(items.length <= 1024);
      return 'serve';
    };
  }
  const engine = await cluster.open();
  const blob = await Blob.create(engine, { pageSize });
  const bytes = pagesOf(1, 1000);
  await blob.write([bytes]);
  await assertBytes(blob, 1, bytes);
  await blob.release(1);
  for (let pass = 0; pass < 2; pass++) await engine.maintain();
  assert.ok(calls > 20);
  assert.ok(cluster.pageLengths().every((length) => length === 1));
});

test('H15: pages and nodes that somebody else put in place of ours are found out', async () => {
  const engine = await cluster.open();
  const blob = await written(engine);
  await blob.write([second]);
  for (const { double } of cluster.dataProviders) {
    for (const [key, value] of double.values) double.values.set(key, Buffer.alloc(value.length, 7));
  }
  await assert.rejects(assertBytes(blob, 1, first), isKind('corrupt'));
  for (const { double } of cluster.metadataProviders) {
    for (const key of double.values.keys()) double.values.set(key, Buffer.alloc(103, 7));
  }
  const again = await cluster.open({ name: 'gateway-0', role: 'tool' });
  await assert.rejects(assertBytes(Blob.open(again, blob.id), 2, second), isKind('corrupt'));
});

test('H2, H8: versions are what they were compared with, however writes overlap, grow and shrink', async () => {
  const engine = await cluster.open();
  const blob = await written(engine);
  // Far behind the end, where the original would drop what stood before.
  await blob.writeAt(100 * pageSize, [pagesOf(8, 1)]);
  const grown = Buffer.alloc(101 * pageSize);
  first.copy(grown);
  pagesOf(8, 1).copy(grown, 100 * pageSize);
  await assertBytes(blob, 2, grown);
  // At once, of different lengths, each against the same version.
  const base = { blobId: blob.id, version: 2 };
  const lease = engine.beginRead();
  const lengths = [1, 5000, 30 * pageSize, 101 * pageSize, 300_000];
  const contents = lengths.map((length, index) =>
    withPage(Buffer.concat([grown, pagesOf(60, 100)]), 0, 20 + index).subarray(0, length),
  );
  const staged = await Promise.all(contents.map((bytes) => engine.stage([bytes], { base })));
  await Promise.all(staged.map((each) => each.seal()));
  for (const [index, each] of [...staged.entries()].reverse()) {
    const ref = await engine.store.commit((transaction) => engine.publish(transaction, each));
    await assertBytes(blob, ref.version, contents[index]!);
  }
  lease.release();
  await assertBytes(blob, 2, grown);
  // The version manager's idea of the size is not asked.
  await blob.append([Buffer.from('end')]);
  await assertBytes(blob, 8, Buffer.concat([contents[0]!, Buffer.from('end')]));
});
