import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { levelCounts } from './geometry.ts';
import {
  type Block,
  buildTree,
  leavesOf,
  MalformedTreeError,
  type NewBlock,
  runAsync,
  runSync,
  type Tree,
  type TreeWalk,
} from './segment-tree.ts';

type Leaf = number;
type Ref = string;
type TestTree = Tree<Leaf, Ref>;
type Built = { tree: TestTree; blocks: NewBlock<Leaf, Ref>[] };
type Pages = readonly (Leaf | null)[];
type Change = readonly [number, Leaf | null];

/** Blocks by ref, as a metadata provider would hold them; counts what is asked of it. */
class BlockStore {
  readonly #blocks = new Map<Ref, Block<Leaf, Ref>>();
  fetched: Ref[] = [];

  readonly fetch = (refs: readonly Ref[]): Block<Leaf, Ref>[] => {
    this.fetched.push(...refs);
    return refs.map((ref) => this.block(ref));
  };

  block(ref: Ref): Block<Leaf, Ref> {
    const block = this.#blocks.get(ref);
    assert.ok(block, `block ${ref} was asked for and never written`);
    return block;
  }

  write(blocks: readonly NewBlock<Leaf, Ref>[]): void {
    for (const { ref, block } of blocks) {
      assert.ok(!this.#blocks.has(ref), `block ${ref} is written twice`);
      this.#blocks.set(ref, block);
    }
  }

  /** All blocks of a tree, as "level/index" -> ref. */
  placesOf(fanOut: number, tree: TestTree): Map<string, Ref> {
    const places = new Map<string, Ref>();
    const visit = (ref: Ref | null, level: number, index: number) => {
      if (ref === null) return;
      places.set(`${level}/${index}`, ref);
      const block = this.block(ref);
      if ('leaves' in block) return;
      for (const [slot, child] of block.blocks.entries()) {
        visit(child, level - 1, index * fanOut + slot);
      }
    };
    visit(tree.root, levelCounts(tree.pageCount, fanOut).length - 1, 0);
    return places;
  }
}

/** The flat page map that a tree stands for. */
function applyChanges(base: Pages, changed: readonly Change[], pageCount: number): Pages {
  const pages = Array.from({ length: pageCount }, (_, index) => base[index] ?? null);
  for (const [index, leaf] of changed) pages[index] = leaf;
  return pages;
}

/** Checks one build: content, order of blocks, and that a block is written iff its pages differ. */
function checkBuild(
  store: BlockStore,
  fanOut: number,
  base: { tree: TestTree; pages: Pages },
  built: Built,
  pages: Pages,
): void {
  assert.equal(built.tree.pageCount, pages.length);
  if (pages.length > 1) assert.equal(built.tree.leaf, null);
  else assert.equal(built.tree.root, null);
  const all = runSync(leavesOf(fanOut, built.tree, 0, pages.length), store.fetch);
  assert.deepEqual(all, pages);

  const placesBefore = store.placesOf(fanOut, base.tree);
  const places = store.placesOf(fanOut, built.tree);
  const written = new Set(built.blocks.map(({ level, index }) => `${level}/${index}`));
  assert.equal(written.size, built.blocks.length);
  for (const { ref, level, index } of built.blocks) {
    assert.equal(places.get(`${level}/${index}`), ref, 'a written block is not part of the tree');
  }
  const inOrder = [...built.blocks].sort((l, r) => l.level - r.level || l.index - r.index);
  assert.deepEqual(built.blocks, inOrder);
  const same = equalBlocks(fanOut, base.pages, pages);
  for (const [place, ref] of places) {
    const [level, index] = place.split('/').map(Number) as [number, number];
    assert.ok(!isHoles(fanOut, pages, level, index), `block ${place} has holes only`);
    const shared = same(level, index);
    assert.equal(written.has(place), !shared, `block ${place} is ${shared ? 'equal' : 'new'}`);
    if (shared) assert.equal(ref, placesBefore.get(place));
  }
}

function isHoles(fanOut: number, pages: Pages, level: number, index: number): boolean {
  const width = fanOut ** level;
  return pages.slice(index * width, (index + 1) * width).every((leaf) => leaf === null);
}

/** From the page maps alone: would a block have the same children, in as many slots, in both trees? */
function equalBlocks(fanOut: number, before: Pages, after: Pages) {
  const countsBefore = levelCounts(before.length, fanOut);
  const countsAfter = levelCounts(after.length, fanOut);
  const same = (level: number, index: number): boolean => {
    if (level === 0) return (before[index] ?? null) === (after[index] ?? null);
    const holes = isHoles(fanOut, after, level, index);
    if (holes || isHoles(fanOut, before, level, index)) {
      return holes && isHoles(fanOut, before, level, index);
    }
    if (level >= countsBefore.length) return false;
    const end = (index + 1) * fanOut;
    const childrenEnd = Math.min(end, countsAfter[level - 1]!);
    if (childrenEnd !== Math.min(end, countsBefore[level - 1]!)) return false;
    for (let child = index * fanOut; child < childrenEnd; child++) {
      if (!same(level - 1, child)) return false;
    }
    return true;
  };
  return same;
}

interface BuildSpec {
  /** Picks one of the trees that are committed when the build starts. */
  readonly base: number;
  /** Pages of the new tree: as many as the base's, or of this share of the greatest size. */
  readonly size: number | undefined;
  /** Changed runs: where (share of the pages), how long, holes or leaves. */
  readonly changes: readonly { at: number; length: number; hole: boolean }[];
}

const share = fc.integer({ min: 0, max: 999 }).map((thousandth) => thousandth / 1000);
const buildSpec: fc.Arbitrary<BuildSpec> = fc.record({
  base: fc.nat(),
  size: fc.option(share, { nil: undefined }),
  changes: fc.array(
    fc.record({
      at: share,
      length: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 20 }), fc.constant(2000)),
      hole: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
});

/** Small trees of many levels, and trees with the embedded engine's fan-out. */
const shape = fc.oneof(
  fc.record({ fanOut: fc.integer({ min: 2, max: 8 }), greatest: fc.integer({ min: 1, max: 90 }) }),
  fc.record({ fanOut: fc.constant(256), greatest: fc.constantFrom(300, 1500) }),
);

/** The changes of a spec as `buildTree` takes them; every leaf is a new number. */
function changesOf(spec: BuildSpec, pageCount: number, newLeaf: () => Leaf): Change[] {
  const changed = new Map<number, Leaf | null>();
  for (const { at, length, hole } of spec.changes) {
    const first = Math.floor(at * pageCount);
    for (let page = first; page < Math.min(pageCount, first + length); page++) {
      changed.set(page, hole ? null : newLeaf());
    }
  }
  return [...changed].sort(([left], [right]) => left - right);
}

interface Committed {
  readonly tree: TestTree;
  readonly pages: Pages;
}

interface Pending extends Committed {
  readonly base: Committed;
  readonly walk: TreeWalk<Leaf, Ref, Built>;
  step: IteratorResult<readonly Ref[], Built>;
}

test('interleaved writers, each on any earlier tree, build what a flat page map says', () => {
  const action = fc.oneof(
    fc.record({ start: buildSpec }),
    fc.record({ advance: fc.nat() }),
    fc.record({ advance: fc.nat() }),
  );
  fc.assert(
    fc.property(
      shape,
      fc.array(action, { maxLength: 40, size: 'max' }),
      ({ fanOut, greatest }, actions) => {
        const store = new BlockStore();
        const committed: Committed[] = [];
        const pending: Pending[] = [];
        let leaves = 0;
        let writers = 0;
        const empty: Committed = { tree: { pageCount: 0, leaf: null, root: null }, pages: [] };

        const start = (spec: BuildSpec) => {
          const choice = spec.base % (committed.length + 1);
          const base = committed[choice];
          const before = base?.pages ?? [];
          const pageCount =
            spec.size === undefined ? before.length : Math.ceil(spec.size * greatest);
          const changed = changesOf(spec, pageCount, () => leaves++);
          const writer = writers++;
          const walk = buildTree<Leaf, Ref>({
            fanOut,
            base: base?.tree,
            changed,
            pageCount,
            newRef: (level, index) => `${writer}:${level}/${index}`,
          });
          const pages = applyChanges(before, changed, pageCount);
          pending.push({ base: base ?? empty, walk, step: walk.next(), pages, tree: empty.tree });
        };
        const advance = (pick: number) => {
          const position = pick % pending.length;
          const writer = pending[position]!;
          if (!writer.step.done) {
            writer.step = writer.walk.next(store.fetch(writer.step.value));
            return;
          }
          pending.splice(position, 1);
          store.write(writer.step.value.blocks);
          checkBuild(store, fanOut, writer.base, writer.step.value, writer.pages);
          committed.push({ tree: writer.step.value.tree, pages: writer.pages });
        };

        for (const next of actions) {
          if ('start' in next) start(next.start);
          else if (pending.length > 0) advance(next.advance);
        }
        while (pending.length > 0) advance(0);
        // No later build has disturbed an earlier tree.
        for (const { tree, pages } of committed) {
          assert.deepEqual(runSync(leavesOf(fanOut, tree, 0, pages.length), store.fetch), pages);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test('any range of leaves equals the page map, in one batch per level', () => {
  fc.assert(
    fc.property(shape, buildSpec, share, share, ({ fanOut, greatest }, spec, from, part) => {
      const store = new BlockStore();
      let leaves = 0;
      const changed = changesOf(spec, greatest, () => leaves++);
      const built = runSync(
        buildTree<Leaf, Ref>({
          fanOut,
          base: undefined,
          changed,
          pageCount: greatest,
          newRef: (level, index) => `${level}/${index}`,
        }),
        store.fetch,
      );
      store.write(built.blocks);
      const pages = applyChanges([], changed, greatest);
      const first = Math.floor(from * greatest);
      const count = Math.floor(part * (greatest - first + 1));
      let batches = 0;
      const range = runSync(leavesOf(fanOut, built.tree, first, count), (refs: readonly Ref[]) => {
        batches++;
        return store.fetch(refs);
      });
      assert.deepEqual(range, pages.slice(first, first + count));
      assert.ok(batches < levelCounts(greatest, fanOut).length);
      for (const ref of store.fetched) {
        const [level, index] = ref.split('/').map(Number) as [number, number];
        const width = fanOut ** level;
        assert.ok(
          index * width < first + count && first < (index + 1) * width,
          `block ${ref} holds no page of ${first}+${count}`,
        );
      }
    }),
    { numRuns: 200 },
  );
});

test('both drivers agree', async () => {
  await fc.assert(
    fc.asyncProperty(
      shape,
      fc.array(buildSpec, { minLength: 1, maxLength: 6 }),
      async ({ fanOut, greatest }, specs) => {
        const store = new BlockStore();
        const fetchLater = async (refs: readonly Ref[]) => {
          await Promise.resolve();
          return store.fetch(refs);
        };
        let base: TestTree | undefined;
        let leaves = 0;
        for (const [writer, spec] of specs.entries()) {
          const pageCount = Math.ceil((spec.size ?? 0.5) * greatest);
          const options = {
            fanOut,
            base,
            changed: changesOf(spec, pageCount, () => leaves++),
            pageCount,
            newRef: (level: number, index: number): Ref => `${writer}:${level}/${index}`,
          };
          const built = runSync(buildTree(options), store.fetch);
          assert.deepEqual(await runAsync(buildTree(options), fetchLater), built);
          store.write(built.blocks);
          base = built.tree;
          assert.deepEqual(
            await runAsync(leavesOf(fanOut, base, 0, pageCount), fetchLater),
            runSync(leavesOf(fanOut, base, 0, pageCount), store.fetch),
          );
        }
      },
    ),
    { numRuns: 50 },
  );
});

/** Builds, stores and returns the tree, and says how many blocks were read and written. */
function build(
  store: BlockStore,
  fanOut: number,
  base: TestTree | undefined,
  changed: readonly Change[],
  pageCount: number,
): { tree: TestTree; read: number; written: string[] } {
  builds++;
  store.fetched = [];
  const name = builds;
  const built = runSync(
    buildTree<Leaf, Ref>({
      fanOut,
      base,
      changed,
      pageCount,
      newRef: (level, index) => `${name}:${level}/${index}`,
    }),
    store.fetch,
  );
  store.write(built.blocks);
  const written = built.blocks.map(({ level, index }) => `${level}/${index}`);
  return { tree: built.tree, read: store.fetched.length, written };
}
let builds = 0;

function leavesFrom(first: number, count: number): Change[] {
  return Array.from({ length: count }, (_, at): Change => [first + at, 1_000_000 + at]);
}

test('a change of one page in a million touches only its path', () => {
  const store = new BlockStore();
  const pageCount = 1_000_000;
  const sparse = build(store, 256, undefined, [[0, 1], ...leavesFrom(500_000, 2)], pageCount);
  assert.deepEqual(sparse.written, ['1/0', '1/1953', '2/0', '2/7', '3/0']);
  const changed = build(store, 256, sparse.tree, [[500_001, 7]], pageCount);
  assert.deepEqual(changed.written, ['1/1953', '2/7', '3/0']);
  assert.equal(changed.read, 3);
  const range = runSync(leavesOf(256, changed.tree, 499_999, 3), store.fetch);
  assert.deepEqual(range, [null, 1_000_000, 7]);
});

test('a hundred thousand pages: each block once, and nothing of the base is read', () => {
  const store = new BlockStore();
  const first = build(store, 256, undefined, leavesFrom(0, 100_000), 100_000);
  assert.equal(first.written.length, 391 + 2 + 1);
  const again = build(store, 256, first.tree, leavesFrom(0, 100_000), 100_000);
  assert.equal(again.written.length, 391 + 2 + 1);
  assert.equal(again.read, 0);
});

test('growth puts the old root under the new one, untouched when it was full', () => {
  const store = new BlockStore();
  const four = build(store, 2, undefined, leavesFrom(0, 4), 4);
  const nine = build(store, 2, four.tree, [[8, 5]], 9);
  assert.deepEqual(nine.written, ['1/4', '2/2', '3/0', '3/1', '4/0']);
  assert.equal(nine.read, 0);
  assert.equal(store.placesOf(2, nine.tree).get('2/0'), four.tree.root);
});

test('shrinking to a complete subtree makes it the root and writes nothing', () => {
  const store = new BlockStore();
  const nine = build(store, 2, undefined, leavesFrom(0, 9), 9);
  const four = build(store, 2, nine.tree, [], 4);
  assert.deepEqual(four.written, []);
  assert.equal(four.tree.root, store.placesOf(2, nine.tree).get('2/0'));
  const three = build(store, 2, nine.tree, [], 3);
  assert.deepEqual(three.written, ['1/1', '2/0']);
  const one = build(store, 2, nine.tree, [], 1);
  assert.deepEqual(one.tree, { pageCount: 1, leaf: 1_000_000, root: null });
  const none = build(store, 2, nine.tree, [], 0);
  assert.deepEqual(none.tree, { pageCount: 0, leaf: null, root: null });
  assert.equal(none.read, 0);
});

test('what was cut off does not come back when the tree grows again', () => {
  const store = new BlockStore();
  const eight = build(store, 4, undefined, leavesFrom(0, 8), 8);
  const five = build(store, 4, eight.tree, [], 5);
  const again = build(store, 4, five.tree, [], 8);
  assert.deepEqual(runSync(leavesOf(4, again.tree, 4, 4), store.fetch), [
    1_000_004,
    null,
    null,
    null,
  ]);
});

test('bad input is refused, and a block in the wrong place is noticed', () => {
  const store = new BlockStore();
  const { tree } = build(store, 2, undefined, leavesFrom(0, 5), 5);
  const unsorted: Change[] = [
    [2, 1],
    [1, 1],
  ];
  const twice: Change[] = [
    [2, 1],
    [2, 2],
  ];
  for (const changed of [unsorted, twice, [[5, 1]] as Change[], [[-1, 1]] as Change[]]) {
    assert.throws(() => build(store, 2, tree, changed, 5), RangeError);
  }
  assert.throws(() => build(store, 1, tree, [], 5), RangeError);
  for (const [first, count] of [
    [0, 6],
    [5, 1],
    [-1, 1],
    [0, -1],
    [0.5, 1],
  ] as const) {
    assert.throws(() => runSync(leavesOf(2, tree, first, count), store.fetch), RangeError);
  }
  const leafBlock: Block<Leaf, Ref> = { level: 1, leaves: [1, 2] };
  assert.throws(() => runSync(leavesOf(2, tree, 0, 1), () => [leafBlock]), MalformedTreeError);
  assert.throws(
    () => runSync(leavesOf(2, { ...tree, pageCount: 8 }, 4, 1), store.fetch),
    MalformedTreeError,
  );
  assert.throws(() => runSync(leavesOf(2, tree, 0, 1), () => []), RangeError);
});
