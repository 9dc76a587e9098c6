/** What a crash, a full disk or a damaged one does to pages. */
import assert from 'node:assert/strict';
import { copyFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { FaultyDisk, systemError } from '../../blobseer-client/testing/faulty-disk.ts';
import { openState } from './state.ts';
import { keyOf, nextTurn, PageStoreFolder, pageOf, until } from './testing/page-stores.ts';

const isKind = (kind: string) => ({ kind });

test('a record that was not written whole is no page, and takes none with it', async () => {
  await using folder = await PageStoreFolder.make();
  const store = await folder.open();
  const index = await folder.copyIndex();
  const pages = [3000, 70_000, 10].map((bytes, fill) => pageOf(bytes, fill + 1));
  const ends: number[] = [];
  const segment = path.join(folder.pagesDirectory, '1');
  for (const [number, page] of pages.entries()) {
    await store.write([[keyOf(number), page]]);
    ends.push((await readFile(segment)).length);
  }
  const whole = await readFile(segment);
  const cuts = [0, 1, 15, 16, 40, ends[0]! - 1, ends[0]!, ends[0]! + 20];
  cuts.push(ends[0]! + 66_000, ends[1]! - 1, ends[1]!, ends[2]! - 1, ends[2]!);
  for (const cut of cuts) {
    await using left = await folder.crashed(index);
    await truncate(path.join(left.pagesDirectory, '1'), cut);
    const found = await left.open();
    for (const [number, page] of pages.entries()) {
      const wanted = cut >= ends[number]! ? page : undefined;
      assert.deepEqual(await found.read(keyOf(number)), wanted, `page ${number}, cut at ${cut}`);
    }
    assert.equal(left.failures.length, cut === 0 || ends.includes(cut) ? 0 : 1, `cut at ${cut}`);
    // What is written now stands elsewhere.
    await found.write([[keyOf(9), pages[0]!]]);
    await left.close();
    assert.ok((await (await left.open()).read(keyOf(9)))?.equals(pages[0]!));
  }
  // A bit of the second page, then of its record's head.
  for (const [at, isFound] of [
    [ends[0]! + 50_000, [true, false, true]],
    [ends[0]! + 20, [true, false, false]],
  ] as const) {
    await using left = await folder.crashed(index);
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 4;
    await writeFile(path.join(left.pagesDirectory, '1'), damaged);
    const found = await left.open();
    const some = await found.readAll(pages.map((_, number) => keyOf(number)));
    assert.deepEqual(
      some.map((page) => page !== undefined),
      isFound,
    );
    assert.equal(left.failures.length, 1);
  }
});

test('damage is never served: of a page that is damaged the other blocks can be read', async () => {
  await using folder = await PageStoreFolder.make();
  const page = pageOf(100_000, 8);
  const key = keyOf(0);
  await (await folder.open()).write([[key, page]]);
  await folder.close();
  const segment = path.join(folder.pagesDirectory, '1');
  const written = await readFile(segment);
  const damaged = Buffer.from(written);
  damaged[written.length - 1000]! ^= 1;
  await writeFile(segment, damaged);
  const store = await folder.open();
  await assert.rejects(store.read(key), isKind('corrupt'));
  await assert.rejects(store.readAll([keyOf(1), key]), isKind('corrupt'));
  assert.ok((await store.read(key, { offset: 5, size: 9 }))?.equals(page.subarray(5, 14)));
  await writeFile(segment, written.subarray(0, -1));
  await assert.rejects(store.read(key), isKind('corrupt'));
});

test('writes of one moment share a sync, and none is answered before it', async () => {
  await using folder = await PageStoreFolder.make();
  const disk = new FaultyDisk();
  const store = await folder.open({ disk });
  let goOn: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    disk.before = (call) => {
      if (call !== 'sync') return;
      return new Promise((release) => {
        goOn = release;
        resolve();
      });
    };
  });
  let answered = 0;
  const write = async (number: number) => {
    await store.write([[keyOf(number), pageOf(500, number)]]);
    answered++;
  };
  const first = write(0);
  await held;
  const others = [1, 2, 3, 4, 5].map(write);
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(answered, 0);
  assert.equal(await store.read(keyOf(0)), undefined);
  disk.before = () => undefined;
  goOn();
  await Promise.all([first, ...others]);
  const calls = disk.calls.filter((call) => call === 'write' || call === 'sync');
  assert.deepEqual(calls, ['write', 'sync', 'write', 'sync']);
});

test('a failed sync stops everything; a failed write concerns itself alone', async () => {
  await using folder = await PageStoreFolder.make();
  const disk = new FaultyDisk();
  const store = await folder.open({ disk });
  await store.write([[keyOf(0), pageOf(5000, 1)]]);
  disk.before = (call) => {
    if (call === 'write') throw systemError('ENOSPC');
  };
  await assert.rejects(store.write([[keyOf(1), pageOf(5000, 2)]]), isKind('no-space'));
  await assert.rejects(store.release([keyOf(0)]), isKind('no-space'));
  disk.before = () => undefined;
  await store.write([[keyOf(2), pageOf(5000, 3)]]);
  assert.equal(await store.read(keyOf(1)), undefined);
  for (const number of [0, 2]) assert.equal((await store.read(keyOf(number)))?.length, 5000);
  disk.before = (call) => {
    if (call === 'sync') throw systemError('EIO');
  };
  await assert.rejects(store.write([[keyOf(3), pageOf(5000, 4)]]), isKind('stopped'));
  disk.before = () => undefined;
  await assert.rejects(store.write([[keyOf(4), pageOf(5000, 5)]]), isKind('stopped'));
  assert.equal(folder.stops.length, 1);
  await folder.close();
  const again = await folder.open();
  for (const number of [0, 2]) assert.equal((await again.read(keyOf(number)))?.length, 5000);
});

test('a disk that is nearly full takes releases, and no pages', async () => {
  await using folder = await PageStoreFolder.make();
  const disk = new FaultyDisk();
  const store = await folder.open({ disk });
  disk.freeBytes = 1000;
  assert.equal(await store.freeBytes(), 1000);
  await assert.rejects(store.write([[keyOf(0), pageOf(10, 1)]]), isKind('no-space'));
  await store.release([keyOf(0)]);
});

test('a damaged segment is left as it is, and told once', async () => {
  await using folder = await PageStoreFolder.make();
  const settings = { segmentBytes: 50_000 };
  let store = await folder.open(settings);
  for (let number = 0; number < 12; number++) {
    await store.write([[keyOf(number), pageOf(5000, number)]]);
  }
  await folder.close();
  const segment = path.join(folder.pagesDirectory, '1');
  const bytes = await readFile(segment);
  bytes[20]! ^= 1;
  await writeFile(segment, bytes);
  store = await folder.open(settings);
  await store.release(Array.from({ length: 8 }, (_, number) => keyOf(number)));
  await until(async () => {
    await store.write([[keyOf(50), pageOf(10, 1)]]);
    await store.list(undefined, 1);
    return folder.failures.length > 0;
  });
  for (const number of [8, 9, 10, 11]) {
    assert.ok((await store.read(keyOf(number)))?.equals(pageOf(5000, number)));
  }
  await store.list(undefined, 1);
  assert.equal(folder.failures.length, 1);
});

test('files that nobody needs go at a start; a state of another format is refused', async () => {
  await using folder = await PageStoreFolder.make();
  const settings = { segmentBytes: 1000 };
  let store = await folder.open(settings);
  for (let number = 0; number < 3; number++) {
    await store.write([[keyOf(number), pageOf(2000, number)]]);
  }
  const removed = path.join(folder.pagesDirectory, '1');
  await copyFile(removed, path.join(folder.directory, 'kept'));
  await store.release([keyOf(0)]);
  await folder.close();
  // As if it could not be removed.
  await copyFile(path.join(folder.directory, 'kept'), removed);
  store = await folder.open(settings);
  assert.equal(await store.read(keyOf(0)), undefined);
  await folder.close();
  assert.ok(!(await readdir(folder.pagesDirectory)).includes('1'));
  const { directory } = folder;
  const onStopped = assert.fail;
  await assert.rejects(openState({ directory, role: 'other', onStopped }), {
    kind: 'invalid-argument',
    message: /holds the state of "test 2", not of "other 2"/,
  });
});
