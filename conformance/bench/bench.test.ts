/** That the benchmark runs and calculates right. Nothing here asserts a speed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bench } from './bench.ts';
import { chart } from './chart.ts';
import { Histogram } from './histogram.ts';
import type { Measurement } from './measure.ts';
import { comparison, median, type Results, type Row, ratio, summary, typical } from './results.ts';
import { bare, ours } from './servers.ts';
import { tinyScale } from './workloads.ts';

test('percentiles are within one percent of the true ones', () => {
  const latency = fc.double({ min: 0.002, max: 100_000, noNaN: true });
  const share = fc.constantFrom(0.01, 0.5, 0.9, 0.99, 0.999, 1);
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 200 }), share, (values, wanted) => {
      const histogram = new Histogram();
      for (const value of values) histogram.record(value);
      const sorted = [...values].sort((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil(wanted * sorted.length)) - 1] ?? 0;
      const found = histogram.percentileMs(wanted);
      assert.ok(found >= exact * 0.999 && found <= exact * 1.01, `${found} for ${exact}`);
      assert.equal(histogram.count, values.length);
      assert.ok(Math.abs(histogram.maxMs - (sorted.at(-1) ?? 0)) < 1e-6);
    }),
  );
  assert.equal(new Histogram().percentileMs(0.5), 0);
});

test('medians', () => {
  assert.equal(median([3]), 3);
  assert.equal(median([10, 1]), 5.5);
  assert.equal(median([10, 1, 2]), 2);
  assert.throws(() => median([]), RangeError);
});

const measured = (opsPerSecond: number, failures = 0): Measurement => ({
  requests: 1,
  opsPerSecond,
  mebibytesPerSecond: 0,
  ...{ p50: 1, p99: 2, p999: 3, failures, cpuMsPerOp: 1 },
});
const row = (server: string, ...rates: Measurement[]): Row => ({
  ...{ workload: 'put-4k', connections: 1, server, rounds: rates },
});

test('a ratio is taken round by round, and failed rounds count for nothing', () => {
  const mine = row('a', measured(100), measured(10), measured(1000, 1));
  const theirs = row('b', measured(50), measured(2), measured(1));
  assert.equal(ratio(mine, theirs), 3.5);
  assert.equal(typical(mine)?.opsPerSecond, 10);
  assert.ok(Number.isNaN(ratio(row('a', measured(1, 1)), theirs)));
  assert.equal(typical(row('a', measured(1, 1))), undefined);
});

test('every work runs on a gateway, and single requests on the bare server', async () => {
  const results = await bench({
    scale: tinyScale,
    servers: [ours('ours', 1), bare('bare', true)],
    ...{ only: [], connections: [], rounds: 2, tell: () => {} },
  });
  const failed = results.rows.filter((found) => typical(found) === undefined);
  assert.deepEqual(failed, []);
  for (const { rounds } of results.rows) assert.equal(rounds.length, 2);
  const names = new Set(results.rows.map(({ workload }) => workload));
  for (const name of ['put-4k', 'get-16m', 'delete', 'multipart', 'list-50', 'disk-1']) {
    assert.ok(names.has(name), name);
  }
  const text = summary(results);
  assert.match(text, /\| put-4k \| 2 \| [^|]*\/s, p50 [^|]* \| [^|]*\/s, [^|]* \| \d+\.\d\d \|/);
  assert.match(chart(results), /^<svg [\s\S]*put-4k × 2[\s\S]*<\/svg>\n$/);
  const again: Results = JSON.parse(JSON.stringify(results)) as Results;
  assert.match(comparison(results, again), /\| put-4k \| 2 \| ours \| 1\.00 \| 1\.00 \|/);
});
