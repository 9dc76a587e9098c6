import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { httpDate, isoDate, parseDate, parseHttpDate, wholeSeconds } from './dates.ts';

const timeMs = Date.UTC(1994, 10, 6, 8, 49, 37);

test('times in lists in milliseconds, in headers in seconds', () => {
  assert.equal(isoDate(timeMs + 7), '1994-11-06T08:49:37.007Z');
  assert.equal(httpDate(timeMs + 999), 'Sun, 06 Nov 1994 08:49:37 GMT');
  assert.equal(wholeSeconds(1999), 1);
});

test('times in lists and headers are what Date makes of them', () => {
  const times = fc.integer({ min: -(2 ** 46), max: 2 ** 47 });
  fc.assert(
    fc.property(fc.array(times), (list) => {
      for (const time of list) {
        assert.equal(isoDate(time), new Date(time).toISOString());
        assert.equal(httpDate(time), new Date(time).toUTCString());
      }
    }),
  );
  assert.throws(() => isoDate(Number.NaN), RangeError);
});

test('HTTP dates in their three forms', () => {
  for (const text of [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    ' sun, 06 nov 1994 08:49:37 gmt ',
  ]) {
    assert.equal(parseHttpDate(text), timeMs, text);
  }
  assert.equal(parseHttpDate('Monday, 06-Nov-68 00:00:00 GMT'), Date.UTC(2068, 10, 6));
  assert.equal(parseHttpDate(httpDate(timeMs)), timeMs);
});

test('what is no date is undefined, not another day', () => {
  for (const text of [
    '',
    'yesterday',
    '0',
    '1994-11-06T08:49:37Z',
    'Sun, 31 Feb 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 25:00:00 GMT',
    'Sun, 06 Nov 1994 08:49:37 +0100',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Foo 1994 08:49:37 GMT',
  ]) {
    assert.equal(parseHttpDate(text), undefined, text);
  }
});

test('conditions on deletes take ISO 8601 as well', () => {
  assert.equal(parseDate('1994-11-06T08:49:37Z'), timeMs);
  assert.equal(parseDate('1994-11-06T08:49:37.250Z'), timeMs + 250);
  assert.equal(parseDate('Sun, 06 Nov 1994 08:49:37 GMT'), timeMs);
  assert.equal(parseDate('1994-02-31T08:49:37Z'), undefined);
  assert.equal(parseDate('1994-11-06'), undefined);
});
