/** The kill test at a size for every run; kills.ts says how to run it at full size. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseSeed } from '../durability/seeded-random.ts';
import { kills } from './kills.ts';

test('any entity may be killed or hang: nothing is lost, and clients see only managers go', async (t) => {
  const report = await kills({
    rounds: 1,
    every: false,
    writes: 25,
    hungSeconds: 5,
    awaySeconds: 1,
    seed: chooseSeed(),
    log: (line) => t.diagnostic(line),
  });
  t.diagnostic(JSON.stringify(report));
  assert.equal(report.events.length, 6);
});
