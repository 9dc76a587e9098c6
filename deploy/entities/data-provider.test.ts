/** The data provider against what the original's programs asked and answered, and beyond. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import { DataProviders } from '../../blobseer-client/remote/data-provider.ts';
import type { Address } from '../../blobseer-client/remote/remote-error.ts';
import { allExchanges } from '../../blobseer-client/remote/testing/exchanges.ts';
import { Transport } from '../../blobseer-client/remote/transport.ts';
import {
  encodeAnswer,
  encodeRequest,
  FrameDecoder,
} from '../../blobseer-client/remote/wire/frame.ts';
import { dataProviderCalls, status } from '../../blobseer-client/remote/wire/messages.ts';
import { makePageKey } from '../../blobseer-client/remote/wire/page-key.ts';
import { pageStorageCalls } from '../../blobseer-client/remote/wire/storage-calls.ts';
import { DataProvider } from './data-provider.ts';
import { PageStore } from './page-store.ts';
import { exchangeBytes, replay, serving } from './testing/harness.ts';

const nowMs = () => 0;
const fail = (error: unknown): never => assert.fail(`${error}`);
const { read, write } = dataProviderCalls;

const start = (spaceBytes = 2 ** 30, onMade: (provider: DataProvider) => void = () => undefined) =>
  serving(async ({ state, directory, memory }) => {
    const folder = path.join(directory, 'pages');
    await mkdir(folder);
    const parts = { state, directory: folder, spaceBytes, memory, onFailed: fail };
    const pages = await PageStore.open(parts);
    const provider = new DataProvider(pages, memory, nowMs);
    onMade(provider);
    return { methods: provider.methods, close: () => pages.close() };
  });

const frameOf = (bytes: Buffer) =>
  new FrameDecoder(() => ({ maxItems: 9, maxItemBytes: 2 ** 20, maxBytes: 2 ** 20 })).push(
    bytes,
  )[0]!;

test('recorded exchanges are answered as the original answered them', async () => {
  const recorded = allExchanges().filter(({ service }) => service === 'provider');
  const writes = recorded.filter(({ call }) => call === write.name);
  const others = recorded.filter(({ call }) => call !== write.name);
  assert.ok(writes.length > 10 && others.length > 10);
  await using served = await start();
  const { port } = served.address;
  await replay(port, writes);
  for (const exchange of others) {
    const [key] = frameOf(exchange.request).items;
    const [page] = frameOf(exchange.answer).items;
    const known = frameOf(
      await exchangeBytes(port, Buffer.concat(encodeRequest(read.number, [key!]))),
    );
    // A page that was stored before the recording began.
    if (known.status === status.unknown && exchange.call === read.name && page?.length) {
      await exchangeBytes(port, Buffer.concat(encodeRequest(write.number, [key!, page])));
    }
    await replay(port, [exchange]);
  }
});

async function readOne(providers: DataProviders, at: Address, key: Buffer) {
  const [page] = await providers.read(at, [key], 2 ** 20);
  return page;
}

const writeId = Buffer.alloc(8, 5);
const pageOf = (bytes: number, fill: number) => {
  const page = Buffer.alloc(bytes, fill);
  for (let at = 0; at + 4 <= bytes; at += 4096) page.writeUInt32LE(at, at);
  return page;
};
const keyOf = (index: number, page: Uint8Array) => makePageKey(writeId, index, crc32c(page));

test('pages of every size come back, whole and in parts, and are counted', async () => {
  let provider: DataProvider | undefined;
  await using served = await start(2 ** 30, (made) => {
    provider = made;
  });
  const transport = new Transport();
  const providers = new DataProviders(transport);
  const sizes = [1, 4096, 32_768, 32_769, 65_536, 65_537, 1_000_003];
  const pages = sizes.map((size, index) => pageOf(size, index));
  const writes = pages.map((page, index) => ({ key: keyOf(index, page), page }));
  await providers.write(served.address, writes);
  for (const { key, page } of writes) {
    assert.ok((await readOne(providers, served.address, key))?.equals(page));
    for (const [offset, size] of [
      [0, 1],
      [page.length - 1, 1],
      [Math.floor(page.length / 3), Math.ceil(page.length / 3)],
      [0, page.length],
    ] as const) {
      const part = { offset, size, pageBytes: page.length };
      const found = await providers.readPart(served.address, key, part);
      assert.ok(found?.equals(page.subarray(offset, offset + size)), `${size} at ${offset}`);
    }
    const beyond = { offset: page.length, size: 1, pageBytes: page.length + 1 };
    assert.equal(await providers.readPart(served.address, key, beyond), undefined);
  }
  assert.equal(await readOne(providers, served.address, keyOf(99, pages[0]!)), undefined);
  const report = await provider!.report('1235');
  assert.deepEqual([report.pagesRead, report.service], [sizes.length * 5, '1235']);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const { freeBytes, ...statistics } = await provider!.statistics();
  assert.ok(Number(freeBytes) <= 2 ** 30 - bytes);
  assert.deepEqual(statistics, { pages: sizes.length, bytes, segments: 1, deadBytes: 0 });
  for (const { key } of writes) await providers.bury(served.address, [key]);
  assert.equal((await provider!.statistics()).bytes, sizes.length);
  while (served.memory.usedBytes > 0) await new Promise(setImmediate);
  assert.deepEqual(served.log.errors(), []);
  transport.close();
});

test('beyond its space it says so, and room comes back with what is replaced', async () => {
  await using served = await start(200_000);
  const transport = new Transport();
  const providers = new DataProviders(transport);
  const page = pageOf(90_000, 3);
  const keys = [0, 1, 2].map((index) => keyOf(index, page));
  const write3 = () =>
    providers.write(
      served.address,
      keys.map((key) => ({ key, page })),
    );
  await assert.rejects(write3(), { kind: 'no-space' });
  assert.ok((await readOne(providers, served.address, keys[1]!))?.equals(page));
  assert.equal(await readOne(providers, served.address, keys[2]!), undefined);
  await providers.bury(served.address, [keys[0]!]);
  await providers.write(served.address, [{ key: keys[2]!, page }]);
  transport.close();
});

test('what is released is gone, page by page and write by write; the rest is listed', async () => {
  await using served = await start();
  const { address } = served;
  const transport = new Transport();
  const providers = new DataProviders(transport);
  const page = pageOf(50, 1);
  const keys = Array.from({ length: 20 }, (_, index) => keyOf(index, page));
  const other = makePageKey(Buffer.alloc(8, 6), 0, crc32c(page));
  await providers.write(
    address,
    [...keys, other].map((key) => ({ key, page })),
  );
  await providers.release(address, [keys[3]!, keys[7]!, keyOf(99, page)]);
  assert.deepEqual(
    (await providers.read(address, keys.slice(3, 8), 50)).map((one) => one?.length),
    [undefined, 50, 50, 50, undefined],
  );
  const listed = [];
  for (let after: Buffer | undefined; ; ) {
    const some = await providers.list(address, after, 5);
    listed.push(...some);
    if (some.length < 5) break;
    after = some.at(-1)!.key;
  }
  const left = [...keys.filter((_, index) => index !== 3 && index !== 7), other];
  const sorted = left.sort(Buffer.compare).map((key) => ({ key, length: 50 }));
  assert.deepEqual(listed, sorted);
  await providers.releaseWrites(address, [writeId, Buffer.alloc(8, 99)]);
  assert.deepEqual(await providers.list(address, undefined, 4096), [{ key: other, length: 50 }]);
  await assert.rejects(providers.releaseWrites(address, [Buffer.alloc(7)]), {
    kind: 'invalid-argument',
  });
  transport.close();
});

test('what is stored after its release is stored no more', async () => {
  await using served = await start();
  const { address } = served;
  const transport = new Transport();
  const providers = new DataProviders(transport);
  const page = pageOf(50, 1);
  const [first, second] = [keyOf(0, page), keyOf(1, page)];
  const late = makePageKey(Buffer.alloc(8, 6), 0, crc32c(page));
  await providers.release(address, [first]);
  await providers.write(address, [
    { key: first, page },
    { key: second, page },
    { key: late, page },
  ]);
  assert.deepEqual(await providers.read(address, [first, second], 50), [undefined, page]);
  // Asked for at once, in either order: nothing is left.
  await Promise.all([
    providers.write(
      address,
      Array.from({ length: 50 }, (_, index) => ({ key: keyOf(index, page), page })),
    ),
    providers.releaseWrites(address, [writeId]),
    providers.write(address, [{ key: keyOf(77, page), page }]),
  ]);
  assert.deepEqual(await providers.list(address, undefined, 100), [{ key: late, length: 50 }]);
  transport.close();
});

test('arguments of releases and lists that make no sense are bad ones', async () => {
  await using served = await start();
  const { release, releaseWrites, list } = pageStorageCalls;
  const u32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  for (const [number, parameters] of [
    [release.number, []],
    [release.number, [Buffer.alloc(0)]],
    [releaseWrites.number, []],
    [releaseWrites.number, [Buffer.alloc(7)]],
    [releaseWrites.number, [Buffer.alloc(8), Buffer.alloc(9)]],
    [list.number, []],
    [list.number, [u32(0)]],
    [list.number, [u32(4097)]],
    [list.number, [Buffer.alloc(5)]],
    [list.number, [u32(1), Buffer.alloc(0)]],
  ] as const) {
    const request = Buffer.concat(encodeAnswer(number, 0, parameters));
    const answer = frameOf(await exchangeBytes(served.address.port, request));
    assert.equal(answer.status, status.badArguments, `${number} of ${parameters.length}`);
  }
  assert.deepEqual(served.log.errors(), []);
});
