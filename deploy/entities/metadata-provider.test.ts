/** The metadata provider against what the original's programs asked and answered, and beyond. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetadataProviders } from '../../blobseer-client/remote/metadata-providers.ts';
import { allExchanges, type Exchange } from '../../blobseer-client/remote/testing/exchanges.ts';
import { Transport } from '../../blobseer-client/remote/transport.ts';
import {
  encodeAnswer,
  encodeRequest,
  type Frame,
  FrameDecoder,
} from '../../blobseer-client/remote/wire/frame.ts';
import { metadataProviderCalls, status } from '../../blobseer-client/remote/wire/messages.ts';
import {
  decodeSegment,
  nodeBytes,
  nodeKeyBytes,
} from '../../blobseer-client/remote/wire/records.ts';
import { nodeStorageCalls } from '../../blobseer-client/remote/wire/storage-calls.ts';
import { MetadataProvider } from './metadata-provider.ts';
import { exchangeBytes, replay, serving } from './testing/harness.ts';

const nowMs = () => 0;
const { read, write, probe } = metadataProviderCalls;
const anyFrame = { maxItems: 1000, maxItemBytes: 2 ** 20, maxBytes: 2 ** 20 };
const frameOf = (bytes: Buffer): Frame => new FrameDecoder(() => anyFrame).push(bytes)[0]!;
const countOf = (node: Buffer): number => node.readUInt32LE(nodeBytes - 4);

const start = (spaceBytes = 2 ** 30) =>
  serving(
    ({ state, memory }) => new MetadataProvider({ state, memory, spaceBytes, nowMs }).methods,
  );

async function call(port: number, number: number, parameters: readonly Buffer[]): Promise<Frame> {
  const request = Buffer.concat(encodeRequest(number, parameters));
  return frameOf(await exchangeBytes(port, request));
}

/**
 * The recordings are parts of longer runs: what a read finds there may have been written, and read,
 * before. This makes it so, and fails where the server is ahead of the recording.
 */
async function catchUp(port: number, exchange: Exchange): Promise<void> {
  if (exchange.call === 'PROVIDER_WRITE') return;
  const keys = frameOf(exchange.request).items;
  const expected = frameOf(exchange.answer).items;
  for (const [index, key] of keys.entries()) {
    const value = expected[index]!;
    if (value.length === 0) continue;
    let known = (await call(port, probe.number, [key])).items[0]!;
    if (known.length === 0) {
      await call(port, write.number, [key, value]);
      known = (await call(port, probe.number, [key])).items[0]!;
    }
    if (value.length !== nodeBytes) continue;
    const readsBefore = countOf(value) - (exchange.call === 'PROVIDER_READ' ? 1 : 0);
    assert.ok(countOf(known) <= readsBefore, exchange.title);
    for (let reads = countOf(known); reads < readsBefore; reads++) {
      await call(port, read.number, [key]);
    }
  }
}

test('recorded exchanges are answered as the original answered them, counts of reads included', async () => {
  const recorded = allExchanges().filter(({ service }) => service === 'sdht');
  const files = new Map<string, Exchange[]>();
  for (const exchange of recorded) {
    // Each of the two gateways of each recording was a server of its own.
    const name = `${exchange.title.split(' ')[0]} ${exchange.gateway}`;
    files.set(name, [...(files.get(name) ?? []), exchange]);
  }
  assert.ok(recorded.length > 60, `${recorded.length} exchanges`);
  for (const exchanges of files.values()) {
    await using served = await start();
    for (const exchange of exchanges) {
      await catchUp(served.address.port, exchange);
      await replay(served.address.port, [exchange]);
    }
    assert.deepEqual(served.log.lines, []);
  }
});

test('what is as long as a tree node and is none comes back as it was', async () => {
  await using served = await start();
  const { port } = served.address;
  const key = Buffer.alloc(16, 7);
  const value = Buffer.alloc(nodeBytes, 0xee);
  await call(port, write.number, [key, value]);
  for (let round = 0; round < 3; round++) {
    assert.deepEqual((await call(port, read.number, [key])).items, [value]);
  }
});

test('beyond its space it refuses, keeps what came before, and takes replacements', async () => {
  await using served = await start(300);
  const { port } = served.address;
  const key = (name: number) => Buffer.alloc(16, name);
  const pairs = [
    key(1),
    Buffer.alloc(100, 1),
    key(2),
    Buffer.alloc(100, 2),
    key(3),
    Buffer.alloc(100),
  ];
  assert.equal((await call(port, write.number, pairs)).status, status.noResources);
  const found = await call(port, read.number, [key(1), key(2), key(3)]);
  assert.equal(found.status, status.unknown);
  assert.deepEqual(
    found.items.map(({ length }) => length),
    [100, 100, 0],
  );
  assert.equal((await call(port, write.number, [key(1), Buffer.alloc(90, 9)])).status, status.ok);
  assert.equal((await call(port, write.number, [key(3), Buffer.alloc(60)])).status, status.ok);
  assert.equal((await call(port, write.number, [key(4), Buffer.of(1)])).status, status.noResources);
});

test('what is released is gone and gives its room back; the rest is listed in order', async () => {
  let provider: MetadataProvider | undefined;
  await using served = await serving(({ state, memory }) => {
    provider = new MetadataProvider({ state, memory, spaceBytes: 2 ** 30, nowMs });
    return provider.methods;
  });
  const { port, host } = served.address;
  const transport = new Transport();
  const metadata = new MetadataProviders(transport, { gateways: [{ host, port }], replication: 1 });
  const segments = Array.from({ length: 2500 }, (_, index) => ({
    blobId: 3,
    version: 1,
    offset: index * 4096,
    size: 4096,
  }));
  const node = { kind: 'leaf', pageKey: Buffer.alloc(16, 5), accessCount: 0 } as const;
  const pageKey = Buffer.alloc(16, 9);
  await metadata.put({
    nodes: segments.map((segment) => ({ segment, node })),
    pages: [{ key: pageKey, providers: [{ host: '10.0.0.7', port: 1235 }] }],
  });
  const { nodes } = provider!.statistics();
  assert.equal(nodes, 2501);
  const kept = segments.slice(2000);
  const gone = [...segments.slice(0, 2000), segments[0]!];
  const places = metadata.placesOf(gone, [pageKey, Buffer.alloc(16, 10)]);
  assert.deepEqual([...places.keys()], [0]);
  await metadata.releaseOn(0, places.get(0)!);
  const bytes = 500 * (nodeKeyBytes + nodeBytes);
  const statistics = { nodes: 500, bytes, freeBytes: 2 ** 30 - bytes };
  assert.deepEqual(provider!.statistics(), statistics);
  const found = await metadata.nodes([segments[1999]!, segments[2000]!]);
  assert.deepEqual(found[0], undefined);
  assert.equal(found[1]?.kind, 'leaf');
  const listed: Buffer[] = [];
  for (let after: Buffer | undefined; ; ) {
    const some = await metadata.listNodes(0, after, 64);
    listed.push(...some);
    if (some.length < 64) break;
    after = some.at(-1);
  }
  assert.deepEqual(listed, [...listed].sort(Buffer.compare));
  const offsets = listed.map((key) => decodeSegment(key).offset).sort((a, b) => a - b);
  assert.deepEqual(
    offsets,
    kept.map(({ offset }) => offset),
  );
  transport.close();
});

test('a version and the lists of a write go as a whole, and do not come back', async () => {
  await using served = await start();
  const { port, host } = served.address;
  const transport = new Transport();
  const metadata = new MetadataProviders(transport, { gateways: [{ host, port }], replication: 1 });
  const node = { kind: 'leaf', pageKey: Buffer.alloc(16, 5), accessCount: 0 } as const;
  const version = (number: number) =>
    Array.from({ length: 1500 }, (_, index) => ({
      segment: { blobId: 3, version: number, offset: index * 4096, size: 4096 },
      node,
    }));
  const providers = [{ host: '10.0.0.7', port: 1235 }];
  const listed = (write: number) =>
    [1, 2, 3].map((page) => ({
      key: Buffer.concat([Buffer.alloc(8, write), Buffer.alloc(8, page)]),
      providers,
    }));
  const nodes = [...version(1), ...version(2)];
  await metadata.put({ nodes, pages: [...listed(1), ...listed(2)] });
  await metadata.releaseAllOn(0, [
    metadata.versionPrefix({ blobId: 3, version: 2 }),
    metadata.versionPrefix({ blobId: 99, version: 1 }),
    Buffer.alloc(8, 1),
  ]);
  await metadata.put({ nodes: version(2), pages: listed(1) });
  const found = await metadata.nodes(nodes.map(({ segment }) => segment));
  assert.deepEqual(
    found.map((one) => one !== undefined),
    nodes.map(({ segment }) => segment.version === 1),
  );
  const lists = await metadata.pages([...listed(1), ...listed(2)].map(({ key }) => key));
  assert.deepEqual(
    lists.map((one) => one !== undefined),
    [false, false, false, true, true, true],
  );
  await assert.rejects(metadata.releaseAllOn(0, [Buffer.alloc(9)]), { kind: 'invalid-argument' });
  transport.close();
});

test('arguments that make no sense are bad ones, and nothing is stored', async () => {
  await using served = await start();
  const { port } = served.address;
  const key = Buffer.alloc(16, 1);
  const raw = async (number: number, parameters: Buffer[]) =>
    frameOf(await exchangeBytes(port, Buffer.concat(encodeAnswer(number, 0, parameters)))).status;
  assert.equal(await raw(write.number, [key]), status.badArguments);
  assert.equal(await raw(write.number, []), status.badArguments);
  assert.equal(await raw(write.number, [key, Buffer.alloc(0)]), status.badArguments);
  assert.equal(await raw(write.number, [Buffer.alloc(513), Buffer.of(1)]), status.badArguments);
  assert.equal(await raw(read.number, []), status.badArguments);
  assert.equal(await raw(read.number, [Buffer.alloc(0)]), status.badArguments);
  assert.equal(await raw(read.number, [key]), status.unknown);
  assert.equal(await raw(nodeStorageCalls.release.number, []), status.badArguments);
  assert.equal(await raw(nodeStorageCalls.list.number, [Buffer.alloc(4)]), status.badArguments);
  assert.equal(await raw(nodeStorageCalls.list.number, [key]), status.badArguments);
  assert.deepEqual(served.log.errors(), []);
});
