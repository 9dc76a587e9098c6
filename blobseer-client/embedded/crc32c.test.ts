import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c as nativeCrc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { crc32c, nativeFromBytes } from './crc32c.ts';

test('the check value of the algorithm', () => {
  assert.equal(crc32c(Buffer.from('123456789'), 0, 9), 0xe3069283);
  assert.equal(crc32c(Buffer.alloc(0), 0, 0), 0);
});

const share = fc.double({ min: 0, max: 1, noNaN: true });

test('the same as native code: all bytes, parts of them, seeds', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 2 * nativeFromBytes }),
      fc.tuple(share, share),
      fc.nat(0xffff_ffff),
      (bytes, cuts, seed) => {
        const [start, end] = cuts
          .map((cut) => Math.floor(bytes.length * cut))
          .sort((a, b) => a - b);
        assert.ok(start !== undefined && end !== undefined);
        assert.equal(crc32c(bytes, start, end, seed), nativeCrc32c(bytes.slice(start, end), seed));
      },
    ),
    { numRuns: 1000 },
  );
});

test('a text in two pieces has the sum of the whole, wherever it is cut', () => {
  const whole = Buffer.from(Array.from({ length: 2 * nativeFromBytes }, (_, at) => at % 251));
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const rest = whole.subarray(cut);
    const sum = crc32c(rest, 0, rest.length, crc32c(whole, 0, cut));
    assert.equal(sum, nativeCrc32c(whole), `cut at ${cut}`);
  }
});
