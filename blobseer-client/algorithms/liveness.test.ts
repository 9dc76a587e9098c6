import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { levelCounts } from './geometry.ts';
import { type Dissolution, dissolve, type Forest, type Node, type Run } from './liveness.ts';
import { type Block, buildTree, runSync, type Tree } from './segment-tree.ts';

type Id = number;

/** What a snapshot was when it was made: never contracted, never forgotten. */
interface Snapshot {
  readonly id: Id;
  readonly parent: Id | undefined;
  readonly slots: readonly number[];
  /** Slot ("level:index") -> the unit it wrote there ("writeId/unit/inFile"). */
  readonly wrote: ReadonlyMap<string, string>;
  live: boolean;
}

function unitsOf(runs: readonly Run[]): string[] {
  return runs.flatMap(({ count, writeId, firstIndex, inFile }) =>
    Array.from({ length: count }, (_, at) => `${writeId}/${firstIndex + at}/${inFile}`),
  );
}

/** The contracted forest as an engine keeps it, changed only by what `dissolve` says. */
class StoredForest implements Forest<Id> {
  readonly nodes = new Map<Id, Node<Id>>();

  node(id: Id): Node<Id> | undefined {
    return this.nodes.get(id);
  }

  children(id: Id): Id[] {
    return [...this.nodes].filter(([, { parent }]) => parent === id).map(([child]) => child);
  }

  release(id: Id): Dissolution<Id> {
    this.nodes.set(id, { ...this.nodes.get(id)!, live: false });
    const dissolution = dissolve(this, id);
    for (const gone of dissolution.removed) assert.ok(this.nodes.delete(gone), 'removed twice');
    for (const [changed, node] of dissolution.updated) {
      assert.ok(this.nodes.has(changed), 'an unknown or removed node is updated');
      this.nodes.set(changed, node);
    }
    return dissolution;
  }

  /** The units it keeps; checks that it is contracted and in order. */
  check(): string[] {
    const childCounts = new Map<Id, number>();
    for (const { parent } of this.nodes.values()) {
      if (parent === undefined) continue;
      assert.ok(this.nodes.has(parent), 'a parent is gone');
      childCounts.set(parent, (childCounts.get(parent) ?? 0) + 1);
    }
    const units: string[] = [];
    for (const [id, { live, runs }] of this.nodes) {
      assert.ok(live || (childCounts.get(id) ?? 0) > 1, 'a dead node without two children stays');
      for (const [position, run] of runs.entries()) {
        assert.ok(run.count > 0);
        const next = runs[position + 1];
        if (next === undefined) continue;
        const inOrder =
          run.level < next.level ||
          (run.level === next.level && run.start + run.count <= next.start);
        assert.ok(inOrder, 'runs overlap or are unsorted');
      }
      units.push(...unitsOf(runs));
    }
    return units.sort();
  }
}

/** Snapshots as they were made, with the rule applied literally. */
class History {
  readonly snapshots = new Map<Id, Snapshot>();

  live(): Snapshot[] {
    return [...this.snapshots.values()].filter(({ live }) => live);
  }

  /** From every live snapshot upwards: the first unit at each slot, unless cut off on the way. */
  liveUnits(): string[] {
    const units = new Set<string>();
    for (const reader of this.live()) {
      const seen = new Set<string>();
      const limits = new Array<number>(levelLimit).fill(Number.POSITIVE_INFINITY);
      for (let at: Snapshot | undefined = reader; at !== undefined; at = this.parentOf(at)) {
        for (const [slot, unit] of at.wrote) {
          const [level, index] = slot.split(':').map(Number) as [number, number];
          if (seen.has(slot) || index >= limits[level]!) continue;
          seen.add(slot);
          units.add(unit);
        }
        for (let level = 0; level < levelLimit; level++) {
          limits[level] = Math.min(limits[level]!, at.slots[level] ?? 0);
        }
      }
    }
    return [...units].sort();
  }

  parentOf({ parent }: Snapshot): Snapshot | undefined {
    return parent === undefined ? undefined : this.snapshots.get(parent);
  }
}
const levelLimit = 12;

/** Both forests side by side; every release is checked unit for unit. */
class Bench {
  readonly stored = new StoredForest();
  readonly history = new History();
  #written = 0;
  #freed = 0;
  #kept: string[] = [];

  add(parent: Id | undefined, slots: readonly number[], runs: readonly Run[]): Id {
    const id = this.history.snapshots.size + 1;
    const wrote = new Map<string, string>();
    for (const run of runs) {
      for (const [at, unit] of unitsOf([run]).entries()) {
        wrote.set(`${run.level}:${run.start + at}`, unit);
      }
    }
    this.history.snapshots.set(id, { id, parent, slots, wrote, live: true });
    this.stored.nodes.set(id, { parent, live: true, runs, slots });
    this.#written += wrote.size;
    this.#kept = this.stored.check();
    return id;
  }

  release(id: Id): void {
    this.history.snapshots.get(id)!.live = false;
    const { freed } = this.stored.release(id);
    const freedUnits = unitsOf(freed);
    this.#freed += freedUnits.length;
    const kept = this.stored.check();
    assert.deepEqual([...kept, ...freedUnits].sort(), this.#kept, 'freed or kept by mistake');
    assert.deepEqual(kept, this.history.liveUnits(), 'what is kept is not what is live');
    this.#kept = kept;
  }

  get kept(): readonly string[] {
    return this.#kept;
  }

  assertAllFreed(): void {
    assert.equal(this.stored.nodes.size, 0);
    assert.equal(this.#freed, this.#written);
  }
}

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
