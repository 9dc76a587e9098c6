/** The clients of the four roles against servers that answer what the test says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import { BlobSeerError } from '../errors.ts';
import { DataProviders } from './data-provider.ts';
import { MetadataProviders } from './metadata-providers.ts';
import { addressOf, ProviderManager, providerAt } from './provider-manager.ts';
import type { RemoteError } from './remote-error.ts';
import { exchangesOf } from './testing/exchanges.ts';
import { keyValueServer } from './testing/key-value-server.ts';
import { answering, scriptedServer } from './testing/scripted-server.ts';
import { Transport } from './transport.ts';
import { VersionManager, WritableBlob } from './version-manager.ts';
import { FrameDecoder } from './wire/frame.ts';
import { failureCalls } from './wire/messages.ts';
import { makePageKey } from './wire/page-key.ts';
import { gatewayOf } from './wire/placement.ts';
import { encodeProviders, encodeSegment, encodeTicket, type TreeNode } from './wire/records.ts';
import { type NodeRecord, pageKeysOf, treeOver } from './wire/tree.ts';

const isKind = (kind: string) => (error: unknown) =>
  error instanceof BlobSeerError && error.kind === kind;

/** A server that answers a recorded sequence's calls in order, and insists on its requests. */
async function replay(file: string, service: string, names: readonly string[]) {
  const recorded = exchangesOf(file).filter((exchange) => exchange.service === service);
  const wanted = names.map(
    (name) => recorded.find(({ title }) => title === `${file} ${name}`) ?? assert.fail(name),
  );
  let next = 0;
  const decode = (bytes: Buffer) =>
    new FrameDecoder(() => ({ maxItems: 9, maxItemBytes: 9999, maxBytes: 9999 })).push(bytes)[0]!;
  const server = await scriptedServer(async (peer) => {
    for (let request = await peer.request(); request; request = await peer.request()) {
      const exchange = wanted[next++]!;
      const expected = decode(exchange.request);
      assert.equal(request.name, expected.name);
      // The C++ client sends a random version with GETTICKET; the server does not look at it.
      if (exchange.call !== 'VMGR_GETTICKET') assert.deepEqual(request.items, expected.items);
      peer.send(exchange.answer);
    }
  });
  return Object.assign(server, { done: () => assert.equal(next, wanted.length) });
}

test('the version manager of the first append: create, ticket, publish', async () => {
  await using server = await replay('sequence-first-append.json', 'vmanager', [
    'create4k/vmgr-create',
    'w1/vmgr-getticket',
    'w1/vmgr-publish',
  ]);
  const transport = new Transport();
  const versions = new VersionManager(transport, server.address);
  const blob = await versions.create({ pageSize: 4096, ftInfo: 1 });
  assert.deepEqual([blob.blobId, blob.pageSize], [1, 4096]);
  const ticket = await versions.appendTicket(blob, 12_288);
  assert.deepEqual(ticket.interval, { blobId: 1, version: 1, offset: 0, size: 12_288 });
  assert.deepEqual(ticket.root.node, { blobId: 1, version: 1, offset: 0, size: 16_384 });
  assert.deepEqual([ticket.pending, ticket.stableRoot.node.size], [[], 0]);
  assert.equal(await versions.publish(ticket.interval), true);
  server.done();
  transport.close();
});

test('the version manager of the clone: its root is the source, its id is its own', async () => {
  const file = 'vmanager-create-root-clone-objno.json';
  await using server = await replay(file, 'vmanager', [
    'root-v1/vmgr-getroot',
    'clone-2-v1/vmgr-clone',
    'root-clone/vmgr-getroot',
    'objno-end/vmgr-getobjno',
    'objno-end/vmgr-getobjno',
  ]);
  const transport = new Transport();
  const versions = new VersionManager(transport, server.address);
  const { blob, root } = await versions.clone(2, 1);
  assert.deepEqual([blob.blobId, blob.pageSize], [5, 4096]);
  assert.deepEqual(root.node, { blobId: 2, version: 1, offset: 0, size: 4096 });
  assert.equal(await versions.blobCount(), 7);
  assert.equal(await versions.archiveVersion(), 18);
  server.done();
  transport.close();
});

test('a blob of a new version manager is not taken for the one that was asked for', async () => {
  const asked = { pageSize: 65_536, ftInfo: 1 };
  const file = 'vmanager-create-root-clone-objno.json';
  const [, , create4k] = exchangesOf(file);
  await using server = await scriptedServer(async (peer) => {
    await peer.request();
    peer.send(create4k!.answer);
  });
  const transport = new Transport();
  const versions = new VersionManager(transport, server.address);
  await assert.rejects(versions.create(asked), isKind('corrupt'));
  transport.close();
});

test('a ticket that is not for what was asked for is refused, as one that may be out', async () => {
  const node = { blobId: 1, version: 3, offset: 0, size: 8192 };
  const root = { node, pageSize: 4096, currentSize: 8192, ftInfo: 1 };
  const interval = { blobId: 1, version: 3, offset: 4096, size: 4096 };
  const pending = [{ interval, root, isCompleted: false }];
  const right = { pending, stableRoot: root, rootSize: 8192 };
  const own = (changes: object) => ({ ...right, pending: [{ ...pending[0]!, ...changes }] });
  const wrong = [
    { ...right, pending: [] },
    { ...right, rootSize: 4096 },
    own({ interval: { ...interval, blobId: 2 } }),
    own({ interval: { ...interval, version: 0 } }),
    own({ interval: { ...interval, offset: 0 } }),
    own({ interval: { ...interval, size: 4095 } }),
    own({ interval: { ...interval, version: 4 } }),
  ];
  let ticket = right;
  await using server = await scriptedServer(answering(() => [encodeTicket(ticket, 18)]));
  const transport = new Transport();
  const versions = new VersionManager(transport, server.address);
  const blob = WritableBlob.remembered(1, 4096);
  assert.equal((await versions.writeTicket(blob, 4096, 4096)).version, 3);
  for (ticket of wrong) {
    await assert.rejects(
      versions.writeTicket(blob, 4096, 4096),
      (error) => isKind('corrupt')(error) && (error as RemoteError).mayHaveRun,
    );
  }
  transport.close();
});

test('providers come in groups; what is no address is corrupt', async () => {
  const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.1'];
  let listed = hosts.map((host) => ({ host, service: '1235' }));
  await using server = await scriptedServer(answering(() => [encodeProviders(listed, 18)]));
  const transport = new Transport();
  const providers = new ProviderManager(transport, server.address);
  assert.deepEqual(
    (await providers.providers(2, 2)).map((group) => group.map(({ host }) => host)),
    [hosts.slice(0, 2), hosts.slice(2)],
  );
  listed = listed.slice(1);
  await assert.rejects(providers.providers(2, 2), isKind('corrupt'));
  for (const service of ['0', '65536', '01235', 'http', '']) {
    listed = hosts.map((host) => ({ host, service }));
    await assert.rejects(providers.providers(2, 2), isKind('corrupt'), service);
  }
  assert.deepEqual(addressOf(providerAt({ host: 'a', port: 80 })), { host: 'a', port: 80 });
  assert.equal(ProviderManager.maxGroups(3), 1365);
  transport.close();
});

test('a provider that failed is reported; the original does not know that, and is told by its silence', async () => {
  const { reportFailed } = failureCalls;
  const told: unknown[] = [];
  await using server = await scriptedServer(async (peer, index) => {
    const request = await peer.request();
    if (request?.name !== reportFailed.number || index > 0) {
      peer.socket.destroy();
      return;
    }
    told.push(reportFailed.decodeRequest(request.items));
    peer.answer(request);
  });
  const transport = new Transport();
  const providers = new ProviderManager(transport, server.address);
  await providers.reportFailed({ host: '10.0.0.7', port: 1235 });
  assert.deepEqual(told, [{ host: '10.0.0.7', service: '1235' }]);
  transport.close();
  const other = new Transport();
  const original = new ProviderManager(other, server.address);
  await assert.rejects(
    original.reportFailed({ host: '10.0.0.7', port: 1235 }),
    isKind('unavailable'),
  );
  await assert.rejects(original.reportFailed({ host: '', port: 1 }), isKind('invalid-argument'));
  const wrong = [[], [Buffer.from('a')], [Buffer.alloc(0), Buffer.from('1')]];
  for (const parameters of wrong) {
    assert.throws(() => reportFailed.decodeRequest(parameters), isKind('corrupt'));
  }
  other.close();
});

test('pages are stored, read back checked, and buried', async () => {
  await using server = await keyValueServer();
  const transport = new Transport();
  const providers = new DataProviders(transport);
  const page = Buffer.alloc(5000, 'x');
  const key = makePageKey(Buffer.alloc(8, 1), 0, crc32c(page));
  const at = server.address;
  await providers.write(at, [{ key, page }]);
  assert.deepEqual(await providers.read(at, [key], page.length), [page]);
  await assert.rejects(providers.read(at, [key], page.length - 1), isKind('corrupt'), 'too long');
  const missing = makePageKey(Buffer.alloc(8, 2), 0, 0);
  assert.deepEqual(await providers.read(at, [missing, key], 5000), [undefined, page]);
  server.values.get(key.toString('hex'))![17] = 0;
  await assert.rejects(
    providers.read(at, [missing, key], page.length),
    (error) => isKind('corrupt')(error) && String(error).includes(key.toString('hex')),
  );
  await providers.bury(at, [key]);
  assert.deepEqual(server.values.get(key.toString('hex')), Buffer.of(0));
  transport.close();
});

const records = (count: number): NodeRecord[] =>
  Array.from({ length: count }, (_, index) => ({
    segment: { blobId: 1, version: 1, offset: index * 4096, size: 4096 },
    node: { kind: 'leaf', pageKey: Buffer.alloc(16, index), accessCount: 0 } satisfies TreeNode,
  }));

test('metadata goes where the hash says, in batches, and comes back in order', async () => {
  await using one = await keyValueServer();
  await using two = await keyValueServer();
  await using three = await keyValueServer();
  const servers = [one, two, three];
  const transport = new Transport();
  const metadata = new MetadataProviders(transport, {
    gateways: servers.map(({ address }) => address),
    replication: 1,
  });
  const nodes = records(1000);
  const pages = [{ key: Buffer.alloc(16, 9), providers: [{ host: '10.0.0.7', port: 1235 }] }];
  assert.deepEqual(await metadata.put({ nodes, pages }), []);
  for (const { segment } of nodes) {
    const key = encodeSegment(segment, 18);
    assert.ok(servers[gatewayOf(key, 0, 3)]!.values.has(key.toString('hex')));
  }
  const segments = nodes.map(({ segment }) => segment).reverse();
  assert.deepEqual(await metadata.nodes(segments), nodes.map(({ node }) => node).reverse());
  assert.deepEqual(await metadata.pages([pages[0]!.key, Buffer.alloc(16)]), [
    pages[0]!.providers,
    undefined,
  ]);
  const batches = servers.flatMap(({ reads, writes }) => [...reads, ...writes]);
  assert.ok(batches.every((size) => size <= 256));
  assert.deepEqual(await metadata.nodes([]), []);
  transport.close();
});

test('a damaged tree node is told by its name', async () => {
  await using server = await keyValueServer();
  const transport = new Transport();
  const gateways = [server.address];
  const metadata = new MetadataProviders(transport, { gateways, replication: 1 });
  const [record] = records(1);
  await metadata.put({ nodes: [record!] });
  for (const value of server.values.values()) value[40] = 1;
  await assert.rejects(metadata.nodes([record!.segment]), /node 1\/1\/0\+4096: /);
  transport.close();
});

test('a tree is written and read over metadata providers; a node that is missing is damage', async () => {
  await using one = await keyValueServer();
  await using two = await keyValueServer();
  const transport = new Transport();
  const gateways = [one.address, two.address];
  const metadata = new MetadataProviders(transport, { gateways, replication: 1 });
  const keys = Array.from({ length: 5 }, (_, index) => Buffer.alloc(16, index + 1));
  const own = { blobId: 1, version: 1 };
  const changed = keys.map((key, index) => [index, key] as const);
  const shape = { pageSize: 10, rootSize: 80, pageCount: 5 };
  const nodes = await metadata.run(treeOver({ own, ...shape, base: undefined, changed }));
  await metadata.put({ nodes });
  const root = { ...own, offset: 0, size: 80 };
  assert.deepEqual(await metadata.run(pageKeysOf(root, 10, 0, 5)), keys);
  for (const { values } of [one, two]) values.clear();
  await assert.rejects(
    metadata.run(pageKeysOf(root, 10, 0, 5)),
    (error) => isKind('corrupt')(error) && String(error).includes('node 1/1/0+80 is missing'),
  );
  transport.close();
});

test('metadata needs a gateway and a replica', () => {
  const transport = new Transport();
  const gateways = [{ host: 'a', port: 1 }];
  for (const options of [
    { gateways: [], replication: 1 },
    { gateways, replication: 0 },
    { gateways, replication: 1.5 },
  ]) {
    assert.throws(() => new MetadataProviders(transport, options), isKind('invalid-argument'));
  }
});
