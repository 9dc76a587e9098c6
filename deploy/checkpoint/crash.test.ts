/** kill -9 after every step of create, restore and delete: what there was before is there, and the next attempt succeeds. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { openEmbedded } from '../../blobseer-client/index.ts';
import { deleteCheckpoints } from './delete.ts';
import { findManifest, readManifests } from './manifest.ts';
import type { Place } from './place.ts';
import {
  contentsOf,
  directoryPlace,
  restoreTo,
  someBytes,
  World,
  withFolder,
} from './testing/world.ts';
import { verifyBytes } from './verify.ts';

const victim = path.join(import.meta.dirname, 'testing', 'victim.js');
/** More than any of them takes. */
const maxSteps = 80;

/** True when it came to its end before it was killed. */
async function run(...args: readonly string[]): Promise<boolean> {
  const child = spawn(process.execPath, [victim, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  const [status, signal] = await once(child, 'close');
  const isDone = output.includes('done');
  assert.ok(isDone ? status === 0 : signal === 'SIGKILL', `${args}: ${status} ${signal}`);
  return isDone;
}

/** Runs it with one step more to live each time, until it survives; how often it was killed. */
async function killAtEveryStep(
  args: readonly string[],
  afterKill: () => Promise<void>,
): Promise<number> {
  for (let steps = 0; steps < maxSteps; steps += 1) {
    if (await run(...args, String(steps))) return steps;
    await afterKill();
  }
  assert.fail(`${args} takes more than ${maxSteps} steps`);
}

async function verifyAll(place: Place): Promise<number[]> {
  const manifests = await readManifests(place);
  for (const manifest of manifests) await verifyBytes(place, manifest, () => undefined);
  return manifests.map(({ epoch }) => epoch);
}

async function fill(world: World, round: number): Promise<void> {
  for (let index = 0; index < 3; index += 1) {
    await world.put(`large-${index}-${round % 2}`, someBytes(100_000));
    await world.put(`small-${index}`, someBytes(1000));
  }
}

test('create', async () => {
  await withFolder(async (folder) => {
    const place = directoryPlace(folder);
    const data = path.join(folder, 'data');
    const world = await World.open(data);
    await fill(world, 1);
    const first = await world.checkpoint(place);
    let known = [first.epoch];
    const kills = await killAtEveryStep(['create', data, place.name], async () => {
      // After the last step of all the manifest is there, and counts.
      const epochs = await verifyAll(place);
      assert.ok(known.every((epoch) => epochs.includes(epoch)));
      if (epochs.length > known.length) await fill(world, epochs.length);
      known = epochs;
    });
    assert.ok(kills > 8, `it was killed ${kills} times`);
    world.engine.store.refresh();
    const holds = world.engine.store.table('holds').keys({ limit: 10 });
    assert.equal(holds.length, 0, 'the attempt that came to its end freed what the others held');

    const last = await findManifest(place, undefined);
    const restored = path.join(folder, 'restored');
    await restoreTo(place, last, restored);
    const expected = [...world.at(last.sequence)].sort();
    assert.deepEqual([...(await contentsOf(restored))].sort(), expected);
    await deleteCheckpoints(place, (epochs) => epochs);
    const left = readdirSync(place.name, { recursive: true, withFileTypes: true });
    assert.deepEqual(
      left.filter((entry) => entry.isFile()).map(({ name }) => name),
      ['lock'],
    );
    await world.close();
  });
});

test('restore', async () => {
  await withFolder(async (folder) => {
    const place = directoryPlace(folder);
    const world = await World.open(path.join(folder, 'data'));
    await fill(world, 1);
    const manifest = await world.checkpoint(place);
    const target = path.join(folder, 'target');
    const kills = await killAtEveryStep(['restore', place.name, target], async () => {
      await assert.rejects(openEmbedded({ directory: target, role: 'alone' }), /has not ended/);
      assert.ok(existsSync(path.join(target, 'restoring')));
    });
    assert.ok(kills > 4, `it was killed ${kills} times`);
    const expected = [...world.at(manifest.sequence)].sort();
    assert.deepEqual([...(await contentsOf(target))].sort(), expected);
    assert.deepEqual(await verifyAll(place), [1]);
    await world.close();
  });
});

test('delete', async () => {
  await withFolder(async (folder) => {
    const place = directoryPlace(folder);
    const world = await World.open(path.join(folder, 'data'));
    await fill(world, 0);
    await world.checkpoint(place);
    const oldest = async (): Promise<number> => {
      await fill(world, 1);
      const { epoch } = await world.checkpoint(place);
      return epoch - 1;
    };
    for (let steps = 0; ; steps += 1) {
      assert.ok(steps < maxSteps);
      const epoch = await oldest();
      if (await run('delete', place.name, String(epoch), String(steps))) break;
      const epochs = await verifyAll(place);
      assert.ok(epochs.includes(epoch + 1));
      // The first step is the lock, the second the removal of the manifest.
      assert.equal(epochs.includes(epoch), steps === 0);
    }
    await deleteCheckpoints(place, (epochs) => epochs.slice(0, -1));
    assert.equal((await verifyAll(place)).length, 1);
    await world.close();
  });
});
