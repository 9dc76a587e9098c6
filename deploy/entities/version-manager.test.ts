/** The version manager against what the original's programs asked and answered, and beyond. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Exchange, exchangesOf } from '../../blobseer-client/remote/testing/exchanges.ts';
import { Transport } from '../../blobseer-client/remote/transport.ts';
import {
  VersionManager as Client,
  WritableBlob,
} from '../../blobseer-client/remote/version-manager.ts';
import {
  encodeRequest,
  type Frame,
  FrameDecoder,
} from '../../blobseer-client/remote/wire/frame.ts';
import {
  type NewBlob,
  status,
  versionManagerCalls,
} from '../../blobseer-client/remote/wire/messages.ts';
import { exchangeBytes, replay, serving } from './testing/harness.ts';
import { VersionManager } from './version-manager.ts';

const { create, getTicket, publish } = versionManagerCalls;
const start = () =>
  serving(({ state }) => new VersionManager({ state, archiveVersion: 18, nowMs: () => 0 }).methods);
const anyFrame = { maxItems: 9, maxItemBytes: 2 ** 20, maxBytes: 2 ** 20 };
const frameOf = (bytes: Buffer): Frame => new FrameDecoder(() => anyFrame).push(bytes)[0]!;
const recordedIn = (file: string): Exchange[] =>
  exchangesOf(file).filter(({ service, isMalformed }) => service === 'vmanager' && !isMalformed);
const nameOf = ({ title }: Exchange): string => title.split(' ')[1]!;

async function call(port: number, number: number, parameters: Uint8Array[]): Promise<Frame> {
  const request = Buffer.concat(encodeRequest(number, parameters));
  return frameOf(await exchangeBytes(port, request));
}

/** One run of the original is recorded in two files: before these calls came tickets, up to the last named. */
const ticketsBefore: Readonly<Record<string, string>> = {
  'root-latest/vmgr-getroot': 'w3/vmgr-publish',
  'use3b/vmgr-getroot': 'w-ft2/vmgr-publish',
  'root-b4-before/vmgr-getroot': 'tk-3/vmgr-getticket',
  'root-b4-mid/vmgr-getroot': 'pub-3/vmgr-publish',
  'root-b4-after/vmgr-getroot': 'pub-2/vmgr-publish',
  'clone-2-v1/vmgr-clone': 'pub-5/vmgr-publish',
  'root-clone-after/vmgr-getroot': 'clone-w/vmgr-publish',
  'root6/vmgr-getroot': 'clone6-append/vmgr-publish',
};

test('a recorded run of creates, clones, tickets and publishes is answered to the byte', async () => {
  const tickets = recordedIn('vmanager-ticket-publish.json');
  await using served = await start();
  const { port } = served.address;
  for (const exchange of recordedIn('vmanager-create-root-clone-objno.json')) {
    const last = ticketsBefore[nameOf(exchange)];
    if (last !== undefined) {
      const count = tickets.findIndex((ticket) => nameOf(ticket) === last) + 1;
      await replay(port, tickets.splice(0, count));
    }
    await replay(port, [exchange]);
  }
  assert.deepEqual(tickets, []);
  // Errors of the same run. Its malformed one too: what cannot be read is a bad argument.
  await replay(port, recordedIn('errors.json'));
  const malformed = exchangesOf('errors.json').filter(
    ({ service, isMalformed }) => service === 'vmanager' && isMalformed,
  );
  assert.equal(malformed.length, 1);
  await replay(port, malformed);
  assert.deepEqual(served.log.lines, []);
});

test('what the C++ client asked in whole writes and reads is answered to the byte', async () => {
  await using served = await start();
  const files = [
    'sequence-first-append.json',
    'sequence-cold-append-grows-root.json',
    'sequence-cold-overwrite-middle.json',
    'sequence-cold-read-all.json',
  ];
  for (const file of files) await replay(served.address.port, recordedIn(file));
});

test('tickets of two writers at once list all that is pending, to the byte', async () => {
  const exchanges = recordedIn('vmanager-ticket-two-real-writers.json');
  assert.equal(exchanges.length, 6);
  for (const exchange of exchanges) {
    await using served = await start();
    const { port } = served.address;
    const recorded = getTicket.decodeAnswer(frameOf(exchange.answer).items, {
      interval: { blobId: 0, version: 0, offset: 0, size: 0 },
      isAppend: false,
    });
    const { stableRoot, pending } = recorded;
    const { blobId } = pending[0]!.interval;
    const blob: NewBlob = { pageSize: stableRoot.pageSize, ftInfo: stableRoot.ftInfo };
    for (let id = 1; id <= blobId; id++) {
      await call(port, create.number, create.encodeRequest(blob, 18));
    }
    const ticket = async (offset: number, size: number) => {
      const interval = { blobId, version: 0, offset, size };
      const request = { interval, isAppend: false };
      await call(port, getTicket.number, getTicket.encodeRequest(request, 18));
    };
    const publishVersion = async (version: number) => {
      const interval = { blobId, version, offset: 0, size: 0 };
      await call(port, publish.number, publish.encodeRequest(interval, 18));
    };
    const others = pending.slice(0, -1);
    // A size that only a version visible before can have given them: it went backwards since.
    const reach = ({ interval, root }: (typeof pending)[number]) =>
      root.currentSize > Math.max(stableRoot.currentSize, interval.offset + interval.size);
    const early = others.filter(reach).length && others.findLastIndex(reach) + 1;
    const last = stableRoot.node.version;
    const before = early > 0 ? last - 2 : last;
    for (let version = 1; version <= before; version++) {
      await ticket(0, stableRoot.currentSize);
      await publishVersion(version);
    }
    if (early > 0) {
      await ticket(0, others.find(reach)!.root.currentSize);
      await ticket(0, stableRoot.currentSize);
      await publishVersion(last - 1);
    }
    const take = async (some: typeof pending) => {
      for (const { interval } of some) await ticket(interval.offset, interval.size);
    };
    await take(others.slice(0, early));
    if (early > 0) await publishVersion(last);
    await take(others.slice(early));
    for (const { interval, isCompleted } of others) {
      if (isCompleted) await publishVersion(interval.version);
    }
    await replay(port, [exchange]);
  }
});

test('a ticket that would never end the original is a bad argument, and others go on', async () => {
  await using served = await start();
  const { port } = served.address;
  const raw = async (pageSize: number, ftInfo: number) =>
    (await call(port, create.number, create.encodeRequest({ pageSize, ftInfo }, 18))).status;
  assert.equal(await raw(0, 1), status.badArguments);
  assert.equal(await raw(4096, 0), status.badArguments);
  assert.equal(await raw(4096, 1), status.ok);
  const ticket = async (offset: number, size: number, isAppend: boolean) => {
    const request = { interval: { blobId: 1, version: 0, offset, size }, isAppend };
    return (await call(port, getTicket.number, getTicket.encodeRequest(request, 18))).status;
  };
  const largest = Number.MAX_SAFE_INTEGER;
  for (const isAppend of [false, true]) {
    assert.equal(await ticket(0, 0, isAppend), status.badArguments);
    assert.equal(await ticket(0, largest, isAppend), status.badArguments);
  }
  assert.equal(await ticket(largest - 1, 1, false), status.badArguments);
  assert.equal(await ticket(2 ** 52 - 1, 1, false), status.ok);
  const [, interval] = getTicket.encodeRequest(
    { interval: { blobId: 1, version: 0, offset: 0, size: 1 }, isAppend: false },
    18,
  );
  const hostile = Buffer.from(
    publish.encodeRequest({ blobId: 1, version: 0, offset: 0, size: 1 }, 18)[0]!,
  );
  // An offset of 2^63: the original would double its root's size for ever.
  hostile.writeUInt8(0x80, hostile.length - 9);
  assert.equal((await call(port, getTicket.number, [hostile, interval!])).status, 7);
  assert.deepEqual(served.log.errors(), []);
});

test('a clone of a blob that was never written takes tickets, unlike in the original', async () => {
  await using served = await start();
  const transport = new Transport();
  const versions = new Client(transport, served.address);
  await versions.create({ pageSize: 4096, ftInfo: 1 });
  const { clone } = versionManagerCalls;
  const request = { blobId: 1, version: 0 };
  const made = await transport.call(served.address, clone, request);
  assert.deepEqual(made.node, { blobId: 2, version: 0, offset: 0, size: 0 });
  const blob = WritableBlob.remembered(2, 4096);
  const ticket = await versions.appendTicket(blob, 5000);
  assert.deepEqual(ticket.root.node, { blobId: 2, version: 1, offset: 0, size: 8192 });
  assert.equal(await versions.publish(ticket.interval), true);
  assert.equal((await versions.newestRoot(2))?.currentSize, 5000);
  transport.close();
});

test('versions asked for at once are all different, and visible in their order', async () => {
  await using served = await start();
  const transport = new Transport();
  const versions = new Client(transport, served.address);
  const blob = await versions.create({ pageSize: 4096, ftInfo: 1 });
  const tickets = await Promise.all(
    Array.from({ length: 40 }, () => versions.appendTicket(blob, 4096)),
  );
  const numbers = tickets.map(({ version }) => version).sort((left, right) => left - right);
  assert.deepEqual(
    numbers,
    Array.from({ length: 40 }, (_, index) => index + 1),
  );
  const first = tickets.find(({ version }) => version === 1)!;
  const rest = tickets.filter(({ version }) => version !== 1);
  await Promise.all(rest.map(({ interval }) => versions.publish(interval)));
  assert.equal((await versions.newestRoot(1))?.node.version, 0);
  assert.equal(await versions.publish(rest[0]!.interval), true, 'complete, and waiting');
  await versions.publish(first.interval);
  assert.equal((await versions.newestRoot(1))?.node.version, 40);
  assert.equal(await versions.publish(first.interval), false);
  transport.close();
});
