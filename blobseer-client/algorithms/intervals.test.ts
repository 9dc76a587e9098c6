import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  contains,
  type Interval,
  type Intervals,
  intersect,
  normalise,
  subtract,
  union,
} from './intervals.ts';

/** Beyond every finite end below, so that an infinite interval is told from a finite one. */
const horizon = 80;

const interval: fc.Arbitrary<Interval> = fc.oneof(
  fc.tuple(fc.nat(60), fc.nat(8)).map(([start, length]) => ({ start, end: start + length })),
  fc.nat(60).map((start) => ({ start, end: Number.POSITIVE_INFINITY })),
);
const anyIntervals = fc.array(interval, { maxLength: 12 });
const anySet = anyIntervals.map(normalise);

function members(intervals: Intervals): Set<number> {
  const found = new Set<number>();
  for (let value = 0; value < horizon; value++) {
    if (intervals.some(({ start, end }) => start <= value && value < end)) found.add(value);
  }
  return found;
}

function assertNormal(set: Intervals): void {
  for (const [position, { start, end }] of set.entries()) {
    assert.ok(start < end, 'an interval is empty');
    const next = set[position + 1];
    if (next !== undefined) assert.ok(end < next.start, 'intervals touch, overlap or are unsorted');
  }
}

test('normalise keeps the members, whatever the order and overlap', () => {
  fc.assert(
    fc.property(anyIntervals, (intervals) => {
      const set = normalise(intervals);
      assertNormal(set);
      assert.deepEqual(members(set), members(intervals));
    }),
  );
});

test('union, intersect, subtract and contains agree with sets of integers', () => {
  fc.assert(
    fc.property(anySet, anySet, (left, right) => {
      const inLeft = members(left);
      const inRight = members(right);
      const all = Array.from({ length: horizon }, (_, value) => value);
      const check = (result: Intervals, expected: (value: number) => boolean) => {
        assertNormal(result);
        assert.deepEqual([...members(result)], all.filter(expected));
      };
      check(union(left, right), (value) => inLeft.has(value) || inRight.has(value));
      check(intersect(left, right), (value) => inLeft.has(value) && inRight.has(value));
      check(subtract(left, right), (value) => inLeft.has(value) && !inRight.has(value));
      for (const value of all) assert.equal(contains(left, value), inLeft.has(value));
    }),
    { numRuns: 500 },
  );
});

test('inputs are left as they were', () => {
  const left = Object.freeze([Object.freeze({ start: 0, end: 4 })]);
  const right = Object.freeze([Object.freeze({ start: 2, end: 6 })]);
  assert.deepEqual(union(left, right), [{ start: 0, end: 6 }]);
  assert.deepEqual(intersect(left, right), [{ start: 2, end: 4 }]);
  assert.deepEqual(subtract(left, right), [{ start: 0, end: 2 }]);
});

test('infinite ends stay infinite', () => {
  const everything = [{ start: 0, end: Number.POSITIVE_INFINITY }];
  assert.deepEqual(subtract(everything, [{ start: 3, end: 5 }]), [
    { start: 0, end: 3 },
    { start: 5, end: Number.POSITIVE_INFINITY },
  ]);
  assert.deepEqual(intersect(everything, everything), everything);
  assert.deepEqual(subtract(everything, everything), []);
  assert.ok(contains(everything, Number.MAX_SAFE_INTEGER));
});
