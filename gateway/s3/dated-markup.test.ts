import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DatedMarkup } from './dated-markup.ts';
import { isoDate } from './dates.ts';

const dayMs = 86_400_000;

test('times are told as isoDate tells them, one after another', () => {
  const timeMs = fc.oneof(
    fc.integer({ min: Date.UTC(2024, 0), max: Date.UTC(2024, 0, 4) }),
    fc.integer({ min: 0, max: Date.UTC(9999, 11, 31, 23, 59, 59, 999) }),
    fc.integer({ min: -(2 ** 46), max: 2 ** 48 }),
  );
  fc.assert(
    fc.property(fc.array(timeMs), (times) => {
      const markup = new DatedMarkup('<A>', '</A>');
      for (const time of times) assert.equal(String(markup.of(time)), `<A>${isoDate(time)}</A>`);
    }),
    { numRuns: 500 },
  );
  assert.throws(() => new DatedMarkup('', '').of(Number.NaN), RangeError);
});

test('every day of four centuries, and the last ones that have four digits', () => {
  const markup = new DatedMarkup('', '');
  const check = (day: number) =>
    assert.equal(String(markup.of(day * dayMs + 1)), isoDate(day * dayMs + 1));
  for (let day = 0; day <= 146_097; day += 1) check(day);
  const last = Date.UTC(9999, 11, 31) / dayMs;
  for (let day = last - 800; day <= last + 3; day += 1) check(day);
});
