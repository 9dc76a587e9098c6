/** Messages, records and placement against what the original's programs sent each other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlobSeerError } from '../../errors.ts';
import { allExchanges, callOf, type Exchange, readVectors } from '../testing/exchanges.ts';
import {
  ArchiveReader,
  ArchiveWriter,
  archiveVersionOf,
  defaultArchiveVersion,
} from './archive.ts';
import { encodeAnswer, encodeRequest, type Frame, FrameDecoder } from './frame.ts';
import { status } from './messages.ts';
import { crcOfPageKey, makePageKey, matchesPageKey } from './page-key.ts';
import { gatewayOf, gatewaysOf } from './placement.ts';
import {
  decodeProviders,
  decodeRoot,
  decodeSegment,
  decodeTicket,
  decodeTreeNode,
  encodePageProviders,
  encodeProviders,
  encodeRoot,
  encodeSegment,
  encodeTicket,
  encodeTreeNode,
  nodeBytes,
  type Provider,
  pageKeyBytes,
} from './records.ts';

const exchanges = allExchanges();
const wellFormed = exchanges.filter(({ isMalformed }) => !isMalformed);
const version = defaultArchiveVersion;
const isCorrupt = (error: unknown) => error instanceof BlobSeerError && error.kind === 'corrupt';
const noLimits = { maxItems: 1000, maxItemBytes: 2 ** 20, maxBytes: 2 ** 24 };

function frameOf(bytes: Buffer): Frame {
  const decoder = new FrameDecoder(() => noLimits);
  const frames = decoder.push(bytes);
  assert.equal(frames.length, 1);
  assert.ok(decoder.isIdle);
  return frames[0]!;
}

/** Our field names as the recording spells them. */
const recordedNames: Record<string, string> = {
  blobId: 'id',
  pageSize: 'page_size',
  currentSize: 'current_size',
  ftInfo: 'ft_info',
  pending: 'intervals',
  isCompleted: 'completed',
  stableRoot: 'stable_root',
  rootSize: 'root_size',
  isAppend: 'append',
  groupSize: 'group_size',
  freeBytes: 'free_space',
  pagesRead: 'nr_read_pages',
  bytesRead: 'total_read_size',
};

function asRecorded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asRecorded);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [recordedNames[name] ?? name, asRecorded(field)]),
  );
}

function recordedParameters({ call }: Exchange, request: unknown): unknown {
  const recorded = asRecorded(request ?? {}) as Record<string, unknown>;
  if (call === 'VMGR_PUBLISH') return { interval: recorded };
  if (call !== 'VMGR_GETTICKET') return recorded;
  const { interval, ...others } = recorded;
  return { query: interval, ...others };
}

test('all 254 exchanges frame to the bytes that were recorded', () => {
  assert.equal(exchanges.length, 254);
  for (const { title, request, answer, status } of exchanges) {
    const asked = frameOf(request);
    assert.deepEqual(Buffer.concat(encodeRequest(asked.name, asked.items)), request, title);
    const answered = frameOf(answer);
    assert.equal(answered.status, status, title);
    assert.equal(answered.name, asked.name, title);
    const again = encodeAnswer(answered.name, answered.status, answered.items);
    assert.deepEqual(Buffer.concat(again), answer, title);
  }
});

test('all calls decode as another decoder did, and encode to the same bytes, both ways', () => {
  let answers = 0;
  for (const exchange of wellFormed) {
    const { title, parameters, result } = exchange;
    const call = callOf(exchange);
    const asked = frameOf(exchange.request);
    assert.equal(asked.name, call.number, title);
    const request = call.decodeRequest(asked.items);
    assert.deepEqual(call.encodeRequest(request, version), asked.items, title);
    if (parameters !== undefined) {
      assert.deepEqual(recordedParameters(exchange, request), parameters, title);
    }
    const answered = frameOf(exchange.answer);
    const isAnswer =
      answered.status === status.ok || (answered.status === status.unknown && call.findsSome);
    if (!isAnswer) {
      assert.deepEqual(answered.items, [], title);
      continue;
    }
    answers++;
    const value = call.decodeAnswer(answered.items, request);
    assert.deepEqual(call.encodeAnswer(value, version), answered.items, title);
    const limits = call.answerLimits(request);
    assert.ok(answered.items.length <= limits.maxItems, title);
    assert.ok(
      answered.items.every(({ length }) => length <= limits.maxItemBytes),
      title,
    );
    if (result !== undefined && result !== null) assert.deepEqual(asRecorded(value), result, title);
  }
  assert.ok(answers > 200);
});

test('every recorded call passes the check of what may be sent, but the deliberately wrong ones', () => {
  const refused = wellFormed.filter((exchange) => {
    const call = callOf(exchange);
    const request = call.decodeRequest(frameOf(exchange.request).items);
    try {
      call.check(request);
      return false;
    } catch (error) {
      assert.ok(error instanceof BlobSeerError && error.kind === 'invalid-argument');
      return true;
    }
  });
  const answers = new Set(refused.map((exchange) => frameOf(exchange.answer).status));
  assert.deepEqual([...new Set(refused.map(({ call }) => call))], ['PUBLISHER_GET']);
  assert.deepEqual(answers, new Set([status.noResources, status.badArguments]));
});

/** Keys and values that went to metadata providers, and what came back. */
function metadataRecords(): { key: Buffer; value: Buffer | undefined; exchange: Exchange }[] {
  return wellFormed
    .filter(({ service }) => service === 'sdht')
    .flatMap((exchange) => {
      const { items } = frameOf(exchange.request);
      if (exchange.call === 'PROVIDER_WRITE') {
        return items.flatMap((key, at) =>
          at % 2 === 0 ? [{ key, value: items[at + 1], exchange }] : [],
        );
      }
      const results = frameOf(exchange.answer).items;
      return items.map((key, at) => ({ key, value: results[at], exchange }));
    });
}

test('all metadata keys and values decode and encode to the same bytes', () => {
  let nodes = 0;
  let lists = 0;
  for (const { key, value, exchange } of metadataRecords()) {
    const isPage = key.length === pageKeyBytes;
    if (!isPage) assert.deepEqual(encodeSegment(decodeSegment(key), version), key);
    if (value === undefined || value.length === 0) continue;
    if (isPage) {
      lists++;
      assert.deepEqual(encodeProviders(decodeProviders(value), version), value, exchange.title);
    } else {
      nodes++;
      assert.equal(value.length, nodeBytes);
      assert.deepEqual(encodeTreeNode(decodeTreeNode(value), version), value, exchange.title);
    }
  }
  assert.deepEqual({ nodes, lists }, { nodes: 92, lists: 39 });
});

test('the hash chooses the gateway that the C++ client chose', () => {
  let chosen = 0;
  for (const { key, exchange } of metadataRecords()) {
    // Sent by hand, to a gateway that the hash does not choose.
    if (exchange.title === 'sdht-io.json probe-root/sdht-probe') continue;
    chosen++;
    assert.equal(gatewayOf(key, 0, 2), exchange.gateway, exchange.title);
  }
  assert.equal(chosen, 135);
});

interface Values {
  readonly values: readonly { name: string; type: string; value: never; hex: string }[];
  readonly gateways: readonly {
    key_hex: string;
    gateway_of_2: number;
    gateway_of_3: number;
    gateway_of_2_replica_1: number;
  }[];
}

const vectors = readVectors<Values>('values.json');
type Quad = readonly [number, number, number, number];
const segment = ([blobId, ofVersion, offset, size]: Quad) => ({
  blobId,
  version: ofVersion,
  offset,
  size,
});

/** Writes the value of a vector, and reads and writes it again, by its type. */
const byType: Record<string, (value: never, bytes: Buffer) => [Buffer, Buffer]> = {
  u32: (value: number, bytes) => [
    new ArchiveWriter(version, 0).u32(value).end(),
    new ArchiveWriter(version, 0).u32(new ArchiveReader(bytes).u32()).end(),
  ],
  u64: (value: number, bytes) => [
    new ArchiveWriter(version, 0).u64(value).end(),
    new ArchiveWriter(version, 0).u64(new ArchiveReader(bytes).u64()).end(),
  ],
  bool: (value: number, bytes) => [
    new ArchiveWriter(version, 0).bool(value === 1).end(),
    new ArchiveWriter(version, 0).bool(new ArchiveReader(bytes).bool()).end(),
  ],
  str: (value: string, bytes) => [
    new ArchiveWriter(version, 0).string(value).end(),
    new ArchiveWriter(version, 0).string(new ArchiveReader(bytes).string(100)).end(),
  ],
  query: (value: Quad, bytes) => [
    encodeSegment(segment(value), version),
    encodeSegment(decodeSegment(bytes), version),
  ],
  plist: (value: readonly [string, string][], bytes) => [
    encodeProviders(
      value.map(([host, service]) => ({ host, service })),
      version,
    ),
    encodeProviders(decodeProviders(bytes), version),
  ],
  root: (
    value: { node: Quad; page_size: number; current_size: number; ft_info: number },
    bytes,
  ) => [
    encodeRoot(
      {
        node: segment(value.node),
        pageSize: value.page_size,
        currentSize: value.current_size,
        ftInfo: value.ft_info,
      },
      version,
    ),
    encodeRoot(decodeRoot(bytes), version),
  ],
  node: (value: { page_key?: string; left: Quad; right: Quad; access_count: number }, bytes) => [
    encodeTreeNode(
      value.page_key === undefined
        ? {
            kind: 'inner',
            left: segment(value.left),
            right: segment(value.right),
            accessCount: value.access_count,
          }
        : {
            kind: 'leaf',
            pageKey: Buffer.from(value.page_key, 'hex'),
            accessCount: value.access_count,
          },
      version,
    ),
    encodeTreeNode(decodeTreeNode(bytes), version),
  ],
};

test('single values are what the vectors say', () => {
  assert.equal(vectors.values.length, 13);
  for (const { name, type, value, hex } of vectors.values) {
    const bytes = Buffer.from(hex, 'hex');
    const [written, again] = byType[type]!(value, bytes);
    assert.deepEqual(written, bytes, name);
    assert.deepEqual(again, bytes, name);
  }
});

test('replicas of a key go where the vectors say, and each gateway is named once', () => {
  for (const vector of vectors.gateways) {
    const key = Buffer.from(vector.key_hex, 'hex');
    assert.equal(gatewayOf(key, 0, 2), vector.gateway_of_2);
    assert.equal(gatewayOf(key, 0, 3), vector.gateway_of_3);
    assert.equal(gatewayOf(key, 1, 2), vector.gateway_of_2_replica_1);
    assert.deepEqual(gatewaysOf(key, 2, 1), [0]);
    assert.equal(gatewaysOf(key, 2, 2)[0], vector.gateway_of_2);
  }
  assert.throws(() => gatewayOf(Buffer.alloc(1), 0, 0), BlobSeerError);
});

const decoders: ((bytes: Buffer) => Buffer)[] = [
  (bytes) => encodeSegment(decodeSegment(bytes), archiveVersionOf(bytes)),
  (bytes) => encodeRoot(decodeRoot(bytes), archiveVersionOf(bytes)),
  (bytes) => encodeTreeNode(decodeTreeNode(bytes), archiveVersionOf(bytes)),
  (bytes) => encodeProviders(decodeProviders(bytes), archiveVersionOf(bytes)),
  (bytes) => encodeTicket(decodeTicket(bytes), archiveVersionOf(bytes)),
];
const archives = wellFormed
  .filter(({ service }) => service !== 'provider')
  .flatMap(({ request, answer }) => [...frameOf(request).items, ...frameOf(answer).items])
  .filter(({ length }) => length > pageKeyBytes);

test('a changed archive is refused as corrupt, or read as what it says: never anything else', () => {
  const change = fc.record({ at: fc.nat(300), byte: fc.nat(255) });
  const cut = fc.option(fc.nat(300), { nil: undefined });
  fc.assert(
    fc.property(
      fc.constantFrom(...archives),
      fc.array(change, { maxLength: 3 }),
      cut,
      (archive, changes, length) => {
        const bytes = Buffer.from(archive.subarray(0, length));
        for (const { at, byte } of changes) if (at < bytes.length) bytes[at] = byte;
        for (const recode of decoders) {
          try {
            assert.deepEqual(recode(bytes), bytes);
          } catch (error) {
            if (!isCorrupt(error)) throw error;
          }
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test('a count or a length that the rest cannot hold is refused before room is made for it', () => {
  const list = (count: number, host: number) =>
    new ArchiveWriter(version, 0)
      .object('vector')
      .u64(count)
      .u32(0)
      .object('provider')
      .u64(host)
      .raw(Buffer.from('127.0.0.1'))
      .string('1235')
      .end();
  assert.equal(decodeProviders(list(1, 9)).length, 1);
  for (const [count, host] of [
    [2 ** 52, 9],
    [1, 2 ** 52],
    [1, 256],
    [3, 9],
  ] as const) {
    assert.throws(() => decodeProviders(list(count, host)), isCorrupt, `${count} ${host}`);
  }
  const huge = encodeSegment({ blobId: 1, version: 1, offset: 0, size: 0 }, version);
  huge.fill(0xff, huge.length - 8);
  assert.throws(() => decodeSegment(huge), isCorrupt, 'above 2^53');
});

test('archives of other Boost versions are read, older layouts and other machines are refused', () => {
  const of = (archiveVersion: number) =>
    encodeSegment({ blobId: 1, version: 2, offset: 3, size: 4 }, archiveVersion);
  assert.equal(archiveVersionOf(of(19)), 19);
  assert.deepEqual(decodeSegment(of(10)), decodeSegment(of(18)));
  assert.throws(() => of(7), BlobSeerError);
  const old = of(18);
  old.writeUInt16LE(7, 30);
  assert.throws(() => decodeSegment(old), isCorrupt);
  const wide = of(18);
  wide[33] = 4;
  assert.throws(() => decodeSegment(wide), isCorrupt);
});

test('H12: a provider list as long as a tree node is written longer, its readers see the same members', () => {
  const provider: Provider = { host: 'provider-of-room-1.lan', service: '999' };
  assert.equal(encodeProviders([provider], version).length, nodeBytes);
  const written = encodePageProviders([provider], version);
  assert.notEqual(written.length, nodeBytes);
  assert.deepEqual(decodeProviders(written), [provider, provider]);
  const other = [{ host: '127.0.0.1', service: '1235' }];
  assert.deepEqual(decodeProviders(encodePageProviders(other, version)), other);
});

test('page keys carry the checksum; the MD5 keys of the C++ client fit their pages too', () => {
  const page = Buffer.from('123456789');
  const key = makePageKey(Buffer.alloc(8, 7), 3, 0xe3069283);
  assert.equal(key.toString('hex'), '0707070707070707' + '03000000' + '839206e3');
  assert.equal(crcOfPageKey(key), 0xe3069283);
  assert.ok(matchesPageKey(key, page));
  assert.ok(!matchesPageKey(key, Buffer.from('123456780')));
  assert.ok(!matchesPageKey(key.subarray(1), page));
  assert.throws(() => makePageKey(Buffer.alloc(7), 0, 0), BlobSeerError);
  assert.throws(() => makePageKey(Buffer.alloc(8), 2 ** 32, 0), BlobSeerError);
  let pages = 0;
  for (const { service, call, request } of wellFormed) {
    if (service !== 'provider' || call !== 'PROVIDER_WRITE') continue;
    const [md5, written] = frameOf(request).items;
    assert.ok(matchesPageKey(md5!, written!));
    pages++;
  }
  assert.ok(pages > 10);
});
