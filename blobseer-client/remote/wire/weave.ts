/**
 * The tree of a version among versions that are still being written, as BlobSeer's own clients build
 * it: every part that the version does not write is taken from the newest older version that does,
 * visible or not. For blobs that clients of the original append to together with us; a version
 * that was compared with another is built by `treeOver` instead.
 *
 * Where an older version's tree is smaller than the part that is wanted, the original's client loses what was
 * there (a write that leaves a gap, or that overtakes a smaller pending one). Here such a part gets
 * a node of our own, whose halves are sought one by one; the original's clients read that.
 */
import { BlobSeerError } from '../../errors.ts';
import { hole, isHole, type PendingVersion, type Segment } from './records.ts';
import { childrenOf, inner, type NodeRecord, type NodeWalk } from './tree.ts';

export interface Woven {
  /** The ticket's: blob, version, first byte, and bytes. Starts on a page. */
  readonly interval: Segment;
  readonly pageSize: number;
  readonly rootSize: number;
  /** One for each page of the interval; the last page may be short. */
  readonly pageKeys: readonly Buffer[];
  /** The other versions that the ticket tells of. */
  readonly pending: readonly PendingVersion[];
  /** The newest visible version's root node; size 0 for none. */
  readonly stableRoot: Segment;
}

/** A range that a node of ours has as a child: resolved already, or to be found in the stable tree. */
type Child = { readonly segment: Segment } | { readonly wanted: Range };

interface Range {
  readonly offset: number;
  readonly size: number;
}

interface OwnNode {
  readonly segment: Segment;
  readonly left: Child;
  readonly right: Child;
}

/** All records of the version's tree, leaves first, the root last. */
export function* weave(options: Woven): NodeWalk<NodeRecord[]> {
  const { interval, pageSize, rootSize, pageKeys, stableRoot } = options;
  const { blobId, version } = interval;
  const named = ({ offset, size }: Range): Segment => ({ blobId, version, offset, size });
  if (
    interval.offset % pageSize !== 0 ||
    pageKeys.length !== Math.ceil(interval.size / pageSize) ||
    pageKeys.length === 0
  ) {
    throw new BlobSeerError(
      'invalid-argument',
      `${pageKeys.length} pages of ${pageSize} for ${interval.size} bytes at ${interval.offset}`,
    );
  }
  const leaves = pageKeys.map((pageKey, index): NodeRecord => {
    const segment = named({ offset: interval.offset + index * pageSize, size: pageSize });
    return { segment, node: { kind: 'leaf', pageKey, accessCount: 0 } };
  });
  const parents = [...ownNodes(options)];
  const wanted = parents.flatMap(({ left, right }) =>
    [left, right].flatMap((child) => ('wanted' in child ? [child.wanted] : [])),
  );
  const found = yield* findInTree(stableRoot, wanted);
  const pointer = (child: Child) => ('segment' in child ? child.segment : found.get(child.wanted)!);
  const nodes = parents.map(({ segment, left, right }) => ({
    segment,
    node: inner(pointer(left), pointer(right)),
  }));
  if (nodes.length === 0 && rootSize !== pageSize) throw new RangeError(`no root of ${rootSize}`);
  return [...leaves, ...nodes];
}

/** The inner nodes that the version writes: above its pages, and those that older trees lack. */
function* ownNodes(options: Woven): Generator<OwnNode> {
  const { interval, pageSize, rootSize } = options;
  const { blobId, version } = interval;
  const end = interval.offset + interval.size;
  for (let size = 2 * pageSize; size <= rootSize; size *= 2) {
    const half = size / 2;
    const bridges: OwnNode[] = [];
    const child = (offset: number): Child => {
      if (offset < end && offset + half > interval.offset) {
        return { segment: { blobId, version, offset, size: half } };
      }
      return resolve(options, { offset, size: half }, bridges);
    };
    for (let offset = Math.floor(interval.offset / size) * size; offset < end; offset += size) {
      const segment = { blobId, version, offset, size };
      const node = { segment, left: child(offset), right: child(offset + half) };
      yield* bridges.splice(0);
      yield node;
    }
  }
}

/** What older versions have there. Nodes that have to be made for it are added to `bridges`. */
function resolve(options: Woven, range: Range, bridges: OwnNode[]): Child {
  const { pending, stableRoot, interval } = options;
  const end = range.offset + range.size;
  const newest = pending.findLast(
    ({ interval: { offset, size } }) => offset < end && offset + size > range.offset,
  );
  const source = newest?.root.node ?? stableRoot;
  if (end <= source.size) {
    if (newest === undefined) return { wanted: range };
    const { blobId, version } = newest.interval;
    return { segment: { blobId, version, ...range } };
  }
  // Beyond all that is visible; nothing visible at all is a tree of no bytes.
  if (newest === undefined && range.offset >= stableRoot.size) return { segment: hole };
  const { blobId, version } = interval;
  const segment = { blobId, version, ...range };
  const half = range.size / 2;
  const left = resolve(options, { offset: range.offset, size: half }, bridges);
  const right = resolve(options, { offset: range.offset + half, size: half }, bridges);
  bridges.push({ segment, left, right });
  return { segment };
}

/** The pointers to these ranges in a tree that spans them, all walked down to at once. */
function* findInTree(root: Segment, wanted: readonly Range[]): NodeWalk<Map<Range, Segment>> {
  const found = new Map<Range, Segment>();
  let open = wanted.map((range) => ({ range, at: root }));
  for (;;) {
    open = open.filter(({ range, at }) => {
      const isThere = isHole(at) || at.size === range.size;
      if (isThere) found.set(range, isHole(at) ? hole : at);
      return !isThere;
    });
    if (open.length === 0) return found;
    const needed = new Map(open.map(({ at }) => [`${at.blobId}/${at.version}/${at.offset}`, at]));
    const nodes = yield [...needed.values()];
    const names = [...needed.keys()];
    const children = new Map(
      nodes.map((node, index) => {
        const name = names[index]!;
        return [name, childrenOf(needed.get(name)!, node)];
      }),
    );
    open = open.map(({ range, at }) => {
      const [left, right] = children.get(`${at.blobId}/${at.version}/${at.offset}`)!;
      return { range, at: range.offset < at.offset + at.size / 2 ? left : right };
    });
  }
}
