/** Which hosts are entities, and what calls to them make of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answering, sayEntity, scriptedServer } from './testing/scripted-server.ts';
import { Transport, type TransportOptions } from './transport.ts';
import { encodeAnswer } from './wire/frame.ts';
import { dataProviderCalls, entityCalls } from './wire/messages.ts';

const { read, write } = dataProviderCalls;
const key = Buffer.alloc(16, 7);
const page = Buffer.from('page');
const request = { keys: [key], maxValueBytes: 4096 };
const hello = entityCalls.hello.number;
/** Longer than any test. */
const never = 600_000;

function transport(options: TransportOptions = {}): Transport & Disposable {
  const made = new Transport({ maxIdleMs: never, ...options });
  return Object.assign(made, { [Symbol.dispose]: () => made.close() });
}

const unavailable = { name: 'RemoteError', kind: 'unavailable' };

test('an original is asked once, and every call with a result goes on its own connection', async () => {
  await using server = await scriptedServer(answering(() => [page]));
  using client = transport();
  await client.call(server.address, read, request);
  assert.equal(await client.isEntity(server.address), false);
  for (let count = 0; count < 5; count++) await client.call(server.address, read, request);
  assert.equal(await client.isEntity(server.address), false);
  assert.equal(server.questions, 1);
  assert.equal(server.peers.length, 6);
  assert.equal(client.metrics.requests, 6);
  assert.equal(client.metrics.connectionsOpened, 6);
});

test('an entity is asked once, and all calls share kept connections', async () => {
  await using server = await scriptedServer(
    answering(({ name }) => (name === read.number ? [page] : [])),
    { onQuestion: sayEntity },
  );
  using client = transport();
  const questions = [client.isEntity(server.address), client.isEntity(server.address)];
  assert.deepEqual(await Promise.all(questions), [true, true]);
  for (let count = 0; count < 5; count++) {
    assert.deepEqual(await client.call(server.address, read, request), [page]);
    await client.call(server.address, write, [[key, page]]);
  }
  assert.equal(server.peers.length, 1);
  await Promise.all([1, 2, 3].map(() => client.call(server.address, read, request)));
  assert.equal(server.peers.length, 3, 'one call on each at a time');
  assert.equal(server.questions, 1);
});

test('calls do not wait for the answer of what a host is', async () => {
  await using server = await scriptedServer(
    answering(() => [page]),
    { onQuestion: () => undefined },
  );
  using client = transport();
  const question = client.isEntity(server.address);
  for (let count = 0; count < 3; count++) await client.call(server.address, read, request);
  assert.equal(server.peers.length, 3);
  client.close();
  await assert.rejects(question, unavailable);
  assert.equal(server.questions, 1);
});

test('a host that says nothing may be asked again', async () => {
  await using server = await scriptedServer(() => undefined, { onQuestion: () => undefined });
  using client = transport({ deadlineMs: 20 });
  await assert.rejects(client.isEntity(server.address), unavailable);
  await assert.rejects(client.isEntity(server.address), unavailable);
  assert.equal(server.questions, 2);
});

test('a host that says nonsense is no entity', async () => {
  const answers: Buffer[][] = [
    encodeAnswer(hello, 7, []),
    encodeAnswer(hello, 0, []),
    encodeAnswer(hello, 0, [Buffer.from('{"role":"x"')]),
    encodeAnswer(hello, 0, [Buffer.from('null')]),
    encodeAnswer(hello, 0, [Buffer.from('{"role":"x","extensions":"1","version":"0"}')]),
    encodeAnswer(hello + 1, 0, []),
    [Buffer.from('HTTP/1.1 400 Bad Request')],
  ];
  for (const answer of answers) {
    await using server = await scriptedServer(() => undefined, {
      onQuestion: (socket) => socket.write(Buffer.concat(answer)),
    });
    using client = transport();
    assert.equal(await client.isEntity(server.address), false, String(Buffer.concat(answer)));
  }
});

test('where a connection is refused, and then accepted, another program may be', async () => {
  using client = transport();
  const entity = await scriptedServer(
    answering(() => [page]),
    { onQuestion: sayEntity },
  );
  const { address } = entity;
  assert.equal(await client.isEntity(address), true);
  await entity[Symbol.asyncDispose]();
  await assert.rejects(client.call(address, read, request), unavailable);
  await assert.rejects(client.isEntity(address), unavailable);
  await using original = await scriptedServer(
    answering(() => [page]),
    { port: address.port },
  );
  assert.equal(await client.isEntity(address), false);
  for (let count = 0; count < 3; count++) await client.call(address, read, request);
  assert.equal(original.questions, 1);
  assert.equal(original.peers.length, 3);
});

test('when a host closes what was kept, it is asked again', async () => {
  await using server = await scriptedServer(
    async (peer, index) => {
      peer.answer((await peer.request())!, [page]);
      if (index === 0) peer.socket.end();
    },
    { onQuestion: sayEntity },
  );
  using client = transport();
  assert.equal(await client.isEntity(server.address), true);
  await client.call(server.address, read, request);
  while (client.metrics.idle > 0) await new Promise(setImmediate);
  assert.equal(server.questions, 1);
  assert.equal(await client.isEntity(server.address), true);
  assert.equal(server.questions, 2);
});
