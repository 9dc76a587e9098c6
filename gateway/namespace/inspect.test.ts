/** What `check` is told of the namespace: nothing where all is well, and of each kind of damage that one thing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlobSeerError, type RangeQuery, type Transaction } from '../../blobseer-client/index.ts';
import {
  draftOf,
  extentOf,
  makeBucket,
  md5OfNothing,
  partOf,
  uploadDraftOf,
} from './contract/subject.ts';
import { justAfter } from './keys.ts';
import type { Bucket, VersionDraft } from './namespace.ts';
import { openNamespace } from './store-namespace.ts';
import { openTables, type Tables } from './tables.ts';
import { GraveRecorder } from './testing/grave-recorder.ts';
import { MemoryStore } from './testing/memory-store.ts';

const largeHeaders = { system: {}, user: { comment: 'x'.repeat(400) } };
const manyParts = Array.from({ length: 9 }, (_, index) => ({
  number: index + 1,
  size: 1,
  etag: md5OfNothing,
}));
const manyExtents = Array.from({ length: 9 }, (_, index) => extentOf(100 + index, 1));

/**
 * A bucket of each kind of key: 'plain' in its entry, 'large' in the table, 'old' with an older version, 'marked'
 * behind a delete marker, 'null' with a null version that is not the current one, 'before' with one that is, 'chunked'
 * with nine extents and parts.
 */
async function filled() {
  const store = new MemoryStore();
  const namespace = openNamespace(new GraveRecorder(store));
  const tables = openTables(store);
  const commit = <T>(work: (t: Transaction) => T) => store.commit(work);
  let bucket: Bucket = await makeBucket({ namespace, commit }, 'bucket');
  const put = (key: string, blob: number, more: Partial<VersionDraft> = {}) =>
    commit((t) => namespace.putVersion(t, bucket, key, draftOf(blob, 1, more)));
  await put('null', 1);
  await put('before', 10);
  await commit((t) => namespace.setVersioning(t, bucket.id, 'Enabled'));
  bucket = { ...bucket, versioning: 'Enabled' };
  await put('null', 2);
  await put('plain', 3);
  await put('large', 4, { headers: largeHeaders });
  await put('old', 5);
  await put('old', 6);
  await put('marked', 7);
  await commit((t) =>
    namespace.deleteObject(t, bucket, 'marked', { ownerId: 'me', modifiedMs: 1 }),
  );
  await put('chunked', 8, { size: 9, extents: manyExtents, parts: manyParts });
  const upload = await commit((t) => namespace.createUpload(t, bucket.id, uploadDraftOf('up')));
  await commit((t) => namespace.putPart(t, upload, partOf(1, 9)));
  await commit((t) =>
    namespace.putUser(t, {
      ...{ id: 'ann', accountId: '123456789012', displayName: 'Ann', createdMs: 1 },
      keys: [{ accessKey: 'ANNSKEY', secret: 'secret', createdMs: 1 }],
    }),
  );
  return { namespace, tables, commit, bucket };
}

/** Row key of the entry, and of the null row, of a key of bucket 1. */
function entryRow(key: string): Buffer {
  return Buffer.concat([Buffer.of(0, 0, 0, 0, 0, 1), Buffer.from(key)]);
}

/** The rows of a key in a table where something follows the key, in order. */
function rowsOf(tables: Tables, name: 'versions' | 'versionExtents' | 'versionParts', key: string) {
  const start = Buffer.concat([entryRow(key), Buffer.alloc(2)]);
  const end = Buffer.concat([entryRow(key), Buffer.of(0, 1)]);
  return tables[name].range({ start, end, limit: 100 });
}

function first<T>(items: readonly T[]): T {
  assert.ok(items[0]);
  return items[0];
}

type Damage = (t: Transaction, tables: Tables) => void;

const damages: readonly (readonly [what: string, damage: Damage, told: readonly RegExp[]])[] = [
  ['nothing', () => {}, []],
  [
    'an entry whose row lies in the table is gone',
    (t, { entries }) => t.remove(entries, entryRow('large')),
    [/"large" in bucket 1 has a current version and no entry/],
  ],
  [
    'the version that an entry names is gone',
    (t, tables) => t.remove(tables.versions, first(rowsOf(tables, 'versions', 'large')).key),
    [/the entry of "large" in bucket 1 names a version that is not there/],
  ],
  [
    'an entry that holds a row is gone, and an older version is there',
    (t, { entries }) => t.remove(entries, entryRow('old')),
    [/"old" in bucket 1 has a current version and no entry/],
  ],
  [
    'an entry is back in front of a delete marker',
    (t, { entries }) => {
      const plain = entries.get(entryRow('plain'));
      assert.ok(plain);
      t.put(entries, entryRow('marked'), plain);
    },
    [/the entry of "marked" in bucket 1 holds a version that is not the newest/],
  ],
  [
    'an entry says other than the version it names',
    (t, { entries }) => {
      const entry = entries.get(entryRow('large'));
      assert.ok(entry);
      const size = 1 + 8 + 1 + 4; // behind format, birth, flags and random part
      entry[size]! += 1;
      t.put(entries, entryRow('large'), entry);
    },
    [/the entry of "large" in bucket 1 differs from the version it names/],
  ],
  [
    'a null row is gone',
    (t, { nulls }) => t.remove(nulls, entryRow('null')),
    [/"null" in bucket 1 has a null version that its null row does not name/],
  ],
  [
    'a null row names a version that is not null',
    (t, tables) => {
      const { key } = first(rowsOf(tables, 'versions', 'old'));
      t.put(tables.nulls, entryRow('old'), key.subarray(key.length - 8));
    },
    [/the null row of "old" in bucket 1 names a version that is not null/],
  ],
  [
    'a null row names nothing',
    (t, { nulls }) => t.put(nulls, entryRow('plain'), Buffer.alloc(8, 7)),
    [/the null row of "plain" in bucket 1 names a version that is not there/],
  ],
  [
    'a null row names the current version',
    (t, { entries, nulls }) => {
      t.put(nulls, entryRow('before'), entries.get(entryRow('before'))!.subarray(1, 9));
    },
    [/the null row of "before" in bucket 1 names the current version/],
  ],
  [
    'an entry names a delete marker',
    (t, tables) => {
      const { key, value } = first(rowsOf(tables, 'versions', 'marked'));
      const birth = key.subarray(key.length - 8);
      t.put(tables.entries, entryRow('marked'), Buffer.concat([Buffer.of(1), birth, value]));
    },
    [/the entry of "marked" in bucket 1 names a delete marker/],
  ],
  [
    'parts are gone',
    (t, tables) => {
      t.remove(tables.versionParts, first(rowsOf(tables, 'versionParts', 'chunked')).key);
    },
    [/version \S+ of "chunked" in bucket 1 has 0 parts, not 9/],
  ],
  [
    'extents are gone',
    (t, tables) => {
      const { key } = first(rowsOf(tables, 'versionExtents', 'chunked'));
      t.remove(tables.versionExtents, key);
    },
    [/version \S+ of "chunked" in bucket 1 has 0 extents, not 9/],
  ],
  [
    'extents are of no version',
    (t, tables) => {
      const { key, value } = first(rowsOf(tables, 'versionExtents', 'chunked'));
      const other = Buffer.from(key.toString('latin1').replace('chunked', 'nothing'), 'latin1');
      t.put(tables.versionExtents, other, value);
    },
    [/a row of parts or extents of "nothing" in bucket 1 is of no version/],
  ],
  [
    'a bucket is not found by its id',
    (t, { bucketsById }) => t.remove(bucketsById, Buffer.of(0, 0, 0, 0, 0, 1)),
    [
      /bucket "bucket" is not found by its id/,
      /there is no bucket 1, and rows of it in entries/,
      /there is no bucket 1, and rows of it in versions/,
      /upload \S+ is there, and its bucket is not/,
    ],
  ],
  [
    "a bucket is missing among its owner's",
    (t, { bucketsByOwner }) => t.remove(bucketsByOwner, first(bucketsByOwner.keys({ limit: 1 }))),
    [/bucket "bucket" is missing among the buckets of its owner/],
  ],
  [
    'an owner has a bucket that is not there',
    (t, { bucketsByOwner }) => {
      t.put(bucketsByOwner, justAfter(first(bucketsByOwner.keys({ limit: 1 }))), Buffer.alloc(0));
    },
    [/the row of an owner's bucket "bucket.*" is of a bucket that is not there/],
  ],
  [
    'a bucket is gone, and all that is in it is left',
    (t, { buckets }) => t.remove(buckets, Buffer.from('bucket')),
    [
      /bucket id 1 is of a bucket that is not there/,
      /the row of an owner's bucket "bucket.*" is of a bucket that is not there/,
    ],
  ],
  [
    'an upload is gone, and its part is left',
    (t, { uploads }) => t.remove(uploads, first(uploads.keys({ limit: 1 }))),
    [/part 1 of upload \S+ is there, and the upload is not/],
  ],
  [
    'an access key finds nobody',
    (t, { accessKeys }) => t.remove(accessKeys, Buffer.from('ANNSKEY')),
    [/user "ann" is not found by access key ANNSKEY/],
  ],
  [
    "an access key is another user's",
    (t, { accessKeys }) => t.put(accessKeys, Buffer.from('ANNSKEY'), Buffer.from('bob')),
    [/user "ann" is not found by access key ANNSKEY/, /access key "ANNSKEY" is nobody's/],
  ],
  [
    'an entry holds a delete marker',
    (t, tables) => {
      const { key, value } = first(rowsOf(tables, 'versions', 'marked'));
      const birth = key.subarray(key.length - 8);
      t.put(tables.entries, entryRow('bare'), Buffer.concat([Buffer.of(2), birth, value]));
    },
    [/the entry of "bare" in bucket 1 holds a delete marker/],
  ],
  [
    'an older version is what an entry names',
    (t, tables) => {
      const { key, value } = first(rowsOf(tables, 'versions', 'large'));
      const newer = Buffer.concat([key.subarray(0, -1), Buffer.of(key.at(-1)! - 1)]);
      t.put(tables.versions, newer, value);
    },
    [/the entry of "large" in bucket 1 names a version that is not the newest/],
  ],
  [
    'extents have other lengths than the version',
    (t, tables) => {
      const { key, value } = first(rowsOf(tables, 'versionExtents', 'chunked'));
      value[value.length - 1]! += 1; // the last one's length
      t.put(tables.versionExtents, key, value);
    },
    [/version \S+ of "chunked" in bucket 1 has extents of 10 bytes, not 9/],
  ],
  [
    'chunks stand beside a version that holds its extents itself',
    (t, tables) => {
      const { value } = first(rowsOf(tables, 'versionExtents', 'chunked'));
      const { key } = first(rowsOf(tables, 'versions', 'large'));
      t.put(tables.versionExtents, Buffer.concat([key, Buffer.alloc(2)]), value);
    },
    [/a row of parts or extents of "large" in bucket 1 is of no version/],
  ],
  [
    'parts are of no version',
    (t, tables) => {
      const { key, value } = first(rowsOf(tables, 'versionParts', 'chunked'));
      const other = Buffer.from(key.toString('latin1').replace('chunked', 'nothing'), 'latin1');
      t.put(tables.versionParts, other, value);
    },
    [/a row of parts or extents of "nothing" in bucket 1 is of no version/],
  ],
  [
    'the counter of buckets is behind',
    (t, { counters }) => t.remove(counters, Buffer.from('buckets')),
    [/the counter of buckets is behind/],
  ],
  [
    'the counter of buckets is behind those that are there',
    (t, { counters }) => t.put(counters, Buffer.from('buckets'), Buffer.alloc(6)),
    [/the counter of buckets is behind/],
  ],
  [
    'a counter is too short',
    (t, { counters, nulls }) => {
      t.put(counters, Buffer.from('buckets'), Buffer.alloc(2));
      t.remove(nulls, entryRow('null')); // seen behind it
    },
    [/counter "buckets": Attempt to access memory/, /null version that its null row does not name/],
  ],
  [
    'a leftover is of an upload that goes on',
    (t, { uploads, leftovers }) => {
      const { key } = first(uploads.range({ limit: 1 }));
      t.put(leftovers, Buffer.concat([Buffer.of(2), key.subarray(-16)]), Buffer.alloc(0));
    },
    [/leftover 02\w+ would sweep away what is there/],
  ],
  [
    'a leftover is of a bucket that is there',
    (t, { leftovers }) => t.put(leftovers, Buffer.of(1, 0, 0, 0, 0, 0, 1), Buffer.alloc(0)),
    [/leftover 01000000000001 would sweep away what is there/],
  ],
  [
    'a part is cut off',
    (t, { parts }) => {
      const { key, value } = first(parts.range({ limit: 1 }));
      t.put(parts, key, value.subarray(0, value.length - 1));
    },
    [/part 1 of upload \S+: unreadable row of parts/],
  ],
  [
    'keys are shorter than any that were written',
    (t, { entries, nulls, parts }) => {
      for (const table of [entries, nulls, parts]) t.put(table, Buffer.of(0), Buffer.alloc(9));
    },
    [/row 00 of table entries/, /row 00 of table nulls/, /row 00 of table parts/],
  ],
  [
    'a row has a format that nobody knows',
    (t, tables) => {
      const { key, value } = first(rowsOf(tables, 'versions', 'marked'));
      t.put(tables.versions, key, Buffer.concat([Buffer.of(99), value.subarray(1)]));
    },
    [/a version of "marked" in bucket 1: row of versions has format 99/],
  ],
];

for (const [what, damage, told] of damages) {
  test(`inspected: ${what}`, async () => {
    const { namespace, tables, commit } = await filled();
    await commit((t) => damage(t, tables));
    const problems = [...namespace.inspect()].flatMap((found) =>
      'problem' in found ? [found.problem] : [],
    );
    assert.equal(problems.length, told.length, problems.join('\n'));
    for (const [index, pattern] of told.entries()) assert.match(problems[index] ?? '', pattern);
  });
}

test('inspected: what has another ACL than when it became current, and the last of many keys', async () => {
  const { namespace, commit, tables, bucket } = await filled();
  const { versionId } = namespace.current(bucket.id, 'large')!;
  const acl = 'public-read';
  assert.equal(
    await commit((t) => namespace.amendVersion(t, bucket, 'large', versionId, { acl })),
    true,
  );
  for (let number = 0; number < 1200; number += 1) {
    const key = `many-${String(number).padStart(4, '0')}`;
    const more = number === 1199 ? { headers: largeHeaders } : {};
    await commit((t) => namespace.putVersion(t, bucket, key, draftOf(1000 + number, 1, more)));
  }
  const problems = () => [...namespace.inspect()].filter((found) => 'problem' in found);
  assert.deepEqual(problems(), []);
  assert.equal([...namespace.inspect()].length, 9 + manyExtents.length + 1200);
  await commit((t) => t.remove(tables.entries, entryRow('many-1199')));
  assert.deepEqual(problems(), [
    { problem: '"many-1199" in bucket 1 has a current version and no entry: no listing shows it' },
  ]);
});

test('a row that cannot be read costs the references of its own version, and is told once', async () => {
  const { namespace, tables, commit, bucket } = await filled();
  for (let blob = 20; blob < 25; blob += 1) {
    await commit((t) => namespace.putVersion(t, bucket, 'old', draftOf(blob)));
  }
  const inspected = () => {
    const found = [...namespace.inspect()];
    return {
      refs: found.flatMap((each) => ('snapshot' in each ? [each.snapshot.blobId] : [])),
      problems: found.flatMap((each) => ('problem' in each ? [each.problem] : [])),
    };
  };
  const all = inspected();
  assert.deepEqual(all.problems, []);
  const damaged = entryRow('old');
  const { get, range } = tables.entries;
  const damage = new BlobSeerError('corrupt', 'a record is damaged');
  Object.assign(tables.entries, {
    get(key: Buffer) {
      if (damaged.equals(key)) throw damage;
      return get.call(this, key);
    },
    range(query: RangeQuery) {
      const rows = range.call(this, query);
      if (rows.some(({ key }) => damaged.equals(key))) throw damage;
      return rows;
    },
    keys(query: RangeQuery) {
      return range.call(this, query).map(({ key }) => key);
    },
  });
  const left = inspected();
  assert.deepEqual(left.problems, ['the entry of "old" in bucket 1: a record is damaged']);
  assert.deepEqual(
    all.refs.filter((blobId) => !left.refs.includes(blobId)),
    [24],
  );
});
