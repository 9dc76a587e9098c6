/**
 * Segment trees as BlobSeer's metadata providers keep them: binary, a node per record, named by blob,
 * version and range. Reading, and building the tree of a new version, are those of ../../algorithms with
 * fan-out 2; this file says what is different on the wire:
 *
 * - A leaf is a record of its own, so what the algorithms take for a leaf is the pointer to it.
 * - A tree spans the root size that the ticket says, a power of two of pages, however few are written.
 * - The root is always a record of the new version, also where all below it is shared.
 *
 * Generators without I/O: they yield the nodes they need, a batch per level, and are resumed with them.
 */
import {
  type Block,
  buildTree,
  leavesOf,
  type Tree,
  type TreeWalk,
} from '../../algorithms/segment-tree.ts';
import { BlobSeerError } from '../../errors.ts';
import { hole, isHole, isSame, type Segment, type TreeNode } from './records.ts';

export interface NodeRecord {
  readonly segment: Segment;
  readonly node: TreeNode;
}

/** Yields the names of nodes it needs, is resumed with them in the same order, returns the result. */
export type NodeWalk<Result> = Generator<readonly Segment[], Result, readonly TreeNode[]>;

export type OwnVersion = Pick<Segment, 'blobId' | 'version'>;

const fanOut = 2;

/** The bytes that a tree over [0, end) spans: the original doubles until it is enough. */
export function rootSizeFor(end: number, pageSize: number): number {
  let size = pageSize;
  while (size < end) size *= 2;
  return size;
}

/** Runs a walk on metadata providers. `fetch` throws for nodes that are missing. */
export async function runWalk<Result>(
  walk: NodeWalk<Result>,
  fetch: (segments: readonly Segment[]) => Promise<readonly TreeNode[]>,
): Promise<Result> {
  let step = walk.next();
  while (!step.done) step = walk.next(await fetch(step.value));
  return step.value;
}

/**
 * The keys of pages [first, first + count) of the version with that root node; null where nobody wrote.
 * Throws RangeError outside the tree, `corrupt` for nodes that do not fit their places.
 */
export function* pageKeysOf(
  root: Segment,
  pageSize: number,
  first: number,
  count: number,
): NodeWalk<(Buffer | null)[]> {
  const pageCount = root.size / pageSize;
  const tree = asTree(root, pageCount);
  const pointers = yield* onNodes(leavesOf<Segment, Segment>(fanOut, tree, first, count), {
    pageSize,
    pageCount,
  });
  const present = pointers.filter((pointer) => pointer !== null);
  const nodes = present.length === 0 ? [] : yield present;
  const keys = new Map<Segment, Buffer>();
  for (const [index, pointer] of present.entries()) {
    keys.set(pointer, leafKey(pointer, nodes[index]));
  }
  return pointers.map((pointer) => (pointer === null ? null : keys.get(pointer)!));
}

export interface NewTree {
  readonly own: OwnVersion;
  readonly pageSize: number;
  /** As the ticket says. */
  readonly rootSize: number;
  /** Pages of the new version; what lies behind them are holes. */
  readonly pageCount: number;
  /**
   * The version that all other pages are shared with: its root node, of any blob with pages of the same
   * size, and how many pages of it count.
   */
  readonly base: { readonly root: Segment; readonly pageCount: number } | undefined;
  /** Pages that differ from the base's, by rising index; null for a hole. */
  readonly changed: readonly (readonly [index: number, pageKey: Buffer | null])[];
}

/**
 * All records of a new version's tree, leaves first, the root last. It depends on the base, the changes and
 * the root size alone, not on what others write at the same time: their pages must not get into what was
 * compared with an older version.
 */
export function* treeOver(options: NewTree): NodeWalk<NodeRecord[]> {
  const { own, pageSize, rootSize, pageCount, changed } = options;
  const top = rootSizeFor(pageCount * pageSize, pageSize);
  if (pageCount < 1 || rootSize < top || rootSizeFor(rootSize, pageSize) !== rootSize) {
    throw new RangeError(`no tree of ${rootSize} bytes over ${pageCount} pages of ${pageSize}`);
  }
  const basePages = options.base?.pageCount ?? 0;
  const base = options.base && (yield* baseTree(options.base.root, pageSize, basePages));
  const records: NodeRecord[] = [];
  const named = (offset: number, size: number): Segment => ({ ...own, offset, size });
  const leaves = changed.map(([index, pageKey]): readonly [number, Segment | null] => {
    if (pageKey === null) return [index, null];
    const segment = named(index * pageSize, pageSize);
    records.push({ segment, node: { kind: 'leaf', pageKey, accessCount: 0 } });
    return [index, segment];
  });
  const built = yield* onNodes(
    buildTree<Segment, Segment>({
      fanOut,
      base,
      changed: leaves,
      pageCount,
      newRef: (level, index) => named(index * pageSize * 2 ** level, pageSize * 2 ** level),
    }),
    { pageSize, pageCount: basePages },
  );
  for (const { ref, block } of built.blocks) {
    const [left, right] = 'leaves' in block ? block.leaves : block.blocks;
    records.push({ segment: ref, node: inner(left ?? hole, right ?? hole) });
  }
  let highest = (pageCount === 1 ? built.tree.leaf : built.tree.root) ?? hole;
  for (let size = top; size < rootSize; size *= 2) {
    const parent = named(0, 2 * size);
    records.push({ segment: parent, node: inner(highest, hole) });
    highest = parent;
  }
  const root = named(0, rootSize);
  if (isSame(highest, root)) return records;
  if (isHole(highest)) {
    if (rootSize === pageSize) throw new RangeError('a version of one page that is a hole');
    return [...records, { segment: root, node: inner(hole, hole) }];
  }
  // All of it is shared: the root says so under its own name.
  const [shared] = yield [highest];
  return [...records, { segment: root, node: { ...fitting(highest, shared), accessCount: 0 } }];
}

/** The base's tree over its first pages, whose root may lie on the left edge below the given one. */
function* baseTree(
  root: Segment,
  pageSize: number,
  pageCount: number,
): NodeWalk<Tree<Segment, Segment> | undefined> {
  if (pageCount === 0) return undefined;
  const top = rootSizeFor(pageCount * pageSize, pageSize);
  if (root.offset !== 0 || root.size < top) {
    throw new RangeError(`a tree of ${root.size} bytes has no ${pageCount} pages of ${pageSize}`);
  }
  let highest = root;
  while (highest.size > top && !isHole(highest)) {
    const [node] = yield [highest];
    highest = childrenOf(highest, node)[0];
  }
  return asTree(highest, pageCount);
}

function asTree(root: Segment, pageCount: number): Tree<Segment, Segment> {
  const top = isHole(root) ? null : root;
  return pageCount === 1
    ? { pageCount, leaf: top, root: null }
    : { pageCount, leaf: null, root: top };
}

/** Runs one of the algorithms on nodes of a tree of `pageCount` pages. */
function* onNodes<Result>(
  walk: TreeWalk<Segment, Segment, Result>,
  tree: { readonly pageSize: number; readonly pageCount: number },
): NodeWalk<Result> {
  let step = walk.next();
  while (!step.done) {
    const segments = step.value;
    const nodes = segments.length === 0 ? [] : yield segments;
    step = walk.next(segments.map((segment, index) => asBlock(segment, nodes[index], tree)));
  }
  return step.value;
}

/** A block as the algorithms know it has as many children as there are pages for. */
function asBlock(
  segment: Segment,
  node: TreeNode | undefined,
  { pageSize, pageCount }: { readonly pageSize: number; readonly pageCount: number },
): Block<Segment, Segment> {
  const level = Math.log2(segment.size / pageSize);
  const below = Math.ceil(pageCount / 2 ** (level - 1));
  const slots = Math.min(fanOut, below - fanOut * (segment.offset / segment.size));
  const children = childrenOf(segment, node)
    .slice(0, slots)
    .map((child) => (isHole(child) ? null : child));
  return level === 1 ? { level, leaves: children } : { level, blocks: children };
}

/** The children of an inner node, checked for their places; what is no inner node throws `corrupt`. */
export function childrenOf(
  segment: Segment,
  node: TreeNode | undefined,
): [left: Segment, right: Segment] {
  const { kind, left, right } = { left: hole, right: hole, ...fitting(segment, node) };
  if (kind === 'leaf') throw misplaced(segment, 'is a leaf');
  return [left, right];
}

/** The node, if its children lie where they must. */
function fitting(segment: Segment, node: TreeNode | undefined): TreeNode {
  if (node === undefined) throw misplaced(segment, 'was not given');
  if (node.kind === 'leaf') return node;
  const size = segment.size / 2;
  for (const [child, offset] of [
    [node.left, segment.offset],
    [node.right, segment.offset + size],
  ] as const) {
    if (!isHole(child) && (child.offset !== offset || child.size !== size)) {
      throw misplaced(segment, `has a child of ${child.size} bytes at ${child.offset}`);
    }
  }
  return node;
}

function leafKey(segment: Segment, node: TreeNode | undefined): Buffer {
  if (node?.kind !== 'leaf') throw misplaced(segment, 'is no leaf');
  return node.pageKey;
}

export const inner = (left: Segment, right: Segment): TreeNode => ({
  kind: 'inner',
  left,
  right,
  accessCount: 0,
});

function misplaced({ blobId, version, offset, size }: Segment, what: string): BlobSeerError {
  return new BlobSeerError('corrupt', `node ${blobId}/${version}/${offset}+${size} ${what}`);
}
