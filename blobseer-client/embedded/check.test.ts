/** What `check` says of a directory that others change meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SnapshotRef } from '../blobseer.ts';
import { clean, leftovers, withDirectory } from '../testing/engines.ts';
import { FaultyDisk } from '../testing/faulty-disk.ts';
import { openEmbedded } from './embedded.ts';

const large = Buffer.alloc(2 ** 20, 'the pages of a large write lie in a file; ');
const small = Buffer.from('the page of a small one lies in the store');

test('a check beside reclaim takes for damage nothing that was dead before it began', async () => {
  await withDirectory(async (directory) => {
    const server = await openEmbedded({ directory, role: 'alone' });
    const refs: SnapshotRef[] = [];
    for (const content of [large, large, small]) {
      const staged = await server.stage([content]);
      await staged.seal();
      refs.push(await server.store.commit((tx) => server.publish(tx, staged)));
    }
    await server.store.commit((tx) => server.bury(tx, refs));
    await server.store.commit(() => undefined);

    // The records are compared before the first page is read; by then all of it is reclaimed.
    const disk = new FaultyDisk();
    const tool = await openEmbedded({ directory, role: 'tool', disk });
    let isCleaned = false;
    disk.before = async (call) => {
      if (call !== 'read' || isCleaned) return;
      isCleaned = true;
      await clean(server);
      assert.deepEqual(new Set(Object.values(leftovers(server))), new Set([0]));
    };
    assert.deepEqual((await tool.check({ references: [] })).problems, []);
    assert.ok(isCleaned);
    await tool.close();
    await server.close();
  });
});
