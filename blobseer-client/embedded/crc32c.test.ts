import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c as nativeCrc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { crc32c, nativeFromBytes } from './crc32c.ts';

test('the check value of the algorithm', () => {
  assert.equal(crc32c(Buffer.from('123456789'), 9), 0xe3069283);
  assert.equal(crc32c(Buffer.alloc(0), 0), 0);
});

test('the same as native code: all bytes, parts of them, seeds', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 2 * nativeFromBytes }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat(0xffff_ffff),
      (bytes, share, seed) => {
        const length = Math.floor(bytes.length * share);
        assert.equal(crc32c(bytes, length, seed), nativeCrc32c(bytes.slice(0, length), seed));
      },
    ),
    { numRuns: 1000 },
  );
});

test('a text in two pieces has the sum of the whole, wherever it is cut', () => {
  const whole = Buffer.from(Array.from({ length: 2 * nativeFromBytes }, (_, at) => at % 251));
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const rest = whole.subarray(cut);
    const sum = crc32c(rest, rest.length, crc32c(whole, cut));
    assert.equal(sum, nativeCrc32c(whole), `cut at ${cut}`);
  }
});
