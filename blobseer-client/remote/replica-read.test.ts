import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ReplicaRead, readReplicas } from './replica-read.ts';
import { Gate } from './testing/gate.ts';

type Conduct = () => Promise<void>;
const works: Conduct = async () => undefined;
const fails: Conduct = async () => {
  throw new Error('away');
};
const hangs: Conduct = () => new Promise(() => undefined);

/** Servers 0, 1... with what they have, by position. */
class World {
  readonly asked: [server: number, positions: readonly number[]][] = [];
  readonly suspects = new Set<number>();
  readonly #servers: readonly (readonly [Conduct, readonly (string | undefined)[]])[];

  constructor(...servers: (readonly [Conduct, readonly (string | undefined)[]])[]) {
    this.#servers = servers;
  }

  read(
    places: readonly (readonly number[])[],
    options: Partial<ReplicaRead<string>> & { readonly signal?: AbortSignal } = {},
  ): Promise<(string | undefined)[]> {
    const { signal, ...rest } = options;
    return readReplicas<string>(
      {
        places,
        maxBatch: 10,
        slowMs: 60_000,
        ask: async (server, positions) => {
          this.asked.push([server, positions]);
          const [conduct, values] = this.#servers[server]!;
          await conduct();
          return positions.map((position) => values[position]);
        },
        suspect: (server) => void this.suspects.add(server),
        ...rest,
      },
      { signal },
    );
  }
}

const both = [
  [0, 1],
  [0, 1],
];

test('one server is asked where it has all, in batches', async () => {
  const world = new World([works, ['a', 'b', 'c', 'd', 'e']], [works, []]);
  const places = Array.from({ length: 5 }, () => [0, 1]);
  assert.deepEqual(await world.read(places, { maxBatch: 2 }), ['a', 'b', 'c', 'd', 'e']);
  assert.deepEqual(world.asked, [
    [0, [0, 1]],
    [0, [2, 3]],
    [0, [4]],
  ]);
});

test('what one lacks is asked of the other, and only that', async () => {
  const world = new World([works, ['a', undefined]], [works, ['x', 'b']]);
  assert.deepEqual(await world.read(both), ['a', 'b']);
  assert.deepEqual(world.asked.at(-1), [1, [1]]);
  assert.deepEqual(await new World([works, []], [works, []]).read(both), [undefined, undefined]);
});

test('H17: missing here and away there is not missing, in either order', async () => {
  const world = new World([fails, []], [works, ['a']]);
  for (const places of [both, both.map((pair) => [...pair].reverse())]) {
    await assert.rejects(world.read(places), /away/);
  }
  assert.deepEqual(await world.read([[0, 1]]), ['a']);
  assert.deepEqual([...world.suspects], [0]);
});

test('one that does not answer gets company, and is not waited for', async () => {
  const world = new World([hangs, []], [works, ['a', 'b']]);
  assert.deepEqual(await world.read(both, { slowMs: 5 }), ['a', 'b']);
  assert.deepEqual([...world.suspects], [0]);
});

for (const [what, other] of [
  ['is away', [fails, []]],
  ['has nothing', [works, []]],
] as const) {
  test(`one that is slow is waited for where the other one ${what}`, async () => {
    const gate = new Gate();
    const world = new World([() => gate.pass(), ['a', 'b']], other);
    const reading = world.read(both, { slowMs: 5 });
    while (world.asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    gate.open();
    assert.deepEqual(await reading, ['a', 'b']);
  });
}

test('nothing is asked for nothing, and values may have different numbers of places', async () => {
  const world = new World([works, ['a', 'b']], [works, ['a', 'b']]);
  assert.deepEqual(await world.read([]), []);
  assert.deepEqual(await world.read([[1], [0, 1]]), ['a', 'b']);
});

test('an abort ends it, before and meanwhile', async () => {
  const stopped = new AbortController();
  const reason = new Error('given up');
  const world = new World([
    async () => {
      stopped.abort(reason);
    },
    [],
  ]);
  await assert.rejects(world.read([[0]], { signal: stopped.signal }), reason);
  await assert.rejects(world.read([[0]], { signal: stopped.signal }), reason);
  assert.equal(world.asked.length, 1);
});
