/** Versions that change nothing: read right by their roots, and by whoever points into them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlobSeerError } from '../errors.ts';
import { MetadataModel } from './testing/metadata-model.ts';
import { nameOf } from './testing/nodes.ts';
import { fillUnchanged, isWhole, type RepairTools, writeUnchanged } from './unchanged-version.ts';
import type { Root, Segment } from './wire/records.ts';
import { pageKeysOf, rootSizeFor, treeOver } from './wire/tree.ts';

const pageSize = 1000;
const own = { blobId: 1, version: 2 };
const none: Segment = { blobId: 1, version: 0, offset: 0, size: 0 };

function keyOf(index: number): Buffer {
  const key = Buffer.alloc(16, 0xaa);
  key.writeUInt32LE(index);
  return key;
}
const zeroKey = Buffer.alloc(16);

/** A version 1 of so many pages, of which some are holes, and tools that count pages of zeros. */
async function opened(written: readonly (Buffer | null)[]) {
  const model = new MetadataModel();
  const metadata = model.seenThrough(() => Promise.resolve());
  const zeroPages: [pageSize: number, replicas: number][] = [];
  const tools: RepairTools = {
    metadata,
    storeZeroPage: async (size, replicas) => {
      zeroPages.push([size, replicas]);
      await metadata.put({ pages: [{ key: zeroKey, providers: [] }] });
      return zeroKey;
    },
  };
  let previous = none;
  if (written.length > 0) {
    const rootSize = rootSizeFor(written.length * pageSize, pageSize);
    const changed = [...written.entries()].filter(([, key]) => key !== null);
    const shape = { pageSize, rootSize, pageCount: written.length, base: undefined, changed };
    const nodes = await metadata.run(treeOver({ ...shape, own: { blobId: 1, version: 1 } }));
    const pages = changed.map(([, key]) => ({ key: key!, providers: [] }));
    await metadata.put({ nodes, pages });
    previous = { blobId: 1, version: 1, offset: 0, size: rootSize };
  }
  return { model, metadata, tools, previous, zeroPages };
}

function versionOf(offset: number, size: number, rootSize: number) {
  const root: Root = {
    node: { ...own, offset: 0, size: rootSize },
    pageSize,
    currentSize: 1,
    ftInfo: 3,
  };
  return { interval: { ...own, offset, size }, root };
}

const shapes = fc.record({
  written: fc.array(fc.boolean(), { maxLength: 40 }),
  offset: fc.nat(60 * pageSize),
  size: fc.integer({ min: 1, max: 30 * pageSize }),
  doublings: fc.nat(2),
});

test('every node within the interval is there, naming older pages or zeros', async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async ({ written, offset, size, doublings }) => {
      const keys = written.map((isThere, index) => (isThere || index === 0 ? keyOf(index) : null));
      const { model, metadata, tools, previous, zeroPages } = await opened(keys);
      const least = Math.max(rootSizeFor(offset + size, pageSize), previous.size);
      const version = versionOf(offset, size, least * 2 ** doublings);
      const { node } = version.root;
      await writeUnchanged(version, previous, tools);
      const first = Math.floor(offset / pageSize);
      const end = Math.ceil((offset + size) / pageSize);
      const expected = Array.from({ length: node.size / pageSize }, (_, index) => {
        return keys[index] ?? (index >= first && index < end ? zeroKey : null);
      });
      assert.deepEqual(
        await metadata.run(pageKeysOf(node, pageSize, 0, expected.length)),
        expected,
      );
      for (let part = pageSize; part <= node.size; part *= 2) {
        for (let at = Math.floor(offset / part) * part; at < offset + size; at += part) {
          const name = nameOf({ ...own, offset: at, size: part });
          assert.ok(model.nodes.has(name), name);
        }
      }
      const needsZeros = expected.slice(first, end).includes(zeroKey);
      assert.deepEqual(zeroPages, needsZeros ? [[pageSize, 3]] : []);
      assert.ok(await isWhole(node, metadata));
    }),
    { numRuns: 300 },
  );
});

test('a version of which a node or a list is missing is not whole, and is filled up', async () => {
  const keys = Array.from({ length: 6 }, (_, index) => keyOf(index));
  const { model, metadata, tools, previous } = await opened(keys);
  const version = versionOf(3000, 5000, 16_000);
  const { node } = version.root;
  await writeUnchanged(version, previous, tools);
  const before = [...model.nodes];
  const names = before.map(([name]) => name).filter((name) => name.startsWith('1/2/'));
  assert.equal(names.length, 5 + 3 + 2 + 1 + 1);
  const listed = [...keys.slice(3), zeroKey].map((key) => key.toString('hex'));
  for (const lost of names) {
    model.nodes.delete(lost);
    assert.equal(await isWhole(node, metadata), false, lost);
    await fillUnchanged(version, previous, tools);
    assert.ok(await isWhole(node, metadata));
  }
  assert.deepEqual(new Map(before), model.nodes);
  for (const lost of listed) {
    model.lists.delete(lost);
    assert.equal(await isWhole(node, metadata), false);
    model.lists.add(lost);
  }
  // What a writer wrote stays, unless it cannot be read.
  const leaf = (key: Buffer) => ({ kind: 'leaf', pageKey: key, accessCount: 0 }) as const;
  model.nodes.set('1/2/3000+1000', leaf(keyOf(100)));
  model.nodes.set('1/2/4000+1000', leaf(keyOf(101)));
  model.lists.add(keyOf(100).toString('hex'));
  await fillUnchanged(version, previous, tools);
  assert.deepEqual(await metadata.run(pageKeysOf(node, pageSize, 3, 2)), [keyOf(100), keyOf(4)]);
});

test('long intervals are written in pieces, over older trees of any size', async () => {
  for (const pages of [1, 3, 900, 3000]) {
    const keys = Array.from({ length: pages }, (_, index) => keyOf(index));
    const { metadata, tools, previous } = await opened(keys);
    let most = 0;
    const counting: RepairTools = {
      ...tools,
      metadata: {
        ...metadata,
        put: (records) => {
          most = Math.max(most, records.nodes?.length ?? 0);
          return metadata.put(records);
        },
      },
    };
    const version = versionOf(700 * pageSize, 4100 * pageSize, 16_384 * pageSize);
    await writeUnchanged(version, previous, counting);
    const found = await metadata.run(pageKeysOf(version.root.node, pageSize, 0, 6000));
    const expected = Array.from({ length: 6000 }, (_, index) => {
      return keys[index] ?? (index >= 700 && index < 4800 ? zeroKey : null);
    });
    assert.deepEqual(found, expected);
    assert.ok(most < 2100, `${most} nodes at once`);
  }
});

test('an interval that nobody can have written costs a few nodes, and reads right by the root', async () => {
  for (const keys of [[], [keyOf(0), null, keyOf(2)]]) {
    const { model, metadata, tools, previous, zeroPages } = await opened(keys);
    const before = model.nodes.size;
    const rootSize = 2 ** 22 * pageSize;
    const version = versionOf(pageSize, rootSize - pageSize, rootSize);
    await writeUnchanged(version, previous, tools);
    assert.deepEqual(
      await metadata.run(pageKeysOf(version.root.node, pageSize, 0, 5)),
      Array.from({ length: 5 }, (_, index) => keys[index] ?? null),
    );
    assert.ok(model.nodes.size - before <= 23);
    assert.deepEqual(zeroPages, []);
    assert.ok(await isWhole(version.root.node, metadata));
  }
});

test('what cannot be a version is damage', async () => {
  const { tools, previous } = await opened([keyOf(0), keyOf(1)]);
  const wrong = [
    versionOf(0, 1000, 3000),
    versionOf(0, 1000, 1000),
    versionOf(4000, 1000, 4000),
    versionOf(0, 0, 4000),
    versionOf(0, 1000, 2 ** 60),
  ];
  const isCorrupt = (error: unknown) => error instanceof BlobSeerError && error.kind === 'corrupt';
  for (const version of wrong) {
    await assert.rejects(writeUnchanged(version, previous, tools), isCorrupt);
  }
  const pages = { ...versionOf(0, 1000, 4000).root, pageSize: 0 };
  await assert.rejects(
    writeUnchanged({ ...versionOf(0, 1000, 4000), root: pages }, previous, tools),
    isCorrupt,
  );
});
