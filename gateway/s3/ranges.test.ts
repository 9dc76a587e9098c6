import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3Error } from './errors.ts';
import { contentRange, parseCopySourceRange, parseRange } from './ranges.ts';

const of = (header: string | undefined, size = 10) => {
  const range = parseRange(header, size);
  return range === undefined ? undefined : [range.start, range.end, range.length];
};

test('single ranges: both ends, open end, suffix, cut at the size', () => {
  assert.deepEqual(of('bytes=2-4'), [2, 4, 3]);
  assert.deepEqual(of('bytes=0-0'), [0, 0, 1]);
  assert.deepEqual(of('bytes=9-9'), [9, 9, 1]);
  assert.deepEqual(of('bytes=2-'), [2, 9, 8]);
  assert.deepEqual(of('bytes=5-99999999999999999999'), [5, 9, 5]);
  assert.deepEqual(of('bytes=-3'), [7, 9, 3]);
  assert.deepEqual(of('bytes=-30'), [0, 9, 10]);
  assert.deepEqual(of(' Bytes=1-2 '), [1, 2, 2]);
  assert.equal(contentRange({ start: 2, end: 4, length: 3 }, 10), 'bytes 2-4/10');
});

test('several ranges or a malformed Range: the whole object', () => {
  for (const header of [
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'bytes=1',
    'bytes=4-2',
    'bytes=0-1,3-4',
    'bytes=0-1,',
    'bytes=--1',
    'bytes=1.5-2',
    'bytes =1-2',
    'items=0-1',
    '0-1',
  ]) {
    assert.equal(of(header), undefined, String(header));
  }
});

test('unsatisfiable or empty object: 416 InvalidRange with RangeRequested and ActualObjectSize', () => {
  for (const [header, size] of [
    ['bytes=10-', 10],
    ['bytes=10-20', 10],
    ['bytes=-0', 10],
    ['bytes=0-', 0],
    ['bytes=0-0', 0],
    ['bytes=-5', 0],
  ] as const) {
    assert.throws(
      () => parseRange(header, size),
      (error) => {
        assert.ok(error instanceof S3Error);
        assert.equal(error.code, 'InvalidRange');
        assert.equal(error.status, 416);
        assert.deepEqual(error.fields, {
          RangeRequested: header,
          ActualObjectSize: String(size),
        });
        return true;
      },
      header,
    );
  }
});

test('a copy source range is exact or InvalidArgument', () => {
  assert.deepEqual(parseCopySourceRange('bytes=0-9', 10), { start: 0, end: 9, length: 10 });
  for (const header of [
    '0-1',
    'bytes=0-',
    'bytes=-1',
    'bytes=2-1',
    'bytes=0-10',
    'bytes=0-1,2-3',
    '',
  ]) {
    assert.throws(
      () => parseCopySourceRange(header, 10),
      (error) =>
        error instanceof S3Error &&
        error.code === 'InvalidArgument' &&
        error.fields.ArgumentValue === header,
      header,
    );
  }
});
