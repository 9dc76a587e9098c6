/** The server with a group `security`: who is served, who is not, and what becomes of the rest. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import type { Security } from '../../blobseer-client/remote/security.ts';
import { Authority, CredentialFolder } from '../../blobseer-client/remote/testing/credentials.ts';
import { Transport } from '../../blobseer-client/remote/transport.ts';
import { encodeAnswer } from '../../blobseer-client/remote/wire/frame.ts';
import {
  dataProviderCalls,
  entityCalls,
  status,
} from '../../blobseer-client/remote/wire/messages.ts';
import { aboutMethods } from './about.ts';
import type { Method } from './method.ts';
import type { ServerOptions } from './server.ts';
import { type Served, serving } from './testing/harness.ts';
import { Random } from './testing/random.ts';

const { read, write } = dataProviderCalls;
const limits = { maxItems: 4, maxItemBytes: 2 ** 23, maxBytes: 2 ** 23 };
const key = Buffer.alloc(16, 7);
const request = { keys: [key], maxValueBytes: 2 ** 23 };
/** Where the tests' plain peers call from; all others call from 127.0.0.1. */
const inside = '127.1.0.5';
const insideNetwork = { address: '127.1.0.0', prefixBits: 16, family: 'ipv4' } as const;
/** Longer than any test. */
const never = 600_000;
const notRun = { kind: 'unavailable', mayHaveRun: false };

/** Keeps one value, whatever its key. */
function keeper(): Method[] {
  let value: Buffer = Buffer.from('nothing');
  return [
    {
      name: read.name,
      number: read.number,
      limits,
      answer: () => ({ status: status.ok, results: [value] }),
    },
    {
      name: write.name,
      number: write.number,
      limits,
      answer: ([, bytes]) => {
        value = bytes!;
        return { status: status.ok, results: [] };
      },
    },
    ...aboutMethods({
      role: 'data-provider',
      version: '0',
      archiveVersion: 18,
      statistics: async () => ({}),
    }),
  ];
}

const start = (security: Security, options: Partial<ServerOptions> = {}) =>
  serving(() => keeper(), { security, ...options });

function transport(security?: Security): Transport & Disposable {
  const made = new Transport({ security });
  return Object.assign(made, { [Symbol.dispose]: () => made.close() });
}

const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve));

/** Sends these bytes, from that address; all that comes back until it is closed. */
async function exchangeFrom(localAddress: string, port: number, bytes: Buffer): Promise<Buffer> {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk));
  socket.on('error', () => undefined);
  socket.end(bytes);
  await closed(socket);
  return Buffer.concat(received);
}

const plainRead = Buffer.concat(encodeAnswer(read.number, 0, [key]));
const plainAnswer = (text: string) =>
  Buffer.concat(encodeAnswer(read.number, 0, [Buffer.from(text)])).toString('hex');

/** All that was refused, however many lines it took. */
const refused = ({ server }: Served): number => server.numbers.refusals;
const reasons = ({ log }: Served): string => JSON.stringify(log.lines);

test('with the secret calls of any size go through, over kept connections', async () => {
  using folder = new CredentialFolder();
  await using served = await start(folder.secret('one'));
  using client = transport(folder.secret('one'));
  assert.equal(await client.isEntity(served.address), true);
  for (const bytes of [2 ** 22, 70_000, 1]) {
    const value = Buffer.alloc(bytes, bytes);
    await client.call(served.address, write, [[key, value]]);
    const [found] = await client.call(served.address, read, request);
    assert.ok(found!.equals(value));
  }
  const hello = await client.call(served.address, entityCalls.hello, 1);
  assert.equal(hello.role, 'data-provider');
  assert.equal(client.metrics.connectionsOpened, 1);
  await Promise.all(Array.from({ length: 40 }, () => client.call(served.address, read, request)));
  assert.equal(refused(served), 0);
  assert.deepEqual(served.log.lines, []);
});

test('with another secret nobody gets through, and no secret is in any message', async () => {
  using folder = new CredentialFolder();
  await using served = await start(folder.secret('one'));
  using client = transport(folder.secret('two'));
  await assert.rejects(client.call(served.address, write, [[key, key]]), (error: Error) => {
    assert.deepEqual({ ...notRun }, pick(error));
    assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)}`, /(one|two)\.\./);
    return true;
  });
  await assert.rejects(client.isEntity(served.address), notRun);
  while (refused(served) < 2) await new Promise(setImmediate);
  assert.match(reasons(served), /"host":"127.0.0.1".*no TLS: ERR_SSL_BINDER_DOES_NOT_VERIFY/);
  assert.doesNotMatch(reasons(served), /(one|two)\.\./);
  assert.equal(served.log.lines.length, 1, 'one line, however many there were');
});

const pick = (error: Error) => {
  const { kind, mayHaveRun } = error as Error & typeof notRun;
  return { kind, mayHaveRun };
};

test('plain bytes are taken from the plain networks alone, TLS from everywhere', async () => {
  using folder = new CredentialFolder();
  await using served = await start(folder.secret('one', [insideNetwork]));
  const { port } = served.server;
  const answer = await exchangeFrom(inside, port, plainRead);
  assert.equal(answer.toString('hex'), plainAnswer('nothing'));
  assert.equal((await exchangeFrom('127.0.0.1', port, plainRead)).length, 0);
  using plain = transport();
  await assert.rejects(plain.call(served.address, write, [[key, key]]), { kind: 'unavailable' });
  assert.match(reasons(served), /no TLS, from outside the plain networks/);

  using member = transport(folder.secret('one'));
  await member.call(served.address, write, [[key, Buffer.from('by TLS')]]);
  const shared = await exchangeFrom(inside, port, plainRead);
  assert.equal(shared.toString('hex'), plainAnswer('by TLS'));
  // From within a plain network TLS is taken too: the client may know this server by another address.
  const relayed = await relay(port);
  const [found] = await member.call(relayed.address, read, request);
  assert.equal(String(found), 'by TLS');
  relayed.close();
});

test('those who may speak in plain may also say nothing, as long as a call may take', async () => {
  using folder = new CredentialFolder();
  const security = folder.secret('one', [insideNetwork]);
  const open = ({ server }: Served) =>
    connect({ host: '127.0.0.1', port: server.port, localAddress: inside }).resume();
  {
    const times = { handshakeTimeoutMs: 30, exchangeTimeoutMs: never };
    await using served = await start(security, times);
    const [late, hasty] = [open(served), open(served)];
    hasty.once('connect', () => hasty.destroy());
    const outside = connect(served.address).on('error', () => undefined);
    await closed(outside.resume());
    const received: Buffer[] = [];
    late.on('data', (chunk) => received.push(chunk)).end(plainRead);
    await closed(late);
    assert.equal(Buffer.concat(received).toString('hex'), plainAnswer('nothing'));
    assert.equal(refused(served), 1);
    assert.match(reasons(served), /neither a call nor TLS within 30 ms/);
  }
  const times = { handshakeTimeoutMs: never, exchangeTimeoutMs: 30 };
  await using served = await start(security, times);
  await closed(open(served));
  assert.equal(refused(served), 0);
});

/** A way to the server that starts from within the plain network. */
async function relay(port: number) {
  const server = createServer((socket) => {
    const onward = connect({ host: '127.0.0.1', port, localAddress: inside });
    for (const end of [socket, onward]) end.on('error', () => undefined);
    socket.pipe(onward).pipe(socket);
    socket.once('close', () => onward.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: own } = server.address() as { port: number };
  return { address: { host: '127.0.0.1', port: own }, close: () => server.close() };
}

test('with certificates both sides must be of the same authority', async () => {
  const [ours, theirs] = [new Authority('ours'), new Authority('theirs')];
  using own = new CredentialFolder();
  using other = new CredentialFolder();
  await using served = await start(own.certificate(ours));
  {
    using client = transport(other.certificate(ours));
    assert.equal(await client.isEntity(served.address), true);
    await client.call(served.address, write, [[key, Buffer.from('certified')]]);
    const [found] = await client.call(served.address, read, request);
    assert.equal(String(found), 'certified');
  }
  using stranger = transport(other.certificate(theirs));
  await assert.rejects(stranger.call(served.address, write, [[key, key]]), notRun);
  using withSecret = transport(other.secret('one'));
  await assert.rejects(withSecret.call(served.address, write, [[key, key]]), notRun);

  // One that trusts our authority, and has no certificate of it.
  using liar = transport(other.certificate(theirs, { trusted: ours }));
  await assert.rejects(liar.call(served.address, write, [[key, key]]), { kind: 'unavailable' });
  using client = transport(own.certificate(ours));
  const [found] = await client.call(served.address, read, request);
  assert.equal(String(found), 'certified');
});

test('whoever says nothing, or drips a handshake, is cut in time', async () => {
  using folder = new CredentialFolder();
  const security = folder.secret('one');
  const hello = await helloOf(security);
  await using served = await start(security, { handshakeTimeoutMs: 60 });
  const open = (): Socket => {
    const socket = connect(served.address);
    return socket.on('error', () => undefined).resume();
  };
  const [silent, dripping] = [open(), open()];
  let at = 0;
  const drip = setInterval(() => dripping.write(hello.subarray(at, ++at)), 5);
  await Promise.all([closed(silent), closed(dripping)]);
  clearInterval(drip);
  while (refused(served) < 2) await new Promise(setImmediate);
  assert.match(reasons(served), /within 60 ms/);
  using client = transport(security);
  assert.equal(await client.isEntity(served.address), true);
});

test('closing ends handshakes too, and answers over TLS what was asked', async () => {
  using folder = new CredentialFolder();
  const security = folder.secret('one');
  let entered: () => void = () => undefined;
  let finish: () => void = () => undefined;
  const isEntered = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const isFinished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const slow: Method = {
    ...keeper()[0]!,
    async answer() {
      entered();
      await isFinished;
      return { status: status.ok, results: [Buffer.from('late')] };
    },
  };
  await using served = await serving(() => [slow], { security });
  const half = connect(served.address).on('error', () => undefined);
  half.resume().write(Buffer.of(0x16, 3, 1));
  using client = transport(security);
  const answer = client.call(served.address, read, request);
  await isEntered;
  const isClosed = served.server.close(60_000);
  await closed(half);
  finish();
  assert.equal(String((await answer)[0]), 'late');
  await isClosed;
});

/** The first bytes that a client with this security sends. */
async function helloOf(security: Security): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = transport(security);
  const call = client.call({ host: '127.0.0.1', port }, read, request).catch(() => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  client[Symbol.dispose]();
  await call;
  server.close();
  return hello;
}

test('no handshake, however wrong, ends the server or keeps a connection', async () => {
  const random = new Random(5);
  using folder = new CredentialFolder();
  for (const security of [folder.secret('one'), folder.certificate(new Authority('one'))]) {
    await using served = await start(security, { handshakeTimeoutMs: never });
    const hello = await helloOf(security);
    const wrong = (): Buffer => {
      const copy = Buffer.from(hello);
      switch (random.below(5)) {
        case 0:
          return Buffer.concat([Buffer.of(0x16), random.bytes(random.below(300))]);
        case 1:
          for (let flips = 1 + random.below(5); flips > 0; flips--)
            copy[1 + random.below(copy.length - 1)]! ^= 1 << random.below(8);
          return copy;
        case 2:
          return copy.subarray(0, 1 + random.below(copy.length - 1));
        case 3:
          return Buffer.concat([copy, random.bytes(1 + random.below(400))]);
        default:
          return Buffer.concat([copy, copy, Buffer.of(0x17, 3, 3, 0, 40), random.bytes(40)]);
      }
    };
    const lane = async (): Promise<void> => {
      for (let count = 0; count < 50; count++) {
        await exchangeFrom('127.0.0.1', served.server.port, wrong());
      }
    };
    await Promise.all([1, 2, 3, 4].map(lane));
    using client = transport(security);
    assert.equal(await client.isEntity(served.address), true);
    client.close();
    while (served.server.connections > 0) await new Promise(setImmediate);
    assert.ok(refused(served) > 150, `${refused(served)}`);
    assert.deepEqual(served.log.errors(), []);
  }
});
