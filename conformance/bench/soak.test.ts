/** That the soak runs and calculates right: nothing here asserts a speed, nor that a curve is flat. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soak } from './soak.ts';
import { Bodies, type Body, below, ExpectedBody } from './soak-bodies.ts';
import { tinySizes } from './soak-load.ts';
import { slopes, soakChart, soakSummary } from './soak-report.ts';
import type { Sample } from './soak-samples.ts';

test('a short soak: every answer is right, and what is stored is whole', async () => {
  const results = await soak({
    ...{ minutes: 0.05, rate: 60, workers: 2, args: [], intervalSeconds: 0.5, warmupSeconds: 0.5 },
    ...{ sizes: tinySizes, tell: () => {} },
  });
  assert.deepEqual(results.failureTexts, []);
  assert.equal(results.check.status, 0, results.check.output);
  const [sample] = results.samples;
  assert.ok(sample !== undefined);
  assert.deepEqual(
    sample.processes.map(({ name }) => name),
    ['gateway', 'gateway worker 1', 'gateway worker 2'],
  );
  for (const { anonymousMiB, residentMiB, descriptors } of sample.processes) {
    assert.ok(anonymousMiB > 1 && residentMiB > anonymousMiB && descriptors > 5);
  }
  assert.ok(sample.diskMiB > sample.databaseMiB && sample.databaseMiB > 0);
  assert.match(soakSummary(results), /0 failed or were answered wrong; check: exit status 0/);
  assert.match(soakChart(results), /Latency, p99/);
});

const sample = (seconds: number, diskMiB: number, count = 1): Sample => ({
  ...{ seconds, diskMiB, databaseMiB: 0, gatewayCpu: 0.1, loadCpu: 0.1, behindSeconds: 0 },
  loadAverage: 1,
  processes: [{ name: 'gateway', anonymousMiB: 50, residentMiB: 90, descriptors: 20 }],
  operations: { head: { count, failures: 0, p50: seconds, p99: 2 * seconds } },
});

test('a slope is the last quarter against the first, behind the warm-up', () => {
  const disk = [1000, 10, 11, 12, 20, 20, 20, 30, 33, 36];
  const samples = disk.map((each, index) => sample(index, each));
  // Nine are left, two of them a quarter.
  const found = slopes({ samples, warmupSeconds: 0.5 });
  const of = (name: string) => found.find((slope) => slope.name === name);
  assert.deepEqual(of('disk (MiB)'), {
    ...{ name: 'disk (MiB)', first: 10.5, last: 34.5, ratio: 34.5 / 10.5 },
  });
  assert.equal(of('LMDB file (MiB)')?.ratio, 1);
  assert.equal(of('RssAnon (MiB) gateway')?.ratio, 1);
  assert.equal(of('p99 (ms) head')?.ratio, 8.5 / 1.5);
  // A tenth of a second of CPU in each second, one request in each.
  assert.equal(of('CPU of the gateway per request (ms)')?.last, 100);
});

test('a window in which nothing of a kind was done says nothing of its latency', () => {
  const samples = [1, 2, 3, 4].map((seconds) => sample(seconds, 1, seconds === 4 ? 0 : 1));
  const found = slopes({ samples, warmupSeconds: 0 });
  assert.equal(
    found.some(({ name }) => name.startsWith('p50')),
    false,
  );
});

test('a changed body is the old one but for the patch, and a ninth patch takes the first back', () => {
  const bodies = new Bodies(10_000);
  const first = bodies.make(10_000);
  const differing = (a: Buffer, b: Buffer) => a.filter((byte, index) => byte !== b[index]).length;
  const bytesOf = (body: Body) => Buffer.concat(bodies.piecesOf(body));
  const before = bytesOf(first);
  let body = first;
  for (let patches = 1; patches <= 12; patches += 1) {
    body = bodies.change(body, 100);
    const after = bytesOf(body);
    assert.equal(after.length, before.length);
    assert.ok(differing(after, before) <= Math.min(patches, 8) * 100);
    assert.equal(body.patches.length, Math.min(patches, 8));
  }
  assert.deepEqual(bytesOf(first), before);
});

test('a stretch of a body is that of the whole, and a body that is not the expected one is seen', () => {
  const bodies = new Bodies(10_000);
  let body = bodies.make(10_000);
  for (let patches = 0; patches < 8; patches += 1) body = bodies.change(body, 3000);
  const whole = Buffer.concat(bodies.piecesOf(body));
  for (let turn = 0; turn < 200; turn += 1) {
    const start = below(10_000);
    const end = start + below(10_001 - start);
    const pieces = bodies.piecesOf(body, start, end);
    const right = whole.subarray(start, end);
    assert.deepEqual(Buffer.concat(pieces), right);
    const differenceOf = (arrived: Buffer) => {
      const expected = new ExpectedBody(pieces);
      for (let at = 0; at < arrived.length; ) {
        const next = at + 1 + below(3000);
        expected.take(arrived.subarray(at, next));
        at = next;
      }
      return expected.difference();
    };
    assert.equal(differenceOf(right), undefined);
    assert.match(differenceOf(Buffer.concat([right, Buffer.of(1)])) ?? '', /differs/);
    if (right.length === 0) continue;
    assert.match(differenceOf(right.subarray(1)) ?? '', /differs|bytes, not/);
    const wrong = Buffer.from(right);
    wrong[below(wrong.length)]! ^= 1;
    assert.match(differenceOf(wrong) ?? '', /differs/);
  }
});
