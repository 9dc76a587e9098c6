/** What stays while a checkpoint is being made, and what becomes of a hold whose maker is gone. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import type { SnapshotRef } from '../blobseer.ts';
import { BlobSeerError } from '../errors.ts';
import { clean, leftovers, pageFiles, withDirectory, withEngine } from '../testing/engines.ts';
import type { CheckpointCut } from './checkpoint-cut.ts';
import { type CheckpointSource, openDirectorySource } from './directory-source.ts';
import { type EmbeddedBlobSeer, openEmbedded } from './embedded.ts';

const large = Buffer.alloc(300_000, 'the pages of a large write lie in a file; ');

async function write(engine: EmbeddedBlobSeer, bytes: Buffer): Promise<SnapshotRef> {
  const staged = await engine.stage([bytes], { pageSize: 65_536 });
  await staged.seal();
  return await engine.store.commit((tx) => engine.publish(tx, staged));
}

async function bury(engine: EmbeddedBlobSeer, ref: SnapshotRef): Promise<void> {
  await engine.store.commit((tx) => engine.bury(tx, [ref]));
  await engine.store.commit(() => undefined);
}

const sources: CheckpointSource[] = [];
after(async () => {
  for (const source of sources) await source.close();
});

/** What makes checkpoints of it, as a program of its own would; closed when no engine writes any more. */
async function withSource(
  directory: string,
  run: (source: CheckpointSource) => Promise<void>,
  nowMs: () => number = Date.now,
): Promise<void> {
  const source = openDirectorySource(directory, nowMs);
  sources.push(source);
  await run(source);
}

const pathsOf = (cut: CheckpointCut, directory: string): string[] =>
  [...cut.files].map((file) => path.join(directory, file.path));

test('while a checkpoint is made the page files that it names stay, dead or rewritten', async () => {
  await withEngine(async (engine, directory) => {
    const dead = await write(engine, large);
    const half = await write(engine, Buffer.concat([large, large]));
    const staged = await engine.stage([large.subarray(0, 65_536)], { base: half });
    await staged.seal();
    await engine.store.commit((tx) => engine.publish(tx, staged));

    await withSource(directory, async (source) => {
      const cut = await source.beginCut('a test');
      const named = pathsOf(cut, directory);
      assert.equal(named.length, 2);
      await bury(engine, dead);
      await bury(engine, half); // most of its file is dead: it is rewritten
      await clean(engine);
      assert.deepEqual(named.filter(existsSync), named);
      assert.equal(leftovers(engine).doomed, 2);

      await cut.release();
      await clean(engine);
      assert.deepEqual(named.filter(existsSync), []);
      assert.equal((await pageFiles(directory)).length, 1, 'the rewritten one');
    });
  });
});

test('the burial of the process that wrote it takes no file that a checkpoint names', async () => {
  await withDirectory(async (directory) => {
    const server = await openEmbedded({ directory, role: 'alone' });
    const worker = await openEmbedded({ directory, role: 'worker' });
    const ref = await write(worker, large);
    await withSource(directory, async (source) => {
      const cut = await source.beginCut('a test');
      const named = pathsOf(cut, directory);
      await bury(worker, ref);
      await clean(server);
      await server.instanceDied(worker.instanceId);
      assert.deepEqual(named.filter(existsSync), named);
      await cut.release();
      await clean(server);
      assert.deepEqual(await pageFiles(directory), []);
    });
    await worker.close();
    await server.close();
  });
});

test('a hold falls when its maker is not heard of, and the maker learns of it', async () => {
  let nowMs = 1_000_000;
  const clock = () => nowMs;
  await withEngine(
    async (engine, directory) => {
      const ref = await write(engine, large);
      const isThere = async (): Promise<boolean> => {
        await clean(engine);
        return (await pageFiles(directory)).length === 1;
      };
      await withSource(
        directory,
        async (source) => {
          const cut = await source.beginCut('a test');
          await bury(engine, ref);
          nowMs += 250_000;
          assert.ok(await isThere());
          await cut.confirm();
          nowMs += 250_000;
          assert.ok(await isThere(), 'it was heard of meanwhile');
          nowMs += 100_000;
          assert.ok(!(await isThere()));
          await assert.rejects(cut.confirm(), (error: unknown) => {
            assert.ok(error instanceof BlobSeerError);
            assert.equal(error.kind, 'conflict');
            return true;
          });
          await cut.release();
        },
        clock,
      );
    },
    { nowMs: clock },
  );
});

test('the next attempt frees what the last one left, and nothing of others', async () => {
  await withEngine(async (engine, directory) => {
    const holders = (): number => {
      engine.store.refresh();
      return engine.store.table('holds').keys({ limit: 10 }).length;
    };
    await withSource(directory, async (source) => {
      const other = await source.beginCut('to another place');
      const left = await source.beginCut('to a place');
      for (const cut of [other, left]) cut.releaseView();
      assert.equal(holders(), 2);
      const next = await source.beginCut('to a place');
      assert.equal(holders(), 2);
      await assert.rejects(left.confirm(), /has fallen/);
      for (const cut of [left, next, other]) await cut.release();
      assert.equal(holders(), 0);
    });
  });
});
