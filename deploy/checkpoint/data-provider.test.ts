/** Checkpoints of a data provider at work: its log is appended to, compacted and shortened meanwhile. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { Holds } from '../../blobseer-client/embedded/holds.ts';
import { MemoryBudget } from '../entities/memory-budget.ts';
import { PageStore } from '../entities/page-store.ts';
import { openState } from '../entities/state.ts';
import { keyOf, pageOf, until } from '../entities/testing/page-stores.ts';
import type { Manifest } from './manifest.ts';
import { checkpointOf, directoryPlace, restoreTo, withFolder } from './testing/world.ts';

const role = 'data-provider';
const pageBytes = 20_000;

async function withStore(
  directory: string,
  run: (
    store: PageStore,
    holds: Holds,
    state: Awaited<ReturnType<typeof openState>>,
  ) => Promise<void>,
): Promise<void> {
  const pages = path.join(directory, 'pages');
  await mkdir(pages, { recursive: true });
  const failures: unknown[] = [];
  const onFailed = (error: unknown) => void failures.push(error);
  const state = await openState({ directory, role, onStopped: onFailed });
  const store = await PageStore.open({
    state,
    directory: pages,
    spaceBytes: 2 ** 40,
    segmentBytes: 200_000,
    memory: new MemoryBudget(2 ** 26),
    onFailed,
  });
  try {
    await run(store, new Holds(state, Date.now), state);
  } finally {
    await store.close();
    await state.close();
  }
}

/** Written in batches, as clients do. */
async function writeAll(store: PageStore, from: number, to: number): Promise<void> {
  for (let number = from; number < to; number += 5) {
    const some = Array.from({ length: Math.min(5, to - number) }, (_, index) => number + index);
    await store.write(some.map((one) => [keyOf(one), pageOf(pageBytes, one)] as const));
  }
}

test('what was acknowledged before a checkpoint of a data provider is in it, and what was released is not', async () => {
  await withFolder(async (folder) => {
    const place = directoryPlace(folder);
    const directory = path.join(folder, 'data');
    const manifests: Manifest[] = [];
    await withStore(directory, async (store) => {
      await writeAll(store, 0, 60);
      await store.release(Array.from({ length: 20 }, (_, number) => keyOf(number)));
      let isDone = false;
      const beside = (async () => {
        for (let number = 1000; !isDone; number += 5) {
          await writeAll(store, number, number + 5);
          if (number % 3 === 0) await store.release([keyOf(number), keyOf(number + 1)]);
        }
      })();
      try {
        manifests.push(await checkpointOf(directory, place));
        await writeAll(store, 60, 70);
        manifests.push(await checkpointOf(directory, place));
      } finally {
        isDone = true;
        await beside;
      }
    });
    const [first, second] = manifests;
    assert.equal(first!.kind, role);
    assert.ok(second!.addedBytes < first!.files.bytes + second!.files.bytes);
    for (const [manifest, end] of [
      [first!, 60],
      [second!, 70],
    ] as const) {
      const restored = path.join(folder, `restored-${manifest.epoch}`);
      await restoreTo(place, manifest, restored);
      await withStore(restored, async (store) => {
        for (let number = 20; number < end; number += 1) {
          assert.ok((await store.read(keyOf(number)))?.equals(pageOf(pageBytes, number)));
        }
        for (let number = 0; number < 20; number += 1) {
          assert.equal(await store.read(keyOf(number)), undefined);
        }
        await writeAll(store, 5000, 5010);
        assert.ok((await store.read(keyOf(5003)))?.equals(pageOf(pageBytes, 5003)));
      });
    }
  });
});

test('segments that nothing is in any more stay while a checkpoint is made, through a restart too', async () => {
  await withFolder(async (folder) => {
    const directory = path.join(folder, 'data');
    const segments = (): string[] => readdirSync(path.join(directory, 'pages'));
    let named: string[] = [];
    await withStore(directory, async (store, holds, state) => {
      await writeAll(store, 0, 40);
      named = segments();
      assert.ok(named.length > 2);
      await state.commit((transaction) => holds.put(transaction, 1, 'a checkpoint'));
      await store.release(Array.from({ length: 40 }, (_, number) => keyOf(number)));
      await writeAll(store, 100, 120);
      await until(() => store.deadBytes === 0 || store.segmentCount < named.length);
      assert.ok(named.every((name) => existsSync(path.join(directory, 'pages', name))));
    });
    await withStore(directory, async (store, holds) => {
      assert.ok(named.every((name) => existsSync(path.join(directory, 'pages', name))));
      await holds.releaseOf('a checkpoint');
      // The next one that goes takes them along.
      await store.release(Array.from({ length: 20 }, (_, number) => keyOf(100 + number)));
      await writeAll(store, 200, 220);
      await until(() => named.slice(0, -1).every((name) => !segments().includes(name)));
    });
  });
});
