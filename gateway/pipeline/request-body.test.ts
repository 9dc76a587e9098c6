import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ClientWatch } from './client-watch.ts';
import { RequestBody } from './request-body.ts';

const pieceBytes = 64 * 1024;
const limits = { bodyQueueBytes: 256 * 1024 };
const watch = new ClientWatch(10_000);

/** A request whose socket always has more, up to so many pieces. */
function requestOf(pieces: number): { readonly body: RequestBody; readonly given: () => number } {
  let given = 0;
  const readable = new Readable({
    highWaterMark: pieceBytes,
    read() {
      const piece = given < pieces ? Buffer.alloc(pieceBytes, given) : null;
      given += 1;
      this.push(piece);
    },
  });
  const req = Object.assign(readable, { headers: {} }) as unknown as IncomingMessage;
  return { body: new RequestBody(req, limits, watch), given: () => given };
}

test('a body whose bytes are all there lets others have their turn between them', async () => {
  const pieces = 40;
  const { body, given } = requestOf(pieces);
  const perTurn: number[] = [];
  let before = 0;
  let isOver = false;
  const countTurns = () => {
    perTurn.push(given() - before);
    before = given();
    if (!isOver) setImmediate(countTurns);
  };
  setImmediate(countTurns);
  let next = 0;
  for await (const piece of body) {
    assert.deepEqual(piece, Buffer.alloc(pieceBytes, next));
    next += 1;
  }
  isOver = true;
  assert.equal(next, pieces);
  assert.ok(Math.max(...perTurn) <= 4, `pieces in one turn: ${perTurn}`);
});

test('what is drained takes turns too, and its end is found', async () => {
  const { body } = requestOf(20);
  assert.equal(await body.drain(100 * pieceBytes, 10_000), true);
  assert.equal(body.bytesIn, 20 * pieceBytes);
});
