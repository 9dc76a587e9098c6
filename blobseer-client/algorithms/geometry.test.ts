import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { levelCounts, pageCount, pagesOf, treeHeight } from './geometry.ts';

const fanOuts = fc.constantFrom(2, 3, 4, 7, 8, 256);

test('pages of a size', () => {
  assert.equal(pageCount(0, 4096), 0);
  assert.equal(pageCount(1, 4096), 1);
  assert.equal(pageCount(4096, 4096), 1);
  assert.equal(pageCount(4097, 4096), 2);
  assert.equal(pageCount(Number.MAX_SAFE_INTEGER, 1), Number.MAX_SAFE_INTEGER);
});

test('pages of a range are those that hold one of its bytes', () => {
  fc.assert(
    fc.property(
      fc.nat(200),
      fc.nat(60),
      fc.integer({ min: 1, max: 17 }),
      (offset, length, size) => {
        const touched = new Set<number>();
        for (let byte = offset; byte < offset + length; byte++)
          touched.add(Math.floor(byte / size));
        const { first, count } = pagesOf({ offset, length }, size);
        const listed = Array.from({ length: count }, (_, page) => first + page);
        assert.deepEqual(listed, [...touched]);
      },
    ),
  );
});

test('height is the smallest L with fanOut^L pages or more', () => {
  assert.equal(treeHeight(0, 2), 0);
  assert.equal(treeHeight(1, 2), 0);
  assert.equal(treeHeight(2, 2), 1);
  assert.equal(treeHeight(256, 256), 1);
  assert.equal(treeHeight(257, 256), 2);
  // Where logarithms of floating point numbers go wrong.
  assert.equal(treeHeight(5 ** 3, 5), 3);
  assert.equal(treeHeight(3 ** 30, 3), 30);
  assert.equal(treeHeight(3 ** 30 + 1, 3), 31);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), fanOuts, (pages, fanOut) => {
      const height = treeHeight(pages, fanOut);
      assert.ok(fanOut ** height >= pages);
      if (height > 0) assert.ok(fanOut ** (height - 1) < pages);
    }),
  );
});

test('level counts run from the pages to the one root', () => {
  assert.deepEqual(levelCounts(0, 2), [0]);
  assert.deepEqual(levelCounts(1, 2), [1]);
  assert.deepEqual(levelCounts(5, 2), [5, 3, 2, 1]);
  assert.deepEqual(levelCounts(1_000_000, 256), [1_000_000, 3907, 16, 1]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), fanOuts, (pages, fanOut) => {
      const counts = levelCounts(pages, fanOut);
      assert.equal(counts[0], pages);
      assert.equal(counts.at(-1), 1);
      for (let level = 1; level < counts.length; level++) {
        assert.equal(counts[level], Math.ceil(pages / fanOut ** level));
      }
    }),
  );
});

test('what is no size or count is refused', () => {
  for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    assert.throws(() => pageCount(bad, 4096), RangeError);
    assert.throws(() => pageCount(1, bad), RangeError);
    assert.throws(() => levelCounts(bad, 2), RangeError);
    assert.throws(() => treeHeight(1, bad), RangeError);
    assert.throws(() => pagesOf({ offset: bad, length: 1 }, 4096), RangeError);
    assert.throws(() => pagesOf({ offset: 0, length: bad }, 4096), RangeError);
  }
  assert.throws(() => pageCount(1, 0), RangeError);
  assert.throws(() => levelCounts(2, 1), RangeError);
});
