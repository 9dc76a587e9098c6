import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SnapshotRef } from '../blobseer.ts';
import { collect } from '../contract/blob-model.ts';
import type { PageAddress } from '../roles.ts';
import { clean, leftovers, withDirectory, withEngine } from '../testing/engines.ts';
import { databaseFile } from './directory.ts';
import { type EmbeddedBlobSeer, openEmbedded } from './embedded.ts';
import { rowBytesOf } from './inline-pages.ts';
import { inlineBytes } from './page-sink.ts';
import { decodeBlock, encodeBlock, pageTreeCodec } from './tree-records.ts';

/** LMDB's arithmetic: pages of a value that has pages of its own. */
const ownPages = (length: number): number => Math.ceil((length + 24) / 4096);

/** Where a page begins to be divided differently. */
const edges = fc
  .record({
    pages: fc.nat(15),
    beside: fc.constantFrom(-24, 0, 1176),
    off: fc.integer({ min: -2, max: 2 }),
  })
  .map(({ pages, beside, off }) => pages * 4096 + beside + off)
  .filter((bytes) => bytes > 0 && bytes <= inlineBytes);
const length = fc.oneof(edges, fc.integer({ min: 1, max: inlineBytes }));

test('a row takes pages that it fills, and what is beside it saves one', () => {
  const property = fc.property(length, (bytes) => {
    const row = rowBytesOf(bytes);
    assert.ok(row >= 0 && row <= bytes);
    if (row === bytes) return;
    assert.ok(bytes - row <= 1200);
    assert.equal((row === 0 ? 0 : row + 24) % 4096, 0);
    assert.equal(row === 0 ? 1 : ownPages(row) + 1, ownPages(bytes));
  });
  fc.assert(property);
});

async function publish(engine: EmbeddedBlobSeer, bytes: Buffer): Promise<SnapshotRef> {
  const staged = await engine.stage([bytes], { sizeHint: bytes.length });
  await staged.seal();
  return await engine.store.commit((transaction) => engine.publish(transaction, staged));
}

test('pages of any length are read back, checked, and leave nothing behind', async () => {
  const property = fc.asyncProperty(fc.array(length, { minLength: 1, maxLength: 12 }), (lengths) =>
    withEngine(async (engine) => {
      const written: { bytes: Buffer; snapshot: SnapshotRef }[] = [];
      for (const [index, count] of lengths.entries()) {
        const bytes = Buffer.alloc(count, `${index}:${count};`);
        written.push({ bytes, snapshot: await publish(engine, bytes) });
      }
      engine.store.refresh();
      for (const { bytes, snapshot } of written) {
        const whole = { offset: 0, length: bytes.length };
        assert.ok(engine.readInline(snapshot, whole)?.equals(bytes));
        assert.ok((await collect(engine.read(snapshot, whole))).equals(bytes));
        const tail = { offset: Math.floor(bytes.length / 2), length: Math.ceil(bytes.length / 2) };
        assert.ok(engine.readInline(snapshot, tail)?.equals(bytes.subarray(tail.offset)));
      }
      const references = written.map(({ snapshot }) => ({ owner: 'test', snapshot }));
      const report = await engine.check({ references });
      assert.deepEqual(report.problems, []);
      assert.equal(report.pages, lengths.length);
      const refs = written.map(({ snapshot }) => snapshot);
      await engine.store.commit((transaction) => engine.bury(transaction, refs));
      await clean(engine);
      assert.deepEqual(new Set(Object.values(leftovers(engine))), new Set([0]));
    }),
  );
  await fc.assert(property, { numRuns: 15 });
});

for (const [size, limit] of [
  [1, 400],
  [4096, 1.2 * 4096],
  [5000, 1.35 * 5000],
  [8192, 1.15 * 8192],
  [12_288, 1.1 * 12_288],
] as const) {
  test(`an object of ${size} bytes takes less than ${Math.round(limit)} of the directory`, async () => {
    await withDirectory(async (directory) => {
      const engine = await openEmbedded({ directory, role: 'alone', maintainEveryMs: 0 });
      const bytes = Buffer.alloc(size, 'x');
      const objects = 2000;
      const staged = await Promise.all(
        Array.from({ length: objects }, () => engine.stage([bytes], { sizeHint: size })),
      );
      for (const write of staged) await write.seal();
      await engine.store.commit((transaction) => {
        for (const write of staged) engine.publish(transaction, write);
      });
      await engine.close();
      const file = await stat(path.join(directory, databaseFile));
      assert.ok(file.size / objects < limit, `${file.size / objects} bytes`);
    });
  });
}

const address: fc.Arbitrary<PageAddress | null> = fc.option(
  fc.record(
    {
      writeId: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
      index: fc.nat(2 ** 32 - 1),
      crc: fc.nat(2 ** 32 - 1),
      length: fc.integer({ min: 1, max: 2 ** 26 }),
      inFile: fc.boolean(),
      rest: fc.uint8Array({ minLength: 1, maxLength: 1200 }).map((bytes) => Buffer.from(bytes)),
    },
    { requiredKeys: ['writeId', 'index', 'crc', 'length', 'inFile'], noNullPrototype: true },
  ),
);

test('addresses keep what stands beside them, in leaf blocks and in records of snapshots', () => {
  const block = fc.property(fc.array(address, { minLength: 1, maxLength: 40 }), (leaves) => {
    const bytes = encodeBlock({ level: 1, leaves });
    assert.deepEqual(decodeBlock(bytes), { level: 1, leaves });
    assert.throws(() => decodeBlock(Buffer.concat([bytes, Buffer.alloc(1)])), /damaged/);
    assert.throws(() => decodeBlock(bytes.subarray(0, -1)), /damaged/);
  });
  fc.assert(block);
  const snapshot = fc.property(address, (leaf) => {
    const tree = { pageCount: 1, leaf, root: null };
    const { head, tail } = pageTreeCodec.encode(tree);
    assert.deepEqual(pageTreeCodec.decode(head, tail, 1), tree);
    const longer = Buffer.concat([tail, Buffer.alloc(3)]);
    assert.throws(() => pageTreeCodec.decode(head, longer, 1), /damaged/);
  });
  fc.assert(snapshot);
});
