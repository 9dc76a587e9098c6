/** Trees against a model that knows the pages of every version. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlobSeerError } from '../../errors.ts';
import { Nodes } from '../testing/nodes.ts';
import { VersionManagerModel } from '../testing/version-manager-model.ts';
import { hole, type Segment, type Ticket, type TreeNode } from './records.ts';
import { type NodeRecord, pageKeysOf, rootSizeFor, treeOver } from './tree.ts';
import { weave } from './weave.ts';

/** Pages need not be a power of two. */
const pageSize = 1000;
const isCorrupt = (error: unknown) => error instanceof BlobSeerError && error.kind === 'corrupt';

let lastKey = 0;
function newKey(): Buffer {
  const key = Buffer.alloc(16);
  key.writeUInt32LE(++lastKey);
  return key;
}

/** The pages of a version by index; null for holes. */
type Pages = readonly (Buffer | null)[];

function pagesOf(nodes: Nodes, root: Segment): Pages {
  return nodes.run(pageKeysOf(root, pageSize, 0, root.size / pageSize));
}

function assertPages(found: Pages, expected: Pages, what: string): void {
  const padded = found.map((_, index) => expected[index] ?? null);
  assert.ok(expected.length <= found.length, what);
  assert.deepEqual(found, padded, what);
}

interface Step {
  /** Which of the writers that hold a ticket goes on, or that a new one begins. */
  readonly begins: boolean;
  readonly which: number;
  readonly isAppend: boolean;
  readonly page: number;
  readonly count: number;
  readonly shortBy: number;
}

const steps = fc.array(
  fc.record<Step>({
    begins: fc.boolean(),
    which: fc.nat(100),
    isAppend: fc.boolean(),
    page: fc.nat(40),
    count: fc.integer({ min: 1, max: 6 }),
    shortBy: fc.constantFrom(0, 0, 999, 1),
  }),
  { minLength: 1, maxLength: 24 },
);

test('H2: woven versions hold all older ones, with gaps, in any order of publishing', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const manager = new VersionManagerModel();
      const { blobId } = manager.create(pageSize, 1).node;
      const nodes = new Nodes();
      const expected: Pages[] = [[]];
      const open: { ticket: Ticket; keys: Buffer[] }[] = [];
      const finish = (index: number) => {
        const [{ ticket, keys }] = open.splice(index, 1) as [(typeof open)[number]];
        const { interval } = ticket.pending.at(-1)!;
        const records = nodes.run(
          weave({
            interval,
            pageSize,
            rootSize: ticket.rootSize,
            pageKeys: keys,
            pending: ticket.pending.slice(0, -1),
            stableRoot: ticket.stableRoot.node,
          }),
        );
        for (const { segment } of records) assert.equal(segment.version, interval.version);
        nodes.put(records);
        assert.ok(manager.publish(blobId, interval.version));
      };
      for (const { begins, which, isAppend, page, count, shortBy } of all) {
        if (!begins && open.length > 0) {
          finish(which % open.length);
          continue;
        }
        // Appends start where the last write ended: on a page only when that was not short.
        const size = count * pageSize - (isAppend ? 0 : shortBy);
        const ticket = manager.ticket(blobId, { offset: page * pageSize, size }, isAppend)!;
        const { interval } = ticket.pending.at(-1)!;
        const keys = Array.from({ length: count }, newKey);
        const first = interval.offset / pageSize;
        if (!Number.isInteger(first)) {
          // Nobody can weave that: the version is given up, and with it the rest of this run.
          const refused = { interval, pageSize, rootSize: ticket.rootSize, pageKeys: keys };
          const others = { pending: [], stableRoot: ticket.stableRoot.node };
          assert.throws(() => nodes.run(weave({ ...refused, ...others })), BlobSeerError);
          break;
        }
        const pages = [...expected.at(-1)!];
        while (pages.length < first + count) pages.push(null);
        pages.splice(first, count, ...keys);
        expected.push(pages);
        open.push({ ticket, keys });
      }
      while (open.length > 0) finish(open.length - 1);
      for (const [version, pages] of expected.entries()) {
        if (version === 0) continue;
        const { node } = manager.root(blobId, version);
        if (node.version === version)
          assertPages(pagesOf(nodes, node), pages, `version ${version}`);
      }
    }),
    { numRuns: 400 },
  );
});

interface Rewrite {
  readonly base: number;
  readonly isNewBlob: boolean;
  readonly pages: number;
  readonly changed: readonly { index: number; isHole: boolean }[];
}

const rewrites = fc.array(
  fc.record<Rewrite>({
    base: fc.nat(100),
    isNewBlob: fc.boolean(),
    pages: fc.integer({ min: 1, max: 40 }),
    changed: fc.uniqueArray(
      fc.record({ index: fc.nat(39), isHole: fc.constantFrom(false, false, true) }),
      { selector: ({ index }) => index, maxLength: 10 },
    ),
  }),
  { minLength: 1, maxLength: 12 },
);

test('a version built over any other shares all that did not change, and nothing else', () => {
  fc.assert(
    fc.property(rewrites, (all) => {
      const nodes = new Nodes();
      const made: { root: Segment; pages: Pages }[] = [];
      let blobId = 1;
      let version = 0;
      let largest = pageSize;
      for (const { base, isNewBlob, pages: pageCount, changed } of all) {
        if (isNewBlob) [blobId, version, largest] = [blobId + 1, 0, pageSize];
        version++;
        largest = Math.max(largest, rootSizeFor(pageCount * pageSize, pageSize));
        const from = made.length === 0 ? undefined : made[base % made.length]!;
        const sorted = changed
          .filter(({ index }) => index < pageCount)
          .sort((left, right) => left.index - right.index)
          .map(({ index, isHole }) => [index, isHole ? null : newKey()] as const);
        const pages = Array.from({ length: pageCount }, (_, index) => from?.pages[index] ?? null);
        for (const [index, key] of sorted) pages[index] = key;
        if (pageCount === 1 && pages[0] === null && largest === pageSize) continue;
        const records = nodes.run(
          treeOver({
            own: { blobId, version },
            pageSize,
            rootSize: largest,
            pageCount,
            base: from && { root: from.root, pageCount: from.pages.length },
            changed: sorted,
          }),
        );
        const root = { blobId, version, offset: 0, size: largest };
        assert.deepEqual(records.at(-1)!.segment, root);
        for (const { segment } of records) {
          assert.deepEqual([segment.blobId, segment.version], [blobId, version]);
        }
        // A path for each change, one for each end that moved, and the way up to the root's size.
        const height = Math.log2(largest / pageSize) + 1;
        assert.ok(records.length <= (sorted.length + 3) * height + 1, `${records.length} records`);
        nodes.put(records);
        made.push({ root, pages });
      }
      for (const { root, pages } of made)
        assertPages(pagesOf(nodes, root), pages, `${root.version}`);
    }),
    { numRuns: 500 },
  );
});

const leaf = (): TreeNode => ({ kind: 'leaf', pageKey: newKey(), accessCount: 7 });

test('reading a range asks for no more than the range needs', () => {
  const nodes = new Nodes();
  const keys = Array.from({ length: 8 }, newKey);
  const own = { blobId: 1, version: 1 };
  const changed = keys.map((key, index) => [index, key] as const);
  const rootSize = 8 * pageSize;
  const tree = { own, pageSize, rootSize, pageCount: 8, base: undefined, changed };
  nodes.put(nodes.run(treeOver(tree)));
  const root = { ...own, offset: 0, size: rootSize };
  let asked = 0;
  const walk = pageKeysOf(root, pageSize, 5, 2);
  const counted = (function* () {
    let step = walk.next();
    while (!step.done) {
      asked += step.value.length;
      step = walk.next(yield step.value);
    }
    return step.value;
  })();
  assert.deepEqual(nodes.run(counted), keys.slice(5, 7));
  assert.equal(asked, 1 + 1 + 2 + 2);
  assert.throws(() => nodes.run(pageKeysOf(root, pageSize, 7, 2)), RangeError);
});

test('nodes that do not fit their places are corrupt', () => {
  const root = { blobId: 1, version: 1, offset: 0, size: 4 * pageSize };
  const child = (offset: number, size: number) => ({ blobId: 1, version: 1, offset, size });
  const half = 2 * pageSize;
  const wrong: TreeNode[] = [
    leaf(),
    { kind: 'inner', left: child(0, pageSize), right: hole, accessCount: 0 },
    { kind: 'inner', left: child(half, half), right: hole, accessCount: 0 },
    { kind: 'inner', left: hole, right: child(0, half), accessCount: 0 },
    { kind: 'inner', left: root, right: hole, accessCount: 0 },
  ];
  for (const node of wrong) {
    const nodes = new Nodes();
    nodes.put([{ segment: root, node }]);
    assert.throws(() => nodes.run(pageKeysOf(root, pageSize, 0, 4)), isCorrupt);
  }
  const page = child(0, pageSize);
  const noLeaf: NodeRecord = {
    segment: page,
    node: { kind: 'inner', left: hole, right: hole, accessCount: 0 },
  };
  const nodes = new Nodes();
  nodes.put([noLeaf]);
  assert.throws(() => nodes.run(pageKeysOf(page, pageSize, 0, 1)), isCorrupt);
});

test('a root that shares all of an older tree says so under its own name, uncounted', () => {
  const nodes = new Nodes();
  const base = { blobId: 1, version: 1, offset: 0, size: pageSize };
  const node = leaf();
  nodes.put([{ segment: base, node }]);
  const records = nodes.run(
    treeOver({
      own: { blobId: 2, version: 1 },
      pageSize,
      rootSize: pageSize,
      pageCount: 1,
      base: { root: base, pageCount: 1 },
      changed: [],
    }),
  );
  assert.deepEqual(records, [
    { segment: { ...base, blobId: 2 }, node: { ...node, accessCount: 0 } },
  ]);
});

test('trees that cannot be are refused', () => {
  const build = (
    rootSize: number,
    pageCount: number,
    base?: { root: Segment; pageCount: number },
  ) =>
    treeOver({
      own: { blobId: 1, version: 1 },
      pageSize,
      rootSize,
      pageCount,
      base,
      changed: [[0, newKey()]],
    }).next();
  assert.throws(() => build(pageSize, 2), RangeError);
  assert.throws(() => build(3 * pageSize, 2), RangeError);
  assert.throws(() => build(2 * pageSize, 0), RangeError);
  const root = { blobId: 1, version: 1, offset: 0, size: 2 * pageSize };
  assert.throws(() => build(4 * pageSize, 4, { root, pageCount: 3 }), RangeError);
  const twice = { interval: { ...root, size: pageSize }, pageSize, rootSize: pageSize };
  const noOthers = { pending: [], stableRoot: hole };
  const pageKeys = [newKey(), newKey()];
  assert.throws(() => weave({ ...twice, ...noOthers, pageKeys }).next(), BlobSeerError);
});
