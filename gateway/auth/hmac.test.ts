import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { HmacKey } from './hmac.ts';

test("gives what Node's own HMAC gives, for keys up to a block and texts of any length", () => {
  const key = fc.uint8Array({ maxLength: 64 });
  const character = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
  const text = fc.oneof(
    fc.string({ unit: character, maxLength: 300 }),
    fc.integer({ min: 2000, max: 2100 }).map((length) => 'é'.repeat(length)),
  );
  fc.assert(
    fc.property(key, fc.array(text, { minLength: 1, maxLength: 5 }), (bytes, texts) => {
      const hmac = new HmacKey(Buffer.from(bytes));
      for (const one of texts) {
        const expected = createHmac('sha256', bytes).update(one, 'latin1').digest('hex');
        assert.equal(hmac.hexOf(one), expected);
      }
    }),
  );
});

test('keys longer than a block are refused, and no key shows when it is printed', () => {
  assert.throws(() => new HmacKey(Buffer.alloc(65)), RangeError);
  assert.equal(JSON.stringify(new HmacKey(Buffer.from('secret'))), '{}');
});
