import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  alignedBufferBytes,
  alignmentBytes,
  giveBackAligned,
  takeAligned,
} from './aligned-buffers.ts';
import { DirectFile, mayWriteDirectly } from './direct-file.ts';
import { nodeDisk } from './disk.ts';

const bytes = Buffer.alloc(3 * alignedBufferBytes);
for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE((at * 2654435761) >>> 0, at);

function create(file: string): Promise<DirectFile> {
  const buffer = takeAligned();
  assert.ok(buffer !== undefined, 'all buffers came back');
  return DirectFile.create(file, buffer);
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'direct-file-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('what is written in any pieces is there, with zeros behind it up to a block', async () => {
  const lengths = fc.array(
    fc.array(fc.oneof(fc.nat({ max: 5000 }), fc.nat({ max: alignedBufferBytes })), {
      maxLength: 5,
    }),
    { maxLength: 5 },
  );
  await inFolder(async (folder) => {
    let number = 0;
    const property = fc.asyncProperty(lengths, async (writes) => {
      const name = path.join(folder, String(number++));
      const file = await create(name);
      let length = 0;
      for (const write of writes) {
        const start = length;
        const pieces = write.map((count) => {
          const from = length % 1000;
          length += count;
          return bytes.subarray(from, from + count);
        });
        await file.write(pieces, start);
      }
      await file.sync();
      await file.close();
      const found = await readFile(name);
      assert.equal(found.length, Math.ceil(length / alignmentBytes) * alignmentBytes);
      let at = 0;
      for (const count of writes.flat()) {
        const from = at % 1000;
        assert.ok(
          found.subarray(at, at + count).equals(bytes.subarray(from, from + count)),
          `${at}`,
        );
        at += count;
      }
      assert.ok(found.subarray(length).every((byte) => byte === 0));
      await rm(name);
    });
    await fc.assert(property, { numRuns: 40 });
  });
});

test('only a new file is made, for its owner alone', async () => {
  await inFolder(async (folder) => {
    const name = path.join(folder, 'a');
    const file = await create(name);
    await file.close();
    assert.equal((await stat(name)).mode & 0o777, 0o600);
    // Far oftener than there are buffers: each one comes back.
    for (let count = 0; count < 100; count++)
      await assert.rejects(create(name), { code: 'EEXIST' });
  });
});

test('a gap, or a write over what is there, is refused', async () => {
  await inFolder(async (folder) => {
    const file = await create(path.join(folder, 'a'));
    await file.write([bytes.subarray(0, 100)], 0);
    await assert.rejects(file.write([bytes.subarray(0, 1)], 101), /a write at 101/);
    await assert.rejects(file.write([bytes.subarray(0, 1)], 0), /a write at 0/);
    await file.close();
  });
});

test('files at once do not share memory', async () => {
  await inFolder(async (folder) => {
    const names = Array.from({ length: 20 }, (_, number) => path.join(folder, String(number)));
    await Promise.all(
      names.map(async (name, number) => {
        const file = await create(name);
        const own = Buffer.alloc(1_000_000, number + 1);
        for (let at = 0; at < own.length; at += 100_000) {
          await file.write([own.subarray(at, at + 100_000)], at);
        }
        await file.sync();
        await file.close();
      }),
    );
    for (const [number, name] of names.entries()) {
      const found = await readFile(name);
      assert.ok(found.subarray(0, 1_000_000).every((byte) => byte === number + 1));
    }
  });
});

test('there are so many buffers and no more, and they are as direct writes want them', async (t) => {
  await inFolder(async (folder) => {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_DIRECT;
    const handle = await open(path.join(folder, 'a'), flags).catch(() => undefined);
    if (handle === undefined) return t.skip('no direct writes here');
    const taken: Buffer[] = [];
    for (let buffer = takeAligned(); buffer !== undefined; buffer = takeAligned())
      taken.push(buffer);
    assert.equal(taken.length, 32);
    const another = await nodeDisk.createForWriting(path.join(folder, 'b'));
    await another.write([bytes.subarray(0, 100)], 0);
    await another.sync();
    await another.close();
    assert.equal((await stat(path.join(folder, 'b'))).size, 100, 'through the cache');
    for (const buffer of taken) await handle.write(buffer, 0, buffer.length, 0);
    for (const [number, buffer] of taken.entries()) buffer.fill(number);
    for (const [number, buffer] of taken.entries()) assert.equal(buffer[0], number);
    for (const buffer of taken) giveBackAligned(buffer);
    await handle.close();
  });
});

// The last of this file: from then on this process writes through the cache.
test('where direct writes are refused the file is written through the cache', async (t) => {
  await inFolder(async (folder) => {
    const handle = await open(folder);
    t.mock.method(
      Object.getPrototypeOf(handle) as typeof handle,
      'write',
      () => Promise.reject(Object.assign(new Error('EINVAL'), { code: 'EINVAL' })),
      { times: 1 },
    );
    await handle.close();
    if (!mayWriteDirectly()) return t.skip('no direct writes here');
    for (const name of ['a', 'b'].map((one) => path.join(folder, one))) {
      const file = await nodeDisk.createForWriting(name);
      await file.write([bytes.subarray(0, alignedBufferBytes + 100)], 0);
      await file.sync();
      await file.close();
      const found = await readFile(name);
      assert.ok(
        found
          .subarray(0, alignedBufferBytes + 100)
          .equals(bytes.subarray(0, alignedBufferBytes + 100)),
      );
    }
    assert.equal(mayWriteDirectly(), false);
  });
});
