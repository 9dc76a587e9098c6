/**
 * The nodes of a version that changes nothing: what closes an abandoned one, whose number others count on.
 *
 * Versions that were woven while it was pending point to its nodes by name, at any place within the
 * interval that it was given. So each node there exists; its leaves name the pages of the version before it,
 * and a stored page of zeros where nobody ever wrote, since the original's client cannot read holes.
 */
import { BlobSeerError } from '../errors.ts';
import type { MetadataProviders } from './metadata-providers.ts';
import type { CallOptions } from './transport.ts';
import { isHole, type PendingVersion, type Segment, type TreeNode } from './wire/records.ts';
import {
  childrenOf,
  inner,
  type NodeRecord,
  type NodeWalk,
  pageKeysOf,
  rootSizeFor,
  runWalk,
  treeOver,
} from './wire/tree.ts';
import { weave } from './wire/weave.ts';

export interface RepairTools {
  readonly metadata: Pick<MetadataProviders, 'nodes' | 'pages' | 'put' | 'run'>;
  /** Stores a page of zeros under a key of its own. Called at most once for a version. */
  storeZeroPage(pageSize: number, replicas: number, options?: CallOptions): Promise<Buffer>;
  /**
   * Called for nodes of older versions that no provider has, be they lost or released. What was to be read
   * there stays missing, and does not become a hole or zeros. Without it they are an error.
   */
  readonly onMissing?: (node: Segment) => void;
}

/** A power of two. So many are worked on at once, however long the interval is. */
const chunkPages = 1024;
/**
 * More than any client writes at once. Whoever asks for more gets a version that reads right by its
 * root, and nothing that could be pointed to below it: a ticket alone must not fill metadata providers.
 */
const maxCoveredPages = 2 ** 20;

/** In place of that of a page whose leaf is missing: known by its identity. */
const missingKey = Buffer.alloc(0);

type Abandoned = Pick<PendingVersion, 'interval' | 'root'>;

/** Writes all nodes of the version; `previous` is the root node of the one before (size 0: none). */
export async function writeUnchanged(
  version: Abandoned,
  previous: Segment,
  tools: RepairTools,
  options?: CallOptions,
): Promise<void> {
  for await (const nodes of unchangedNodes(version, previous, tools, options)) {
    await tools.metadata.put({ nodes }, options);
  }
}

/** As `writeUnchanged`, leaving alone what somebody else wrote already. */
export async function fillUnchanged(
  version: Abandoned,
  previous: Segment,
  tools: RepairTools,
  options?: CallOptions,
): Promise<void> {
  const { metadata } = tools;
  for await (const records of unchangedNodes(version, previous, tools, options)) {
    const segments = records.map(({ segment }) => segment);
    const found = await wholeNodes(segments, metadata, options);
    const nodes = records.filter((_, index) => found[index] === undefined);
    if (nodes.length > 0) await metadata.put({ nodes }, options);
  }
}

/**
 * Whether all nodes that the version with this root node wrote itself are there, with the lists of
 * its pages. A writer sees to that before it publishes.
 */
export async function isWhole(
  root: Segment,
  metadata: RepairTools['metadata'],
  options?: CallOptions,
): Promise<boolean> {
  const open = [root];
  while (open.length > 0) {
    const segments = open.splice(-chunkPages);
    const nodes = await wholeNodes(segments, metadata, options);
    for (const [index, node] of nodes.entries()) {
      if (node === undefined) return false;
      if (node.kind === 'leaf') continue;
      const own = ({ blobId, version }: Segment) =>
        blobId === root.blobId && version === root.version;
      open.push(...childrenOf(segments[index]!, node).filter(own));
    }
  }
  return true;
}

/** Undefined also for leaves of pages that nobody knows the places of. */
async function wholeNodes(
  segments: readonly Segment[],
  metadata: RepairTools['metadata'],
  options?: CallOptions,
): Promise<(TreeNode | undefined)[]> {
  const nodes = await metadata.nodes(segments, options);
  const keys = nodes.flatMap((node) => (node?.kind === 'leaf' ? [node.pageKey] : []));
  const lists = keys.length === 0 ? [] : await metadata.pages(keys, options);
  let leaf = 0;
  return nodes.map((node) => {
    return node?.kind === 'leaf' && lists[leaf++] === undefined ? undefined : node;
  });
}

/** Runs an algorithm on older trees. A node that is missing has children by its own name: missing, too, or not. */
function walkOver<Result>(
  walk: NodeWalk<Result>,
  pageSize: number,
  { metadata, onMissing }: RepairTools,
  options?: CallOptions,
): Promise<Result> {
  if (onMissing === undefined) return metadata.run(walk, options);
  return runWalk(walk, async (segments) => {
    const nodes = await metadata.nodes(segments, options);
    return nodes.map((node, index): TreeNode => {
      if (node !== undefined) return node;
      const segment = segments[index]!;
      onMissing(segment);
      if (segment.size === pageSize) return { kind: 'leaf', pageKey: missingKey, accessCount: 0 };
      const left = { ...segment, size: segment.size / 2 };
      return inner(left, { ...left, offset: left.offset + left.size });
    });
  });
}

/** In pieces of some thousand nodes, those of lower levels first. */
async function* unchangedNodes(
  { interval, root }: Abandoned,
  previous: Segment,
  tools: RepairTools,
  options?: CallOptions,
): AsyncGenerator<readonly NodeRecord[]> {
  const { pageSize } = root;
  const run = <Result>(walk: NodeWalk<Result>) => walkOver(walk, pageSize, tools, options);
  const { blobId, version, size: rootSize } = root.node;
  const first = Math.floor(interval.offset / pageSize);
  const end = Math.ceil((interval.offset + interval.size) / pageSize);
  const fits =
    isTree(root.node, pageSize) &&
    (previous.size === 0 || isTree(previous, pageSize)) &&
    previous.size <= rootSize &&
    first < end &&
    end * pageSize <= rootSize;
  if (!fits) {
    const named = `version ${version} of blob ${blobId}`;
    throw new BlobSeerError('corrupt', `${named}: its interval, pages and root do not fit`);
  }
  const previousPages = previous.size / pageSize;
  if (end - first > maxCoveredPages) {
    const pageCount = Math.max(1, previousPages);
    const base = previousPages === 0 ? undefined : { root: previous, pageCount };
    const own = { blobId, version };
    yield await run(treeOver({ own, pageSize, rootSize, pageCount, base, changed: [] }));
    return;
  }

  let zeroKey: Buffer | undefined;
  const keysOf = async (from: number, to: number): Promise<Buffer[]> => {
    const count = Math.min(to, previousPages) - from;
    const written = count > 0 ? await run(pageKeysOf(previous, pageSize, from, count)) : [];
    const keys: Buffer[] = [];
    for (let index = 0; index < to - from; index++) {
      let key = written[index];
      if (!key) {
        zeroKey ??= await tools.storeZeroPage(pageSize, root.ftInfo, options);
        key = zeroKey;
      }
      keys.push(key);
    }
    return keys;
  };
  /** `pages` of them from the first on, in a tree, or a part of one, of `size` bytes. */
  const woven = (
    from: number,
    pageKeys: readonly Buffer[],
    pages: { readonly pageSize: number; readonly rootSize: number },
  ): Promise<NodeRecord[]> => {
    const offset = from * pages.pageSize;
    const size = pageKeys.length * pages.pageSize;
    const range = { blobId, version, offset, size };
    return run(weave({ ...pages, interval: range, pageKeys, pending: [], stableRoot: previous }));
  };
  const chunkSize = Math.min(rootSize, chunkPages * pageSize);
  const firstChunk = Math.floor(first / chunkPages);
  const chunkCount = Math.ceil(end / chunkPages) - firstChunk;
  for (let chunk = firstChunk; chunk < firstChunk + chunkCount; chunk++) {
    const from = Math.max(first, chunk * chunkPages);
    const keys = await keysOf(from, Math.min(end, (chunk + 1) * chunkPages));
    const records = await woven(from, keys, { pageSize, rootSize: chunkSize });
    yield records.filter(({ node }) => node.kind !== 'leaf' || node.pageKey !== missingKey);
  }
  if (chunkSize === rootSize) return;
  // What lies above, as though chunks were pages. Their nodes are there.
  const noKeys = Array.from({ length: chunkCount }, () => Buffer.alloc(0));
  const above = await woven(firstChunk, noKeys, { pageSize: chunkSize, rootSize });
  yield above.slice(chunkCount);
}

const isTree = (node: Segment, pageSize: number): boolean =>
  !isHole(node) &&
  node.offset === 0 &&
  pageSize >= 1 &&
  node.size >= pageSize &&
  Number.isSafeInteger(node.size) &&
  rootSizeFor(node.size, pageSize) === node.size;
