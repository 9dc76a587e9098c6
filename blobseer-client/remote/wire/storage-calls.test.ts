/** The calls beyond the original's, to the byte, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeAnswer, encodeRequest } from './frame.ts';
import { nodeStorageCalls, pageStorageCalls } from './storage-calls.ts';

const hex = (buffers: readonly Uint8Array[]) => Buffer.concat(buffers).toString('hex');
const key = Buffer.alloc(16, 0xab);
const corrupt = { kind: 'corrupt' };
const invalid = { kind: 'invalid-argument' };

test('requests and answers are what the protocol says, to the byte', () => {
  const { list, release, releaseWrites } = pageStorageCalls;
  const request = encodeRequest(list.number, list.encodeRequest({ limit: 3, after: key }, 18));
  const keyHex = '10000000abababababababababababababababab';
  assert.equal(hex(request), `f403000002000000000000000400000003000000${keyHex}`);
  const pages = [{ key, length: 65_536 }];
  const answer = encodeAnswer(list.number, 0, list.encodeAnswer(pages, 18));
  assert.equal(hex(answer), `f40300000200000000000000${keyHex}0400000000000100`);
  assert.deepEqual(
    list.decodeAnswer([key, Buffer.of(0, 0, 1, 0)], { limit: 3, after: key }),
    pages,
  );
  const keys = encodeRequest(release.number, release.encodeRequest([key], 18));
  assert.equal(hex(keys), `f20300000100000000000000${keyHex}`);
  const ids = releaseWrites.encodeRequest([Buffer.alloc(8, 1)], 18);
  assert.equal(
    hex(encodeRequest(releaseWrites.number, ids)),
    'f30300000100000000000000080000000101010101010101',
  );
  assert.deepEqual([nodeStorageCalls.release.number, nodeStorageCalls.list.number], [1020, 1021]);
});

test('what makes no sense is neither sent nor taken', () => {
  const { list, release, releaseWrites } = pageStorageCalls;
  for (const limit of [0, -1, 1.5, 4097]) {
    assert.throws(() => list.check({ limit, after: undefined }), invalid);
  }
  assert.throws(() => list.check({ limit: 1, after: Buffer.alloc(0) }), invalid);
  assert.throws(() => list.check({ limit: 1, after: Buffer.alloc(513) }), invalid);
  assert.throws(() => release.check([]), invalid);
  assert.throws(() => release.check(new Array(4097).fill(key)), invalid);
  assert.throws(() => releaseWrites.check([Buffer.alloc(7)]), invalid);
  const limit = Buffer.of(1, 0, 0, 0);
  for (const parameters of [[], [Buffer.alloc(3)], [Buffer.alloc(4)], [limit, key, key]]) {
    assert.throws(() => list.decodeRequest(parameters), corrupt);
  }
  assert.deepEqual(list.decodeRequest([limit]), { limit: 1, after: undefined });
  assert.throws(() => release.decodeRequest([]), corrupt);
  assert.throws(() => releaseWrites.decodeRequest([Buffer.alloc(9)]), corrupt);
  const asked = { limit: 2, after: undefined };
  for (const results of [[key], [key, Buffer.alloc(3)], [Buffer.alloc(0), limit]]) {
    assert.throws(() => list.decodeAnswer(results, asked), corrupt);
  }
  assert.throws(() => nodeStorageCalls.list.decodeAnswer([Buffer.alloc(0)], asked), corrupt);
});
