/** While a checkpoint is made of a gateway whose pages are on other machines, nothing is released there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Holds } from '../../blobseer-client/embedded/holds.ts';
import { Blob } from '../../blobseer-client/index.ts';
import { LocalCluster } from '../entities/testing/local-cluster.ts';

const pageSize = 4096;

test('pages and nodes that are released under a hold go when it has ended', async () => {
  await using cluster = await LocalCluster.start();
  await cluster.withEngine(async (engine) => {
    const blob = await Blob.create(engine, { pageSize });
    await blob.write([Buffer.alloc(20 * pageSize, 'one')]);
    await blob.write([Buffer.alloc(20 * pageSize, 'two')]);
    const before = await cluster.stored();
    const holds = new Holds(engine.store, Date.now);
    await engine.store.commit((transaction) => holds.put(transaction, 1, 'a checkpoint'));

    await blob.release(1);
    for (let pass = 0; pass < 4; pass += 1) await engine.maintain();
    assert.deepEqual(await cluster.stored(), before);
    await blob.append([Buffer.alloc(pageSize, 'more')]);

    await holds.releaseOf('a checkpoint');
    for (let pass = 0; pass < 4; pass += 1) await engine.maintain();
    const { pages } = await cluster.stored();
    assert.ok(pages < before.pages, `${pages} pages are stored, ${before.pages} were`);
  });
});
