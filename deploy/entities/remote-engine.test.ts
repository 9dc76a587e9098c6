/** The contracts of the roles and of `Blob` on the remote engine, over entities; nothing is left when all is released. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import {
  BlobModel,
  collect,
  inPieces,
  stepSequences,
} from '../../blobseer-client/contract/blob-model.ts';
import { testProviders, testVersionManager } from '../../blobseer-client/contract/roles.ts';
import { Blob, type RemoteBlobSeer } from '../../blobseer-client/index.ts';
import { LocalCluster } from './testing/local-cluster.ts';

let cluster: LocalCluster;
before(async () => {
  cluster = await LocalCluster.start();
});
after(() => cluster[Symbol.asyncDispose]());

testProviders('remote', (run) => cluster.withEngine((engine) => run(engine)));
testVersionManager('remote', (run) => cluster.withEngine((engine) => run(engine)));

test('random histories read back as the model has them, and leave nothing behind', async () => {
  await using own = await LocalCluster.start();
  const property = fc.asyncProperty(stepSequences, (steps) =>
    own.withEngine(async (engine) => {
      const model = new BlobModel(engine, () => engine.maintain());
      await model.add();
      await model.add();
      for (const step of steps) await model.run(step);
      await model.verify();
      await assertSound(engine, model);
      await engine.maintain();
      await assertSound(engine, model);
      await model.verify();
      for (const { blob, versions } of model.blobs) {
        for (const version of versions.keys()) await blob.release(version);
      }
      for (let pass = 0; pass < 3; pass++) await engine.maintain();
      assert.deepEqual(await own.stored(), { pages: 0, nodes: 0 });
      assert.deepEqual(leftovers(engine), []);
    }),
  );
  await fc.assert(property, { numRuns: 15 });
});

async function assertSound(engine: RemoteBlobSeer, model: BlobModel): Promise<void> {
  const references = model.blobs.flatMap(({ blob, versions }) =>
    [...versions.keys()].map((version) => ({
      owner: `blob ${blob.id}`,
      snapshot: { blobId: blob.id, version },
    })),
  );
  assert.deepEqual((await engine.check({ references })).problems, []);
}

/** Tables that have rows; those of blobs that were created and never written may have. */
function leftovers({ store }: RemoteBlobSeer): string[] {
  store.refresh();
  return ['children', 'graves', 'writes', 'tickets', 'intents', 'homes', 'releases', 'deferred']
    .map((name) => (name === 'children' || name === 'graves' ? name : `remote-${name}`))
    .filter((name) => store.table(name).keys({ limit: 1 }).length > 0);
}

const pageSize = 4096;
const bytesOf = (pages: number): Buffer => {
  const bytes = Buffer.alloc(pages * pageSize);
  for (let page = 0; page < pages; page++) bytes.writeUInt32BE(page + 1, page * pageSize);
  return bytes;
};

async function reclaimAll(engine: RemoteBlobSeer): Promise<void> {
  for (let pass = 0; pass < 3; pass++) await engine.maintain();
}

test('a clone keeps the root that it shares, however high above its pages that is', () =>
  cluster.withEngine(async (engine) => {
    const blob = await Blob.create(engine, { pageSize });
    await blob.write(inPieces(bytesOf(100)));
    await blob.write(inPieces(bytesOf(20)));
    await blob.append(inPieces(Buffer.from('a tree that spans what the largest version needed')));
    const clone = await blob.clone(3);
    for (const version of [1, 2, 3]) await blob.release(version);
    await reclaimAll(engine);
    const { length } = await collect(clone.read());
    await clone.append(inPieces(Buffer.from('more')));
    assert.equal((await collect(clone.read())).length, length + 4);
    const owner = 'the clone';
    const references = [1, 2].map((number) => ({
      owner,
      snapshot: { blobId: clone.id, version: number },
    }));
    assert.deepEqual((await engine.check({ references })).problems, []);
  }));

test('a version that is the beginning of another keeps its root', () =>
  cluster.withEngine(async (engine) => {
    const blob = await Blob.create(engine, { pageSize });
    await blob.write(inPieces(bytesOf(100)));
    await blob.write(inPieces(bytesOf(20)));
    await blob.release(1);
    await reclaimAll(engine);
    assert.ok((await collect(blob.read())).equals(bytesOf(20)));
    const references = [{ owner: 'the blob', snapshot: { blobId: blob.id, version: 2 } }];
    assert.deepEqual((await engine.check({ references })).problems, []);
  }));

test('what a process leaves that dies between ticket and commit is released, nodes and lists too', async () => {
  await using own = await LocalCluster.start();
  const bytes = Buffer.alloc(40 * 4096, 1);
  const worker = await own.open({ role: 'worker' });
  const blob = await Blob.create(worker, { pageSize: 4096 });
  await blob.write([bytes]);
  const before = await own.stored();
  const changed = Buffer.from(bytes).fill(2, 4096, 9 * 4096);
  const base = worker.latest(blob.id)!;
  const dead = await worker.stage([changed], { base, blobId: blob.id });
  await dead.seal(); // published at the version manager, and in no record
  assert.ok((await own.stored()).nodes > before.nodes);

  const next = await own.open();
  for (let pass = 0; pass < 4; pass++) await next.maintain();
  assert.deepEqual(await own.stored(), before);
  const again = Blob.open(next, blob.id);
  await again.write([changed]);
  assert.ok((await collect(again.read({ version: 1 }))).equals(bytes));
  assert.ok((await collect(again.read({ version: 2 }))).equals(changed));
  for (const { version } of [...again.versions()]) await again.release(version);
  for (let pass = 0; pass < 3; pass++) await next.maintain();
  assert.deepEqual(await own.stored(), { pages: 0, nodes: 0 });
  await next.close();
});
