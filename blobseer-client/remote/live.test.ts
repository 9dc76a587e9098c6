/**
 * The clients against a BlobSeer that runs: the original's programs, or any that speak as they do. Skipped
 * unless BLOBSEER_LIVE names them, for example
 *
 *   BLOBSEER_LIVE='{"versionManager":"10.0.0.1:2222","providerManager":"10.0.0.1:1111",
 *     "gateways":["10.0.0.2:1234","10.0.0.3:1234"],"replication":1}'
 *
 * It leaves a few megabytes there: the original cannot delete.
 */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { after, test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import { BlobSeerError } from '../errors.ts';
import { DataProviders } from './data-provider.ts';
import { MetadataProviders } from './metadata-providers.ts';
import { PlainBlob } from './plain-blob.ts';
import { ProviderManager } from './provider-manager.ts';
import type { Address } from './remote-error.ts';
import { Transport } from './transport.ts';
import { type OwnTicket, VersionManager, WritableBlob } from './version-manager.ts';
import { makePageKey } from './wire/page-key.ts';
import type { Root } from './wire/records.ts';
import { pageKeysOf, treeOver } from './wire/tree.ts';
import { weave } from './wire/weave.ts';

interface Live {
  readonly versionManager: string;
  readonly providerManager: string;
  readonly gateways: readonly string[];
  readonly replication: number;
}

const { BLOBSEER_LIVE } = process.env;
const live = BLOBSEER_LIVE === undefined ? undefined : (JSON.parse(BLOBSEER_LIVE) as Live);
const options = { skip: live === undefined && 'BLOBSEER_LIVE names no BlobSeer' };

function addressIn(text: string): Address {
  const [host, port] = text.split(':');
  return { host: host!, port: Number(port) };
}

const transport = new Transport();
after(() => transport.close());
const versions = new VersionManager(transport, addressIn(live?.versionManager ?? ':'));
const providers = new ProviderManager(transport, addressIn(live?.providerManager ?? ':'));
const pages = new DataProviders(transport);
const metadata = new MetadataProviders(transport, {
  gateways: live?.gateways.map(addressIn) ?? [addressIn(':')],
  replication: live?.replication ?? 1,
});
const pageSize = 4096;

interface StoredPage {
  readonly key: Buffer;
  readonly providers: readonly Address[];
}

async function storePages(data: Buffer, replicas = 1): Promise<StoredPage[]> {
  const count = Math.ceil(data.length / pageSize);
  const writeId = randomBytes(8);
  const groups = await providers.providers(count, replicas);
  return Promise.all(
    groups.map(async (group, index) => {
      const page = data.subarray(index * pageSize, (index + 1) * pageSize);
      const key = makePageKey(writeId, index, crc32c(page));
      await Promise.all(group.map((at) => pages.write(at, [{ key, page }])));
      return { key, providers: group };
    }),
  );
}

async function finish(ticket: OwnTicket, stored: readonly StoredPage[]): Promise<void> {
  const nodes = await metadata.run(
    weave({
      interval: ticket.interval,
      pageSize,
      rootSize: ticket.root.node.size,
      pageKeys: stored.map(({ key }) => key),
      pending: ticket.pending,
      stableRoot: ticket.stableRoot.node,
    }),
  );
  await metadata.put({ nodes, pages: stored });
  assert.ok(await versions.publish(ticket.interval));
}

/** All pages of a version, zeros where there are none; the last one filled up. */
async function readAll({ node }: Root): Promise<Buffer> {
  const keys = await metadata.run(pageKeysOf(node, pageSize, 0, node.size / pageSize));
  const present = keys.filter((key) => key !== null);
  const places = await metadata.pages(present);
  const contents = await Promise.all(
    present.map((key, index) => pages.read(places[index]![0]!, [key], pageSize)),
  );
  const all = Buffer.alloc(node.size);
  for (const [index, key] of keys.entries()) {
    if (key !== null) contents[present.indexOf(key)]![0]!.copy(all, index * pageSize);
  }
  return all;
}

async function assertNewest(blob: WritableBlob, expected: Buffer): Promise<Root> {
  const root = await versions.newestRoot(blob.blobId);
  assert.ok(root !== undefined);
  const whole = Buffer.alloc(root.node.size);
  expected.copy(whole);
  assert.ok((await readAll(root)).equals(whole));
  return root;
}

function overlaid(content: Buffer, data: Buffer, offset: number): Buffer {
  const whole = Buffer.alloc(Math.max(content.length, offset + data.length));
  content.copy(whole);
  data.copy(whole, offset);
  return whole;
}

test('appends and writes one after another, with gaps', options, async () => {
  const blob = await versions.create({ pageSize, ftInfo: 1 });
  let content: Buffer = Buffer.alloc(0);
  for (let count = 0; count < 12; count++) {
    const data = randomBytes(randomInt(1, 6) * pageSize);
    const isAppend = count % 3 === 0;
    const offset = isAppend ? content.length : randomInt(0, 30) * pageSize;
    const stored = await storePages(data);
    const ticket = isAppend
      ? await versions.appendTicket(blob, data.length)
      : await versions.writeTicket(blob, offset, data.length);
    assert.equal(ticket.interval.offset, offset);
    await finish(ticket, stored);
    content = overlaid(content, data, offset);
    const root = await assertNewest(blob, content);
    assert.equal(root.currentSize, content.length);
    assert.deepEqual(await versions.publishedRoot(blob.blobId, count + 1), root);
    assert.equal(await versions.publishedRoot(blob.blobId, count + 2), undefined);
  }
});

test('tickets held at once, published in any order, become visible in order', options, async () => {
  const blob = await versions.create({ pageSize, ftInfo: 1 });
  let content: Buffer = Buffer.alloc(0);
  const open: [OwnTicket, StoredPage[]][] = [];
  for (const [page, count] of [
    [0, 2],
    [8, 1],
    [30, 3],
    [4, 2],
    [31, 5],
  ] as const) {
    const data = randomBytes(count * pageSize);
    const stored = await storePages(data);
    open.push([await versions.writeTicket(blob, page * pageSize, data.length), stored]);
    content = overlaid(content, data, page * pageSize);
  }
  for (const index of [4, 2, 0, 1, 3]) await finish(...open[index]!);
  assert.equal((await assertNewest(blob, content)).node.version, 5);
  assert.equal(await versions.publish(open[0]![0].interval), false, 'visible already');
});

test('a blob over another, a clone, two replicas, a short last page', options, async () => {
  const source = await versions.create({ pageSize, ftInfo: 1 });
  const data = randomBytes(9 * pageSize);
  await finish(await versions.appendTicket(source, data.length), await storePages(data));
  const root = await assertNewest(source, data);

  const copy = await versions.create({ pageSize, ftInfo: 2 });
  const tail = randomBytes(100);
  const stored = await storePages(tail, 2);
  const ticket = await versions.writeTicket(copy, 0, data.length + tail.length);
  const nodes = await metadata.run(
    treeOver({
      own: ticket.interval,
      pageSize,
      rootSize: ticket.root.node.size,
      pageCount: 10,
      base: { root: root.node, pageCount: 9 },
      changed: [[9, stored[0]!.key]],
    }),
  );
  await metadata.put({ nodes, pages: stored });
  assert.ok(await versions.publish(ticket.interval));
  await assertNewest(copy, Buffer.concat([data, tail]));

  const { blob: clone, root: cloned } = await versions.clone(source.blobId, 1);
  assert.deepEqual(cloned, root);
  const page = randomBytes(pageSize);
  await finish(await versions.writeTicket(clone, pageSize, pageSize), await storePages(page));
  await assertNewest(clone, overlaid(data, page, pageSize));
  await assertNewest(source, data);
});

test(
  'plain blobs: clients that append together, write in between, clone, and read it all',
  options,
  async () => {
    const parts = {
      versionManager: versions,
      providerManager: providers,
      dataProviders: pages,
      metadata,
    };
    const blob = await PlainBlob.create(parts, { pageSize, replicas: 1 });
    const pieces = Array.from({ length: 12 }, (_, index) =>
      Buffer.alloc((1 + (index % 4)) * pageSize, index + 1),
    );
    const others = await Promise.all(pieces.map(() => PlainBlob.open(parts, blob.id)));
    const appended = await Promise.all(
      pieces.map(async (piece, index) => ({ piece, ...(await others[index]!.append(piece)) })),
    );
    appended.sort((left, right) => left.offset - right.offset);
    const content = Buffer.concat(appended.map(({ piece }) => piece));
    const length = content.length;
    assert.ok((await blob.read(0, { offset: 0, length })).equals(content));
    const half = appended.find(({ version }) => version === 6)!;
    const upTo = half.offset + half.piece.length;
    assert.ok((await blob.read(6, { offset: 0, length: upTo })).equals(content.subarray(0, upTo)));

    const clone = await blob.clone();
    const page = randomBytes(pageSize);
    await clone.writeAt(pageSize, page);
    const changed = overlaid(content, page, pageSize);
    const odd = { offset: pageSize - 7, length: pageSize + 20 };
    const end = odd.offset + odd.length;
    assert.ok((await clone.read(0, odd)).equals(changed.subarray(odd.offset, end)));
    assert.ok((await blob.read(0, odd)).equals(content.subarray(odd.offset, end)));

    const isInvalid = (error: unknown) =>
      error instanceof BlobSeerError && error.kind === 'invalid-argument';
    await assert.rejects(blob.append(randomBytes(10)), isInvalid);
    await assert.rejects(blob.writeAt(7, page), isInvalid);
    await assert.rejects(blob.read(0, { offset: length, length: 1 }), isInvalid);
    await assert.rejects(blob.read(999, { offset: 0, length: 1 }), /no version 999/);
  },
);

test('what is not there is said so', options, async () => {
  const blobs = await versions.blobCount();
  assert.equal(await versions.newestRoot(blobs + 1000), undefined);
  const isKind = (kind: string) => (error: unknown) =>
    error instanceof BlobSeerError && error.kind === kind;
  const unknown = WritableBlob.remembered(blobs + 1000, pageSize);
  await assert.rejects(versions.appendTicket(unknown, 1), isKind('not-found'));
  await assert.rejects(versions.clone(blobs + 1000, 0), isKind('not-found'));
  await assert.rejects(providers.providers(1, 255), isKind('no-space'));
  const [[at] = []] = await providers.providers(1, 1);
  const key = makePageKey(randomBytes(8), 0, 0);
  assert.deepEqual(await pages.read(at!, [key], pageSize), [undefined]);
  const part = { offset: 0, size: 16, pageBytes: pageSize };
  assert.equal(await pages.readPart(at!, key, part), undefined);
  assert.deepEqual(await metadata.pages([key]), [undefined]);
  assert.ok((await versions.archiveVersion()) >= 8);
});
