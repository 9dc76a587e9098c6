import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { countReceived } from './young-garbage.ts';

const mebibyte = 2 ** 20;
const pieceBytes = 64 * 1024;

function receive(bytes: number): void {
  for (let received = 0; received < bytes; received += pieceBytes) {
    Buffer.allocUnsafeSlow(pieceBytes);
    countReceived(pieceBytes);
  }
}

/** Array buffers are freed by another thread: in a moment, or never. */
async function until(isSo: (bytes: number) => boolean): Promise<void> {
  while (!isSo(process.memoryUsage().arrayBuffers)) await delay(1);
}

test('pieces that nobody holds any more are freed before the heap is marked for them', async () => {
  const atFirst = process.memoryUsage().arrayBuffers;
  receive(16 * mebibyte);
  await until((bytes) => bytes < atFirst + mebibyte);
  for (let count = 0; count < 64; count++) Buffer.allocUnsafeSlow(pieceBytes);
  const withPieces = process.memoryUsage().arrayBuffers;
  assert.ok(withPieces >= 64 * pieceBytes, `${withPieces}`);
  countReceived(8 * mebibyte);
  await until((bytes) => bytes < withPieces - 3 * mebibyte);
});

test('nobody else is given the means', () => {
  receive(8 * mebibyte);
  assert.equal(globalThis.gc, undefined);
});
