import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { PackedRows } from '../packed-rows.ts';
import type { RangeQuery, Row, Table } from '../store.ts';
import { Environment } from './environment.ts';

async function withEnvironment(run: (environment: Environment) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'environment-'));
  const environment = new Environment({ file: path.join(directory, 'blobseer.mdb') });
  try {
    await run(environment);
  } finally {
    await environment.close();
    await rm(directory, { recursive: true });
  }
}

const bytes = (text: string): Buffer => Buffer.from(text);

test('a throw in a commit undoes its writes and no other', async () => {
  await withEnvironment(async (environment) => {
    const table = environment.table('t');
    const good = environment.commit((tx) => tx.put(table, bytes('a'), bytes('1')));
    const bad = environment.commit((tx) => {
      tx.put(table, bytes('b'), bytes('2'));
      throw new Error('no');
    });
    const alsoGood = environment.commit((tx) => {
      tx.put(table, bytes('c'), bytes('3'));
      assert.equal(table.get(bytes('c'))?.toString(), '3', 'a commit reads its own writes');
      return tx.sequence;
    });
    await good;
    await assert.rejects(bad, /no/);
    assert.equal(await alsoGood, 2, 'the undone commit took no number');
    environment.refresh();
    assert.deepEqual(
      table.range({ limit: 9 }).map((row) => row.key.toString()),
      ['a', 'c'],
    );
  });
});

test('ranges are [start, end) in both directions and bounded', async () => {
  await withEnvironment(async (environment) => {
    const table = environment.table('t');
    await environment.commit((tx) => {
      for (const name of ['a', 'b', 'c', 'd']) tx.put(table, bytes(name), bytes(name));
    });
    const names = (query: object): string =>
      table
        .keys({ limit: 9, ...query })
        .map(String)
        .join('');
    assert.equal(names({}), 'abcd');
    assert.equal(names({ start: bytes('b'), end: bytes('d') }), 'bc');
    assert.equal(names({ start: bytes('b'), end: bytes('d'), reverse: true }), 'cb');
    assert.equal(names({ end: bytes('c'), reverse: true }), 'ba');
    assert.equal(names({ start: bytes('c'), reverse: true }), 'dc');
    assert.equal(names({ start: bytes('bb'), end: bytes('cc'), reverse: true }), 'c');
    assert.equal(names({ limit: 2 }), 'ab');
    assert.equal(names({ limit: 0 }), '');
  });
});

test('packed ranges hold what ranges do', async () => {
  await withEnvironment(async (environment) => {
    const sealed = environment.table('sealed');
    const bare = environment.table('bare', { isSealed: false });
    const key = (n: number) => Buffer.alloc(1 + ((n * 7) % 90), n + 1);
    await environment.commit((tx) => {
      for (const table of [sealed, bare]) {
        for (let n = 0; n < 60; n += 1) tx.put(table, key(n), Buffer.alloc((n % 9) ** 5, n));
        const query = { start: key(3), end: key(8), limit: 4 };
        assert.deepEqual(packed(table, query), table.range(query), 'within the commit');
      }
    });
    environment.refresh();
    const bounds = [{}, { start: key(7) }, { end: key(40) }, { start: key(7), end: key(40) }];
    for (const table of [sealed, bare]) {
      for (const bound of bounds) {
        for (const limit of [-1, 0, 1, 20, 100]) {
          for (const reverse of [false, true]) {
            const query = { ...bound, limit, reverse };
            assert.deepEqual(packed(table, query), table.range(query));
          }
        }
      }
    }
  });
});

const rows = new PackedRows();

function packed(table: Table, query: RangeQuery): Row[] {
  table.packed(query, rows);
  return Array.from({ length: rows.count }, (_, row) => ({
    key: rows.key(row),
    value: rows.value(row),
  }));
}

test('values handed out are copies that later reads leave alone', async () => {
  await withEnvironment(async (environment) => {
    const table = environment.table('t');
    await environment.commit((tx) => {
      for (let i = 0; i < 50; i++) tx.put(table, bytes(`k${i}`), Buffer.alloc(100, i));
    });
    const first = table.get(bytes('k7'));
    const rows = table.range({ limit: 50 });
    for (let i = 0; i < 50; i++) table.get(bytes(`k${i}`));
    assert.deepEqual(first, Buffer.alloc(100, 7));
    for (const row of rows) {
      assert.deepEqual(row.value, Buffer.alloc(100, Number(row.key.toString().slice(1))));
    }
  });
});

test('a value that is known already is given back as it is, another one read', async () => {
  await withEnvironment(async (environment) => {
    const table = environment.table('t');
    const put = (text: string) =>
      environment.commit((tx) => tx.put(table, bytes('k'), bytes(text)));
    await put('first');
    const known = table.get(bytes('k')) ?? bytes('');
    assert.equal(table.getAgain(bytes('k'), known), known);
    for (const text of ['other', 'first and more', 'f', '']) {
      await put(text);
      environment.refresh();
      assert.equal(table.getAgain(bytes('k'), known)?.toString(), text);
    }
    await environment.commit((tx) => tx.remove(table, bytes('k')));
    environment.refresh();
    assert.equal(table.getAgain(bytes('k'), known), undefined);
  });
});

test('a value is read in front of what belongs behind it', async () => {
  await withEnvironment(async (environment) => {
    for (const isSealed of [true, false]) {
      const table = environment.table(`sealed-${isSealed}`, { isSealed });
      for (const length of [0, 1, 63, 64, 4072, 20_000]) {
        const value = Buffer.alloc(length, 'v');
        await environment.commit((tx) => tx.put(table, bytes('k'), value));
        environment.refresh();
        const joined = table.getBefore(bytes('k'), bytes('tail'));
        assert.ok(joined?.equals(Buffer.concat([value, bytes('tail')])));
        table.get(bytes('k'));
        assert.ok(
          joined?.equals(Buffer.concat([value, bytes('tail')])),
          'later reads leave it alone',
        );
      }
      assert.equal(table.getBefore(bytes('absent'), bytes('tail')), undefined);
    }
  });
});

test('the sequence rises by one with each commit and survives', async () => {
  await withEnvironment(async (environment) => {
    const seen = await Promise.all(
      Array.from({ length: 20 }, () => environment.commit((tx) => tx.sequence)),
    );
    assert.deepEqual(
      seen,
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    environment.refresh();
    assert.equal(environment.sequence(), 20);
  });
});

test('a record that is not what was put under its key is corrupt', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'environment-'));
  const file = path.join(directory, 'blobseer.mdb');
  const value = Buffer.from('a value that stands in the file as it is: 5d0f2c81');
  const before = new Environment({ file });
  await before.commit((tx) => tx.put(before.table('t'), bytes('key'), value));
  await before.close();
  const content = await readFile(file);
  for (let at = content.indexOf(value); at >= 0; at = content.indexOf(value, at + 1)) {
    content[at + 9]! ^= 4;
  }
  await writeFile(file, content);
  const after = new Environment({ file });
  const table = after.table('t');
  assert.throws(() => table.get(bytes('key')), /record 6b6579 of table t is damaged/);
  assert.throws(() => table.getAgain(bytes('key'), value), /record 6b6579 of table t is damaged/);
  assert.throws(() => table.range({ limit: 9 }), /is damaged/);
  assert.throws(() => packed(table, { limit: 9 }), /record 6b6579 of table t is damaged/);
  await after.close();
  await rm(directory, { recursive: true });
});

test('a damaged record amid a range is named, however many are whole around it', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'environment-'));
  const file = path.join(directory, 'db');
  const before = new Environment({ file });
  await before.commit((tx) => {
    for (let key = 10; key < 90; key += 1) {
      tx.put(before.table('t'), bytes(`key-${key}`), bytes(`value of ${key}`.repeat(key % 7)));
    }
  });
  await before.close();
  const content = await readFile(file);
  const damaged = Buffer.from('value of 46');
  for (let at = content.indexOf(damaged); at >= 0; at = content.indexOf(damaged, at + 1)) {
    content[at + 3]! ^= 1;
  }
  await writeFile(file, content);
  const after = new Environment({ file });
  const table = after.table('t');
  const name = Buffer.from('key-46').toString('hex');
  const isNamed = { message: `record ${name} of table t is damaged` };
  for (const limit of [100, 40]) assert.throws(() => packed(table, { limit }), isNamed);
  const start = bytes('key-46');
  for (const limit of [1, 2, 10]) assert.throws(() => packed(table, { start, limit }), isNamed);
  assert.equal(packed(table, { limit: 36 }).length, 36);
  assert.equal(packed(table, { start: bytes('key-47'), limit: 100 }).length, 43);
  await after.close();
  await rm(directory, { recursive: true });
});

/** A page of LMDB: number (8 bytes), transaction (8), pad (2), flags (2), end of the places of nodes (2). */
const lmdbPage = { bytes: 4096, flagsAt: 18, endAt: 20, placesAt: 24, branchFlag: 1 };

test('a walk over pages that lead astray ends, with an error where it sees that', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'environment-'));
  const file = path.join(directory, 'db');
  const before = new Environment({ file });
  const keys = Array.from({ length: 3000 }, (_, index) => bytes(`walk-${10_000 + index}`));
  await before.commit((tx) => {
    for (const key of keys) tx.put(before.table('t'), key, bytes('a value of some length'));
  });
  await before.close();
  const whole = await readFile(file);
  let disordered = 0;
  for (const [a, b] of [
    [3, 20],
    [20, 3],
    [1, 2],
  ] as const) {
    await writeFile(file, swapChildren(whole, a, b));
    const after = new Environment({ file });
    for (const limit of [1, 3, 16, 1000]) {
      let start: Buffer | undefined;
      let steps = 0;
      try {
        for (;;) {
          const found = packed(after.table('t'), { ...(start && { start }), limit });
          if (found.length === 0) break;
          start = Buffer.concat([found.at(-1)!.key, Buffer.alloc(1)]);
          steps += 1;
          assert.ok(steps <= keys.length, 'it goes round');
        }
      } catch (error) {
        assert.match(String(error), /the keys of table t are out of order/);
        disordered += 1;
      }
    }
    await after.close();
  }
  assert.ok(disordered > 0);
  await rm(directory, { recursive: true });
});

/** In each page that leads to others: two of those change places. */
function swapChildren(file: Buffer, a: number, b: number): Buffer {
  const { bytes: pageBytes, flagsAt, endAt, placesAt, branchFlag } = lmdbPage;
  const changed = Buffer.from(file);
  for (let page = 0; page + pageBytes <= changed.length; page += pageBytes) {
    const children = (changed.readUInt16LE(page + endAt) - placesAt) / 2;
    if (changed.readUInt16LE(page + flagsAt) !== branchFlag || children <= Math.max(a, b)) continue;
    const places = [a, b].map((child) => page + changed.readUInt16LE(page + placesAt + 2 * child));
    const [first, second] = places.map((place) => changed.readUInt32LE(place));
    changed.writeUInt32LE(second!, places[0]!);
    changed.writeUInt32LE(first!, places[1]!);
  }
  return changed;
}
