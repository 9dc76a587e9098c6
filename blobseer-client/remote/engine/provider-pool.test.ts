import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlobSeerError } from '../../errors.ts';
import type { Address } from '../remote-error.ts';
import { groupsAtOnce, remoteTimings } from './limits.ts';
import { ProviderPool } from './provider-pool.ts';

const at = (port: number): Address => ({ host: '127.0.0.1', port });
const ports = (addresses: readonly Address[]): number[] => addresses.map(({ port }) => port);
const isKind = (kind: string) => (error: unknown) =>
  error instanceof BlobSeerError && error.kind === kind;

/** A provider manager that names these in turns; and a clock. */
class World {
  providers = [1, 2, 3, 4];
  failure: BlobSeerError | undefined;
  asked: [groups: number, groupSize: number][] = [];
  readonly reported: number[] = [];
  nowMs = 0;
  #turn = 0;

  pool(replication = 2): ProviderPool {
    return new ProviderPool({
      manager: {
        providers: async (groups, groupSize) => {
          this.asked.push([groups, groupSize]);
          if (this.failure !== undefined) throw this.failure;
          if (groupSize > this.providers.length) throw new BlobSeerError('no-space', 'too few');
          return Array.from({ length: groups }, () => {
            const first = this.#turn++;
            return Array.from({ length: groupSize }, (_, index) =>
              at(this.providers[(first + index) % this.providers.length]!),
            );
          });
        },
      },
      report: async ({ port }) => void this.reported.push(port),
      replication,
      timings: remoteTimings,
      nowMs: () => this.nowMs,
    });
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('groups are asked for by the hundred, and anew when they are old or few', async () => {
  const world = new World();
  const pool = world.pool();
  assert.equal(new Set(ports(await pool.group())).size, 2);
  for (let taken = 1; taken < groupsAtOnce / 2; taken++) await pool.group();
  assert.deepEqual(world.asked, [[groupsAtOnce, 2]]);
  world.nowMs += remoteTimings.groupsGoodMs + 1;
  await pool.group();
  await settled();
  assert.equal(world.asked.length, 2);
  for (let taken = 0; taken < 2 * groupsAtOnce; taken++) {
    await pool.group();
    await settled();
  }
  assert.ok(world.asked.length >= 4);
});

test('H16: one that failed is avoided for a while, reported once, and then trusted again', async () => {
  const world = new World();
  const pool = world.pool();
  await pool.group();
  pool.failed(at(2));
  pool.failed(at(2));
  assert.deepEqual(world.reported, [2]);
  for (let taken = 0; taken < 50; taken++) {
    const group = ports(await pool.group());
    assert.ok(!group.includes(2), `${group}`);
    assert.equal(new Set(group).size, 2);
  }
  world.nowMs += remoteTimings.suspectMs + 1;
  const seen = new Set<number>();
  for (let taken = 0; taken < 50; taken++)
    for (const port of ports(await pool.group())) seen.add(port);
  assert.ok(seen.has(2));
});

test('where all have failed they are asked all the same', async () => {
  const world = new World();
  const pool = world.pool();
  await pool.group();
  for (const port of world.providers) pool.failed(at(port));
  assert.equal(new Set(ports(await pool.group())).size, 2);
});

test('another one is none of those asked already, a good one if there is any', async () => {
  const pool = new World().pool();
  await pool.group();
  pool.failed(at(3));
  assert.deepEqual(pool.another([at(1), at(2)]), at(4));
  assert.deepEqual(pool.another([at(1), at(2), at(4)]), at(3));
  assert.equal(pool.another([1, 2, 3, 4].map(at)), undefined);
});

test('H16: there is another one although the manager names the one that joined last all the time', async () => {
  const world = new World();
  world.providers = [9];
  const pool = world.pool(1);
  assert.deepEqual(await pool.group(), [at(9)]);
  assert.equal(pool.another([at(9)]), undefined);
  world.providers = [9, 1, 2];
  await pool.widen(2);
  assert.deepEqual(world.asked.at(-1), [1, 2]);
  assert.notDeepEqual(pool.another([at(9)]), undefined);
  await pool.widen(7); // there are not so many
});

test('without the manager those it named last serve on in turns; without any the write is refused', async () => {
  const world = new World();
  const pool = world.pool();
  await pool.group();
  world.failure = new BlobSeerError('unavailable', 'away');
  const seen = new Set<number>();
  for (let taken = 0; taken < 2 * groupsAtOnce; taken++) {
    const group = ports(await pool.group());
    assert.equal(new Set(group).size, 2);
    for (const port of group) seen.add(port);
  }
  assert.deepEqual([...seen].sort(), world.providers);
  await assert.rejects(world.pool().group(), isKind('unavailable'));
});

test('fewer providers than replicas: no room, and no page with fewer copies', async () => {
  const world = new World();
  world.providers = [1];
  await assert.rejects(world.pool(2).group(), isKind('no-space'));
});
