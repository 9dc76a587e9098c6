import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageBuffers } from './page-buffers.ts';

const bufferBytes = 256 * 1024;

test('what was given back is taken again, by one only', () => {
  const buffers = new PageBuffers([bufferBytes]);
  const first = buffers.take(bufferBytes);
  const part = first.subarray(1000, 2000);
  buffers.giveBack(part);
  buffers.giveBack(part);
  const again = buffers.take(bufferBytes - 1);
  assert.equal(again.length, bufferBytes - 1);
  assert.equal(again.buffer, first.buffer);
  assert.notEqual(buffers.take(bufferBytes).buffer, first.buffer);
});

test('short and very long reads have memory of their own, and foreign memory is not taken in', () => {
  const buffers = new PageBuffers([bufferBytes]);
  const others = [buffers.take(100), buffers.take(bufferBytes + 1), Buffer.alloc(bufferBytes)];
  assert.deepEqual(
    others.map(({ length }) => length),
    [100, bufferBytes + 1, bufferBytes],
  );
  for (const other of others) buffers.giveBack(other);
  const taken = buffers.take(bufferBytes);
  assert.ok(others.every(({ buffer }) => buffer !== taken.buffer));
});

test('a read gets the shortest buffer that holds it', () => {
  const buffers = new PageBuffers([bufferBytes, 4 * bufferBytes]);
  const [short, long] = [buffers.take(bufferBytes), buffers.take(bufferBytes + 1)];
  assert.equal(short.buffer.byteLength, bufferBytes);
  assert.equal(long.buffer.byteLength, 4 * bufferBytes);
  buffers.giveBack(long);
  assert.notEqual(buffers.take(bufferBytes).buffer, long.buffer);
  assert.equal(buffers.take(3 * bufferBytes).buffer, long.buffer);
});
