/** How a source's pieces come to the pages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joined } from './write-path.ts';

async function piecesOf(lengths: readonly number[]): Promise<{ sent: Buffer; got: Uint8Array[] }> {
  const pieces = lengths.map((length, index) => Buffer.alloc(length, index % 251));
  const got: Uint8Array[] = [];
  for await (const piece of joined(pieces)) got.push(piece);
  return { sent: Buffer.concat(pieces), got };
}

test('joined pieces are the same bytes in the same order', async () => {
  const lengths = fc.array(fc.oneof(fc.nat(10), fc.nat(70_000)), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(lengths, async (some) => {
      const { sent, got } = await piecesOf(some);
      assert.ok(Buffer.concat(got).equals(sent));
      assert.ok(got.every(({ length }) => length > 0));
    }),
  );
});

test('a source of single bytes is held in few pieces, one that is large is not copied', async () => {
  const { got } = await piecesOf(new Array(100_000).fill(1));
  assert.ok(got.length < 10, `${got.length} pieces`);
  const large = [Buffer.alloc(65_536, 1), Buffer.alloc(65_536, 2)];
  const handed: Uint8Array[] = [];
  for await (const piece of joined(large)) handed.push(piece);
  assert.deepEqual(
    handed.map((piece) => piece.buffer),
    large.map(({ buffer }) => buffer),
  );
});
