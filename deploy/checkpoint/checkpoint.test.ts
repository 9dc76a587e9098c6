/** Checkpoints of the embedded engine: what is in them, what they share, what comes back, and what is refused. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { openEmbedded } from '../../blobseer-client/index.ts';
import { deleteCheckpoints } from './delete.ts';
import { decodeManifest, encodeManifest, findManifest, readManifests } from './manifest.ts';
import { keepNewest } from './schedule.ts';
import {
  checkpointOf,
  contentsOf,
  directoryPlace,
  restoreTo,
  someBytes,
  World,
  withFolder,
} from './testing/world.ts';
import { verifyBytes } from './verify.ts';

const ignored = (): void => undefined;

function ofKind(kind: BlobSeerError['kind'], words: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof BlobSeerError, String(error));
    assert.equal(error.kind, kind, error.message);
    assert.match(error.message, words);
    return true;
  };
}

/** All files below a folder, with their sizes. */
function filesBelow(folder: string): Map<string, number> {
  const files = new Map<string, number>();
  for (const name of readdirSync(folder, { recursive: true }).map(String)) {
    const stats = statSync(path.join(folder, name));
    if (stats.isFile() && name !== 'lock') files.set(name, stats.size);
  }
  return files;
}

const bytesIn = (files: ReadonlyMap<string, number>): number =>
  [...files.values()].reduce((sum, size) => sum + size, 0);

test('a checkpoint made under concurrent writes is the state at its commit', async () => {
  await withFolder(async (folder) => {
    const place = directoryPlace(folder);
    const world = await World.open(path.join(folder, 'data'));
    await world.put('first', someBytes(70_000));
    let isDone = false;
    const writer = async (prefix: string): Promise<void> => {
      for (let round = 0; !isDone; round += 1) {
        const name = `${prefix}${round % 7}`;
        if (round % 5 === 4) await world.remove(name);
        else await world.put(name, someBytes(round % 3 === 0 ? 150_000 : 3000));
        if (round % 4 === 0) await world.engine.maintain();
      }
    };
    const writing = ['a', 'b', 'c'].map(writer);
    const manifests = [];
    try {
      for (let count = 0; count < 4; count += 1) manifests.push(await world.checkpoint(place));
    } finally {
      isDone = true;
      await Promise.all(writing);
    }
    for (const manifest of manifests) {
      const restored = path.join(folder, `restored-${manifest.epoch}`);
      await restoreTo(place, manifest, restored);
      const expected = world.at(manifest.sequence);
      assert.ok(expected.size > 0);
      assert.deepEqual(
        new Map([...(await contentsOf(restored))].sort()),
        new Map([...expected].sort()),
      );
    }
    assert.ok(manifests.at(-1)!.sequence > manifests[0]!.sequence);
    await world.close();
  });
});

test('a second checkpoint of which one in a hundred changed costs about that', async () => {
  await withFolder(async (folder) => {
    const place = directoryPlace(folder);
    const world = await World.open(path.join(folder, 'data'));
    for (let index = 0; index < 100; index += 1)
      await world.put(`large-${index}`, someBytes(200_000));
    for (let index = 0; index < 500; index += 1) await world.put(`small-${index}`, someBytes(2000));
    const first = await world.checkpoint(place);
    const before = bytesIn(filesBelow(place.name));
    await world.put('large-50', someBytes(200_000));
    for (let index = 100; index < 105; index += 1)
      await world.put(`small-${index}`, someBytes(2000));
    const second = await world.checkpoint(place);
    const grown = bytesIn(filesBelow(place.name)) - before;
    assert.equal(first.files.count, 100);
    assert.ok(first.addedBytes >= first.files.bytes + first.database.bytes);
    // One page file, and the chunks of the database that a few dozen commits touched.
    assert.ok(grown < 200_000 + 1_500_000, `${grown} bytes were added`);
    assert.ok(Math.abs(grown - second.addedBytes) < 10_000, `it says ${second.addedBytes}`);
    const linked = statSync(
      path.join(
        place.name,
        [...filesBelow(place.name).keys()].find((name) => name.startsWith('files/'))!,
      ),
    );
    assert.ok(linked.nlink >= 2, 'page files are links on one file system');
    await world.close();
  });
});

test('a restored directory gives out no id again, and goes on as one of its own', async () => {
  await withFolder(async (folder) => {
    const place = directoryPlace(folder);
    const world = await World.open(path.join(folder, 'data'));
    await world.put('a', someBytes(100_000));
    const manifest = await world.checkpoint(place);
    for (let index = 0; index < 20; index += 1)
      await world.put(`later-${index}`, someBytes(100_000));

    const again = path.join(folder, 'again');
    await restoreTo(place, manifest, again);
    const restored = await openEmbedded({ directory: again, role: 'alone' });
    assert.ok(restored.newBlobId() > world.highestId + 2 ** 37);
    assert.ok(restored.instanceId > world.engine.instanceId + 2 ** 37);
    // Both go on, into one place: each of the two keeps its own files under their names.
    const ofRestored = await checkpointOf(again, place);
    assert.equal(ofRestored.lineage.length, manifest.lineage.length + 1);
    assert.ok(
      ofRestored.addedBytes < 100_000 + ofRestored.database.bytes,
      'the old file is shared',
    );
    await restored.close();
    const ofFirst = await world.checkpoint(place);
    for (const one of [manifest, ofRestored, ofFirst]) await verifyBytes(place, one, ignored);
    const back = path.join(folder, 'back');
    await restoreTo(place, ofFirst, back);
    assert.deepEqual((await contentsOf(back)).size, 21);
    await world.close();
  });
});

test('deleting one checkpoint takes nothing from the others; the last takes all', async () => {
  await withFolder(async (folder) => {
    const place = directoryPlace(folder);
    const world = await World.open(path.join(folder, 'data'));
    const states: Map<string, string>[] = [];
    for (let round = 0; round < 5; round += 1) {
      for (let index = 0; index < 30; index += 1) {
        await world.put(`${(round * 7 + index) % 40}`, someBytes(index % 2 === 0 ? 90_000 : 1000));
      }
      await world.engine.maintain();
      const { sequence } = await world.checkpoint(place);
      states.push(world.at(sequence));
    }
    // What a crash leaves: nobody names it.
    writeFileSync(path.join(place.name, 'files/000000000/fff-stray'), 'stray');
    writeFileSync(path.join(place.name, 'packs/00000009-000000'), 'stray');
    const deleted = await deleteCheckpoints(place, () => [2]);
    assert.deepEqual(deleted.epochs, [2]);
    assert.ok(!existsSync(path.join(place.name, 'files/000000000/fff-stray')));
    assert.ok(!existsSync(path.join(place.name, 'packs/00000009-000000')));
    assert.deepEqual(await keepNewest(place, 2), [1, 3]);
    for (const manifest of await readManifests(place)) {
      const restored = path.join(folder, `restored-${manifest.epoch}`);
      await restoreTo(place, manifest, restored);
      const expected = states[manifest.epoch - 1]!;
      assert.deepEqual(
        new Map([...(await contentsOf(restored))].sort()),
        new Map([...expected].sort()),
      );
    }
    await assert.rejects(
      deleteCheckpoints(place, () => [2]),
      ofKind('not-found', /no checkpoint 2/),
    );
    await deleteCheckpoints(place, (epochs) => epochs);
    assert.deepEqual([...filesBelow(place.name).keys()], []);
    await world.close();
  });
});

test('every damage is found, and refused by restore', async () => {
  await withFolder(async (folder) => {
    const place = directoryPlace(folder);
    const world = await World.open(path.join(folder, 'data'));
    writeFileSync(path.join(world.directory, 'credentials'), '{}');
    await world.put('a', someBytes(100_000));
    await world.put('b', someBytes(1000));
    const manifest = await world.checkpoint(place);
    await world.close();
    const names = [...filesBelow(place.name).keys()];
    assert.ok(names.some((name) => name.endsWith('/credentials')));
    let round = 0;
    for (const name of names) {
      const file = path.join(place.name, name);
      const right = readFileSync(file);
      const flipped = Buffer.from(right);
      flipped[Math.floor(right.length / 2)]! ^= 1;
      const damages: (() => void)[] = [
        () => writeFileSync(file, flipped),
        () => truncateSync(file, right.length - 1),
        () => appendFileSync(file, 'x'),
        () => unlinkSync(file),
      ];
      for (const damage of damages) {
        damage();
        const target = path.join(folder, `target-${round++}`);
        const isRefused = (error: unknown): boolean => {
          assert.ok(error instanceof BlobSeerError, `${name}: ${String(error)}`);
          assert.match(error.kind, /^(corrupt|not-found)$/, name);
          return true;
        };
        await assert.rejects(
          findManifest(place, manifest.epoch).then((found) => verifyBytes(place, found, ignored)),
          isRefused,
        );
        await assert.rejects(
          findManifest(place, manifest.epoch).then((found) => restoreTo(place, found, target)),
          isRefused,
        );
        if (existsSync(target)) {
          await assert.rejects(
            openEmbedded({ directory: target, role: 'alone' }),
            ofKind('invalid-argument', /has not ended/),
          );
        }
        writeFileSync(file, right);
      }
    }
    await verifyBytes(place, await findManifest(place, undefined), ignored);
  });
});

test('what does not fit is refused, with the reason', async () => {
  await withFolder(async (folder) => {
    const place = directoryPlace(folder);
    const world = await World.open(path.join(folder, 'data'));
    await world.put('a', someBytes(1000));
    await assert.rejects(findManifest(place, undefined), ofKind('not-found', /no checkpoint/));
    const manifest = await world.checkpoint(place);
    await assert.rejects(findManifest(place, 9), ofKind('not-found', /no checkpoint 9/));
    await assert.rejects(
      restoreTo(place, manifest, world.directory),
      ofKind('invalid-argument', /is not empty/),
    );
    const newer = encodeManifest({ ...manifest, format: 2 });
    assert.throws(
      () => decodeManifest(newer, 'one'),
      ofKind('invalid-argument', /use a newer one/),
    );

    const other = await World.open(path.join(folder, 'other'));
    await assert.rejects(other.checkpoint(place), /checkpoints of another directory/);
    const lock = await place.lock();
    await assert.rejects(world.checkpoint(place), /another program works on/);
    await lock.release();
    await world.close();
    await other.close();
  });
});
