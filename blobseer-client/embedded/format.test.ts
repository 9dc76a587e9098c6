/** Directories of other formats: what a newer program wrote is refused, what an older one wrote goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import { collect } from '../contract/blob-model.ts';
import { BlobSeerError } from '../errors.ts';
import { clean, leftovers, withDirectory } from '../testing/engines.ts';
import { type EmbeddedBlobSeer, openEmbedded } from './embedded.ts';
import { formatVersion, foundFormat } from './format.ts';
import { encodeBlob, encodeSnapshot, snapshotKey, unitKey } from './records.ts';
import { pageTreeCodec } from './tree-records.ts';

const bytes = Buffer.alloc(4096, 'as the first release wrote it; ');
const blobId = 1_000_000;
const writeId = 1_000_001;
const first = { blobId, version: 1 };
const whole = { offset: 0, length: bytes.length };

async function setFormat(engine: EmbeddedBlobSeer, format: number): Promise<void> {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(format);
  const meta = engine.store.table('meta');
  await engine.store.commit((transaction) => transaction.put(meta, Buffer.from('format'), value));
}

/** A snapshot in format 1: a blob's record, a row with all of the page. */
async function putOldSnapshot(engine: EmbeddedBlobSeer): Promise<void> {
  const page = { writeId, index: 0, crc: crc32c(bytes), length: bytes.length, inFile: false };
  const pageSize = 65_536;
  const { store } = engine;
  const snapshot = encodeSnapshot(pageTreeCodec, {
    references: 1,
    size: bytes.length,
    pageSize,
    parent: undefined,
    tree: { pageCount: 1, leaf: page, root: null },
    visiblePages: 1,
    runs: [{ level: 0, start: 0, count: 1, writeId, firstIndex: 0, inFile: false }],
  });
  const blob = encodeBlob({ pageSize, lastVersion: 1, snapshots: 1 });
  await store.commit((transaction) => {
    transaction.put(store.table('snapshots'), snapshotKey(first), snapshot);
    transaction.put(store.table('snapshots'), snapshotKey({ blobId, version: 0 }), blob);
    transaction.put(store.table('pages'), unitKey(writeId, 0), bytes);
  });
}

test('a directory of a newer format is refused', async () => {
  await withDirectory(async (directory) => {
    const engine = await openEmbedded({ directory, role: 'alone' });
    await setFormat(engine, formatVersion + 1);
    await engine.close();
    await assert.rejects(openEmbedded({ directory, role: 'alone' }), (error) => {
      assert.ok(error instanceof BlobSeerError);
      assert.equal(error.kind, 'invalid-argument');
      assert.match(error.message, /use a newer one/);
      return true;
    });
  });
});

test('a directory of the first format is upgraded by who serves it, and what it has goes on', async () => {
  await withDirectory(async (directory) => {
    const before = await openEmbedded({ directory, role: 'alone' });
    await putOldSnapshot(before);
    await setFormat(before, 1);
    await before.close();

    const tool = await openEmbedded({ directory, role: 'tool' });
    assert.deepEqual(foundFormat(tool.store), { format: 1, kind: 'embedded' });
    await tool.close();

    const engine = await openEmbedded({ directory, role: 'alone' });
    assert.deepEqual(foundFormat(engine.store), { format: formatVersion, kind: 'embedded' });
    assert.ok(engine.readInline(first, whole)?.equals(bytes));
    const staged = await engine.stage([bytes], { blobId, sizeHint: bytes.length });
    await staged.seal();
    const second = await engine.store.commit((tx) => engine.publish(tx, staged));
    assert.deepEqual(second, { blobId, version: 2 });
    engine.store.refresh();
    assert.ok((await collect(engine.read(second, whole))).equals(bytes));
    const references = [first, second].map((snapshot) => ({ owner: 'test', snapshot }));
    assert.deepEqual((await engine.check({ references })).problems, []);
    await engine.store.commit((tx) => engine.bury(tx, [first, second]));
    await clean(engine);
    assert.deepEqual(new Set(Object.values(leftovers(engine))), new Set([0]));
    await engine.close();
  });
});
