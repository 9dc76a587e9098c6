import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c, crcBytes } from './crc32c.ts';
import { sumWithRecord } from './crc32c-run.ts';

function sealed(bytes: Uint8Array): Buffer {
  const record = Buffer.concat([bytes, Buffer.alloc(crcBytes)]);
  record.writeUInt32LE(crc32c(bytes, 0, bytes.length), bytes.length);
  return record;
}

function sumOf(records: readonly Buffer[]): number {
  const run = Buffer.concat(records);
  return crc32c(run, 0, run.length);
}

const promisedSum = (records: readonly Buffer[]) =>
  records.reduce((sum, { length }) => sumWithRecord(sum, length), 0);

const records = fc
  .array(fc.oneof(fc.uint8Array(), fc.uint8Array({ minLength: 250, maxLength: 5000 })))
  .map((all) => all.map(sealed));

test('a run of whole records has the sum that their lengths promise', () => {
  fc.assert(
    fc.property(records, (run) => assert.equal(sumOf(run), promisedSum(run))),
    { numRuns: 1000 },
  );
  const long = sealed(Buffer.alloc(2 ** 21 + 12_345, 'long'));
  assert.equal(sumOf([long, long]), promisedSum([long, long]));
});

test('a run with a damaged record has another, wherever the damage lies', () => {
  fc.assert(
    fc.property(
      records.filter((run) => run.length > 0),
      fc.nat(),
      fc.nat(),
      fc.uint8Array({ minLength: 1, maxLength: 4 }),
      (run, which, where, damage) => {
        const record = run[which % run.length];
        assert.ok(record !== undefined);
        // As long as a sum at most: a longer one could leave it as it is, with one chance in 2^32.
        const start = where % (record.length - damage.length + 1);
        for (const [at, bits] of damage.entries()) record[start + at]! ^= bits;
        const isSame = damage.every((bits) => bits === 0);
        assert.equal(sumOf(run) === promisedSum(run), isSame);
      },
    ),
    { numRuns: 1000 },
  );
});
