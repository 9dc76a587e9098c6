/** That the axes run on a gateway per page size, and are drawn. Nothing here asserts a speed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axesChart, axesSummary, measureAxes, tinyAxes } from './axes.ts';
import { lineChart, scaleOf } from './line-chart.ts';
import { makeRequests } from './requests.ts';
import { typical } from './results.ts';

test('every axis runs, on one blob and on distinct ones', async () => {
  const results = await measureAxes({
    scale: { ...tinyAxes, clients: [2] },
    pageSizes: [64 * 1024, 1024 ** 2],
    workers: 1,
    only: [],
    rounds: 1,
    tell: () => {},
  });
  const failed = results.rows.filter((row) => typical(row) === undefined);
  assert.deepEqual(failed, []);
  assert.equal(results.rows.length, 7 * 2); // works, page sizes
  const rate = String.raw`\d+ \(\d+\.\d ms/MiB\)`;
  assert.match(axesSummary(results), /\| append-one \| 64 KiB pages \| 1 MiB pages \|/);
  assert.match(axesSummary(results), new RegExp(String.raw`\| 2 \| ${rate} \| ${rate} \|`));
  assert.equal(axesChart(results).match(/<polyline/g)?.length, 7 * 2);
});

test('requests of own: the key by turns, and no two bodies with a page in common', () => {
  const target = {
    endpoint: 'http://127.0.0.1:1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    region: 'us-east-1',
  };
  const exchanges = makeRequests(target, {
    ...{
      method: 'PUT',
      path: '/b/{own}?partNumber={number}',
      own: ['x', 'y'],
      first: 1,
      numbers: 4,
    },
    ...{ bodyBytes: 4096, bodiesDiffer: true, order: 'own', status: 200 },
  });
  const lines = exchanges.map(({ pieces }) => pieces[0]?.toString('latin1').split('\r\n')[0]);
  assert.deepEqual(
    lines,
    ['x?partNumber=1', 'y?partNumber=2', 'x?partNumber=3', 'y?partNumber=4'].map(
      (path) => `PUT /b/${path} HTTP/1.1`,
    ),
  );
  const bodies = exchanges.map(({ pieces }) => pieces[1]?.toString('latin1'));
  assert.equal(new Set(bodies).size, 4);
  for (const body of bodies) assert.equal(body?.length, 4096);
});

test('a linear axis begins at zero and ends at a tick, a logarithmic one lies between powers', () => {
  const linear = scaleOf([3, 17, 42], undefined);
  assert.deepEqual(linear.ticks, [0, 10, 20, 30, 40, 50]);
  assert.equal(linear.share(25), 0.5);
  const powers = scaleOf([1, 32], 2);
  assert.deepEqual(powers.ticks, [1, 2, 4, 8, 16, 32]);
  assert.ok(Math.abs(powers.share(8) - 0.6) < 1e-12);
  assert.deepEqual(scaleOf([0.2, 5000], 10).ticks, [0.1, 1, 10, 100, 1000, 10_000]);
  assert.deepEqual(scaleOf([], undefined).ticks, [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1]);
  assert.deepEqual(scaleOf([0], 10).ticks, [1, 10]);
});

test('a chart leaves out what a logarithmic axis cannot show', () => {
  const svg = lineChart(
    [
      {
        title: 'a < b',
        x: { label: 'clients' },
        y: { label: 'ms', base: 10 },
        lines: [
          {
            name: 'p50',
            points: [
              [1, 0],
              [2, 10],
              [4, 100],
            ],
          },
        ],
      },
    ],
    1,
  );
  assert.match(svg, /a &lt; b/);
  assert.match(svg, /<polyline points="237\.0,220\.0 412\.0,30\.0"/);
});
