import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Environment } from './environment.ts';
import { Headroom } from './headroom.ts';

const value = (index: number): Buffer => Buffer.alloc(4096, 1 + (index % 251));
const key = (index: number): Buffer => Buffer.from(String(index).padStart(6, '0'));

test('the file of small commits grows in large steps, and nothing in it is written over', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'headroom-'));
  const file = path.join(directory, 'blobseer.mdb');
  const commits = 400;
  const sizes = new Set<number>();
  let environment = new Environment({ file });
  let table = environment.table('t');
  for (let index = 0; index < commits; index++) {
    await environment.commit((tx) => tx.put(table, key(index), value(index)));
    sizes.add(statSync(file).size);
  }
  const bytes = statSync(file).size;
  assert.ok(bytes > commits * 4096);
  assert.ok(sizes.size <= bytes / 2 ** 18 + 1, `${sizes.size} steps to ${bytes} bytes`);
  await environment.close();
  environment = new Environment({ file });
  table = environment.table('t');
  for (let index = 0; index < commits; index++) {
    assert.deepEqual(table.get(key(index)), value(index));
  }
  await environment.close();
  await rm(directory, { recursive: true });
});

test('a transaction larger than the headroom is whole', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'headroom-'));
  const file = path.join(directory, 'blobseer.mdb');
  const environment = new Environment({ file });
  const table = environment.table('t');
  const all = Array.from({ length: 300 }, (_, index) => index);
  await Promise.all(
    all.map((index) => environment.commit((tx) => tx.put(table, key(index), value(index)))),
  );
  environment.refresh();
  for (const index of all) assert.deepEqual(table.get(key(index)), value(index));
  await environment.close();
  await rm(directory, { recursive: true });
});

test('where there is no room for it, there is none', () => {
  const headroom = new Headroom('/dev/full', () => 1);
  headroom.extend();
  headroom.close();
});
