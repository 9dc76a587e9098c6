/** Pages in segments: what is kept, and what goes. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { FaultyDisk } from '../../blobseer-client/testing/faulty-disk.ts';
import type { PageStore } from './page-store.ts';
import { keyOf, PageStoreFolder, pageOf, until } from './testing/page-stores.ts';

async function listAll(store: PageStore, limit: number) {
  const listed: { key: Buffer; length: number }[] = [];
  for (let after: Buffer | undefined; ; ) {
    const some = await store.list(after, limit);
    listed.push(...some);
    if (some.length < limit) return listed;
    after = some.at(-1)!.key;
  }
}

/** By key in hexadecimal digits. */
type Model = Map<string, Buffer>;

async function assertHolds(store: PageStore, model: Model): Promise<void> {
  const names = [...model.keys()].sort();
  const listed = await listAll(store, 7);
  assert.deepEqual(
    listed.map(({ key }) => key.toString('hex')),
    names,
  );
  const pages = await store.readAll(listed.map(({ key }) => key));
  let bytes = 0;
  for (const [at, { key, length }] of listed.entries()) {
    const page = model.get(names[at]!)!;
    bytes += page.length;
    assert.equal(length, page.length);
    assert.ok(pages[at]?.equals(page), `page ${names[at]}`);
    assert.ok((await store.read(key))?.equals(page), `page ${names[at]}`);
  }
  assert.deepEqual([store.pageCount, store.usedBytes], [model.size, bytes]);
}

type Step =
  | { readonly kind: 'write'; readonly pages: readonly (readonly [number, number, number])[] }
  | { readonly kind: 'release'; readonly keys: readonly number[] }
  | { readonly kind: 'releaseWrite'; readonly writeId: number }
  | { readonly kind: 'open' };

const pageNumber = fc.nat(11);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      pages: fc.array(
        fc.tuple(pageNumber, fc.constantFrom(1, 700, 5000, 65_536, 90_000), fc.nat(255)),
        { minLength: 1, maxLength: 4 },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('release' as const),
      keys: fc.array(pageNumber, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('releaseWrite' as const), writeId: fc.nat(2) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('open' as const) }) },
);

/** Three writes of four pages each. */
const modelKey = (number: number): Buffer => keyOf(number % 4, Math.floor(number / 4));

async function take(store: PageStore, model: Model, one: Exclude<Step, { kind: 'open' }>) {
  if (one.kind === 'write') {
    const pairs = one.pages.map(
      ([number, bytes, fill]) => [modelKey(number), pageOf(bytes, fill)] as const,
    );
    for (const [key, page] of pairs) model.set(key.toString('hex'), page);
    assert.equal(await store.write(pairs), true);
  } else if (one.kind === 'release') {
    const keys = one.keys.map(modelKey);
    for (const key of keys) model.delete(key.toString('hex'));
    await store.release(keys);
  } else {
    const prefix = keyOf(0, one.writeId).subarray(0, 8);
    for (const name of [...model.keys()]) {
      if (name.startsWith(prefix.toString('hex'))) model.delete(name);
    }
    await store.releasePrefixes([prefix], 16);
  }
}

test('it holds what a simple model holds, across starts, however often segments are rewritten', async () => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
    await using folder = await PageStoreFolder.make();
    const settings = { segmentBytes: 100_000 };
    const model: Model = new Map();
    let store = await folder.open(settings);
    for (const one of steps) {
      if (one.kind !== 'open') {
        await take(store, model, one);
        continue;
      }
      await folder.close();
      store = await folder.open(settings);
    }
    await assertHolds(store, model);
    await folder.close();
    await assertHolds(await folder.open(settings), model);
    assert.deepEqual(folder.failures, []);
  });
  await fc.assert(property, { numRuns: 25 });
});

test('a start finds in the log what the index had not heard of', async () => {
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 12 }),
    fc.array(step, { minLength: 1, maxLength: 25 }),
    async (before, after) => {
      await using folder = await PageStoreFolder.make();
      const model: Model = new Map();
      const store = await folder.open();
      for (const one of before) if (one.kind !== 'open') await take(store, model, one);
      // Commits; from here on there is too little for another commit.
      await store.list(undefined, 1);
      const index = await folder.copyIndex();
      for (const one of after) if (one.kind !== 'open') await take(store, model, one);
      await using left = await folder.crashed(index);
      await assertHolds(await left.open(), model);
      await left.close();
      await assertHolds(await left.open(), model);
      assert.deepEqual(left.failures, []);
    },
  );
  await fc.assert(property, { numRuns: 25 });
});

test('one call may bring thousands of pages', async () => {
  await using folder = await PageStoreFolder.make();
  const store = await folder.open();
  const pairs = Array.from({ length: 2048 }, (_, number) => {
    return [keyOf(number), pageOf(10 + number, number)] as const;
  });
  assert.equal(await store.write(pairs), true);
  const found = await store.readAll(pairs.map(([key]) => key));
  for (const [at, [, page]] of pairs.entries()) assert.ok(found[at]?.equals(page));
  await folder.close();
  assert.equal((await folder.open()).pageCount, 2048);
});

test('what does not fit is refused, the pairs before it stay; replacing and releasing makes room', async () => {
  await using folder = await PageStoreFolder.make();
  const store = await folder.open({ spaceBytes: 10_000 });
  const pairs = [4000, 5000, 3000, 100].map(
    (bytes, number) => [keyOf(number), pageOf(bytes, number)] as const,
  );
  assert.equal(await store.write(pairs), false);
  assert.deepEqual([store.pageCount, store.usedBytes, await store.freeBytes()], [2, 9000, 1000]);
  // A batch is looked at pair by pair: the first one makes the room of the second.
  const swap = [
    [keyOf(0), pageOf(1, 9)],
    [keyOf(2), pageOf(4900, 9)],
    [keyOf(2), pageOf(4999, 10)],
  ] as const;
  assert.equal(await store.write(swap), true);
  assert.ok((await store.read(keyOf(2)))?.equals(pageOf(4999, 10)));
  assert.equal(store.usedBytes, 10_000);
  assert.equal(await store.write([[keyOf(3), pageOf(1, 1)]]), false);
  await store.release([keyOf(1), keyOf(1), keyOf(8)]);
  assert.deepEqual([store.pageCount, store.usedBytes], [2, 5000]);
  assert.equal(await store.write([[keyOf(3), pageOf(5000, 1)]]), true);
});

test('a segment goes with its last page; who reads in it reads on', async () => {
  await using folder = await PageStoreFolder.make();
  const disk = new FaultyDisk();
  const store = await folder.open({ disk, segmentBytes: 10_000 });
  for (let number = 0; number < 4; number++) {
    await store.write([[keyOf(number), pageOf(10_000, number)]]);
  }
  assert.equal((await readdir(folder.pagesDirectory)).length, 4);
  let goOn: () => void = () => undefined;
  const isReading = new Promise<void>((resolve) => {
    disk.before = (call) => {
      if (call !== 'read') return;
      return new Promise((release) => {
        goOn = release;
        resolve();
      });
    };
  });
  const reading = store.read(keyOf(0));
  await isReading;
  await store.release([keyOf(0), keyOf(1)]);
  await until(() => disk.calls.filter((call) => call === 'unlink').length === 2);
  disk.before = () => undefined;
  goOn();
  assert.ok((await reading)?.equals(pageOf(10_000, 0)));
  assert.deepEqual(await store.readAll([keyOf(0), keyOf(1)]), [undefined, undefined]);
  assert.ok((await store.read(keyOf(2)))?.equals(pageOf(10_000, 2)));
});

test('segments that are mostly dead are rewritten while pages are read and written', async () => {
  await using folder = await PageStoreFolder.make();
  const settings = { segmentBytes: 200_000 };
  const store = await folder.open(settings);
  const model: Model = new Map();
  for (let number = 0; number < 400; number++) {
    const page = pageOf(4000 + number, number);
    await store.write([[keyOf(number), page]]);
    model.set(keyOf(number).toString('hex'), page);
  }
  const before = store.segmentCount;
  const gone = Array.from({ length: 400 }, (_, number) => keyOf(number)).filter(
    (_, number) => number % 5 !== 0,
  );
  await store.release(gone);
  for (const key of gone) model.delete(key.toString('hex'));
  // Listing commits the index, after which there is a look for work.
  await until(async () => {
    await assertHolds(store, model);
    return store.segmentCount <= Math.ceil(before / 4) + 2;
  });
  await until(async () => (await readdir(folder.pagesDirectory)).length <= store.segmentCount);
  await folder.close();
  await assertHolds(await folder.open(settings), model);
  assert.deepEqual(folder.failures, []);
});

test('pages of a write are released while others are written', async () => {
  await using folder = await PageStoreFolder.make();
  const store = await folder.open({ segmentBytes: 100_000 });
  const page = pageOf(300, 1);
  const batch = (writeId: number, from: number) =>
    Array.from({ length: 100 }, (_, number) => [keyOf(from + number, writeId), page] as const);
  for (let from = 0; from < 2500; from += 100) await store.write(batch(1, from));
  // A key of another length with the same beginning.
  const longer = Buffer.concat([keyOf(3), Buffer.of(1)]);
  await store.write([[longer, page]]);
  const writing = (async () => {
    for (let from = 0; from < 2500; from += 100) await store.write(batch(2, from));
  })();
  await store.releasePrefixes([keyOf(0).subarray(0, 8)], 16);
  await writing;
  const listed = await listAll(store, 1000);
  assert.equal(listed.length, 2501);
  assert.deepEqual(
    listed.filter(({ key }) => key[0] === 1).map(({ key }) => key),
    [longer],
  );
});

test('listing meets every page that stays, while others come and go', async () => {
  await using folder = await PageStoreFolder.make();
  const store = await folder.open();
  const page = pageOf(20, 1);
  const stays = Array.from({ length: 300 }, (_, number) => keyOf(number * 2));
  await store.write(stays.map((key) => [key, page] as const));
  let isDone = false;
  const churning = (async () => {
    for (let number = 1; !isDone; number = (number + 38) % 600) {
      await store.write([[keyOf(number | 1), page]]);
      await store.release([keyOf(number | 1)]);
    }
  })();
  const names = (await listAll(store, 11)).map(({ key }) => key.toString('hex'));
  isDone = true;
  await churning;
  assert.deepEqual(names, [...new Set(names)].sort());
  const met = new Set(names);
  for (const key of stays) assert.ok(met.has(key.toString('hex')));
});
