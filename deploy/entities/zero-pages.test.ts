/** One page of zeros for each page size, however many versions are closed at once. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { MetadataModel } from '../../blobseer-client/remote/testing/metadata-model.ts';
import { newKey } from '../../blobseer-client/remote/testing/repair-world.ts';
import { openState } from './state.ts';
import { ZeroPages } from './zero-pages.ts';

test('versions closed at once, and after a restart, share a page of zeros as long as its list is there', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'zero-pages-'));
  const open = () =>
    openState({ directory, role: 'test', onStopped: (error) => assert.fail(error) });
  const model = new MetadataModel();
  const metadata = model.seenThrough(() => Promise.resolve());
  let stored = 0;
  const tools = {
    metadata,
    storeZeroPage: async () => {
      stored++;
      const key = newKey('zeros');
      await metadata.put({ pages: [{ key, providers: [] }] });
      return key;
    },
  };
  let state = await open();
  let pages = new ZeroPages(state, tools);
  const [first, second] = await Promise.all([pages.key(65_536, 2), pages.key(65_536, 2)]);
  assert.ok(first.equals(second));
  assert.equal(stored, 1);
  assert.ok(!(await pages.key(1_048_576, 2)).equals(first));
  await state.close();

  state = await open();
  pages = new ZeroPages(state, tools);
  assert.ok((await pages.key(65_536, 2)).equals(first));
  assert.equal(stored, 2);
  model.lists.delete(first.toString('hex'));
  assert.ok(!(await pages.key(65_536, 2)).equals(first));
  await state.close();
  await rm(directory, { recursive: true });
});
