/** Page sizes that an operator fixes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixedPageSizes } from './page-sizes.ts';

test('a fixed page size is taken for every new blob, and blobs of another are left', () => {
  const sizes = fixedPageSizes(2 ** 20);
  for (const sizeHint of [undefined, 0, 1, 2 ** 40]) assert.equal(sizes.choose(sizeHint), 2 ** 20);
  assert.equal(sizes.fits(2 ** 20, 1), true);
  assert.equal(sizes.fits(2 ** 19, 1), false);
  assert.throws(() => fixedPageSizes(2 ** 20 + 1), { kind: 'invalid-argument' });
});
