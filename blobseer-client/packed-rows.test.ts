import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PackedRows } from './packed-rows.ts';

const rowsArb = fc.array(fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.uint8Array()), {
  maxLength: 40,
});

function seen(rows: PackedRows): string[] {
  return Array.from(
    { length: rows.count },
    (_, row) => `${rows.key(row).toString('hex')} ${rows.value(row).toString('hex')}`,
  );
}

test('rows come back as they were added, one by one or many of another', () => {
  fc.assert(
    fc.property(rowsArb, fc.nat(40), fc.nat(40), fc.nat(3), (given, a, b, cut) => {
      const source = new PackedRows();
      const expected: string[] = [];
      for (const [row, [key, value]] of given.entries()) {
        const padded = Buffer.concat([Buffer.of(7), key, value]);
        source.addKey(padded, 1, 1 + key.length);
        source.addValue(padded, 1 + key.length, padded.length);
        const left = Math.max(value.length - cut, 0);
        source.shortenValue(row, value.length - left);
        const kept = Buffer.from(value.subarray(0, left));
        expected.push(`${Buffer.from(key).toString('hex')} ${kept.toString('hex')}`);
      }
      assert.deepEqual(seen(source), expected);
      const from = Math.min(a, given.length);
      const to = Math.min(b, given.length);
      const target = new PackedRows();
      target.addRows(source, from, to);
      target.addRows(source, 0, given.length);
      assert.deepEqual(seen(target), [...expected.slice(from, to), ...expected]);
    }),
  );
});
