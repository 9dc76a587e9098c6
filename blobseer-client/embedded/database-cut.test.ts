import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { DatabaseCut } from './database-cut.ts';
import { Environment } from './environment.ts';

const rowCount = 2000;

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'cut-'));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function copy(cut: DatabaseCut, file: string): Promise<void> {
  const target = await open(file, 'wx');
  const buffer = Buffer.alloc(100_000);
  for (let position = 0; position < cut.bytes; position += buffer.length) {
    const count = await cut.read(buffer, position);
    await target.write(buffer, 0, count, position);
  }
  await target.close();
}

const keyOf = (index: number): Buffer => Buffer.from(String(index).padStart(8, '0'));

/** Writes its commit's number into some rows of the table, all through the program's life. */
const writer = `
  import { Environment } from ${JSON.stringify(new URL('./environment.js', import.meta.url).href)};
  const environment = new Environment({ file: process.argv[1] });
  const table = environment.table('rows');
  console.log('ready');
  for (let round = 0; ; round += 1) {
    await environment.commit((transaction) => {
      for (let n = 0; n < 20; n += 1) {
        const index = (round * 37 + n * 101) % ${rowCount};
        const key = Buffer.from(String(index).padStart(8, '0'));
        transaction.put(table, key, Buffer.from(String(transaction.sequence).repeat(20)));
        transaction.put(table, Buffer.from('last'), Buffer.from(String(transaction.sequence)));
      }
    });
  }
`;

test('a copy made from a cut is the state of one commit, while other processes write', async () => {
  await withDirectory(async (directory) => {
    const file = path.join(directory, 'blobseer.mdb');
    const environment = new Environment({ file });
    const table = environment.table('rows');
    const holds = environment.table('holds');
    await environment.commit((transaction) => {
      for (let index = 0; index < rowCount; index += 1) {
        transaction.put(table, keyOf(index), Buffer.alloc(100));
      }
    });
    const children = Array.from({ length: 2 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', writer, file], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    try {
      await Promise.all(children.map((child) => once(child.stdout, 'data')));
      for (let round = 0; round < 5; round += 1) {
        let holdSequence = 0;
        const cut = await environment.cut((transaction) => {
          holdSequence = transaction.sequence;
          transaction.put(holds, Buffer.from('hold'), Buffer.alloc(1));
        });
        const seen = table.rangeAt(cut.view, { limit: rowCount * 2 });
        const copied = path.join(directory, `copy-${round}.mdb`);
        await copy(cut, copied);
        const again = table.rangeAt(cut.view, { limit: rowCount * 2 });
        cut.release();
        assert.deepEqual(again, seen, 'the view stays what it was');
        assert.ok(cut.sequence < holdSequence, 'the cut is before the commit that came with it');
        const other = new Environment({ file: copied });
        try {
          const rows = other.table('rows').range({ limit: rowCount * 2 });
          assert.equal(other.sequence(), cut.sequence);
          assert.deepEqual(rows, seen, 'every record can be read, and is that of the view');
          const last = rows.find(({ key }) => key.toString() === 'last')?.value.toString();
          if (last !== undefined) assert.ok(Number(last) <= cut.sequence);
          await other.commit((transaction) => transaction.remove(other.table('rows'), keyOf(0)));
        } finally {
          await other.close();
        }
      }
    } finally {
      for (const child of children) {
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      }
      await environment.close();
    }
  });
});

test('a cut whose commit fails leaves nothing behind', async () => {
  await withDirectory(async (directory) => {
    const environment = new Environment({ file: path.join(directory, 'blobseer.mdb') });
    const failing = environment.cut(() => {
      throw new Error('no');
    });
    await assert.rejects(failing, /no/);
    await environment.commit(() => undefined);
    assert.equal(environment.sequence(), 1);
    await environment.close();
  });
});
