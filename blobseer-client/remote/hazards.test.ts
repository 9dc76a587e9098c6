/**
 * What is known to end, hang or mislead the original's programs, as far as single calls go: none of it can
 * be sent through these clients. The hazards are numbered as they were found by running the original, H1 to
 * H19; those that concern trees and whole writes are tested where these are.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { BlobSeerError } from '../errors.ts';
import { DataProviders } from './data-provider.ts';
import { MetadataProviders } from './metadata-providers.ts';
import { ProviderManager } from './provider-manager.ts';
import { RemoteError } from './remote-error.ts';
import { keyValueServer } from './testing/key-value-server.ts';
import { answering, scriptedServer } from './testing/scripted-server.ts';
import { Transport } from './transport.ts';
import { VersionManager, WritableBlob } from './version-manager.ts';
import { metadataProviderCalls } from './wire/messages.ts';
import { makePageKey } from './wire/page-key.ts';
import { encodeRoot, encodeSegment, type Root } from './wire/records.ts';

const isKind = (kind: string) => (error: unknown) =>
  error instanceof BlobSeerError && error.kind === kind;
const isRefused = isKind('invalid-argument');

/** Nothing listens there; a call that is refused does not come that far. */
const nowhere = { host: '127.0.0.1', port: 1 };
const transport = new Transport();
const sentBefore = () => transport.metrics.connectionsOpened;
const key = makePageKey(Buffer.alloc(8, 1), 0, 0);
const empty = Buffer.alloc(0);
const rootOf = (blobId: number, size: number, pageSize = 4096): Root => ({
  node: { blobId, version: size === 0 ? 0 : 1, offset: 0, size },
  pageSize,
  currentSize: size,
  ftInfo: 1,
});

async function refusedUnsent(call: () => Promise<unknown>): Promise<void> {
  const before = sentBefore();
  await assert.rejects(call, isRefused);
  assert.equal(sentBefore(), before);
}

test('H1: a ticket whose answer is lost is not asked for again, and is told to be out perhaps', async () => {
  await using server = await scriptedServer(async (peer) => {
    await peer.request();
    peer.socket.resetAndDestroy();
  });
  const versions = new VersionManager(transport, server.address);
  await assert.rejects(
    versions.appendTicket(WritableBlob.remembered(1, 4096), 4096),
    (error) => error instanceof RemoteError && error.mayHaveRun && error.kind === 'unavailable',
  );
  assert.equal(server.peers.length, 1);
});

test('H1: publishing what is not pending is told apart from not knowing', async () => {
  let status = 0;
  await using server = await scriptedServer(async (peer) => {
    peer.answer((await peer.request())!, [], status);
    if (status === 0) peer.socket.end();
  });
  const versions = new VersionManager(transport, server.address);
  const version = { blobId: 1, version: 1, offset: 0, size: 4096 };
  assert.equal(await versions.publish(version), true);
  await server.peers[0]!.ended;
  status = 6;
  assert.equal(await versions.publish(version), false);
  await assert.rejects(new VersionManager(transport, nowhere).publish(version), RemoteError);
});

test('H3: no parameter of no bytes: neither keys nor pages nor metadata, nor a call without any', async () => {
  const pages = new DataProviders(transport);
  await refusedUnsent(() => pages.write(nowhere, [{ key, page: empty }]));
  await refusedUnsent(() => pages.write(nowhere, [{ key: empty, page: Buffer.of(1) }]));
  await refusedUnsent(() => pages.write(nowhere, []));
  await refusedUnsent(() => pages.read(nowhere, [key, empty], 1));
  await refusedUnsent(() => pages.read(nowhere, [], 1));
  const part = { offset: 0, size: 1, pageBytes: 1 };
  await refusedUnsent(() => pages.readPart(nowhere, empty, part));
  const { read, write, probe } = metadataProviderCalls;
  for (const call of [read, probe]) {
    await refusedUnsent(() =>
      transport.call(nowhere, call, { keys: [key, empty], maxValueBytes: 1 }),
    );
    await refusedUnsent(() => transport.call(nowhere, call, { keys: [], maxValueBytes: 1 }));
  }
  await refusedUnsent(() => transport.call(nowhere, write, [[key, empty]]));
  await refusedUnsent(() => transport.call(nowhere, write, [[empty, key]]));
  await refusedUnsent(() => transport.call(nowhere, write, []));
});

test('H4: no part of a page beyond its end, nor one whose end wraps around', async () => {
  const pages = new DataProviders(transport);
  const pageBytes = 4096;
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.double(), fc.bigInt({ min: 0n, max: 2n ** 64n }).map(Number)),
      fc.oneof(fc.double(), fc.nat(9000)),
      async (offset, size) => {
        const isWithin =
          Number.isInteger(offset) && Number.isInteger(size) && offset >= 0 && size >= 1;
        fc.pre(!isWithin || offset + size > pageBytes);
        await refusedUnsent(() => pages.readPart(nowhere, key, { offset, size, pageBytes }));
      },
    ),
  );
});

test('H5: no blob with pages of 0 bytes, no ticket on one, none whose end is out of reach', async () => {
  const versions = new VersionManager(transport, nowhere);
  for (const pageSize of [0, -1, Number.NaN, 0.5, 2 ** 32]) {
    await refusedUnsent(() => versions.create({ pageSize, ftInfo: 1 }));
  }
  for (const ftInfo of [0, 256, 2 ** 31]) {
    await refusedUnsent(() => versions.create({ pageSize: 4096, ftInfo }));
  }
  assert.throws(() => WritableBlob.remembered(1, 0), isRefused);
  assert.throws(() => WritableBlob.of(1, rootOf(1, 0, 0)), isRefused);
  assert.throws(() => WritableBlob.remembered(0, 4096), isRefused);
  const blob = WritableBlob.remembered(1, 4096);
  for (const [offset, size] of [
    [2 ** 63, 4096],
    [2 ** 53 - 1, 1],
    [0, 2 ** 53],
    [-4096, 4096],
    [0, 0],
    [0, Number.NaN],
    [Number.NaN, 1],
    [0.5, 1],
  ] as const) {
    await refusedUnsent(() => versions.writeTicket(blob, offset, size));
  }
  await refusedUnsent(() => versions.appendTicket(blob, 0));
});

test('a clone of an empty blob, which its first ticket would hang, is neither made nor written to', async () => {
  const calls: number[] = [];
  await using server = await scriptedServer(
    answering(({ name }) => {
      calls.push(name);
      return [encodeRoot(rootOf(1, 0), 18)];
    }),
  );
  await assert.rejects(new VersionManager(transport, server.address).clone(1, 0), isRefused);
  assert.deepEqual(calls, [1], 'GETROOT only');
  assert.throws(() => WritableBlob.of(2, rootOf(1, 0)), isRefused);
  assert.equal(WritableBlob.of(2, rootOf(1, 4096)).blobId, 2);
});

test('no more providers than can be handed out, no group for which they would be sought for ever', async () => {
  const providers = new ProviderManager(transport, nowhere);
  for (const [groups, groupSize] of [
    [0, 1],
    [1, 0],
    [1, 2 ** 31],
    [4097, 1],
    [2 ** 32, 1],
    [2 ** 31, 2],
    [1.5, 2],
    [Number.NaN, 1],
  ] as const) {
    await refusedUnsent(() => providers.providers(groups, groupSize));
  }
  const report = { freeBytes: 1, pagesRead: 0, bytesRead: 0 };
  for (const service of ['', 'http', '123456']) {
    await refusedUnsent(() => providers.report({ ...report, service }));
  }
});

test('H6: a ticket for a blob that the version manager no longer knows is not-found', async () => {
  await using server = await scriptedServer(async (peer) => {
    peer.answer((await peer.request())!, [], 6);
  });
  const versions = new VersionManager(transport, server.address);
  const blob = WritableBlob.remembered(7, 4096);
  await assert.rejects(versions.appendTicket(blob, 1), isKind('not-found'));
});

test('H7: a dead page is overwritten with one byte, never with none', async () => {
  await using server = await keyValueServer();
  await new DataProviders(transport).bury(server.address, [key]);
  assert.deepEqual([...server.values.values()], [Buffer.of(0)]);
});

test('H10: in a batch each page goes with its own key', async () => {
  await using server = await keyValueServer();
  const pages = [5, 3, 5, 9].map((fill, index) => {
    const page = Buffer.alloc(6000, fill);
    return { key: makePageKey(Buffer.alloc(8), index, crc32c(page)), page };
  });
  const providers = new DataProviders(transport);
  await providers.write(server.address, pages);
  const keys = pages.map(({ key }) => key);
  assert.deepEqual(
    await providers.read(server.address, keys, 6000),
    pages.map(({ page }) => page),
  );
});

test('H11: equal pages have different keys, and other bytes under a key are found out', async () => {
  const page = Buffer.alloc(100, 1);
  const keys = [makePageKey(Buffer.alloc(8, 1), 0, crc32c(page))];
  keys.push(makePageKey(Buffer.alloc(8, 1), 1, crc32c(page)));
  keys.push(makePageKey(Buffer.alloc(8, 2), 0, crc32c(page)));
  assert.equal(new Set(keys.map((each) => each.toString('hex'))).size, 3);
  await using server = await keyValueServer();
  const providers = new DataProviders(transport);
  await providers.write(server.address, [{ key: keys[0]!, page: Buffer.from('forged') }]);
  await assert.rejects(providers.read(server.address, keys, 100), isKind('corrupt'));
});

test('H12: a value as long as a tree node that is none is refused; a list is made longer', async () => {
  const { write } = metadataProviderCalls;
  await refusedUnsent(() => transport.call(nowhere, write, [[key, Buffer.alloc(103)]]));
  await using server = await keyValueServer();
  const options = { gateways: [server.address], replication: 1 };
  const metadata = new MetadataProviders(transport, options);
  const providers = [{ host: 'provider-12.machines.lan', port: 9 }];
  await metadata.put({ pages: [{ key, providers }] });
  assert.deepEqual(await metadata.pages([key]), [[...providers, ...providers]]);
});

test('H13: a version that is not visible, or is the source of a clone, is not taken for another', async () => {
  let root = rootOf(2, 4096);
  await using server = await scriptedServer(answering(() => [encodeRoot(root, 18)]));
  const versions = new VersionManager(transport, server.address);
  assert.deepEqual(await versions.publishedRoot(2, 1), root);
  assert.equal(await versions.publishedRoot(2, 99), undefined);
  assert.equal(await versions.publishedRoot(5, 1), undefined);
  await refusedUnsent(() => versions.publishedRoot(2, 0));
  root = { ...rootOf(0, 0, 0), ftInfo: 0 };
  assert.equal(await versions.newestRoot(999), undefined);
  await assert.rejects(versions.clone(999, 0), isKind('not-found'));
});

const record = {
  segment: { blobId: 1, version: 1, offset: 0, size: 4096 },
  node: { kind: 'leaf', pageKey: key, accessCount: 0 },
} as const;

test('H17: what one metadata provider lost or does not answer is asked of the other', async () => {
  await using one = await keyValueServer();
  await using two = await keyValueServer();
  const gateways = [one.address, two.address];
  const metadata = new MetadataProviders(transport, { gateways, replication: 2 });
  assert.deepEqual(await metadata.put({ nodes: [record] }), []);
  const name = encodeSegment(record.segment, 18).toString('hex');
  for (const server of [one, two]) {
    const value = server.values.get(name)!;
    server.values.clear();
    assert.deepEqual(await metadata.nodes([record.segment]), [record.node]);
    server.values.set(name, value);
  }
  for (const gateway of [0, 1]) {
    const half = gateways.map((address, index) => (index === gateway ? nowhere : address));
    const rest = new MetadataProviders(transport, { gateways: half, replication: 2 });
    assert.deepEqual(await rest.nodes([record.segment]), [record.node]);
    const missed = await rest.put({ nodes: [record] });
    assert.deepEqual(
      missed.map(({ pairs }) => pairs.length),
      [1],
      'one replica took it',
    );
  }
});

test('H17: missing here and silent there is not missing', async () => {
  await using server = await keyValueServer();
  for (const gateways of [
    [server.address, nowhere],
    [nowhere, server.address],
  ]) {
    const metadata = new MetadataProviders(transport, { gateways, replication: 2 });
    await assert.rejects(metadata.nodes([record.segment]), isKind('unavailable'));
  }
  const dead = new MetadataProviders(transport, { gateways: [nowhere], replication: 1 });
  await assert.rejects(dead.put({ nodes: [record] }), isKind('unavailable'));
});

test('H18: ids and versions are 32 bits, pages shorter than a length can say', async () => {
  const versions = new VersionManager(transport, nowhere);
  await refusedUnsent(() => versions.newestRoot(2 ** 32));
  await refusedUnsent(() => versions.publishedRoot(1, 2 ** 32));
  await refusedUnsent(() => versions.newestRoot(-1));
  const pages = new DataProviders(transport);
  const page = Buffer.alloc(1);
  Object.defineProperty(page, 'length', { value: 2 ** 32 });
  await refusedUnsent(() => pages.write(nowhere, [{ key, page }]));
});

test('H19: metadata keys carry the archive version of the deployment', async () => {
  await using server = await keyValueServer();
  const other = new Transport({ archiveVersion: 17 });
  const options = { gateways: [server.address], replication: 1 };
  await new MetadataProviders(other, options).put({ nodes: [record] });
  const [name] = server.values.keys();
  assert.equal(Buffer.from(name!, 'hex').readUInt16LE(30), 17);
  assert.deepEqual(await new MetadataProviders(transport, options).nodes([record.segment]), [
    undefined,
  ]);
  other.close();
});
