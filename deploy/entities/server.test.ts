/** The server against clients that are slow, greedy or hostile. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { encodeAnswer, FrameDecoder } from '../../blobseer-client/remote/wire/frame.ts';
import { status } from '../../blobseer-client/remote/wire/messages.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { Method } from './method.ts';
import { exchangeBytes, type Served, serving } from './testing/harness.ts';

const limits = { maxItems: 4, maxItemBytes: 2 ** 20, maxBytes: 2 ** 20 };
const number = 9;
const request = (...items: Buffer[]) => Buffer.concat(encodeAnswer(number, 0, items));
const decode = (bytes: Buffer) => new FrameDecoder(() => limits).push(bytes);
const answersOf = (bytes: Buffer) => decode(bytes).map(({ items }) => items.map(String));

/** Answers what it was sent, the longer the later. */
const echo: Method = {
  name: 'ECHO',
  number,
  limits,
  async answer(items) {
    await new Promise((resolve) => setTimeout(resolve, items.length));
    return { status: status.ok, results: items };
  },
};

async function open(served: Served): Promise<Socket> {
  const socket = connect(served.address);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

test('requests sent ahead are answered in order, in whatever pieces they come', async () => {
  await using served = await serving(() => [echo]);
  const [a, b, c] = [Buffer.from('a'), Buffer.from('b'), Buffer.from('c')];
  const bytes = Buffer.concat([request(a, b, c), request(), request(b, a), request(c)]);
  const expected = [['a', 'b', 'c'], [], ['b', 'a'], ['c']];
  assert.deepEqual(answersOf(await exchangeBytes(served.server.port, bytes)), expected);
  const socket = await open(served);
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk));
  for (const byte of bytes) {
    socket.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  socket.end();
  await once(socket, 'close');
  assert.deepEqual(answersOf(Buffer.concat(received)), expected);
  while (served.memory.usedBytes > 0) await new Promise(setImmediate);
});

test('unknown calls and frames beyond the limits end their connection, without an answer', async () => {
  await using served = await serving(() => [echo]);
  const { port } = served.server;
  const header = (...words: number[]) => {
    const bytes = Buffer.alloc(words.length * 4);
    for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, index * 4);
    return bytes;
  };
  for (const bytes of [
    header(77, 0, 0),
    header(number, 0xffff_ffff, 0),
    header(number, 1, 0, 0xffff_ffff),
    header(number, 1, 0, 2 ** 20 + 1),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  ]) {
    assert.equal((await exchangeBytes(port, bytes)).length, 0, bytes.toString('hex'));
  }
  const [empty] = decode(await exchangeBytes(port, request(Buffer.alloc(0))));
  assert.equal(empty!.status, status.badArguments);
  assert.deepEqual(answersOf(await exchangeBytes(port, request(Buffer.from('x')))), [['x']]);
  assert.deepEqual(served.log.errors(), []);
});

test('an error of ours ends the connection and is logged', async () => {
  const broken: Method = { ...echo, answer: () => Promise.reject(new Error('broken')) };
  await using served = await serving(() => [broken]);
  assert.equal((await exchangeBytes(served.server.port, request())).length, 0);
  assert.equal(served.log.errors().length, 1);
});

test('whoever keeps a request half sent, or sends nothing, is cut', async () => {
  await using served = await serving(() => [echo], { exchangeTimeoutMs: 50 });
  const silent = await open(served);
  const half = await open(served);
  half.write(request(Buffer.from('abc')).subarray(0, 15));
  await Promise.all([once(silent.resume(), 'close'), once(half.resume(), 'close')]);
  while (served.server.connections > 0) await new Promise(setImmediate);
  const [line] = served.log.lines;
  assert.match(JSON.stringify(line?.fields), /no whole exchange within 50 ms/);
});

test('one connection too many is refused, and the log says why', async () => {
  await using served = await serving(() => [echo], { maxConnections: 2 });
  const others = [await open(served), await open(served)];
  while (served.server.connections < 2) await new Promise(setImmediate);
  assert.equal((await exchangeBytes(served.server.port, request())).length, 0);
  const [line] = served.log.lines;
  assert.match(JSON.stringify(line?.fields), /2 connections are open already/);
  assert.equal(served.server.numbers.refusals, 1);
  others[0]!.destroy();
  while (served.server.connections === 2) await new Promise(setImmediate);
  assert.deepEqual(answersOf(await exchangeBytes(served.server.port, request())), [[]]);
});

test('forty C++ clients are served at once, each with the 32 connections that it may open', async () => {
  await using served = await serving(() => [echo]);
  const sockets: Socket[] = [];
  for (let count = 0; count < 40 * 32; count++) sockets.push(connect(served.address));
  await Promise.all(
    sockets.map(async (socket) => {
      socket.write(request(Buffer.from('x')));
      assert.equal((await once(socket, 'data')).length, 1);
    }),
  );
  assert.equal(served.server.numbers.refusals, 0);
  for (const socket of sockets) socket.destroy();
});

test('when memory is short, requests half sent give way to those that end', async () => {
  await using served = await serving(() => [echo], { memory: new MemoryBudget(2 ** 20) });
  const large = request(Buffer.alloc(2 ** 20 - 100, 1));
  const greedy: Socket[] = [];
  const gone: Promise<unknown>[] = [];
  for (let index = 0; index < 4; index++) {
    const socket = await open(served);
    gone.push(new Promise((resolve) => socket.resume().once('close', resolve)));
    socket.write(large.subarray(0, 100_000));
    greedy.push(socket);
  }
  while (served.memory.usedBytes < 400_000) await new Promise(setImmediate);
  // They have begun, so they may go on; one that begins now must wait.
  const late = exchangeBytes(served.server.port, request(Buffer.alloc(1000, 'z')));
  for (const socket of greedy) socket.write(large.subarray(100_000, 700_000));
  await Promise.any(gone);
  assert.ok(served.memory.usedBytes <= 2 ** 20 + 2 ** 16, `${served.memory.usedBytes}`);
  for (const socket of greedy) socket.destroy();
  const answer = await exchangeBytes(served.server.port, request(Buffer.from('y')));
  assert.deepEqual(answersOf(answer), [['y']]);
  assert.equal((await late).length > 1000, true);
  await Promise.all(gone);
});

test('closing answers what was asked and takes nothing more', async () => {
  let proceed: () => void = () => undefined;
  const entered = new Promise<void>((resolveEntered) => {
    proceed = resolveEntered;
  });
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const slow: Method = {
    ...echo,
    async answer() {
      proceed();
      await finished;
      return { status: status.ok, results: [Buffer.from('late')] };
    },
  };
  await using served = await serving(() => [slow]);
  const idle = await open(served);
  const answer = exchangeBytes(served.server.port, request());
  await entered;
  const closed = served.server.close(60_000);
  await once(idle.resume(), 'close');
  finish();
  assert.deepEqual(answersOf(await answer), [['late']]);
  await closed;
});
