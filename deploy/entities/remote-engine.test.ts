/** The contracts of the roles and of `Blob` on the remote engine, over entities. */
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { BlobModel, stepSequences } from '../../blobseer-client/contract/blob-model.ts';
import { testProviders, testVersionManager } from '../../blobseer-client/contract/roles.ts';
import { LocalCluster } from './testing/local-cluster.ts';

let cluster: LocalCluster;
before(async () => {
  cluster = await LocalCluster.start();
});
after(() => cluster[Symbol.asyncDispose]());

testProviders('remote', (run) => cluster.withEngine((engine) => run(engine)));
testVersionManager('remote', (run) => cluster.withEngine((engine) => run(engine)));

test('random histories read back as the model has them', async () => {
  const property = fc.asyncProperty(stepSequences, (steps) =>
    cluster.withEngine(async (engine) => {
      const model = new BlobModel(engine, () => engine.maintain());
      await model.add();
      await model.add();
      for (const step of steps) await model.run(step);
      await model.verify();
      await engine.maintain();
      await model.verify();
    }),
  );
  await fc.assert(property, { numRuns: 15 });
});
