/** The crash test at a size for every run; crash.ts says how to run it at full size. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crash } from './crash.ts';
import { chooseSeed } from './seeded-random.ts';

test('kills of the server and of single workers lose nothing that was acknowledged', async (t) => {
  const report = await crash({
    kills: 4,
    workerKills: 8,
    seed: chooseSeed(),
    log: (line) => t.diagnostic(line),
  });
  t.diagnostic(JSON.stringify(report));
  assert.ok(report.acknowledged > 50, 'the writers wrote');
});
