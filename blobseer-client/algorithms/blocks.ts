/**
 * Blocks and trees: the shape of a segment tree, fetching its blocks, and running its algorithms.
 *
 * The page at index p is slot p of level 0. A block at (level, index) has the slots
 * [index * fanOut, (index + 1) * fanOut) of the level below as children, cut where that level ends.
 * A block whose children would all be holes is never written: its parent holds null in its place.
 */

/** A block of level 1; null is a hole, a page that nobody wrote. */
export interface LeafBlock<Leaf> {
  readonly level: 1;
  readonly leaves: readonly (Leaf | null)[];
}

/** A block of level 2 or higher; null is a subtree of holes only. */
export interface InnerBlock<Ref> {
  readonly level: number;
  readonly blocks: readonly (Ref | null)[];
}

/** Tell them apart by `'leaves' in block`. */
export type Block<Leaf, Ref> = LeafBlock<Leaf> | InnerBlock<Ref>;

export interface Tree<Leaf, Ref> {
  readonly pageCount: number;
  /** The one leaf of a tree of one page; null for a hole and for any other page count. */
  readonly leaf: Leaf | null;
  /** The root block of a tree of two pages or more; null when all of it is holes. */
  readonly root: Ref | null;
}

export interface NewBlock<Leaf, Ref> {
  readonly ref: Ref;
  readonly level: number;
  readonly index: number;
  readonly block: Block<Leaf, Ref>;
}

/** Yields refs of needed blocks, is resumed with them, returns the result. */
export type TreeWalk<Leaf, Ref, Result> = Generator<
  readonly Ref[],
  Result,
  readonly Block<Leaf, Ref>[]
>;

/** A block is not what its place in the tree demands: it was damaged, or fetched by a wrong ref. */
export class MalformedTreeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MalformedTreeError';
  }
}

/** A value (leaf, ref or block) at an index of its level. */
export interface Located<Value> {
  readonly index: number;
  readonly value: Value;
}

/** Fetches blocks of one level as one batch, and checks that they fit their places. */
export function* fetchBlocks<Leaf, Ref>(
  fanOut: number,
  counts: readonly number[],
  level: number,
  wanted: readonly Located<Ref>[],
): TreeWalk<Leaf, Ref, Map<number, Block<Leaf, Ref>>> {
  const blocks = yield wanted.map(({ value }) => value);
  if (blocks.length !== wanted.length) {
    throw new RangeError(`asked for ${wanted.length} blocks, was given ${blocks.length}`);
  }
  const placed = new Map<number, Block<Leaf, Ref>>();
  for (const [position, { index }] of wanted.entries()) {
    const block = blocks[position]!;
    const isLeafBlock = 'leaves' in block;
    const children = isLeafBlock ? block.leaves : block.blocks;
    const slots = slotsOf(fanOut, counts, level, index);
    if (block.level !== level || isLeafBlock !== (level === 1) || children.length !== slots) {
      throw new MalformedTreeError(
        `block ${index} of level ${level} needs ${slots} children, ` +
          `found ${children.length} of a block of level ${block.level}`,
      );
    }
    placed.set(index, block);
  }
  return placed;
}

/** How many children the block at (level, index) has in a tree with these level counts. */
export function slotsOf(
  fanOut: number,
  counts: readonly number[],
  level: number,
  index: number,
): number {
  const below = counts[level - 1] ?? 0;
  return Math.max(0, Math.min(fanOut, below - index * fanOut));
}

/** Runs a walk on a synchronous store. */
export function runSync<T, Ref, B>(
  generator: Generator<readonly Ref[], T, readonly B[]>,
  fetch: (refs: readonly Ref[]) => readonly B[],
): T {
  let step = generator.next();
  while (!step.done) step = generator.next(fetch(step.value));
  return step.value;
}

/** Runs a walk on a store that answers later. */
export async function runAsync<T, Ref, B>(
  generator: Generator<readonly Ref[], T, readonly B[]>,
  fetch: (refs: readonly Ref[]) => Promise<readonly B[]>,
): Promise<T> {
  let step = generator.next();
  while (!step.done) step = generator.next(await fetch(step.value));
  return step.value;
}
