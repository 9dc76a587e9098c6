/** A modest number of malformed requests for each role; `npm run fuzz-entities` sends 100,000. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entityRoles } from './settings.ts';
import { fuzzEntity } from './testing/fuzz.ts';

for (const role of entityRoles) {
  test(`nothing that is sent to a ${role} ends it`, async () => {
    const report = await fuzzEntity(role, { requests: 600, seed: 4 });
    assert.ok(report.answered > 100 && report.answered < report.requests, `${report.answered}`);
  });
}
