import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchesPageKey } from '../wire/page-key.ts';
import { pageKeyBytes } from '../wire/records.ts';
import { PageNames } from './page-names.ts';

const tag = fc.uint8Array({ minLength: 2, maxLength: 2 }).map((bytes) => Buffer.from(bytes));
const name = fc.record(
  {
    writeId: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
    index: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    crc: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  },
  { noNullPrototype: true },
);

test('a key says which page of which write it is, and begins with what all of the write begin with', () => {
  fc.assert(
    fc.property(tag, name, (bytes, page) => {
      const names = new PageNames(bytes);
      const key = names.keyOf(page);
      assert.equal(key.length, pageKeyBytes);
      assert.deepEqual(names.pageOf(key), page);
      assert.ok(key.subarray(0, 8).equals(names.writePrefix(page.writeId)));
    }),
  );
});

test('different pages have different keys, of two directories too', () => {
  fc.assert(
    fc.property(tag, name, tag, name, (one, page, two, other) => {
      const isSame =
        one.equals(two) &&
        page.writeId === other.writeId &&
        page.index === other.index &&
        page.crc === other.crc;
      const keys = [new PageNames(one).keyOf(page), new PageNames(two).keyOf(other)];
      assert.equal(keys[0]!.equals(keys[1]!), isSame);
    }),
  );
});

test('the key of a page of another directory, or of another length, is none of ours', () => {
  const names = new PageNames(Buffer.from([1, 2]));
  const key = names.keyOf({ writeId: 5, index: 0, crc: 9 });
  assert.equal(new PageNames(Buffer.from([1, 3])).pageOf(key), undefined);
  assert.equal(names.pageOf(key.subarray(1)), undefined);
  assert.equal(names.pageOf(Buffer.concat([key, key])), undefined);
});

test('H15: a key carries the checksum that its page is read with', () => {
  const names = new PageNames(Buffer.from([1, 2]));
  // CRC32C of `123456789`, as published.
  const key = names.keyOf({ writeId: 5, index: 0, crc: 0xe3069283 });
  assert.ok(matchesPageKey(key, Buffer.from('123456789')));
  assert.ok(!matchesPageKey(key, Buffer.from('123456780')));
});
