/** The contracts of the roles and of `Blob` on the remote engine, over entities; nothing is left when all is released. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { BlobModel, stepSequences } from '../../blobseer-client/contract/blob-model.ts';
import { testProviders, testVersionManager } from '../../blobseer-client/contract/roles.ts';
import type { RemoteBlobSeer } from '../../blobseer-client/index.ts';
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
