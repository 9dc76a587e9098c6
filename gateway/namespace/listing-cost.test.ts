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
  assert.ok(rowsOf(() => namespace.listVersions(bucket.id, versions, blind)) < 16 + 10 * 4);
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
