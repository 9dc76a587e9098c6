import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeSnapshot, encodeSnapshot, type SnapshotRecord } from '../../embedded/records.ts';
import { BlobSeerError } from '../../errors.ts';
import type { PageAddress } from '../../roles.ts';
import { maxRecordedLeaves } from './limits.ts';
import * as records from './records.ts';

const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const u48 = fc.integer({ min: 1, max: 2 ** 48 - 1 });
const pageSize = fc.integer({ min: 12, max: 26 }).map((log) => 2 ** log);
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
const isDamage = (error: unknown): boolean =>
  error instanceof BlobSeerError && error.kind === 'corrupt';

/** What comes out is what went in; what is cut off, goes on, or is of another version is refused. */
function roundTrips<T>(
  values: fc.Arbitrary<T>,
  encode: (value: T) => Buffer,
  decode: (bytes: Buffer) => T,
  { isOpen = false } = {},
): void {
  fc.assert(
    fc.property(values, fc.nat(), (value, at) => {
      const bytes = encode(value);
      assert.deepEqual(decode(Buffer.from(bytes)), value);
      const other = Buffer.from(bytes);
      other[0] = other[0]! + 1;
      assert.throws(() => decode(other), isDamage);
      if (isOpen) return;
      assert.throws(() => decode(bytes.subarray(0, at % bytes.length)), isDamage);
      assert.throws(() => decode(Buffer.concat([bytes, Buffer.of(at)])), isDamage);
    }),
  );
}

const leaf: fc.Arbitrary<PageAddress | null> = fc.option(
  record<PageAddress>({
    writeId: u48,
    index: u32,
    crc: u32,
    length: fc.integer({ min: 1, max: 2 ** 26 }),
    inFile: fc.constant(true),
  }),
);

const snapshots = fc
  .record({
    pageSize,
    leaves: fc.array(leaf, { maxLength: maxRecordedLeaves }),
    isLarge: fc.boolean(),
    blobId: fc.integer({ min: 1, max: 0xffff_ffff }),
    version: u32,
    height: fc.nat(12),
    references: u32,
  })
  .map((shape): SnapshotRecord<records.RemoteTree> => {
    const { pageSize: size, isLarge, blobId, version, height, references } = shape;
    const pages = isLarge ? maxRecordedLeaves + 1 + shape.leaves.length : shape.leaves.length;
    const root = { blobId, version, offset: 0, size: size * 2 ** height };
    return {
      references,
      size: pages * size,
      pageSize: size,
      parent: undefined,
      visiblePages: pages,
      tree: {
        root: pages === 0 ? undefined : root,
        leaves: isLarge ? undefined : shape.leaves,
      },
      runs: [],
    };
  });

test('the tree of a snapshot: its root, and its pages where they are few', () => {
  const codec = records.remoteTreeCodec;
  roundTrips(
    snapshots,
    (value) => encodeSnapshot(codec, value),
    (bytes) => decodeSnapshot(codec, bytes),
  );
});

test('a snapshot that records more or fewer pages than it has is damaged', () => {
  const codec = records.remoteTreeCodec;
  const root = { blobId: 1, version: 1, offset: 0, size: 8192 };
  const { head, tail } = codec.encode({ root, leaves: [null, null] });
  assert.deepEqual(codec.decode(head, tail, 2).leaves, [null, null]);
  for (const count of [1, 3]) assert.throws(() => codec.decode(head, tail, count), isDamage);
  assert.throws(() => codec.decode(head, Buffer.alloc(0), 0), isDamage);
});

const writes = fc
  .record({
    pageSize,
    stretchPages: fc.integer({ min: 1, max: 256 }),
    replicas: fc.integer({ min: 1, max: 4 }),
    crcs: fc.array(u32, { minLength: 1, maxLength: 600 }),
    numbers: fc.infiniteStream(u16),
    lastPageBytes: u32,
  })
  .map(({ replicas, numbers, ...write }): records.WriteRecord => {
    const stretches = Math.ceil(write.crcs.length / write.stretchPages);
    return {
      ...write,
      pageCount: write.crcs.length,
      stretches: Array.from({ length: stretches }, () =>
        Array.from({ length: replicas }, () => numbers.next().value!),
      ),
    };
  });

test('a write: where its pages are, and their checksums', () => {
  roundTrips(writes, records.encodeWrite, records.decodeWrite);
});

test('a write that says its stretches have no pages is damaged', () => {
  const bytes = Buffer.alloc(15);
  bytes[0] = 1;
  assert.throws(() => records.decodeWrite(bytes), isDamage);
});

test('a ticket', () => {
  const tickets = record<records.TicketRecord>({ blobId: u32, version: u32, live: u32 });
  roundTrips(tickets, records.encodeTicket, records.decodeTicket);
});

const taken = record<records.TakenVersion>({
  epoch: u32,
  blobId: u32,
  version: fc.integer({ min: 1, max: 0xffff_ffff }),
});

test('a version that a ticket was taken for', () => {
  fc.assert(
    fc.property(taken, (value) => {
      const bytes = records.encodeTaken(value);
      assert.deepEqual(records.decodeTaken(bytes), value);
      for (const other of [bytes.subarray(1), Buffer.concat([bytes, bytes])]) {
        assert.throws(() => records.decodeTaken(other), isDamage);
      }
    }),
  );
});

test('an intent, of any number of providers, before its ticket and after', () => {
  const intents = record<records.IntentRecord>({
    blobId: u48,
    providers: fc.array(u16),
    taken: fc.option(taken, { nil: undefined }),
  });
  // A shorter list of providers is one, too: the store's own checksum tells them apart.
  roundTrips(intents, records.encodeIntent, records.decodeIntent, { isOpen: true });
  for (const length of [0, 6, 18, 20]) {
    assert.throws(() => records.decodeIntent(Buffer.alloc(length, 1)), isDamage);
  }
});

test('the home of a blob', () => {
  const homes = record<records.HomeRecord>({
    epoch: u32,
    blobId: u32,
    lastVersion: u32,
    pageSize,
  });
  roundTrips(homes, records.encodeHome, records.decodeHome);
});

test('a release', () => {
  const releases = record<records.ReleaseRecord>({
    level: fc.nat(60),
    writeId: u48,
    firstIndex: u32,
    firstSlot: u32,
    count: u32,
    isLast: fc.boolean(),
  });
  roundTrips(releases, records.encodeRelease, records.decodeRelease);
});

test('a repair, with its plan and without', () => {
  const node = { blobId: 7, version: 3, offset: 0, size: 8192 };
  const root = { node, pageSize: 4096, currentSize: 5000, ftInfo: 2 };
  const plan = {
    blobId: 7,
    stableRoot: root,
    versions: [{ interval: { ...node, version: 4 }, root, isCompleted: false }],
  };
  const repairs = record<records.RepairRecord>({
    epoch: u32,
    lastVersion: u32,
    plan: fc.constantFrom(plan, null),
  });
  roundTrips(repairs, records.encodeRepair, records.decodeRepair, { isOpen: true });
  const bytes = records.encodeRepair({ epoch: 1, lastVersion: 2, plan });
  for (const length of [0, 8, 9, bytes.length - 1]) {
    assert.throws(() => records.decodeRepair(bytes.subarray(0, length)), isDamage);
  }
});

test('what a host has to be told, and where its messages lie', () => {
  const item = fc.uint8Array({ minLength: 0, maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  const calls = [
    'release-pages',
    'release-writes',
    'release-nodes',
    'release-versions',
    'put',
  ] as const;
  const messages = record<records.DeferredRecord>({
    call: fc.constantFrom(...calls),
    items: fc.array(item),
  });
  roundTrips(messages, records.encodeDeferred, records.decodeDeferred, { isOpen: true });
  fc.assert(
    fc.property(messages, fc.nat(), (message, at) => {
      const bytes = records.encodeDeferred(message);
      // Cut off within an item.
      const last = message.items.at(-1)?.length ?? 0;
      fc.pre(last > 0);
      const cut = bytes.subarray(0, bytes.length - 1 - (at % last));
      assert.throws(() => records.decodeDeferred(cut), isDamage);
    }),
  );
  const hosts = record<records.HostName>({
    kind: fc.constantFrom('provider' as const, 'gateway' as const),
    number: u16,
  });
  fc.assert(
    fc.property(hosts, u48, fc.nat(0xffff_fffe), (host, sequence, ordinal) => {
      const key = records.deferredKey(host, sequence, ordinal);
      assert.deepEqual(records.decodeHostKey(key), host);
      assert.ok(key.subarray(0, records.hostKeyBytes).equals(records.hostKey(host)));
      const next = records.deferredKey(host, sequence, ordinal + 1);
      assert.ok(key.compare(next) < 0, 'in order');
    }),
  );
  assert.throws(() => records.decodeHostKey(Buffer.from([9, 0, 0])), isDamage);
});
