/** Memory under uploads at a size for every run; memory.ts says how to run it at full size. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budgetMiB, memoryOfUploads } from './memory.ts';

test('16 uploads of 32 MiB at once stay within the budget of anonymous memory', async (t) => {
  const report = await memoryOfUploads({ uploads: 16, mebibytes: 32 });
  t.diagnostic(JSON.stringify(report));
  assert.ok(report.peakMiB < budgetMiB, `${report.peakMiB} MiB`);
});

test('so do form uploads', async (t) => {
  const report = await memoryOfUploads({ uploads: 16, mebibytes: 16, forms: true });
  t.diagnostic(JSON.stringify(report));
  assert.ok(report.peakMiB < budgetMiB, `${report.peakMiB} MiB`);
});
