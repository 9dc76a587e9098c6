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

test('when memory is short, large requests arrive one after another, and all are answered', async () => {
  const limitBytes = 2 ** 22;
  let mostBytes = 0;
  const watching: Method = {
    ...echo,
    async answer(items) {
      mostBytes = Math.max(mostBytes, served.memory.usedBytes);
      await new Promise(setImmediate);
      return { status: status.ok, results: [Buffer.from(`${items[0]!.length}`)] };
    },
  };
  await using served = await serving(() => [watching], { memory: new MemoryBudget(limitBytes) });
  const lengths = Array.from({ length: 12 }, (_, index) => 1_000_000 + index);
  const sockets = await Promise.all(lengths.map(() => open(served)));
  const answers = sockets.map(async (socket) => {
    const received: Buffer[] = [];
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      received.push(chunk);
    }
    return answersOf(Buffer.concat(received));
  });
  // All have begun before any can end.
  for (const [index, socket] of sockets.entries()) {
    socket.write(request(Buffer.alloc(lengths[index]!, 1)).subarray(0, 180_000));
  }
  while (!served.memory.isTight) await new Promise(setImmediate);
  for (const [index, socket] of sockets.entries()) {
    socket.end(request(Buffer.alloc(lengths[index]!, 1)).subarray(180_000));
  }
  assert.deepEqual(
    await Promise.all(answers),
    lengths.map((length) => [[`${length}`]]),
  );
  assert.ok(mostBytes > limitBytes / 2 && mostBytes <= limitBytes, `${mostBytes}`);
  assert.equal(served.server.numbers.refusals, 0);
  while (served.memory.usedBytes > 0) await new Promise(setImmediate);
});

test('when memory is short, requests that stand still give way to those that end', async () => {
  const memory = new MemoryBudget(2 ** 20);
  await using served = await serving(() => [echo], { memory, stallTimeoutMs: 50 });
  const large = request(Buffer.alloc(2 ** 20 - 100, 1));
  const gone: Promise<unknown>[] = [];
  for (let index = 0; index < 4; index++) {
    const socket = await open(served);
    gone.push(new Promise((resolve) => socket.resume().once('close', resolve)));
    socket.write(large.subarray(0, 200_000));
  }
  while (!memory.isTight) await new Promise(setImmediate);
  // One that begins now waits until enough of them have had their turn.
  const answer = await exchangeBytes(served.server.port, request(Buffer.alloc(1000, 'z')));
  assert.ok(answer.length > 1000);
  await Promise.any(gone);
  const [line] = served.log.lines;
  assert.match(JSON.stringify(line?.fields), /while memory is short/);
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
