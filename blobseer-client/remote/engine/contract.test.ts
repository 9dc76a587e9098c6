/** The contracts of the roles and of `Blob` on the remote engine, over a BlobSeer that is as the original. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { BlobModel, stepSequences } from '../../contract/blob-model.ts';
import { testProviders, testVersionManager } from '../../contract/roles.ts';
import { leftRows, nothingLeft } from '../testing/leftovers.ts';
import { OriginalCluster } from '../testing/original-cluster.ts';

let cluster: OriginalCluster;
before(async () => {
  cluster = await OriginalCluster.start();
});
after(() => cluster[Symbol.asyncDispose]());

testProviders('remote', (run) => cluster.withEngine((engine) => run(engine)));
testVersionManager('remote', (run) => cluster.withEngine((engine) => run(engine)));

test('H7: random histories read back as the model has them, and leave one byte for each page', async () => {
  const property = fc.asyncProperty(stepSequences, async (steps) => {
    await using own = await OriginalCluster.start();
    const engine = await own.open();
    const model = new BlobModel(engine, () => engine.maintain());
    await model.add();
    await model.add();
    await own.keepingMetadata(async () => {
      for (const step of steps) await model.run(step);
    });
    await model.verify();
    await engine.maintain();
    await model.verify();
    const references = model.blobs.flatMap(({ blob, versions }) =>
      [...versions.keys()].map((version) => ({
        owner: `blob ${blob.id}`,
        snapshot: { blobId: blob.id, version },
      })),
    );
    assert.deepEqual((await engine.check({ references })).problems, []);
    for (const { blob, versions } of model.blobs) {
      for (const version of versions.keys()) await blob.release(version);
    }
    await engine.maintain();
    await engine.maintain();
    // Blobs that were created and never written keep their own record.
    const snapshots = model.blobs.filter(({ versions }) => versions.size === 0).length;
    assert.deepEqual(leftRows(engine), { ...nothingLeft, snapshots });
    assert.ok(own.pageLengths().every((length) => length === 1));
  });
  await fc.assert(property, { numRuns: 40 });
});
