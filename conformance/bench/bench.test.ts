/** That the benchmark runs and calculates right. Nothing here asserts a speed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { bench } from './bench.ts';
import { chart } from './chart.ts';
import { goalsTable, judge } from './goals-table.ts';
import { Histogram } from './histogram.ts';
import { runLoad } from './load.ts';
import type { Measurement } from './measure.ts';
import { pagesTouched } from './multipart-work.ts';
import { makeRequests } from './requests.ts';
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
const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
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

test('goals are judged by the medians of the rounds that did not fail', () => {
  const round = (change: Partial<Measurement>): Measurement => ({ ...measured(1), ...change });
  const rows: Row[] = [];
  const add = (workload: string, connections: number, server: string, ...rounds: Measurement[]) =>
    rows.push({ workload, connections, server, rounds });
  add('put-4k', 32, 'ours', measured(800), measured(90), measured(9, 1));
  add('put-4k', 32, 'rgw', measured(100), measured(10), measured(1));
  add('put-4k', 32, 's3rver', measured(400), measured(45), measured(1));
  add('put-4k', 1, 'ours', round({ p50: 3 }), round({ p50: 4.5 }));
  add('put-4k', 1, 'bare-synced', round({ p50: 2 }), round({ p50: 3 }));
  add('put-16m', 8, 'ours', round({ mebibytesPerSecond: 100 }));
  const parts = { completeMs: 21, uploadMiBps: 110, putMiBps: 88 };
  add('multipart', 4, 'ours', round({ mebibytesPerSecond: 110, extra: parts }));
  add('list-50', 1, 'ours', round({ p50: 2 }));
  add('list-1000', 1, 'ours', round({ p50: 9 }));
  add('list-20000', 1, 'ours', round({ p50: 3, peakMiB: 300 }));
  add('list-delimiter-99999', 1, 'ours', round({ p50: 99, peakMiB: 20 }));
  add('overwrite-1-percent', 1, 'ours', round({ extra: { grownMiB: 2.02, changedMiB: 2 } }));
  add('disk-1', 32, 'ours', round({ extra: { diskBytesPerObject: 500 } }));
  add('head', 32, 'ours', round({}));
  add('head', 32, 'rgw', measured(1, 1));
  const results: Results = { machine: '', node: '', date: '', command: '', rows };
  const found = judge(results, 'ours')
    .filter(({ verdict }) => verdict !== 'not measured')
    .map(({ goal, measured: value, verdict }) => [goal.work, value, verdict]);
  assert.deepEqual(found, [
    ['put-4k', 8.5, 'met'],
    ['put-4k', 2, 'missed'],
    ['put-4k', 1.5, 'met'],
    ['multipart', 1.25, 'met'],
    ['multipart', 1.1, 'met'],
    ['multipart', 21, 'missed'],
    ['list', 1.5, 'missed'],
    ['overwrite-1-percent', 1.01, 'met'],
    ['disk-1', 500, 'met'],
    ['', 300, 'missed'],
  ]);
  const table = goalsTable(results, 'ours');
  assert.match(table, /\| put-4k \| 32 \| at least 8x RGW \| 8.50 \| met \|/);
  assert.match(table, /\| get-4k \| 32 \| at least 6x RGW \| {2}\| not measured \|/);
});

test('a change counts the pages that it touches', () => {
  const page = 256 * 1024;
  assert.equal(pagesTouched(0, page), 1);
  assert.equal(pagesTouched(1, page), 2);
  assert.equal(pagesTouched(page - 1, 2), 2);
  assert.equal(pagesTouched(page, 1), 1);
});

test('requests of one number take its bodies in turns, and numbers are in the order of keys', () => {
  const target = { endpoint: 'http://127.0.0.1:1', credentials, region: 'us-east-1' };
  const made = makeRequests(target, {
    ...{ method: 'PUT', path: '/b/{n}', bodyBytes: 8, bodies: 2, numbers: 2, first: 9, stride: 5 },
    ...{ order: 'cyclic', status: 200 },
  });
  const lines = made.map(({ pieces: [head] }) => head?.toString().split(' ')[1]);
  assert.deepEqual(lines, ['/b/00000009', '/b/00000014', '/b/00000009', '/b/00000014']);
  const [first, second, again] = made.map(({ pieces: [, body] }) => body);
  assert.ok(first !== undefined && second !== undefined && again !== undefined);
  assert.ok(first.equals(second));
  assert.ok(!first.equals(again));
});

test('every work runs on a gateway, and single requests on the bare server', async () => {
  const results = await bench({
    scale: tinyScale,
    servers: [ours('ours', 1), bare('bare', true)],
    ...{ only: [], connections: [], rounds: 1, tell: () => {} },
  });
  const failed = results.rows.filter((found) => typical(found) === undefined);
  assert.deepEqual(failed, []);
  for (const { rounds } of results.rows) assert.equal(rounds.length, 1);
  const names = new Set(results.rows.map(({ workload }) => workload));
  for (const name of [
    ...['put-4k', 'get-16m', 'delete', 'multipart', 'disk-1', 'list-50', 'list-delimiter-50'],
    ...['list-versions-20', 'list-behind-versions-20', 'list-behind-markers-20', 'start-50'],
  ]) {
    assert.ok(names.has(name), name);
  }
  const text = summary(results);
  assert.match(text, /\| put-4k \| 2 \| [^|]*\/s, p50 [^|]* \| [^|]*\/s, [^|]* \| \d+\.\d\d \|/);
  assert.match(chart(results), /^<svg [\s\S]*put-4k × 2[\s\S]*<\/svg>\n$/);
  const again: Results = JSON.parse(JSON.stringify(results)) as Results;
  assert.match(comparison(results, again), /\| put-4k \| 2 \| ours \| 1\.00 \| 1\.00 \|/);
});

test('a warm-up that would use all requests leaves some to be counted', async () => {
  const server = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const result = await runLoad(
    {
      target: { endpoint: `http://127.0.0.1:${port}`, credentials, region: 'us-east-1' },
      plan: { method: 'GET', path: '/b/{n}', numbers: 200, order: 'once', status: 200 },
      connections: 2,
      warmupMs: 60_000,
      durationMs: 60_000,
    },
    () => undefined,
  ).finally(() => server.close());
  assert.equal(result.failures, 0);
  assert.ok(result.requests > 0 && result.requests < 150, `${result.requests} of 200 were counted`);
});
