/** The walk over both tables, held against one that takes all rows, sorts them and cuts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PackedRows, type Row } from '../../blobseer-client/index.ts';
import { draftOf } from './contract/subject.ts';
import {
  birthBytes,
  bucketKey,
  endOfKey,
  entryKey,
  justAfter,
  keyPrefix,
  withTail,
} from './keys.ts';
import { MergedRows, type RowRange } from './merged-rows.ts';
import { Owners } from './owners.ts';
import { openTables } from './tables.ts';
import { MemoryStore } from './testing/memory-store.ts';
import { encodeVersion, headEntry, wholeEntry } from './version-records.ts';

const bucketIds = [1, 2];

interface KeyRows {
  readonly bucketId: number;
  readonly key: Buffer;
  /** Newest first. */
  readonly births: readonly number[];
  /** Where the row of the newest lies: in its entry, in the table with an entry that names it or with none. */
  readonly newest: 'whole' | 'head' | 'none';
}

const keyRowsArb: fc.Arbitrary<KeyRows> = fc.record({
  bucketId: fc.constantFrom(...bucketIds),
  key: fc
    .array(fc.constantFrom(0, 1, 97, 255), { minLength: 1, maxLength: 3 })
    .map((bytes) => Buffer.from(bytes)),
  births: fc
    .uniqueArray(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 6 })
    .map((births) => births.sort((a, b) => a - b)),
  newest: fc.constantFrom('whole', 'whole', 'head', 'none'),
});
const allRowsArb = fc.uniqueArray(keyRowsArb, {
  maxLength: 60,
  size: 'max',
  selector: ({ bucketId, key }) => `${bucketId} ${key.toString('hex')}`,
});

function birthOf(number: number): Buffer {
  return Buffer.from([255, 0, 1, 0, 0, number, 0, 1]);
}

async function filled(all: readonly KeyRows[]) {
  const store = new MemoryStore();
  const tables = openTables(store);
  const owners = new Owners(tables.owners);
  const expected: Row[] = [];
  await store.commit((transaction) => {
    for (const { bucketId, key, births, newest } of all) {
      for (const [age, number] of births.entries()) {
        const birth = birthOf(number);
        const row = encodeVersion(transaction, draftOf(number + 1), undefined, owners).value;
        const rowKey = withTail(keyPrefix(bucketId, key), birth);
        const isNewest = age === 0;
        expected.push({ key: rowKey, value: row });
        if (!isNewest || newest !== 'whole') transaction.put(tables.versions, rowKey, row);
        if (!isNewest || newest === 'none') continue;
        const entry = newest === 'whole' ? wholeEntry(row, birth) : headEntry(row, birth, owners);
        transaction.put(tables.entries, entryKey(bucketId, key), entry);
      }
    }
  });
  expected.sort((a, b) => Buffer.compare(a.key, b.key));
  return { merged: new MergedRows(tables), tables, store, expected };
}

function seen(rows: PackedRows): Row[] {
  return Array.from({ length: rows.count }, (_, row) => ({
    key: Buffer.from(rows.key(row)),
    value: Buffer.from(rows.value(row)),
  }));
}

/** Every kind of bound that a walk is given: none, of a bucket, before, amid and behind a key's rows. */
function boundsOf({ key }: Row): Buffer[] {
  const prefix = key.subarray(0, key.length - birthBytes);
  return [key, justAfter(key), prefix, endOfKey(prefix), prefix.subarray(0, prefix.length - 2)];
}

test('a range of both tables is the range of one that has all', async () => {
  const pick = fc.nat(10_000);
  const rangeArb = fc.record({ start: pick, end: pick, limit: fc.integer({ min: 0, max: 70 }) });
  const ranges = fc.array(rangeArb, { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(allRowsArb, ranges, async (all, picked) => {
      const { merged, expected } = await filled(all);
      const bounds = [undefined, ...bucketIds.map(bucketKey), ...expected.flatMap(boundsOf)];
      const rows = new PackedRows();
      for (const { start, end, limit } of picked) {
        const from = bounds[start % bounds.length];
        const to = bounds[end % bounds.length];
        const range: RowRange = { ...(from && { start: from }), ...(to && { end: to }), limit };
        merged.packed(range, rows);
        const within = expected.filter(
          ({ key }) =>
            (from === undefined || Buffer.compare(key, from) >= 0) &&
            (to === undefined || Buffer.compare(key, to) < 0),
        );
        assert.deepEqual(seen(rows), within.slice(0, limit));
      }
    }),
    { numRuns: 300 },
  );
});

test('a damaged entry is an error that names its table', async () => {
  const { merged, tables, store } = await filled([
    { bucketId: 1, key: Buffer.from('a'), births: [1], newest: 'whole' },
  ]);
  const row = entryKey(1, Buffer.from('a'));
  const entry = tables.entries.get(row);
  assert.ok(entry);
  for (const damaged of [entry.subarray(0, 5), Buffer.from([3, ...entry.subarray(1)])]) {
    await store.commit((transaction) => transaction.put(tables.entries, row, damaged));
    assert.throws(() => merged.packed({ limit: 9 }, new PackedRows()), {
      kind: 'corrupt',
      message: /entries/,
    });
  }
});
