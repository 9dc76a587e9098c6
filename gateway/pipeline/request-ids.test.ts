import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../clock.ts';
import { RequestIds } from './request-ids.ts';

test('an id has 16 digits, and no two are the same', () => {
  const ids = new RequestIds(systemClock);
  const seen = new Set<string>();
  for (let n = 0; n < 1000; n += 1) {
    const id = ids.next();
    assert.match(id, /^[0-9A-F]{16}$/);
    seen.add(id);
  }
  assert.equal(seen.size, 1000);
});
