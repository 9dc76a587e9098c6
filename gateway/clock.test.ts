import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './clock.ts';

test('random bytes never repeat, whatever the sizes, and are the caller’s own', () => {
  const seen = new Set<string>();
  for (let n = 0; n < 3000; n += 1) {
    const bytes = systemClock.randomBytes(8 + (n % 80));
    assert.equal(bytes.length, 8 + (n % 80));
    seen.add(bytes.toString('hex', 0, 8));
    bytes.fill(0);
  }
  assert.equal(seen.size, 3000);
});
