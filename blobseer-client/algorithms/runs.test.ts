import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinRuns, type Run, slotsBelow, slotsOfRuns, splitRuns } from './runs.ts';

function run(level: number, start: number, count: number, firstIndex: number, writeId = 1): Run {
  return { level, start, count, writeId, firstIndex, inFile: true };
}

test('a split run keeps naming the units that its slots lie in', () => {
  const slots = [
    [
      { start: 0, end: 4 },
      { start: 6, end: 7 },
    ],
    [{ start: 5, end: Number.POSITIVE_INFINITY }],
  ];
  assert.deepEqual(splitRuns([run(0, 2, 8, 100), run(1, 4, 3, 7), run(2, 0, 1, 9)], slots), {
    inside: [run(0, 2, 2, 100), run(0, 6, 1, 104), run(1, 5, 2, 8)],
    outside: [run(0, 4, 2, 102), run(0, 7, 3, 105), run(1, 4, 1, 7), run(2, 0, 1, 9)],
  });
});

test('runs are joined only where slots and units both continue', () => {
  assert.deepEqual(joinRuns([run(0, 4, 2, 14), run(0, 0, 4, 10)]), [run(0, 0, 6, 10)]);
  const apart = [
    [run(0, 0, 4, 10), run(0, 5, 2, 14)],
    [run(0, 0, 4, 10), run(0, 4, 2, 15)],
    [run(0, 0, 4, 10), run(0, 4, 2, 14, 2)],
    [run(0, 0, 4, 10), run(1, 4, 2, 14)],
    [run(0, 0, 4, 10), { ...run(0, 4, 2, 14), inFile: false }],
  ];
  for (const runs of apart) assert.deepEqual(joinRuns(runs), runs);
});

test('slots of runs and of level counts', () => {
  assert.deepEqual(slotsOfRuns([run(0, 0, 2, 0), run(0, 2, 1, 9), run(2, 3, 1, 1)]), [
    [{ start: 0, end: 3 }],
    [],
    [{ start: 3, end: 4 }],
  ]);
  assert.deepEqual(slotsBelow([3, 0]), [[{ start: 0, end: 3 }], []]);
});
