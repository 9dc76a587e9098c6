import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { maxTableKeyBytes } from '../../blobseer-client/index.ts';
import {
  birthBytes,
  bucketKey,
  decodeBirth,
  encodeBirth,
  endOfKey,
  entryBound,
  entryKey,
  escapeKey,
  isStorableKey,
  justAfter,
  keyOf,
  keyPrefix,
  rowKeysOf,
  storableKey,
  successor,
  unescapeKey,
  withNumber,
  withTail,
} from './keys.ts';

/** Short, of few byte values, so that one is often the beginning of another. */
const bytesArb = fc
  .array(fc.constantFrom(0, 1, 2, 97, 254, 255), { maxLength: 5 })
  .map((bytes) => Buffer.from(bytes));

test('the row keys of a key are the same in one piece as each by itself', () => {
  const character = fc.constantFrom('\0', 'a', 'é', '€', '😀', '\ud83d');
  const short = fc.array(character, { maxLength: 6 }).map((characters) => characters.join(''));
  const long = fc
    .tuple(character, fc.integer({ min: 250, max: 1030 }))
    .map(([one, count]) => one.repeat(count));
  fc.assert(
    fc.property(fc.oneof(short, long), (key) => {
      const bytes = storableKey(key);
      const expected = bytes && { entryRow: entryKey(7, bytes), prefix: keyPrefix(7, bytes) };
      assert.deepEqual(rowKeysOf(7, key), expected);
    }),
  );
});

test('escaping keeps order and is undone', () => {
  fc.assert(
    fc.property(bytesArb, bytesArb, (a, b) => {
      assert.deepEqual(Buffer.from(unescapeKey(escapeKey(a))), a);
      const order = Buffer.compare(a, b);
      assert.equal(Buffer.compare(keyPrefix(7, a), keyPrefix(7, b)), order);
      if (order < 0) {
        const tail = Buffer.alloc(birthBytes, 0xff);
        assert.ok(Buffer.compare(withTail(keyPrefix(7, a), tail), endOfKey(keyPrefix(7, a))) < 0);
        assert.ok(Buffer.compare(endOfKey(keyPrefix(7, a)), keyPrefix(7, b)) <= 0);
      }
      assert.deepEqual(Buffer.from(keyOf(withTail(keyPrefix(7, a), Buffer.alloc(8)), 8)), a);
    }),
  );
});

test('a bound among rows is one among entries, but for the key that it lies amid', () => {
  const tail = Buffer.from([0, 1, 0, 0, 2, 255, 0, 1]);
  const boundArb = bytesArb.chain((key) => {
    const prefix = keyPrefix(7, key);
    const row = withTail(prefix, tail);
    const begins = prefix.subarray(0, prefix.length - 2);
    return fc.constantFrom(begins, prefix, endOfKey(prefix), row, justAfter(row));
  });
  fc.assert(
    fc.property(bytesArb, boundArb, fc.integer({ min: -1, max: 1 }), (key, bound, step) => {
      const birth = Buffer.from(tail);
      birth[7]! += step;
      const isBehind = Buffer.compare(withTail(keyPrefix(7, key), birth), bound) >= 0;
      const { entryRow, isAmidKey } = entryBound(bound);
      const prefix = keyPrefix(7, key);
      if (bound.subarray(0, prefix.length).equals(prefix)) {
        assert.equal(isAmidKey, true);
        assert.deepEqual(entryRow, entryKey(7, key));
      } else {
        assert.equal(Buffer.compare(entryKey(7, key), entryRow) >= 0, isBehind);
      }
    }),
    { numRuns: 1000 },
  );
  for (const bound of [Buffer.alloc(0), Buffer.from([0]), bucketKey(7)]) {
    assert.deepEqual(entryBound(bound), { entryRow: bound, isAmidKey: false });
  }
});

test('a successor is behind all that begins alike, and before all else that is', () => {
  fc.assert(
    fc.property(bytesArb, bytesArb, (prefix, other) => {
      const next = successor(prefix);
      const isAlike = other.subarray(0, prefix.length).equals(prefix);
      const isBehind = Buffer.compare(other, prefix) > 0 && !isAlike;
      assert.equal(next !== undefined && Buffer.compare(other, next) >= 0, isBehind);
    }),
  );
});

test('births sort newest first', () => {
  const birthArb = fc
    .tuple(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.integer({ min: 0, max: 65_535 }))
    .map(([sequence, ordinal]) => ({ sequence, ordinal }));
  fc.assert(
    fc.property(birthArb, birthArb, (a, b) => {
      assert.deepEqual(decodeBirth(encodeBirth(a)), a);
      const order = Math.sign(b.sequence - a.sequence || b.ordinal - a.ordinal);
      assert.equal(Buffer.compare(encodeBirth(a), encodeBirth(b)), order);
    }),
  );
  assert.throws(() => encodeBirth({ sequence: 2 ** 48, ordinal: 0 }), RangeError);
  assert.throws(() => encodeBirth({ sequence: 1, ordinal: 65_536 }), RangeError);
});

test('what is storable has row keys that fit; S3 keys are, unless nearly all NUL', () => {
  for (const key of ['a', '\0', ' ', 'é'.repeat(512), '🎈'.repeat(256), 'x'.repeat(1024)]) {
    assert.equal(isStorableKey(key), true, key);
  }
  const bad = ['', 'x'.repeat(1025), '🎈'.repeat(257), '\0'.repeat(1024), '\ud800', 'a\udc00b'];
  for (const key of bad) assert.equal(isStorableKey(key), false, JSON.stringify(key));
  let longest = 0;
  for (let nulls = 900; nulls <= 1024; nulls += 1) {
    const key = '\0'.repeat(nulls) + 'x'.repeat(1024 - nulls);
    if (!isStorableKey(key)) continue;
    const versionRow = withTail(keyPrefix(1, Buffer.from(key)), Buffer.alloc(birthBytes));
    longest = Math.max(longest, withNumber(versionRow, 0).length);
    assert.ok(
      withTail(keyPrefix(1, Buffer.from(key)), Buffer.alloc(16)).length <= maxTableKeyBytes,
    );
  }
  assert.ok(longest > 1900 && longest <= maxTableKeyBytes, `${longest}`);
});
