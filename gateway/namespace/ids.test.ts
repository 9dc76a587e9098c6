import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeUploadId,
  decodeVersionId,
  encodeUploadId,
  encodeVersionId,
  isVersionId,
  makeUploadId,
} from './ids.ts';

const bytesArb = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes));

function versionId(bytes: Buffer): string {
  return encodeVersionId(bytes, 0, bytes, 8);
}

test('version ids: 20 URL-safe characters, in the order of their bytes, and back', () => {
  fc.assert(
    fc.property(bytesArb(12), bytesArb(12), (a, b) => {
      const id = versionId(a);
      assert.match(id, /^[0-9a-v]{20}$/);
      assert.equal(id < versionId(b), Buffer.compare(a, b) < 0);
      const decoded = decodeVersionId(id);
      assert.ok(decoded);
      assert.deepEqual(Buffer.concat([decoded.birth, decoded.random]), a);
    }),
  );
});

test('base32hex as RFC 4648 has it (section 10), in lower case', () => {
  // "foobar" is CPNMUOJ1E8======; here behind six zero bytes, 48 bits on: other groups, same digits.
  const foobar = Buffer.from('foobar\0\0\0\0\0\0');
  assert.equal(versionId(foobar).slice(0, 9), 'cpnmuoj1e');
});

test('one text for each id: nothing else is decoded', () => {
  const id = versionId(Buffer.alloc(12, 0xff));
  assert.equal(id, `${'v'.repeat(19)}g`);
  for (const text of ['', id.slice(1), `${id}0`, `${'v'.repeat(20)}`, id.toUpperCase()]) {
    assert.equal(decodeVersionId(text), undefined, text);
    assert.equal(isVersionId(text), false, text);
  }
  for (const odd of ['w', '-', ' ', 'é', '\u0100']) {
    assert.equal(isVersionId(odd + id.slice(1)), false, odd);
  }
  assert.equal(isVersionId('null'), true);
  assert.equal(decodeVersionId('null'), undefined);
});

test('upload ids: 26 characters, oldest first, and back', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), bytesArb(10), bytesArb(10), (s, t, a, b) => {
      const [one, two] = [makeUploadId(s, a), makeUploadId(t, b)];
      const text = encodeUploadId(one);
      assert.match(text, /^[0-9a-v]{26}$/);
      assert.deepEqual(decodeUploadId(text), one);
      if (s !== t) assert.equal(text < encodeUploadId(two), s < t);
    }),
  );
  assert.equal(decodeUploadId('a'.repeat(26)), undefined, 'its last bits are not zero');
});
