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

/** A request that says how long its body is, and gives what the test pushes. */
function announcing(bytes: number): { readonly body: RequestBody; readonly req: Readable } {
  const req = new Readable({ read: () => undefined });
  const headers = { 'content-length': String(bytes) };
  const message = Object.assign(req, { headers, complete: false });
  return { body: new RequestBody(message as unknown as IncomingMessage, limits, watch), req };
}

async function lengthsOf(body: RequestBody): Promise<number[]> {
  const lengths: number[] = [];
  for await (const { length } of body) lengths.push(length);
  return lengths;
}

test('a body ends with the last byte that was announced, before the request says so', async () => {
  for (const bytes of [1, pieceBytes, 5 * pieceBytes]) {
    const { body, req } = announcing(bytes);
    assert.ok(body.isPending);
    const reading = lengthsOf(body);
    for (let left = bytes; left > 0; left -= pieceBytes)
      req.push(Buffer.alloc(Math.min(left, pieceBytes)));
    const lengths = await reading;
    assert.equal(
      lengths.reduce((sum, length) => sum + length, 0),
      bytes,
    );
    assert.ok(!body.isPending);
    req.destroy();
    assert.deepEqual(await body.next(), { done: true, value: undefined });
    // Whoever pauses it there would keep it for ever: nobody waits for it any more.
    assert.ok(!req.isPaused());
  }
});

test('a body that breaks off before its last byte is incomplete', async () => {
  const { body, req } = announcing(10);
  const reading = lengthsOf(body);
  req.push(Buffer.alloc(9));
  await new Promise(setImmediate);
  req.destroy();
  await assert.rejects(reading, { code: 'IncompleteBody' });
});

test('a reader who stops may go on', async () => {
  const { body, req } = announcing(9);
  req.push(Buffer.from('abc'));
  for await (const piece of body) {
    assert.equal(String(piece), 'abc');
    break;
  }
  req.push(Buffer.from('defghi'));
  assert.deepEqual(await lengthsOf(body), [6]);
});
