/** The transport against a server that does all that a server can do wrong. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import type { BlobSeerErrorKind } from '../errors.ts';
import { BlobSeerError } from '../errors.ts';
import { RemoteError } from './remote-error.ts';
import { answering, type Peer, scriptedServer } from './testing/scripted-server.ts';
import { Transport, type TransportOptions } from './transport.ts';
import { encodeAnswer } from './wire/frame.ts';
import { dataProviderCalls, versionManagerCalls } from './wire/messages.ts';
import { encodeRoot, type Root } from './wire/records.ts';

const { getRoot, publish, create } = versionManagerCalls;
const { read, write } = dataProviderCalls;
const root: Root = {
  node: { blobId: 1, version: 2, offset: 0, size: 8192 },
  pageSize: 4096,
  currentSize: 8192,
  ftInfo: 1,
};
const rootBytes = encodeRoot(root, 18);
const newest = { blobId: 1, version: 0 };
const key = Buffer.alloc(16, 7);
const pair = [[key, Buffer.from('page')]] as const;
const interval = { blobId: 1, version: 2, offset: 0, size: 1 };
/** Longer than any test. */
const never = 600_000;

function transport(options: TransportOptions = {}): Transport & Disposable {
  const made = new Transport({ maxIdleMs: never, ...options });
  return Object.assign(made, { [Symbol.dispose]: () => made.close() });
}

const failsAs = (kind: BlobSeerErrorKind, mayHaveRun: boolean) => (error: unknown) => {
  assert.ok(error instanceof RemoteError, String(error));
  assert.deepEqual({ kind: error.kind, mayHaveRun: error.mayHaveRun }, { kind, mayHaveRun });
  return true;
};

test('a call with a result gets a connection of its own, which ends by a reset', async () => {
  await using server = await scriptedServer(answering(() => [rootBytes]));
  using client = transport();
  for (let count = 0; count < 3; count++) {
    assert.deepEqual(await client.call(server.address, getRoot, newest), root);
  }
  assert.equal(server.peers.length, 3);
  for (const { ended } of server.peers) assert.equal(await ended, 'reset');
  const { requests, errors, connectionsOpened, connectionsReused, active, idle } = client.metrics;
  assert.deepEqual(
    { requests, errors, connectionsOpened, connectionsReused, active, idle },
    { requests: 3, errors: 0, connectionsOpened: 3, connectionsReused: 0, active: 0, idle: 0 },
  );
});

test('a request leaves in one write, without delay', async () => {
  await using server = await scriptedServer(answering());
  using client = transport();
  const pairs = [1, 2, 3].map(
    (fill) => [Buffer.alloc(16, fill), Buffer.alloc(9000, fill)] as const,
  );
  await client.call(server.address, write, pairs);
  const [peer] = server.peers;
  assert.equal(peer!.chunks.length, 1);
  assert.equal(client.metrics.bytesSent, peer!.chunks[0]!.length);
  assert.equal(client.metrics.bytesReceived, 12);
});

test('calls without results share kept connections, one call on each at a time', async () => {
  let underWay = 0;
  await using server = await scriptedServer(async (peer) => {
    for (let request = await peer.request(); request; request = await peer.request()) {
      assert.equal(++underWay, 1);
      assert.equal(peer.chunks.length, 1);
      peer.chunks.length = 0;
      underWay--;
      peer.answer(request);
    }
  });
  using client = transport();
  await Promise.all([1, 2, 3, 4].map(() => client.call(server.address, write, pair)));
  const { connectionsOpened } = client.metrics;
  for (let count = 0; count < 8; count++) await client.call(server.address, write, pair);
  await Promise.all([1, 2].map(() => client.call(server.address, publish, interval)));
  assert.equal(client.metrics.connectionsOpened, connectionsOpened);
  assert.ok(client.metrics.connectionsReused >= 10);
});

test('a kept connection is not used when the server may cut it before the deadline', async () => {
  await using server = await scriptedServer(answering());
  let nowMs = 0;
  using client = transport({ nowMs: () => nowMs, deadlineMs: 15_000 });
  await client.call(server.address, write, pair);
  nowMs = 14_000;
  await client.call(server.address, write, pair);
  assert.equal(server.peers.length, 1);
  nowMs = 28_001;
  await client.call(server.address, write, pair);
  assert.equal(server.peers.length, 2);
  assert.equal(await server.peers[0]!.ended, 'reset');
  nowMs += 28_001;
  await client.call(server.address, write, pair, { deadlineMs: 900 });
  assert.equal(server.peers.length, 2, 'a short call fits in before the cut');
});

test('an idle connection is dropped long before the server does it', async () => {
  await using server = await scriptedServer(answering());
  using client = transport({ maxIdleMs: 1 });
  await client.call(server.address, write, pair);
  assert.equal(await server.peers[0]!.ended, 'reset');
  assert.equal(client.metrics.idle, 0);
});

test('a write over a kept connection that goes away is made again, once, on a new one', async () => {
  await using server = await scriptedServer(async (peer, index) => {
    const first = await peer.request();
    if (index < 2) peer.answer(first!);
    if (index === 0 && (await peer.request())) peer.socket.resetAndDestroy();
  });
  using client = transport();
  await client.call(server.address, write, pair);
  await client.call(server.address, write, pair);
  assert.equal(server.peers.length, 2);
  assert.equal(client.metrics.repeated, 1);
  assert.equal(client.metrics.errors, 0);
});

test('a publish that may have been done is not made again', async () => {
  await using server = await scriptedServer(async (peer) => {
    peer.answer((await peer.request())!);
    await peer.request();
    peer.socket.resetAndDestroy();
  });
  using client = transport();
  await client.call(server.address, publish, interval);
  await assert.rejects(
    client.call(server.address, publish, interval),
    failsAs('unavailable', true),
  );
  assert.equal(server.peers.length, 1);
});

test('bytes on an idle connection are never taken for an answer', async () => {
  await using server = await scriptedServer(answering());
  using client = transport();
  await client.call(server.address, write, pair);
  server.peers[0]!.send(Buffer.concat(encodeAnswer(2, 28, [])));
  assert.equal(await server.peers[0]!.ended, 'reset');
  await client.call(server.address, write, pair);
  assert.equal(server.peers.length, 2);
});

const wrongAnswers: [string, BlobSeerErrorKind, (peer: Peer) => void][] = [
  ['no answer', 'unavailable', (peer) => peer.socket.end()],
  ['a reset', 'unavailable', (peer) => peer.socket.resetAndDestroy()],
  ['half a header', 'unavailable', (peer) => peer.socket.end(Buffer.from('0100', 'hex'))],
  [
    'half a result',
    'unavailable',
    (peer) => peer.socket.end(Buffer.concat(encodeAnswer(1, 0, [rootBytes])).subarray(0, 60)),
  ],
  ['text', 'corrupt', (peer) => peer.send(Buffer.from('HTTP/1.1 400 Bad Request\r\n'))],
  ['the answer to another call', 'corrupt', (peer) => peer.send(encodeAnswer(2, 0, [])[0]!)],
  [
    'a result without end',
    'corrupt',
    (peer) => peer.send(Buffer.from('010000000100000000000000ffffffff', 'hex')),
  ],
  [
    'more results than there can be',
    'corrupt',
    (peer) => peer.send(Buffer.from('01000000ffffffff00000000', 'hex')),
  ],
  [
    'two answers',
    'corrupt',
    (peer) => peer.send(Buffer.concat([0, 1].flatMap(() => encodeAnswer(1, 0, [rootBytes])))),
  ],
  ['no result', 'corrupt', (peer) => peer.send(encodeAnswer(1, 0, [])[0]!)],
  ['a result that is no root', 'corrupt', (peer) => peer.send(encodeAnswer(1, 0, [key])[0]!)],
  ['an unheard-of status', 'corrupt', (peer) => peer.send(encodeAnswer(1, 99, [])[0]!)],
];

for (const [what, kind, misbehave] of wrongAnswers) {
  test(`${what} is ${kind}, and asked for once only`, async () => {
    await using server = await scriptedServer(async (peer) => {
      await peer.request();
      misbehave(peer);
    });
    using client = transport();
    await assert.rejects(client.call(server.address, getRoot, newest), failsAs(kind, true));
    assert.equal(server.peers.length, 1);
    await server.peers[0]!.ended;
    assert.equal(client.metrics.active, 0);
  });
}

test('an answer that comes byte by byte is an answer', async () => {
  await using server = await scriptedServer(async (peer) => {
    const request = await peer.request();
    peer.socket.setNoDelay(true);
    for (const byte of Buffer.concat(encodeAnswer(request!.name, 0, [rootBytes]))) {
      peer.send(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  using client = transport();
  assert.deepEqual(await client.call(server.address, getRoot, newest), root);
});

test('a deadline ends silence', async () => {
  await using server = await scriptedServer(() => undefined);
  using client = transport({ deadlineMs: 30 });
  await assert.rejects(client.call(server.address, getRoot, newest), failsAs('unavailable', true));
  assert.equal(await server.peers[0]!.ended, 'reset');
});

test('a deadline ends an answer that drips for ever', async () => {
  await using server = await scriptedServer(async (peer) => {
    await peer.request();
    peer.send(Buffer.from('010000000100000000000000ff030000', 'hex'));
    const drip = setInterval(() => peer.send(Buffer.of(0)), 1);
    await peer.ended;
    clearInterval(drip);
  });
  using client = transport({ deadlineMs: 60 });
  await assert.rejects(client.call(server.address, getRoot, newest), failsAs('unavailable', true));
});

test('a server that is not there: nothing has run', async () => {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as { port: number };
  await new Promise((resolve) => listener.close(resolve));
  using client = transport();
  await assert.rejects(
    client.call({ host: '127.0.0.1', port }, create, { pageSize: 4096, ftInfo: 1 }),
    failsAs('unavailable', false),
  );
  await assert.rejects(
    client.call({ host: '127.0.0.1', port: 70_000 }, getRoot, newest),
    failsAs('unavailable', false),
  );
  assert.deepEqual([client.metrics.active, client.metrics.errors], [0, 2]);
});

test('an aborted call rejects with the reason of the signal', async () => {
  await using server = await scriptedServer(() => undefined);
  using client = transport({ maxConnections: 1 });
  const reason = new Error('the client has gone');
  await assert.rejects(
    client.call(server.address, getRoot, newest, { signal: AbortSignal.abort(reason) }),
    reason,
  );
  assert.equal(client.metrics.connectionsOpened, 0);
  const controller = new AbortController();
  const { signal } = controller;
  const calls = Array.from({ length: 20 }, () =>
    assert.rejects(client.call(server.address, getRoot, newest, { signal }), reason),
  );
  await server.connected(1);
  assert.deepEqual([client.metrics.active, client.metrics.waiting], [1, 19]);
  controller.abort(reason);
  await Promise.all(calls);
  await server.peers[0]!.ended;
  assert.equal(server.peers.length, 1, 'those that waited were never sent');
  assert.equal(client.metrics.waiting, 0);
});

test('calls to one host are bounded, and a silent host leaves room for others', async () => {
  await using silent = await scriptedServer(() => undefined);
  await using lively = await scriptedServer(answering(() => [rootBytes]));
  using client = transport({ maxConnections: 4, maxConnectionsPerHost: 3 });
  const controller = new AbortController();
  const { signal } = controller;
  const stuck = Array.from({ length: 10 }, () =>
    client.call(silent.address, getRoot, newest, { signal }).catch((error: Error) => error.name),
  );
  await silent.connected(3);
  for (let count = 0; count < 5; count++) {
    assert.deepEqual(await client.call(lively.address, getRoot, newest), root);
  }
  assert.equal(silent.peers.length, 3);
  assert.equal(client.metrics.waiting, 7);
  controller.abort();
  assert.deepEqual(new Set(await Promise.all(stuck)), new Set(['AbortError']));
});

test('however many calls wait, few are under way, and all get their answers', async () => {
  let most = 0;
  let now = 0;
  const script = async (peer: Peer) => {
    const request = await peer.request();
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now--;
    peer.answer(request!, [rootBytes]);
  };
  await using one = await scriptedServer(script);
  await using two = await scriptedServer(script);
  using client = transport({ maxConnections: 3, maxConnectionsPerHost: 2 });
  const calls = Array.from({ length: 40 }, (_, index) =>
    client.call(index % 4 === 0 ? two.address : one.address, getRoot, newest),
  );
  for (const answer of await Promise.all(calls)) assert.deepEqual(answer, root);
  assert.ok(most <= 3, `${most} at once`);
});

test('hosts take turns when there is room for one call only', async () => {
  const order: string[] = [];
  const script = (name: string) =>
    answering(() => {
      order.push(name);
      return [rootBytes];
    });
  await using one = await scriptedServer(script('one'));
  await using two = await scriptedServer(script('two'));
  using client = transport({ maxConnections: 1 });
  const addresses = [one, one, one, one, two, two, two].map(({ address }) => address);
  await Promise.all(addresses.map((address) => client.call(address, getRoot, newest)));
  // The very first call started before anybody else was in line.
  assert.deepEqual(order, ['one', 'one', 'two', 'one', 'two', 'one', 'two']);
});

test('too many waiting calls fail at once; a closed transport fails all', async () => {
  await using server = await scriptedServer(() => undefined);
  using client = transport({ maxConnections: 1, maxWaiting: 1 });
  const underWay = client.call(server.address, getRoot, newest);
  const waiting = client.call(server.address, getRoot, newest);
  await assert.rejects(client.call(server.address, getRoot, newest), failsAs('unavailable', false));
  await server.connected(1);
  client.close();
  await assert.rejects(underWay, (error: BlobSeerError) => error.kind === 'unavailable');
  await assert.rejects(waiting, failsAs('unavailable', false));
  await assert.rejects(client.call(server.address, getRoot, newest), failsAs('unavailable', false));
  await server.peers[0]!.ended;
});

test('what a server answers is told by kind', async () => {
  let answered = 0;
  await using server = await scriptedServer(async (peer) => {
    peer.answer((await peer.request())!, [], answered);
  });
  using client = transport();
  for (const [status, kind] of [
    [6, 'not-found'],
    [7, 'invalid-argument'],
    [28, 'no-space'],
  ] as const) {
    answered = status;
    await assert.rejects(
      client.call(server.address, create, { pageSize: 4096, ftInfo: 1 }),
      (error) => failsAs(kind, false)(error) && (error as RemoteError).status === status,
    );
  }
});

test('large pages come through, several in an answer, many at once', async () => {
  const pages = [1, 2, 3].map((fill) => Buffer.alloc(2 ** 20 + fill, fill));
  await using server = await scriptedServer(answering(() => pages));
  using client = transport();
  const request = { keys: [key, key, key], maxValueBytes: 2 ** 20 + 3 };
  const answers = await Promise.all(
    [1, 2, 3, 4].map(() => client.call(server.address, read, request)),
  );
  for (const answer of answers) assert.deepEqual(answer, pages);
  assert.equal(client.metrics.bytesReceived, 4 * (12 + 3 * (4 + 2 ** 20 + 2)));
});

test('a read that finds only some keys gives those', async () => {
  await using server = await scriptedServer(async (peer) => {
    peer.answer((await peer.request())!, [Buffer.from('page'), Buffer.alloc(0)], 6);
  });
  using client = transport();
  const values = await client.call(server.address, read, {
    keys: [key, key],
    maxValueBytes: 4096,
  });
  assert.deepEqual(values, [Buffer.from('page'), undefined]);
});

test('what must not be sent opens no connection', async () => {
  using client = transport();
  await assert.rejects(
    client.call({ host: '127.0.0.1', port: 1 }, create, { pageSize: 0, ftInfo: 1 }),
    (error) => error instanceof BlobSeerError && error.kind === 'invalid-argument',
  );
  assert.equal(client.metrics.connectionsOpened, 0);
});
