/** The data provider against what the original's programs asked and answered, and beyond. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import { DataProviders } from '../../blobseer-client/remote/data-provider.ts';
import type { Address } from '../../blobseer-client/remote/remote-error.ts';
import { allExchanges } from '../../blobseer-client/remote/testing/exchanges.ts';
import { Transport } from '../../blobseer-client/remote/transport.ts';
import { encodeRequest, FrameDecoder } from '../../blobseer-client/remote/wire/frame.ts';
import { dataProviderCalls, status } from '../../blobseer-client/remote/wire/messages.ts';
import { makePageKey } from '../../blobseer-client/remote/wire/page-key.ts';
import { DataProvider } from './data-provider.ts';
import { PageStore } from './page-store.ts';
import { openState } from './state.ts';
import { exchangeBytes, replay, serving } from './testing/harness.ts';

const fail = (error: unknown): never => assert.fail(`${error}`);
const { read, write } = dataProviderCalls;

const start = (spaceBytes = 2 ** 30) =>
  serving(async ({ state, directory, memory }) => {
    const pages = await PageStore.open({
      state,
      directory: path.join(directory, 'pages'),
      spaceBytes,
      onSweepFailed: fail,
    });
    return { methods: new DataProvider(pages, memory).methods, close: () => pages.close() };
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

test('pages of every size come back, whole and in parts; what is replaced leaves no file', async () => {
  let folder = '';
  await using served = await serving(async ({ state, directory, memory }) => {
    folder = path.join(directory, 'pages');
    const parts = { state, directory: folder, spaceBytes: 2 ** 30, onSweepFailed: fail };
    const pages = await PageStore.open(parts);
    return { methods: new DataProvider(pages, memory).methods, close: () => pages.close() };
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
  for (const { key } of writes) await providers.bury(served.address, [key]);
  // The last removal follows its answer.
  while ((await filesIn(folder)).length > 0) await new Promise(setImmediate);
  while (served.memory.usedBytes > 0) await new Promise(setImmediate);
  assert.deepEqual(served.log.lines, []);
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

test('a start removes what a killed process left, and only that; damage is never served', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'pages-'));
  const folder = path.join(directory, 'pages');
  const open = async () => {
    const state = await openState({ directory, role: 'test', onStopped: fail });
    const parts = { state, directory: folder, spaceBytes: 2 ** 30, onSweepFailed: fail };
    return { state, pages: await PageStore.open(parts) };
  };
  const page = pageOf(100_000, 8);
  const key = keyOf(0, page);
  const first = await open();
  await first.pages.write([[key, page]]);
  await first.pages.close();
  await first.state.close();
  const [kept] = await filesIn(folder);
  await writeFile(path.join(path.dirname(kept!), '77-0'), page);
  const second = await open();
  assert.deepEqual(await filesIn(folder), [kept]);
  assert.ok((await second.pages.read(key))?.equals(page));
  const damaged = Buffer.from(page);
  damaged[70_000]! ^= 1;
  await writeFile(kept!, damaged);
  await assert.rejects(second.pages.read(key), { kind: 'corrupt' });
  assert.ok((await second.pages.read(key, { offset: 5, size: 9 }))?.equals(page.subarray(5, 14)));
  await writeFile(kept!, page.subarray(0, 99_999));
  await assert.rejects(second.pages.read(key), { kind: 'corrupt' });
  await second.state.close();
  await assert.rejects(openState({ directory, role: 'other', onStopped: fail }), {
    kind: 'invalid-argument',
  });
  await rm(directory, { recursive: true });
});

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.join(parentPath, name));
}
