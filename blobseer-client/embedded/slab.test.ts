import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Slab } from './slab.ts';

test('no two pieces have a byte in common, whatever their lengths', () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 60 });
  const property = fc.property(lengths, (list) => {
    const slab = new Slab();
    const pieces = list.map((length, index) => slab.take(length).fill(index));
    for (const [index, piece] of pieces.entries()) {
      assert.equal(piece.length, list[index]);
      assert.ok(piece.every((byte) => byte === index));
    }
  });
  fc.assert(property);
});
