/** Listings cost what they answer: rows read from the tables, counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PackedRows, RangeQuery, Store, Table } from '../../blobseer-client/index.ts';
import { draftOf, everything, makeBucket, ownerId, type Subject } from './contract/subject.ts';
import { openNamespace } from './store-namespace.ts';
import { MemoryStore } from './testing/memory-store.ts';
import { blind } from './testing/pages.ts';

/** Counts the rows that reads return. */
function counting(table: Table, count: (rows: number) => void): Table {
  const packed = table.packed.bind(table);
  const keys = table.keys.bind(table);
  return Object.assign(table, {
    packed(query: RangeQuery, rows: PackedRows): void {
      packed(query, rows);
      count(rows.count);
    },
    keys(query: RangeQuery): Buffer[] {
      const found = keys(query);
      count(found.length);
      return found;
    },
  });
}

async function countedSubject() {
  const memory = new MemoryStore();
  let rows = 0;
  let reads = 0;
  const store: Store = {
    table: (name) =>
      counting(memory.table(name), (more) => {
        rows += more;
        reads += 1;
      }),
    commit: (work) => memory.commit(work),
    refresh: () => memory.refresh(),
    sequence: () => memory.sequence(),
  };
  const subject: Subject = {
    namespace: openNamespace({ store, bury() {} }),
    commit: (work) => store.commit(work),
    buried: () => [],
    close: async () => {},
  };
  const rowsOf = (work: () => void): number => {
    rows = 0;
    work();
    return rows;
  };
  const readsOf = (work: () => void): number => {
    reads = 0;
    work();
    return reads;
  };
  return { subject, rowsOf, readsOf };
}

test('old versions, delete markers and what lies under common prefixes are not walked', async () => {
  const { subject, rowsOf } = await countedSubject();
  const { namespace, commit } = subject;
  const bucket = await makeBucket(subject, 'bucket', 'Enabled');
  await commit((t) => {
    for (let folder = 0; folder < 10; folder += 1) {
      for (let file = 0; file < 200; file += 1) {
        const key = `${folder}/${String(file).padStart(4, '0')}`;
        namespace.putVersion(t, bucket, key, draftOf(1));
        if (file < 100) namespace.deleteObject(t, bucket, key, { ownerId, modifiedMs: 1 });
        else namespace.putVersion(t, bucket, key, draftOf(2));
      }
    }
  });
  const flat = { ...everything, limit: 50 };
  assert.equal(
    rowsOf(() => namespace.listObjects(bucket.id, flat, blind)),
    51,
  );
  const folders = { ...everything, delimiter: '/' };
  assert.ok(rowsOf(() => namespace.listObjects(bucket.id, folders, blind)) < 16 + 10 * 4);
  const versions = { ...folders, afterVersionId: '' };
  // Of rows in entries, and of those in the table: both are looked at.
  assert.ok(rowsOf(() => namespace.listVersions(bucket.id, versions, blind)) < 2 * (16 + 10 * 4));
  const one = { ...everything, prefix: '3/', delimiter: '/' };
  assert.equal(
    rowsOf(() => namespace.listObjects(bucket.id, one, blind)),
    100,
  );
});

test('common prefixes of one key each are read in few large batches', async () => {
  const { subject, rowsOf, readsOf } = await countedSubject();
  const { namespace, commit } = subject;
  const bucket = await makeBucket(subject, 'bucket', 'Unversioned');
  await commit((t) => {
    for (let folder = 1000; folder < 3000; folder += 1) {
      namespace.putVersion(t, bucket, `${folder}/key`, draftOf(1));
    }
  });
  const query = { ...everything, delimiter: '/', limit: 1000 };
  const list = () => void namespace.listObjects(bucket.id, query, blind);
  assert.equal(rowsOf(list), 1001);
  // 16, 32, 64, 128, 256, 512 rows at once.
  assert.ok(readsOf(list) < 10);
});

test('large rows behind small ones are not read again for every page of versions', async () => {
  const { subject, rowsOf } = await countedSubject();
  const { namespace, commit } = subject;
  const bucket = await makeBucket(subject, 'bucket', 'Unversioned');
  const large = { headers: { system: {}, user: { comment: 'x'.repeat(1000) } } };
  await commit((t) => {
    for (let number = 1000; number < 3000; number += 1) {
      namespace.putVersion(t, bucket, `small/${number}`, draftOf(1));
      if (number % 2 === 0) namespace.putVersion(t, bucket, `test/${number}`, draftOf(1, 1, large));
    }
  });
  const rows = rowsOf(() => {
    for (let after = '', isTruncated = true; isTruncated; ) {
      const query = { ...everything, after, afterVersionId: '', limit: 500 };
      ({ last: after, isTruncated } = namespace.listVersions(bucket.id, query, blind));
    }
  });
  // 3000 lines, for each of the 1000 large ones an entry too, and what six pages begin to read in vain.
  assert.ok(rows < 4000 + 6 * 64, `${rows}`);
});
