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

test('pieces that nobody holds any more are freed before the heap is marked for them', async () => {
  receive(16 * mebibyte);
  const before = process.memoryUsage().arrayBuffers;
  for (let count = 0; count < 64; count++) Buffer.allocUnsafeSlow(pieceBytes);
  assert.ok(process.memoryUsage().arrayBuffers >= before + 4 * mebibyte - pieceBytes);
  countReceived(8 * mebibyte);
  // Freed by another thread.
  while (process.memoryUsage().arrayBuffers > before + mebibyte) await delay(1);
});

test('nobody else is given the means', () => {
  receive(8 * mebibyte);
  assert.equal(globalThis.gc, undefined);
});
