import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PackedRows } from '../../blobseer-client/index.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { draftOf, ownerId, partOf } from './contract/subject.ts';
import { decodeDeadVersion, encodeDeadVersion } from './dead-versions.ts';
import { readAcl, readChecksum, readEtag, writeAcl, writeChecksum, writeEtag } from './fields.ts';
import { ListedLine } from './listed-line.ts';
import type { Acl, Bucket, Checksum } from './namespace.ts';
import { Owners } from './owners.ts';
import { decodeBucket, decodePart, encodeBucket, encodePart } from './records.ts';
import { MemoryStore } from './testing/memory-store.ts';
import {
  decodeEntry,
  decodeVersion,
  encodeVersion,
  headEntry,
  maxInline,
  versionOf,
  wholeEntry,
} from './version-records.ts';

const birth = Buffer.from([255, 255, 255, 255, 255, 1, 255, 255]);
const random = Buffer.from([1, 2, 3, 4]);

function lineOf(entry: Buffer, owners: Owners): ListedLine {
  const rows = new PackedRows();
  rows.addKey(Buffer.from('in front'), 0, 8);
  rows.addValue(entry, 0, entry.length);
  const line = new ListedLine(owners);
  line.readEntry(rows, 0);
  return line;
}

async function encoded(draft = draftOf(70_000)) {
  const store = new MemoryStore();
  const owners = new Owners(store.table('owners'));
  const version = await store.commit((t) => encodeVersion(t, draft, random, owners));
  return { ...version, owners };
}

test('numbers, texts and bytes come back', () => {
  const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
  fc.assert(
    fc.property(number, fc.string({ unit: 'grapheme' }), fc.uint8Array(), (n, text, bytes) => {
      const writer = new ByteWriter(1);
      writer.varint(n);
      writer.text(text);
      writer.bytes(bytes);
      const reader = new ByteReader(writer.finish());
      assert.deepEqual([reader.varint(), reader.text()], [n, text]);
      assert.deepEqual(new Uint8Array(reader.bytes()), bytes);
      assert.equal(reader.remaining, 0);
    }),
  );
  for (const bad of [-1, 1.5, Number.NaN, 2 ** 53]) {
    assert.throws(() => new ByteWriter().varint(bad), RangeError);
  }
});

test('ETags and checksums come back, regular or odd', () => {
  const hex = 'd41d8cd98f00b204e9800998ecf8427e';
  const etags = [
    '',
    hex,
    `${hex}-1`,
    `${hex}-10000`,
    `${hex}-0`,
    `${hex}-01`,
    `${hex}x`,
    hex.toUpperCase(),
  ];
  for (const etag of etags) {
    const writer = new ByteWriter();
    writeEtag(writer, etag);
    assert.equal(readEtag(new ByteReader(writer.finish())), etag);
  }
  const lengths = {
    CRC32: 4,
    CRC32C: 4,
    CRC64NVME: 8,
    SHA1: 20,
    SHA256: 32,
    SHA512: 64,
    MD5: 16,
    XXHASH64: 8,
    XXHASH3: 8,
    XXHASH128: 16,
  };
  for (const [index, [algorithm, length]] of Object.entries(lengths).entries()) {
    const base64 = Buffer.alloc(length, 0xfb).toString('base64');
    const loose = Buffer.alloc(length, 0xfb)
      .toString('base64')
      .replace(/.(?==)/, '9');
    const url = Buffer.alloc(length, 0xfb).toString('base64url');
    for (const value of [
      base64,
      `${base64}-7`,
      `${base64}-07`,
      loose,
      url,
      '',
      'x',
      `${base64}${base64}`,
    ]) {
      for (const type of ['FULL_OBJECT', 'COMPOSITE'] as const) {
        const checksum = { algorithm, type, value } as Checksum;
        const writer = new ByteWriter();
        writeChecksum(writer, checksum);
        const bytes = writer.finish();
        // What is on disk: the algorithm's place in the list, and a bit for the type.
        assert.equal(bytes[0], type === 'COMPOSITE' ? (index + 1) | 0x10 : index + 1);
        assert.deepEqual(readChecksum(new ByteReader(bytes)), checksum);
        if (value === base64) assert.equal(bytes.length, length + 3);
      }
    }
  }
});

test('a small object takes some 90 bytes', async () => {
  const { value } = await encoded(
    draftOf(70_000, 1, {
      headers: { system: { 'content-type': 'binary/octet-stream' }, user: {} },
      checksum: { algorithm: 'CRC64NVME', type: 'FULL_OBJECT', value: 'AAAAAAAAAAA=' },
    }),
  );
  const { length } = wholeEntry(value, birth);
  assert.ok(length <= 92, `${length}`);
});

test('an entry answers the same be the row in it, or its head', async () => {
  const { value, owners } = await encoded();
  const version = decodeVersion(value, 'k', birth, owners);
  const entries = { whole: wholeEntry(value, birth), head: headEntry(value, birth, owners) };
  for (const entry of Object.values(entries)) {
    const line = lineOf(entry, owners);
    assert.equal(String(line.versionId), version.versionId);
    assert.equal(line.ownerId, ownerId);
    assert.equal(line.etag, version.etag);
  }
  assert.deepEqual(decodeEntry(entries.whole), { birth, row: value });
  assert.deepEqual(decodeEntry(entries.head), { birth, row: undefined });
  assert.equal(version.sequence, 254, 'the inverse of the 6 bytes in front');
});

test('what was written is answered as it will be read', async () => {
  const checksum: Checksum = { algorithm: 'CRC32', type: 'COMPOSITE', value: 'AAAAAA==-5' };
  const manyParts = Array.from({ length: maxInline + 1 }, (_, index) => {
    const { number, size, etag } = partOf(index + 1, 1);
    return { number, size, etag };
  });
  const drafts = [
    draftOf(1),
    draftOf(1, 5, { headers: { system: { 'content-type': 'a/b' }, user: { k: 'v' } }, checksum }),
    draftOf(1, 5, { tags: {} }),
    draftOf(1, 5, { tags: { a: '1' }, acl: 'public-read', storageClass: 'GLACIER' }),
    draftOf(1, maxInline, { parts: manyParts.slice(1) }),
    draftOf(1, maxInline + 1, {
      parts: manyParts,
      extents: manyParts.flatMap(({ number }) => partOf(number, 1).extents),
    }),
    draftOf(1, 0, { isDeleteMarker: true, etag: '', extents: [] }),
  ];
  for (const draft of drafts) {
    const { value, owners } = await encoded(draft);
    assert.deepEqual(
      versionOf(draft, 'k', birth, random),
      decodeVersion(value, 'k', birth, owners),
    );
  }
});

test('a damaged row, or one of a later release, is an error that names its table', async () => {
  const { value, owners } = await encoded();
  for (let length = 0; length < value.length; length += 1) {
    const cut = value.subarray(0, length);
    assert.throws(() => decodeVersion(cut, 'k', birth, owners), {
      name: 'NamespaceError',
      kind: 'corrupt',
      message: /versions/,
    });
  }
  const entry = wholeEntry(value, birth);
  for (let length = 0; length < 1 + birth.length; length += 1) {
    const cut = entry.subarray(0, length);
    assert.throws(() => lineOf(cut, owners), { kind: 'corrupt', message: /entries/ });
  }
  for (const format of [0, 3, 255]) {
    const other = Buffer.from(entry);
    other[0] = format;
    const kind = { kind: 'corrupt', message: new RegExp(`format ${format}, known is 1 to 2$`) };
    assert.throws(() => lineOf(other, owners), kind);
    assert.throws(() => decodeEntry(other), kind);
  }
  assert.throws(() => decodeEntry(Buffer.alloc(0)), { message: /format none/ });
  assert.throws(() => decodePart(encodePart(partOf(1, 1)).subarray(0, 9), 1), { kind: 'corrupt' });
});

test('dead versions come back', () => {
  const dead = {
    bucketId: 7,
    key: 'a\0é',
    birth,
    value: Buffer.from('value'),
    extentChunks: [Buffer.from('a'), Buffer.alloc(5000, 1)],
    partChunks: [],
  };
  assert.deepEqual(decodeDeadVersion(encodeDeadVersion(dead)), dead);
});

test('owners: long ids take 7 bytes; one whose bytes are taken is written in full', async () => {
  const store = new MemoryStore();
  const table = store.table('owners');
  const owners = new Owners(table);
  const lengthOf = (id: string) =>
    store.commit((t) => {
      const writer = new ByteWriter();
      owners.write(t, writer, id);
      const bytes = Buffer.from(writer.finish());
      assert.equal(new Owners(table).read(new ByteReader(bytes)), id);
      return bytes.length;
    });
  assert.equal(await lengthOf(ownerId), 7);
  assert.equal(await lengthOf(''), 1);
  assert.equal(await lengthOf('short'), 6);
  const other = 'cd'.repeat(32);
  await lengthOf(other);
  const taken = table.range({ limit: 10 }).find(({ value }) => value.toString() === other);
  assert.ok(taken);
  await store.commit((t) => t.put(table, taken.key, Buffer.from('somebody else')));
  assert.equal(await lengthOf(other), 65);
});

test('owners: ids are told apart that are short, alike, or read in turns', async () => {
  const store = new MemoryStore();
  const owners = new Owners(store.table('owners'));
  const six = ['abcdef', '\0\0\0\0\0\0', '\xff\xfe\xfd', 'é'.repeat(3), 'zzzzzz'];
  const ids = ['', '\0', '\0\0', 'a', 'aa', '\0a', 'a\0', ...six, 'abcdefg', ownerId];
  const rows = await store.commit((t) =>
    ids.map((id) => {
      const writer = new ByteWriter();
      owners.write(t, writer, id);
      return Buffer.from(writer.finish());
    }),
  );
  const read = (index: number) => owners.read(new ByteReader(rows[index]!));
  for (const [first, id] of ids.entries()) {
    for (const [second, other] of ids.entries()) {
      assert.deepEqual([read(first), read(first), read(second)], [id, id, other]);
    }
  }
});

test('owners: what an undone commit wrote is written again', async () => {
  const store = new MemoryStore();
  const table = store.table('owners');
  const owners = new Owners(table);
  const write = (times: number, undone: boolean) =>
    store.commit((t) => {
      for (let time = 0; time < times; time++) owners.write(t, new ByteWriter(), ownerId);
      if (undone) throw new RangeError('undone');
    });
  await assert.rejects(write(2, true), RangeError);
  assert.equal(table.keys({ limit: 10 }).length, 0);
  await write(1, false);
  await write(2, false);
  assert.equal(table.keys({ limit: 10 }).length, 1);
});

test('bucket rows of before ACLs and ownership are read; an ownership nobody knows is not', () => {
  const bucket: Bucket = {
    id: 7,
    name: 'b',
    ownerId: 'owner',
    createdMs: 5,
    versioning: 'Enabled',
    location: '',
    acl: 'public-read',
    ownership: 'BucketOwnerEnforced',
  };
  const row = encodeBucket(bucket);
  assert.deepEqual(decodeBucket(row, 'b'), bucket);
  const { ownership: _none, ...withoutOwnership } = bucket;
  assert.deepEqual(decodeBucket(row.subarray(0, -1), 'b'), withoutOwnership);
  assert.deepEqual(decodeBucket(encodeBucket(withoutOwnership), 'b'), withoutOwnership);
  assert.deepEqual(decodeBucket(row.subarray(0, -2), 'b'), { ...withoutOwnership, acl: 'private' });
  const unknown = Buffer.from(row);
  unknown[unknown.length - 1] = 9;
  assert.throws(() => decodeBucket(unknown, 'b'), { kind: 'corrupt' });
});

test('a canned ACL is the byte it has always been; grants stand behind a byte of their own', () => {
  const bytesOf = (acl: Acl) => {
    const writer = new ByteWriter();
    writeAcl(writer, acl);
    return writer.finish().toString('hex');
  };
  const canned: readonly Acl[] = [
    'private',
    'public-read',
    'public-read-write',
    'authenticated-read',
    'aws-exec-read',
    'bucket-owner-read',
    'bucket-owner-full-control',
    'log-delivery-write',
  ];
  for (const [index, acl] of canned.entries()) {
    const hex = `0${index + 1}`;
    assert.equal(bytesOf(acl), hex);
    assert.equal(readAcl(new ByteReader(Buffer.from(hex, 'hex'))), acl);
  }
  const users = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers';
  const grants: Acl = [
    { grantee: { kind: 'user', id: 'al' }, permission: 'FULL_CONTROL' },
    { grantee: { kind: 'group', uri: users }, permission: 'WRITE_ACP' },
  ];
  const hex = 'ff02000002616c040102';
  assert.equal(bytesOf(grants), hex);
  assert.deepEqual(readAcl(new ByteReader(Buffer.from(hex, 'hex'))), grants);
  for (const wrong of ['00', '09', 'ff01050000', 'ff0100020161', 'ff01000104', 'ff01', 'fe00']) {
    assert.throws(() => readAcl(new ByteReader(Buffer.from(wrong, 'hex'))), RangeError, wrong);
  }
});
