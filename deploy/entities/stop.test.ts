/** SIGTERM: what was asked, or half asked, is answered and kept; then the program ends well. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Transport } from '../../blobseer-client/remote/transport.ts';
import { VersionManager } from '../../blobseer-client/remote/version-manager.ts';
import { encodeRequest, FrameDecoder } from '../../blobseer-client/remote/wire/frame.ts';
import {
  dataProviderCalls,
  entityCalls,
  status,
} from '../../blobseer-client/remote/wire/messages.ts';
import { Cluster, freePorts, type Program } from './testing/processes.ts';

const { read, write } = dataProviderCalls;
const limits = { maxItems: 1, maxItemBytes: 2 ** 20, maxBytes: 2 ** 20 };
const hello = Buffer.concat(encodeRequest(entityCalls.hello.number, [Buffer.of(1, 0, 0, 0)]));
const keyOf = (index: number): Buffer => Buffer.alloc(16, index + 1);
const pageOf = (index: number): Buffer => Buffer.alloc(500_000, index);
const writeOf = (index: number): Buffer =>
  Buffer.concat(encodeRequest(write.number, [keyOf(index), pageOf(index)]));

/** A connection that the program has accepted, and answered on. */
async function accepted({ address }: Program): Promise<Socket> {
  const socket = connect(address).on('error', () => undefined);
  socket.write(hello);
  await once(socket, 'data');
  return socket.pause();
}

async function statusOf(socket: Socket): Promise<number> {
  const decoder = new FrameDecoder(() => limits);
  for await (const chunk of socket) {
    const [frame] = decoder.push(chunk as Buffer);
    if (frame !== undefined) return frame.status;
  }
  return assert.fail('closed without an answer');
}

const said = async ({ log }: Program, message: string): Promise<void> => {
  while (!log().includes(`"msg":"${message}"`)) await sleep(10);
};

test('a data provider answers what was asked, and lets end what was half asked', async () => {
  await using cluster = new Cluster();
  const [port, elsewhere] = await freePorts(2);
  cluster.configure(elsewhere!);
  const provider = await cluster.start('data-provider', 'data', port!);
  const sockets = await Promise.all([0, 1, 2, 3].map(() => accepted(provider)));
  const idle = await accepted(provider);
  const isCut = new Promise((resolve) => idle.once('close', resolve).resume());
  const halves = [writeOf(2), writeOf(3)].map((bytes) => [
    bytes.subarray(0, 300_000),
    bytes.subarray(300_000),
  ]);
  const [first, second, third, fourth] = sockets;
  first!.write(writeOf(0));
  second!.write(writeOf(1));
  third!.write(halves[0]![0]!);
  fourth!.write(halves[1]![0]!);
  const exited = provider.stop();
  await said(provider, 'stopping');
  await isCut;
  third!.write(halves[0]![1]!);
  fourth!.write(halves[1]![1]!);
  assert.deepEqual(await Promise.all(sockets.map(statusOf)), [0, 0, 0, 0].fill(status.ok));
  assert.equal(await exited, 0);
  assert.match(provider.log(), /"msg":"stopped"/);

  const again = await cluster.start('data-provider', 'data', port!);
  const transport = new Transport();
  const keys = sockets.map((_, index) => keyOf(index));
  const pages = await transport.call(again.address, read, { keys, maxValueBytes: 2 ** 20 });
  for (const [index, page] of pages.entries()) assert.ok(page?.equals(pageOf(index)), `${index}`);
  transport.close();
  assert.equal(await again.stop(), 0);
});

test('a version manager that stops under load has published what it said it had', async () => {
  await using cluster = new Cluster();
  const [port, elsewhere] = await freePorts(2);
  cluster.configure(elsewhere!);
  const manager = await cluster.start('version-manager', 'vm', port!);
  const transport = new Transport();
  const versions = new VersionManager(transport, manager.address);
  const blob = await versions.create({ pageSize: 4096, ftInfo: 1 });
  let published = 0;
  let exited: Promise<number | null> | undefined;
  for (;;) {
    try {
      const { interval, version } = await versions.appendTicket(blob, 4096);
      if (await versions.publish(interval)) published = version;
    } catch {
      break;
    }
    if (published === 50) exited = manager.stop();
  }
  assert.equal(await exited, 0);
  assert.ok(published >= 50);
  await cluster.start('version-manager', 'vm', port!);
  const newest = await versions.newestRoot(blob.blobId);
  assert.equal(newest!.node.version, published);
  transport.close();
});
