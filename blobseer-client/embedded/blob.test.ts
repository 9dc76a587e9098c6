/** The contract of `Blob` on the embedded engine, and that nothing is left when all is released. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Blob } from '../blob.ts';
import {
  BlobModel,
  collect,
  inPieces,
  type Modelled,
  stepSequences,
} from '../contract/blob-model.ts';
import { type EmbeddedBlobSeer, openEmbedded } from './embedded.ts';

async function withEngine(
  run: (engine: EmbeddedBlobSeer, directory: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'blobseer-'));
  const engine = await openEmbedded({ directory, role: 'alone' });
  try {
    await run(engine, directory);
  } finally {
    await engine.close();
    await rm(directory, { recursive: true });
  }
}

async function clean(engine: EmbeddedBlobSeer): Promise<void> {
  for (let pass = 0; pass < 3; pass++) await engine.maintain();
}

function leftovers(engine: EmbeddedBlobSeer): Record<string, number> {
  engine.store.refresh();
  const names = ['snapshots', 'children', 'blocks', 'pages', 'files', 'graves', 'doomed', 'sparse'];
  return Object.fromEntries(
    names.map((name) => [name, engine.store.table(name).keys({ limit: 1000 }).length]),
  );
}

async function pageFileCount(directory: string): Promise<number> {
  const names = await readdir(path.join(directory, 'pages'), { recursive: true }).catch(() => []);
  return names.filter((name) => /\d+-\d+$/.test(name)).length;
}

test('random histories read back as the model has them, and leave nothing behind', async () => {
  const property = fc.asyncProperty(stepSequences, (steps) =>
    withEngine(async (engine, directory) => {
      const model = new BlobModel(engine, () => clean(engine));
      await model.add();
      await model.add();
      for (const step of steps) await model.run(step);
      await model.verify();
      await assertSound(engine, model.blobs);
      await clean(engine);
      await assertSound(engine, model.blobs);
      await model.verify();
      for (const { blob, versions } of model.blobs) {
        for (const version of versions.keys()) await blob.release(version);
      }
      await clean(engine);
      // Blobs that were created and never written keep their own record.
      const snapshots = model.blobs.filter(({ versions }) => versions.size === 0).length;
      assert.deepEqual(leftovers(engine), { ...zeros, snapshots });
      assert.equal(await pageFileCount(directory), 0);
    }),
  );
  await fc.assert(property, { numRuns: 60 });
});

async function assertSound(engine: EmbeddedBlobSeer, blobs: readonly Modelled[]): Promise<void> {
  const references = blobs.flatMap(({ blob, versions }) =>
    [...versions.keys()].map((version) => ({
      owner: `blob ${blob.id}`,
      snapshot: { blobId: blob.id, version },
    })),
  );
  assert.deepEqual((await engine.check({ references })).problems, []);
}

const zeros = {
  snapshots: 0,
  children: 0,
  blocks: 0,
  pages: 0,
  files: 0,
  graves: 0,
  doomed: 0,
  sparse: 0,
};

test('concurrent appends all land, each as a version of its own', async () => {
  await withEngine(async (engine) => {
    const blob = await Blob.create(engine, { pageSize: 4096 });
    const pieces = Array.from({ length: 20 }, (_, index) =>
      Buffer.alloc(1000 + index * 317, index),
    );
    const infos = await Promise.all(pieces.map((piece) => blob.append(inPieces(piece))));
    assert.equal(new Set(infos.map(({ version }) => version)).size, 20);
    const ordered = infos
      .map((info, index) => ({ info, index }))
      .sort((left, right) => left.info.version - right.info.version);
    const expected = Buffer.concat(ordered.map(({ index }) => pieces[index]!));
    assert.ok((await collect(blob.read())).equals(expected));
  });
});

test('an overwrite stores only the pages that changed', async () => {
  await withEngine(async (engine) => {
    const bytes = Buffer.alloc(40 * 2 ** 20);
    for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32BE(at, at);
    const blob = await Blob.create(engine, { pageSize: 2 ** 18 });
    await blob.write(inPieces(bytes, 65_536));
    bytes.fill(1, 5_000_000, 5_000_010);
    const base = engine.latest(blob.id);
    const staged = await engine.stage(inPieces(bytes, 65_536), { base: base!, blobId: blob.id });
    assert.equal(staged.storedBytes, 2 ** 18);
    await staged.abort();
  });
});

test('a page file that is half dead is rewritten and its readers go on', async () => {
  await withEngine(async (engine, directory) => {
    const blob = await Blob.create(engine, { pageSize: 65_536 });
    const bytes = Buffer.alloc(64 * 65_536);
    for (let at = 0; at < bytes.length; at += 65_536) bytes.writeUInt32BE(at + 1, at);
    const first = await blob.write(inPieces(bytes, 65_536));
    const changed = Buffer.from(bytes);
    changed.fill(7, 0, 50 * 65_536);
    await blob.write(inPieces(changed, 65_536));
    await blob.release(first.version);
    await clean(engine);
    const names = await readdir(path.join(directory, 'pages'), { recursive: true });
    assert.ok(
      names.some((name) => name.endsWith('-1')),
      'a second generation exists',
    );
    assert.equal(await pageFileCount(directory), 2);
    assert.ok((await collect(blob.read())).equals(changed));
  });
});
