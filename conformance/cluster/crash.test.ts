/** The crash test of ../durability on a BlobSeer of entities, at a size for every run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crash } from '../durability/crash.ts';
import { chooseSeed } from '../durability/seeded-random.ts';

test('kills of gateways lose nothing that was acknowledged, and leave nothing in the BlobSeer', async (t) => {
  const report = await crash({
    kills: 3,
    workerKills: 5,
    seed: chooseSeed(),
    onBlobSeer: true,
    log: (line) => t.diagnostic(line),
  });
  t.diagnostic(JSON.stringify(report));
  assert.ok(report.acknowledged > 50, 'the writers wrote');
});
