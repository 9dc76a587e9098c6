import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { levelCounts } from './geometry.ts';
import { dissolve, type Forest, type Node, type Run } from './liveness.ts';
import { Bench, type Id } from './liveness-bench.ts';
import { type Block, buildTree, runSync, type Tree } from './segment-tree.ts';

const share = fc.integer({ min: 0, max: 999 }).map((thousandth) => thousandth / 1000);
const pick = <Item>(items: readonly Item[], at: number): Item => {
  const item = items[Math.floor(at * items.length)];
  assert.ok(item !== undefined);
  return item;
};

/** Slots, each once, as runs; the units of a write are numbered in the order of its slots. */
function runsOf(slots: Iterable<readonly [number, number]>, writeId: number, inFile: boolean) {
  const sorted = [...slots].sort(([l, i], [m, j]) => l - m || i - j);
  const runs: Run[] = [];
  for (const [unit, [level, start]] of sorted.entries()) {
    const last = runs.at(-1);
    if (last?.level === level && last.start + last.count === start) {
      runs[runs.length - 1] = { ...last, count: last.count + 1 };
    } else {
      runs.push({ level, start, count: 1, writeId, firstIndex: unit, inFile });
    }
  }
  return runs;
}

const release = fc.record({ release: share });

test('random forests: freed is exactly what is no longer live, after each release', () => {
  const create = fc.record({
    /** Undefined: no parent. */
    parent: fc.option(share, { nil: undefined, freq: 8 }),
    pages: fc.oneof(fc.constant(undefined), fc.nat(24)),
    writes: fc.array(
      fc.record({ level: share, at: share, count: fc.integer({ min: 1, max: 9 }) }),
      {
        maxLength: 3,
      },
    ),
    inFile: fc.boolean(),
  });
  // More snapshots than releases, so that forests grow before they fall.
  const actions = fc.array(
    fc.oneof({ weight: 3, arbitrary: create }, { weight: 2, arbitrary: release }),
    {
      maxLength: 40,
      size: 'max',
    },
  );
  const rest = fc.array(share, { minLength: 40, maxLength: 40 });
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 4 }), actions, rest, (fanOut, all, ends) => {
      const bench = new Bench();
      for (const action of all) {
        const live = bench.history.live();
        if ('release' in action) {
          if (live.length > 0) bench.release(pick(live, action.release).id);
          continue;
        }
        const parent =
          action.parent === undefined || live.length === 0 ? undefined : pick(live, action.parent);
        const slots = levelCounts(action.pages ?? parent?.slots[0] ?? 10, fanOut);
        const written = new Map<string, readonly [number, number]>();
        for (const { level: levelShare, at, count } of action.writes) {
          const level = Math.floor(levelShare * slots.length);
          const first = Math.floor(at * slots[level]!);
          for (let slot = first; slot < Math.min(slots[level]!, first + count); slot++) {
            written.set(`${level}:${slot}`, [level, slot]);
          }
        }
        const writeId = bench.history.snapshots.size + 1;
        bench.add(parent?.id, slots, runsOf(written.values(), writeId, action.inFile));
      }
      for (const end of ends) {
        const live = bench.history.live();
        if (live.length > 0) bench.release(pick(live, end).id);
      }
      bench.assertAllFreed();
    }),
    { numRuns: 300 },
  );
});

test('real trees: what a live snapshot reaches is never freed, all else is', () => {
  const create = fc.record({
    base: fc.option(share, { nil: undefined, freq: 8 }),
    pages: fc.oneof(fc.constant(undefined), fc.nat(40)),
    changes: fc.array(fc.record({ at: share, count: fc.integer({ min: 1, max: 12 }) }), {
      maxLength: 3,
    }),
    hole: fc.boolean(),
  });
  const actions = fc.array(
    fc.oneof({ weight: 3, arbitrary: create }, { weight: 2, arbitrary: release }),
    {
      maxLength: 30,
      size: 'max',
    },
  );
  const rest = fc.array(share, { minLength: 30, maxLength: 30 });
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 5 }),
      fc.boolean(),
      actions,
      rest,
      (fanOut, withHoles, all, ends) => {
        const bench = new Bench();
        const blocks = new Map<string, Block<string, string>>();
        const trees = new Map<Id, Tree<string, string>>();
        const fetch = (refs: readonly string[]) => refs.map((ref) => blocks.get(ref)!);

        /** Units that a snapshot's tree consists of; a leaf or ref is the name of its unit. */
        const reached = (tree: Tree<string, string>): string[] => {
          const units: string[] = [];
          const open = tree.root === null ? [] : [tree.root];
          if (tree.leaf !== null) units.push(tree.leaf);
          for (let ref = open.pop(); ref !== undefined; ref = open.pop()) {
            const block = blocks.get(ref)!;
            units.push(ref);
            if ('leaves' in block) units.push(...block.leaves.filter((leaf) => leaf !== null));
            else open.push(...block.blocks.filter((child) => child !== null));
          }
          return units;
        };
        const check = () => {
          const live = new Set(bench.history.live().flatMap(({ id }) => reached(trees.get(id)!)));
          const kept = new Set(bench.kept);
          for (const unit of live) assert.ok(kept.has(unit), `${unit} is needed and was freed`);
          // A page or block that became a hole stays until the hole's snapshot goes: no unit replaced it.
          if (!withHoles) assert.equal(kept.size, live.size);
        };

        for (const action of all) {
          const live = bench.history.live();
          if ('release' in action) {
            if (live.length > 0) bench.release(pick(live, action.release).id);
            check();
            continue;
          }
          const base =
            action.base === undefined || live.length === 0 ? undefined : pick(live, action.base).id;
          const baseTree = base === undefined ? undefined : trees.get(base);
          const pageCount = action.pages ?? baseTree?.pageCount ?? 10;
          const pages = new Set<number>();
          for (const { at, count } of action.changes) {
            const first = Math.floor(at * pageCount);
            for (let page = first; page < Math.min(pageCount, first + count); page++)
              pages.add(page);
          }
          // Without holes every page past the base's end is written.
          for (let page = baseTree?.pageCount ?? 0; page < pageCount && !withHoles; page++) {
            pages.add(page);
          }
          const writeId = bench.history.snapshots.size + 1;
          const written: [number, number][] = [];
          const newUnit = (level: number, index: number): string => {
            written.push([level, index]);
            return `${writeId}/${written.length - 1}/false`;
          };
          const hole = withHoles && action.hole;
          const changed = [...pages]
            .sort((left, right) => left - right)
            .map((page) => [page, hole ? null : newUnit(0, page)] as const);
          const built = runSync(
            buildTree({ fanOut, base: baseTree, changed, pageCount, newRef: newUnit }),
            fetch,
          );
          for (const { ref, block } of built.blocks) blocks.set(ref, block);
          const id = bench.add(
            base,
            levelCounts(pageCount, fanOut),
            runsOf(written, writeId, false),
          );
          trees.set(id, built.tree);
          check();
        }
        for (const end of ends) {
          const live = bench.history.live();
          if (live.length > 0) bench.release(pick(live, end).id);
          check();
        }
        bench.assertAllFreed();
      },
    ),
    { numRuns: 200 },
  );
});

const page = (start: number, count: number, writeId: number, firstIndex = 0): Run => ({
  level: 0,
  start,
  count,
  writeId,
  firstIndex,
  inFile: false,
});

test('an overwritten version leaves what its successor shares, joined to what that wrote', () => {
  const nodes = new Map<string, Node<string>>([
    ['v1', { parent: undefined, live: false, runs: [page(0, 8, 1)], slots: [8] }],
    ['v2', { parent: 'v1', live: true, runs: [page(2, 2, 1, 20), page(5, 1, 2)], slots: [7] }],
  ]);
  const forest: Forest<string> = {
    node: (id) => nodes.get(id),
    children: (id) => (id === 'v1' ? ['v2'] : []),
  };
  const runs = [
    page(0, 2, 1),
    page(2, 2, 1, 20),
    page(4, 1, 1, 4),
    page(5, 1, 2),
    page(6, 1, 1, 6),
  ];
  assert.deepEqual(dissolve(forest, 'v1'), {
    freed: [page(2, 2, 1, 2), page(5, 1, 1, 5), page(7, 1, 1, 7)],
    removed: ['v1'],
    updated: [['v2', { parent: undefined, live: true, runs, slots: [7] }]],
  });
});

test('a cut outlives the snapshot that made it', () => {
  const bench = new Bench();
  const long = bench.add(undefined, [9, 3, 1], [page(0, 9, 1)]);
  const short = bench.add(long, [4, 2, 1], []);
  const longAgain = bench.add(short, [9, 3, 1], []);
  bench.release(short);
  assert.deepEqual(bench.stored.node(longAgain)?.slots, [4, 2, 1]);
  assert.equal(bench.kept.length, 9);
  bench.release(long);
  assert.equal(bench.kept.length, 4);
  bench.release(longAgain);
  bench.assertAllFreed();
});

/** Dead versions 0, 2, 4, ... in one line, each with a live clone (odd) beside its successor. */
function deadLine(length: number): { forest: Forest<Id>; looked: Set<Id>; last: Id } {
  const looked = new Set<Id>();
  const last = 2 * length;
  const forest: Forest<Id> = {
    node: (id) => {
      looked.add(id);
      const parent = id === 0 ? undefined : id - (id % 2 === 0 ? 2 : 1);
      return { parent, live: id % 2 === 1, runs: [page(id, 1, id)], slots: [last + 1] };
    },
    children: (id) => (id % 2 === 0 && id < last ? [id + 1, id + 2] : []),
  };
  return { forest, looked, last };
}

test('a release looks at the near only, however long the history', () => {
  const { forest, looked, last } = deadLine(20_000);
  const { freed, removed, updated } = dissolve(forest, last);
  assert.deepEqual(freed, [page(last, 1, last)]);
  assert.deepEqual(removed, [last, last - 2]);
  assert.deepEqual(updated, [
    [
      last - 1,
      {
        parent: last - 4,
        live: true,
        runs: [page(last - 2, 1, last - 2), page(last - 1, 1, last - 1)],
        slots: [last + 1],
      },
    ],
  ]);
  assert.ok(looked.size < 10, `${looked.size} nodes were looked at`);
});

test('clones beside the released one are not looked at when nothing is left to free', () => {
  const looked = new Set<Id>();
  const forest: Forest<Id> = {
    node: (id) => {
      looked.add(id);
      return id === 0
        ? { parent: undefined, live: false, runs: [], slots: [9] }
        : { parent: 0, live: id !== 500, runs: [page(0, 9, id)], slots: [9] };
    },
    children: (id) => (id === 0 ? Array.from({ length: 1000 }, (_, child) => child + 1) : []),
  };
  assert.deepEqual(dissolve(forest, 500), {
    freed: [page(0, 9, 500)],
    removed: [500],
    updated: [],
  });
  assert.deepEqual([...looked].sort(), [0, 500]);
});

test('a long line of dead versions does not exhaust the stack', () => {
  const { forest } = deadLine(20_000);
  const blind: Forest<Id> = {
    ...forest,
    // The clones and the last version replaced page 0, so the search for a reader goes all the way.
    node: (id) => {
      const node = forest.node(id)!;
      return node.live ? { ...node, runs: [page(0, 1, id), ...node.runs] } : node;
    },
  };
  const { updated } = dissolve(blind, 0);
  assert.deepEqual(
    updated.map(([id, { runs }]) => [id, runs]),
    [[0, []]],
  );
});

test('only a dead snapshot can be dissolved', () => {
  const { forest } = deadLine(1);
  assert.throws(() => dissolve(forest, 1), RangeError);
  const none: Forest<Id> = { node: () => undefined, children: () => [] };
  assert.throws(() => dissolve(none, 5), RangeError);
});
