/**
 * Building the segment tree of a new snapshot from its base's tree and the pages that changed.
 *
 * Three passes, each bounded by the changed part and the edges: find the dirty blocks (those that
 * may differ from the base's), fetch the base's version of them from the root down, and rebuild
 * them from the leaves up. A block that comes out as it was is shared, and so may its parents be.
 */
import {
  type Block,
  fetchBlocks,
  type Located,
  type NewBlock,
  slotsOf,
  type Tree,
  type TreeWalk,
} from './blocks.ts';
import { levelCounts } from './geometry.ts';

export interface BuildOptions<Leaf, Ref> {
  readonly fanOut: number;
  /** The tree to share blocks with; undefined for none. */
  readonly base: Tree<Leaf, Ref> | undefined;
  /**
   * Pages that differ from the base's, by rising index, null for a hole. A leaf in it counts as
   * different unheard: a block whose pages are all listed is written without looking at the base.
   */
  readonly changed: readonly (readonly [index: number, leaf: Leaf | null])[];
  /** Pages of the new tree; those past the base's end are holes unless listed in `changed`. */
  readonly pageCount: number;
  /** Names a block that is to be written; called once for each, by (level, index). */
  readonly newRef: (level: number, index: number) => Ref;
}

/** A block that may have to be rewritten; at level 0 a changed page. */
interface Dirty {
  readonly index: number;
  /** All pages below it are listed as changed, so that the base's version is of no interest. */
  readonly settled: boolean;
}

/** What the base has to say: its blocks per level, and the node where the new tree's root meets it. */
interface BaseBlocks<Leaf, Ref> {
  readonly leaf: Leaf | null;
  readonly root: Ref | null;
  readonly levels: ReadonlyMap<number, BaseLevel<Leaf, Ref>>;
}

interface BaseLevel<Leaf, Ref> {
  readonly refs: ReadonlyMap<number, Ref>;
  readonly blocks: ReadonlyMap<number, Block<Leaf, Ref>>;
}

interface Rebuilt<Child> {
  readonly index: number;
  readonly children: readonly (Child | null)[];
  /** Equal to the base's block at this place: shared, not written. */
  readonly same: boolean;
}

/**
 * A new tree over pages [0, pageCount), and its blocks to write, ordered by (level, index). Leaves
 * and refs are compared by `===`. Throws RangeError when `changed` is unsorted or out of range.
 */
export function* buildTree<Leaf, Ref>(
  options: BuildOptions<Leaf, Ref>,
): TreeWalk<Leaf, Ref, { tree: Tree<Leaf, Ref>; blocks: NewBlock<Leaf, Ref>[] }> {
  const { fanOut, changed, pageCount, newRef } = options;
  const base = options.base ?? { pageCount: 0, leaf: null, root: null };
  const before = levelCounts(base.pageCount, fanOut);
  const after = levelCounts(pageCount, fanOut);
  checkChanged(changed, pageCount);
  const [first] = changed;
  if (pageCount === 1 && first !== undefined) {
    return { tree: { pageCount, leaf: first[1], root: null }, blocks: [] };
  }
  const dirtyLevels = findDirty(fanOut, before, after, changed);
  const old = yield* fetchBase(fanOut, base, before, after, dirtyLevels);

  if (after.length === 1) {
    const [first] = changed;
    const leaf = first === undefined ? (pageCount === 0 ? null : old.leaf) : first[1];
    return { tree: { pageCount, leaf, root: null }, blocks: [] };
  }

  const blocks: NewBlock<Leaf, Ref>[] = [];
  const take = (level: number, index: number, block: Block<Leaf, Ref>): Ref => {
    const ref = newRef(level, index);
    blocks.push({ ref, level, index, block });
    return ref;
  };
  let values: (readonly [number, Ref | null])[] = [];
  for (let level = 1; level < after.length; level++) {
    const oldLevel = old.levels.get(level);
    const dirty = dirtyLevels[level] ?? [];
    const slots = (index: number) => slotsOf(fanOut, after, level, index);
    // One level above the base's root, child 0 is that root, though the base has no such block.
    const aboveOldRoot = level === before.length && base.pageCount > 0;
    const refOf = <Child>(
      rebuilt: Rebuilt<Child>,
      toBlock: (children: readonly (Child | null)[]) => Block<Leaf, Ref>,
    ): readonly [number, Ref | null] => {
      const { index, children, same } = rebuilt;
      if (same) return [index, oldLevel?.refs.get(index) ?? null];
      if (children.every((child) => child === null)) return [index, null];
      return [index, take(level, index, toBlock(children))];
    };
    if (level === 1) {
      const oldLeaves = (index: number): OldChildren<Leaf> => {
        if (aboveOldRoot && index === 0) return { children: [old.leaf], isBlock: false };
        const block = oldLevel?.blocks.get(index);
        return { children: block && 'leaves' in block ? block.leaves : [], isBlock: true };
      };
      values = rebuildLevel(fanOut, dirty, slots, changed, oldLeaves).map((rebuilt) =>
        refOf(rebuilt, (leaves) => ({ level: 1, leaves })),
      );
    } else {
      const oldRefs = (index: number): OldChildren<Ref> => {
        if (aboveOldRoot && index === 0) return { children: [old.root], isBlock: false };
        const block = oldLevel?.blocks.get(index);
        return { children: block && 'blocks' in block ? block.blocks : [], isBlock: true };
      };
      values = rebuildLevel(fanOut, dirty, slots, values, oldRefs).map((rebuilt) =>
        refOf(rebuilt, (refs) => ({ level, blocks: refs })),
      );
    }
  }
  const [top] = values;
  return {
    tree: { pageCount, leaf: null, root: top === undefined ? old.root : top[1] },
    blocks,
  };
}

function checkChanged(changed: readonly (readonly [number, unknown])[], pageCount: number): void {
  let previous = -1;
  for (const [index] of changed) {
    if (!Number.isSafeInteger(index) || index <= previous || index >= pageCount) {
      throw new RangeError(
        `changed pages must rise within ${pageCount} pages: page ${index} after page ${previous}`,
      );
    }
    previous = index;
  }
}

/** Per level of the new tree the blocks that may differ from the base's, by index. */
function findDirty(
  fanOut: number,
  before: readonly number[],
  after: readonly number[],
  changed: readonly (readonly [number, unknown])[],
): Dirty[][] {
  const levels: Dirty[][] = [changed.map(([index]) => ({ index, settled: true }))];
  for (let level = 1; level < after.length; level++) {
    const settledChildren = new Map<number, number>();
    const inBoth = Math.min(before[level - 1] ?? 0, after[level - 1]!);
    for (const child of levels[level - 1]!) {
      const parent = Math.floor(child.index / fanOut);
      const counts = child.settled && child.index < inBoth ? 1 : 0;
      settledChildren.set(parent, (settledChildren.get(parent) ?? 0) + counts);
    }
    const edge = dirtyEdge(fanOut, before, after, level);
    if (edge !== undefined && !settledChildren.has(edge)) settledChildren.set(edge, 0);
    const dirty: Dirty[] = [];
    for (const [index, settled] of settledChildren) {
      // Children past either tree's end are known to be holes, or gone, without the base.
      const asked = Math.max(0, Math.min(fanOut, inBoth - index * fanOut));
      dirty.push({ index, settled: settled === asked });
    }
    levels.push(dirty.sort((left, right) => left.index - right.index));
  }
  return levels;
}

/** The one block of a level that differs because the tree's end moved, if any. */
function dirtyEdge(
  fanOut: number,
  before: readonly number[],
  after: readonly number[],
  level: number,
): number | undefined {
  const lastBefore = before[level];
  // Above the base's height a path leads from the new root down to the base's.
  if (lastBefore === undefined) return before[0]! > 0 ? 0 : undefined;
  const last = Math.min(lastBefore, after[level]!) - 1;
  if (last < 0) return undefined;
  const moved = slotsOf(fanOut, before, level, last) !== slotsOf(fanOut, after, level, last);
  return moved ? last : undefined;
}

/** Fetches the base's version of all dirty blocks that are not settled, a batch per level. */
function* fetchBase<Leaf, Ref>(
  fanOut: number,
  base: Tree<Leaf, Ref>,
  before: readonly number[],
  after: readonly number[],
  dirtyLevels: readonly (readonly Dirty[])[],
): TreeWalk<Leaf, Ref, BaseBlocks<Leaf, Ref>> {
  const levels = new Map<number, BaseLevel<Leaf, Ref>>();
  const meeting = Math.min(before.length, after.length) - 1;
  const topDirty = dirtyLevels[meeting]?.[0];
  const topIsSettled = after[0] === 0 || (topDirty?.index === 0 && topDirty.settled);
  let leaf = before.length === 1 ? base.leaf : null;
  let root = before.length === 1 ? null : base.root;
  // The new tree is lower: go down the base's left edge to the node that takes the root's place.
  for (let level = before.length - 1; level > meeting && !topIsSettled && root !== null; level--) {
    const fetched = yield* fetchBlocks<Leaf, Ref>(fanOut, before, level, [
      { index: 0, value: root },
    ]);
    const block = fetched.get(0)!;
    if ('leaves' in block) leaf = block.leaves[0] ?? null;
    root = 'leaves' in block ? null : (block.blocks[0] ?? null);
  }
  let wanted: Located<Ref>[] = [];
  if (meeting > 0 && topDirty?.index === 0 && !topIsSettled && root !== null) {
    wanted = [{ index: 0, value: root }];
  }
  for (let level = meeting; wanted.length > 0; level--) {
    const blocks: Map<number, Block<Leaf, Ref>> = yield* fetchBlocks<Leaf, Ref>(
      fanOut,
      before,
      level,
      wanted,
    );
    levels.set(level, {
      refs: new Map(wanted.map(({ index, value }) => [index, value])),
      blocks,
    });
    wanted = level === 1 ? [] : wantedBelow(fanOut, blocks, dirtyLevels[level - 1] ?? []);
  }
  return { leaf, root, levels };
}

function wantedBelow<Leaf, Ref>(
  fanOut: number,
  parents: ReadonlyMap<number, Block<Leaf, Ref>>,
  dirty: readonly Dirty[],
): Located<Ref>[] {
  const wanted: Located<Ref>[] = [];
  for (const { index, settled } of dirty) {
    if (settled) continue;
    const parent = parents.get(Math.floor(index / fanOut));
    const ref = parent && 'blocks' in parent ? (parent.blocks[index % fanOut] ?? null) : null;
    if (ref !== null) wanted.push({ index, value: ref });
  }
  return wanted;
}

interface OldChildren<Child> {
  readonly children: readonly (Child | null)[];
  /** False where the children stand for no block of the base, so that there is none to share. */
  readonly isBlock: boolean;
}

/** The dirty blocks of one level: the base's children, with `values` (sorted) put over them. */
function rebuildLevel<Child>(
  fanOut: number,
  dirty: readonly Dirty[],
  slots: (index: number) => number,
  values: readonly (readonly [number, Child | null])[],
  oldChildren: (index: number) => OldChildren<Child>,
): Rebuilt<Child>[] {
  let next = 0;
  return dirty.map(({ index }) => {
    const old = oldChildren(index);
    const count = slots(index);
    const children: (Child | null)[] = [];
    for (let slot = 0; slot < count; slot++) children.push(old.children[slot] ?? null);
    let same = old.isBlock && old.children.length === count;
    for (; next < values.length && values[next]![0] < index * fanOut + count; next++) {
      const [child, value] = values[next]!;
      const slot = child - index * fanOut;
      if (children[slot] !== value) same = false;
      children[slot] = value;
    }
    return { index, children, same };
  });
}
