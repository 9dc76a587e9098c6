import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PackedRows } from '../packed-rows.ts';
import { crc32c, crcBytes, sumAt } from './crc32c.ts';
import { unseal } from './sealed-rows.ts';

interface Row {
  readonly key: Uint8Array;
  /** With its sum. */
  readonly stored: Uint8Array;
}

function sumOf(...pieces: readonly Uint8Array[]): Buffer {
  const sum = Buffer.alloc(crcBytes);
  const bytes = Buffer.concat(pieces);
  sum.writeUInt32LE(crc32c(bytes, 0, bytes.length));
  return sum;
}

const row = fc
  .tuple(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ maxLength: 200 }))
  .map(([key, value]): Row => ({ key, stored: Buffer.concat([value, sumOf(key, value)]) }));

/** Reused, as a walk reuses its. */
const packed = new PackedRows();

function pack(rows: readonly Row[]): PackedRows {
  packed.clear();
  for (const { key, stored } of rows) {
    packed.addKey(key, 0, key.length);
    packed.addValue(stored, 0, stored.length);
  }
  return packed;
}

function isWhole({ key, stored }: Row): boolean {
  const end = stored.length - crcBytes;
  if (end < 0) return false;
  const sum = sumOf(key, stored.subarray(0, end));
  return sumAt(stored, end) === sum.readUInt32LE();
}

test('whole rows lose their sums', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 200 }), (rows) => {
      const unsealed = pack(rows);
      assert.equal(unseal(unsealed), undefined);
      assert.equal(unsealed.count, rows.length);
      for (const [index, { key, stored }] of rows.entries()) {
        assert.deepEqual(unsealed.key(index), Buffer.from(key));
        assert.deepEqual(unsealed.value(index), Buffer.from(stored.subarray(0, -crcBytes)));
      }
    }),
  );
});

test('of rows with damage the first that is damaged is told', () => {
  const damage = fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 100 }),
      fc.array(damage, { minLength: 1, maxLength: 3 }),
      (rows, damages) => {
        for (const [which, where, bits] of damages) {
          const { key, stored } = rows[which % rows.length]!;
          const at = where % (key.length + stored.length);
          if (at < key.length) key[at]! ^= bits;
          else stored[at - key.length]! ^= bits;
        }
        const first = rows.findIndex((each) => !isWhole(each));
        assert.equal(unseal(pack(rows)), first < 0 ? undefined : first);
      },
    ),
    { numRuns: 1000 },
  );
});

test('a row too short for a sum is damaged, though its key may end in one', () => {
  const rows = Array.from({ length: 6 }, (_, index): Row => {
    const key = Buffer.from(`abc${index}`);
    return { key, stored: sumOf(key) };
  });
  const { key } = rows[3]!;
  rows[3] = { key: Buffer.concat([key, sumOf(key)]), stored: Buffer.alloc(0) };
  assert.equal(unseal(pack(rows)), 3);
});

test('many rows of one length, then of others', () => {
  const rows = Array.from({ length: 300 }, (_, index): Row => {
    const key = Buffer.from(String(index).padStart(8, '0'));
    const value = Buffer.alloc(index < 200 ? 60 : 60 + (index % 3), index);
    return { key, stored: Buffer.concat([value, sumOf(key, value)]) };
  });
  assert.equal(unseal(pack(rows)), undefined);
  for (const damaged of [0, 63, 64, 65, 199, 299]) {
    const { stored } = rows[damaged]!;
    stored[5]! ^= 1;
    assert.equal(unseal(pack(rows)), damaged);
    stored[5]! ^= 1;
  }
});
