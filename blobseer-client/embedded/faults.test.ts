/** What the engine does when the disk, the process or the bytes let it down. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { Blob } from '../blob.ts';
import { collect, inPieces } from '../contract/blob-model.ts';
import { BlobSeerError } from '../errors.ts';
import { clean, leftovers, pageFiles, withDirectory, withEngine } from '../testing/engines.ts';
import { FaultyDisk, systemError } from '../testing/faulty-disk.ts';
import { databaseFile } from './directory.ts';
import { openEmbedded } from './embedded.ts';
import { listInstances } from './instances.ts';

const large = Buffer.alloc(3 * 2 ** 20);
for (let at = 0; at < large.length; at += 4) large.writeUInt32LE((at * 2654435761) >>> 0, at);
const small = Buffer.from('a small object, unlike any other: 9f0c1d7e5a');

function ofKind(kind: BlobSeerError['kind'], words?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof BlobSeerError, String(error));
    assert.equal(error.kind, kind, error.message);
    if (words !== undefined) assert.match(error.message, words);
    return true;
  };
}

test('pages, then their directory entry, are durable before the record that names them', async () => {
  const disk = new FaultyDisk();
  await withEngine(
    async (engine) => {
      const staged = await engine.stage(inPieces(large, 65_536));
      await assert.rejects(
        engine.store.commit((transaction) => engine.publish(transaction, staged)),
        ofKind('invalid-argument', /publish a write that is open/),
      );
      let release = (): void => undefined;
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      disk.before = (call) => (call === 'sync' ? gate : undefined);
      disk.calls.length = 0;
      let isSealed = false;
      const sealing = staged.seal().then(() => {
        isSealed = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(isSealed, false, 'sealed only when the data sync has ended');
      release();
      await sealing;
      const synced = disk.calls.filter((call) => call !== 'space');
      assert.deepEqual(synced.slice(-2), ['sync', 'syncDirectory']);
      assert.ok(synced.slice(0, -2).every((call) => call === 'write'));
      const ref = await engine.store.commit((tx) => engine.publish(tx, staged));
      engine.store.refresh();
      const bytes = await collect(engine.read(ref, { offset: 0, length: large.length }));
      assert.ok(bytes.equals(large));
    },
    { disk },
  );
});

for (const call of ['sync', 'syncDirectory'] as const) {
  test(`a failed ${call} stops the engine and loses nothing that was acknowledged`, async () => {
    await withDirectory(async (directory) => {
      const disk = new FaultyDisk();
      const stopped: unknown[] = [];
      const engine = await openEmbedded({
        directory,
        role: 'alone',
        disk,
        onStopped: (error) => stopped.push(error),
      });
      const blob = await Blob.create(engine, { pageSize: 65_536 });
      const good = await blob.write(inPieces(large, 65_536));
      disk.before = (made) => {
        if (made === call) throw systemError('EIO');
      };
      await assert.rejects(blob.append(inPieces(large, 65_536)), ofKind('stopped'));
      assert.equal(stopped.length, 1);
      disk.before = () => undefined;
      await assert.rejects(blob.append([small]), ofKind('stopped'));
      await engine.close();

      const again = await openEmbedded({ directory, role: 'alone' });
      const found = await collect(Blob.open(again, blob.id).read());
      assert.ok(found.equals(large));
      const references = [{ owner: 'test', snapshot: good }];
      assert.deepEqual((await again.check({ references })).problems, []);
      await again.close();
    });
  });
}

test('a failed write of new pages fails that write alone and leaves no file', async () => {
  const disk = new FaultyDisk();
  await withEngine(
    async (engine, directory) => {
      for (const [code, kind] of [
        ['EIO', 'unavailable'],
        ['ENOSPC', 'no-space'],
        ['EACCES', 'denied'],
      ] as const) {
        disk.before = (call) => {
          if (call === 'write') throw systemError(code);
        };
        await assert.rejects(engine.stage(inPieces(large, 65_536)), ofKind(kind));
        assert.deepEqual(await pageFiles(directory), []);
      }
      disk.before = () => undefined;
      const blob = await Blob.create(engine);
      await blob.write(inPieces(large, 65_536));
    },
    { disk },
  );
});

test('below the watermark new data is refused, and deletes make room again', async () => {
  const disk = new FaultyDisk();
  let now = 0;
  await withEngine(
    async (engine) => {
      const blob = await Blob.create(engine);
      const first = await blob.write([small]);
      await blob.write(inPieces(large, 65_536));
      disk.freeBytes = 1000;
      now += 10_000;
      await assert.rejects(blob.write([small]), ofKind('no-space', /delete something first/));
      await assert.rejects(blob.write(inPieces(large, 65_536)), ofKind('no-space'));
      await blob.release(first.version);
      await clean(engine);
      disk.freeBytes = undefined;
      now += 10_000;
      await blob.write([small]);
    },
    { disk, nowMs: () => now },
  );
});

test('a full file system refuses, loses nothing, and takes writes again after deletes', async (t) => {
  await withDirectory(async (directory) => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', directory], {
        stdio: 'ignore',
      });
    } catch {
      t.diagnostic('no right to mount a tmpfs here: the watermark was tested with a faked size');
      return;
    }
    try {
      const engine = await openEmbedded({ directory, role: 'alone' });
      const blob = await Blob.create(engine, { pageSize: 65_536 });
      const kept: number[] = [];
      await assert.rejects(async () => {
        for (let count = 0; count < 100; count++) {
          kept.push((await blob.write(inPieces(filled(count), 65_536))).version);
        }
      }, ofKind('no-space'));
      assert.ok(kept.length > 5, `${kept.length} writes of 3 MiB went into 48 MiB`);
      for (const [seed, version] of kept.entries()) {
        assert.ok((await collect(blob.read({ version }))).equals(filled(seed)));
      }
      for (const version of kept.slice(0, 5)) await blob.release(version);
      await clean(engine);
      await blob.write(inPieces(filled(1), 65_536));
      await engine.close();
    } finally {
      execFileSync('umount', [directory]);
    }
  });
});

function filled(seed: number): Buffer {
  const bytes = Buffer.from(large);
  for (let at = 0; at < bytes.length; at += 65_536) bytes.writeUInt32LE(seed + 1, at);
  return bytes;
}

const damagedPage = /page 0 of write \d+ is damaged/;
for (const [what, bytes, words] of [
  ['a row of LMDB', large.subarray(0, 4096), damagedPage],
  ['a record of LMDB that has a page in it', small, /record \w+ of table snapshots is damaged/],
  ['a page file', large, damagedPage],
] as const) {
  test(`a damaged byte in ${what} is an error on read and named by check`, async () => {
    await withDirectory(async (directory) => {
      const engine = await openEmbedded({ directory, role: 'alone' });
      const blob = await Blob.create(engine, { pageSize: 65_536 });
      const snapshot = await blob.write([bytes]);
      await engine.close();
      const [file = path.join(directory, databaseFile)] = await pageFiles(directory);
      const content = await readFile(file);
      const at = content.indexOf(bytes.subarray(0, 40));
      assert.ok(at >= 0);
      content[at + 20]! ^= 1;
      await writeFile(file, content);

      const again = await openEmbedded({ directory, role: 'alone' });
      const reading = collect(Blob.open(again, blob.id).read());
      await assert.rejects(reading, ofKind('corrupt', words));
      const report = await again.check({ references: [{ owner: 'test', snapshot }] });
      assert.equal(report.problems.filter((problem) => words.test(problem)).length, 1);
      if (words === damagedPage) assert.equal(report.problemCount, 1);
      await again.close();
    });
  });
}

test('a reader goes on reading what was released; then it is reclaimed', async () => {
  await withEngine(async (engine, directory) => {
    const blob = await Blob.create(engine, { pageSize: 65_536 });
    const { version } = await blob.write(inPieces(large, 65_536));
    const reading = blob.read({ version });
    const first = await reading.next();
    await blob.release(version);
    await clean(engine);
    assert.equal((await pageFiles(directory)).length, 1);
    const rest = await collect(reading);
    assert.ok(Buffer.concat([first.value as Buffer, rest]).equals(large));
    await clean(engine);
    assert.deepEqual(await pageFiles(directory), []);
    assert.ok(Object.values(leftovers(engine)).every((count) => count === 0));
  });
});

test('what a dead process had staged is swept at the next start', async () => {
  await withDirectory(async (directory) => {
    const engine = await openEmbedded({ directory, role: 'alone' });
    await engine.stage(inPieces(large, 65_536)); // neither published nor aborted: as a crash leaves it
    await engine.close();
    assert.equal((await pageFiles(directory)).length, 1);
    const again = await openEmbedded({ directory, role: 'alone' });
    for (let wait = 0; wait < 200 && (await pageFiles(directory)).length > 0; wait++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.deepEqual(await pageFiles(directory), []);
    await again.close();
  });
});

test('the sweep of a dead process commits before it reads: only then is its last commit seen', async () => {
  const disk = new FaultyDisk();
  await withEngine(
    async (engine) => {
      const seen: number[] = [];
      engine.store.refresh();
      const before = engine.store.sequence();
      disk.before = (call) => {
        if (call !== 'list') return;
        engine.store.refresh();
        seen.push(engine.store.sequence());
      };
      await engine.instanceDied(987_654_321);
      assert.ok(seen.length > 0);
      assert.ok(seen.every((sequence) => sequence > before));
    },
    { disk },
  );
});

test('a sweep that fails is tried again with the next pass', async () => {
  const disk = new FaultyDisk();
  await withDirectory(async (directory) => {
    const first = await openEmbedded({ directory, role: 'alone' });
    await first.stage(inPieces(large, 65_536)); // as a crash leaves it
    const { instanceId } = first;
    await first.close();
    let lists = 0;
    disk.before = (call) => {
      // The first is of the directory that is opened.
      if (call === 'list' && ++lists > 1) throw systemError('EMFILE');
    };
    const engine = await openEmbedded({ directory, role: 'alone', disk });
    await assert.rejects(engine.instanceDied(instanceId), /EMFILE/);
    disk.before = () => undefined;
    await clean(engine);
    assert.deepEqual(await pageFiles(directory), []);
    await engine.close();
  });
});

test('one damaged grave does not keep the others from being reclaimed', async () => {
  await withEngine(async (engine) => {
    const graves = engine.store.table('graves');
    const blob = await Blob.create(engine);
    const first = await blob.write([small]);
    await blob.write([large]);
    await engine.store.commit((transaction) => {
      transaction.put(graves, Buffer.alloc(10), Buffer.from([99]));
    });
    await blob.release(first.version);
    await clean(engine);
    engine.store.refresh();
    assert.equal(graves.keys({ limit: 9 }).length, 1, 'the damaged one is left, the other is gone');
    assert.equal(engine.snapshot(first), undefined);
  });
});

test('a process that was declared dead can publish nothing', async () => {
  await withEngine(async (engine) => {
    const staged = await engine.stage([small]);
    await staged.seal();
    await engine.instanceDied(engine.instanceId);
    await assert.rejects(
      engine.store.commit((transaction) => engine.publish(transaction, staged)),
      ofKind('stopped', /declared dead/),
    );
    await staged.abort();
  });
});

test('a write that was aborted after it was staged leaves nothing of itself, in memory neither', async () => {
  await withDirectory(async (directory) => {
    const engine = await openEmbedded({ directory, role: 'alone' });
    const { instanceId } = engine;
    for (const content of [small, large]) {
      const staged = await engine.stage([content]);
      await staged.seal();
      await staged.abort();
    }
    await engine.close();

    const again = await openEmbedded({ directory, role: 'tool' });
    const rows = listInstances(again.store.table('instances'));
    // A process that forgot a write keeps its row: the next start has to look for its files.
    assert.deepEqual(
      rows.map(({ id }) => id).filter((id) => id === instanceId),
      [],
    );
    await again.close();
  });
});

test('a write that is refused before its first byte holds nothing back from reclaim', async () => {
  await withEngine(async (engine) => {
    const absent = { blobId: engine.newBlobId(), version: 7 };
    await assert.rejects(engine.stage([small], { base: absent }), ofKind('not-found'));
    await assert.rejects(engine.stage([small], { pageSize: 3 }), ofKind('invalid-argument'));
    const staged = await engine.stage([small]);
    await staged.seal();
    const ref = await engine.store.commit((tx) => engine.publish(tx, staged));
    await engine.store.commit((tx) => engine.bury(tx, [ref]));
    await engine.store.commit(() => undefined);
    await clean(engine);
    assert.deepEqual(new Set(Object.values(leftovers(engine))), new Set([0]));
  });
});
