/** The contract of `Blob` on the embedded engine, and that nothing is left when all is released. */
import assert from 'node:assert/strict';
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
import { clean, leftovers, pageFiles, withEngine } from '../testing/engines.ts';
import type { EmbeddedBlobSeer } from './embedded.ts';

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
      assert.deepEqual(await pageFiles(directory), []);
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

for (const pageSize of [4096, 2 ** 18, 2 ** 22]) {
  test(`an overwrite stores only the pages that changed: pages of ${pageSize} bytes`, async () => {
    await withEngine(async (engine) => {
      const bytes = Buffer.alloc(10 * pageSize);
      for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32BE(at, at);
      const blob = await Blob.create(engine, { pageSize });
      await blob.write(inPieces(bytes, 65_536));
      bytes.fill(1, 3 * pageSize, 3 * pageSize + 10);
      const base = engine.latest(blob.id);
      const staged = await engine.stage(inPieces(bytes, 65_536), { base: base!, blobId: blob.id });
      assert.equal(staged.storedBytes, pageSize);
      await staged.abort();
    });
  });
}

test('readers that use their memory again, all at a time and some of them left early, each get their bytes', async () => {
  await withEngine(async (engine) => {
    const pageSize = 65_536;
    const blobs = await Promise.all(
      [1, 2, 3].map(async (seed) => {
        const bytes = Buffer.alloc(100 * pageSize + seed, seed);
        for (let at = 0; at < bytes.length - 4; at += 4096) bytes.writeUInt32BE(at, at);
        const blob = await Blob.create(engine, { pageSize });
        const info = await blob.write(inPieces(bytes, pageSize));
        return { info, bytes };
      }),
    );
    const range = { offset: 12_345, length: 95 * pageSize };
    const readers = [0, 1, 2, 3, 4, 5, 6, 7].map((number) => {
      const { info, bytes } = blobs[number % blobs.length]!;
      const pieces = engine.read(info, range, { reusesMemory: true });
      return { pieces, bytes, at: range.offset, turns: number % 4 === 3 ? 3 : 1000 };
    });
    const running = new Set(readers);
    while (running.size > 0) {
      for (const reader of running) {
        const next =
          reader.turns-- > 0 ? await reader.pieces.next() : await reader.pieces.return?.();
        if (next?.done !== false) {
          running.delete(reader);
          continue;
        }
        const end = reader.at + next.value.length;
        assert.ok(next.value.equals(reader.bytes.subarray(reader.at, end)), `from ${reader.at}`);
        reader.at = end;
      }
    }
    const whole = readers.filter(({ at }) => at === range.offset + range.length);
    assert.equal(whole.length, 6);
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
    const files = await pageFiles(directory);
    assert.equal(files.length, 2);
    assert.ok(
      files.some((file) => file.endsWith('-1')),
      'a second generation exists',
    );
    assert.ok((await collect(blob.read())).equals(changed));
  });
});
