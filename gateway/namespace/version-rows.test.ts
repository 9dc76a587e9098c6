/** Rows of versions in their entries and beside them: a directory of before goes on, and is not rewritten. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RangeQuery, Transaction } from '../../blobseer-client/index.ts';
import { systemClock } from '../clock.ts';
import { propertiesContract } from './contract/properties.ts';
import { draftOf, everything, makeBucket, type Subject } from './contract/subject.ts';
import { openNamespace } from './store-namespace.ts';
import { GraveRecorder } from './testing/grave-recorder.ts';
import { MemoryStore } from './testing/memory-store.ts';
import { versionsPage } from './testing/pages.ts';

/** Its first commits are those of a release that wrote no row into an entry. */
function upgradedSubject(oldCommits: number) {
  const store = new MemoryStore();
  const recorder = new GraveRecorder(store);
  const before = openNamespace(recorder, systemClock, 0);
  const after = openNamespace(recorder);
  let commits = 0;
  const subject: Subject = {
    get namespace() {
      return commits < oldCommits ? before : after;
    },
    commit(work) {
      const done = store.commit(work);
      return done.finally(() => {
        commits += 1;
      });
    },
    buried: () => recorder.graves().flatMap(({ refs }) => refs),
    close: async () => {},
  };
  return { subject, store };
}

for (const oldCommits of [3, 8, 20]) {
  describe(`after ${oldCommits} commits of an earlier release`, () => {
    propertiesContract(async () => upgradedSubject(oldCommits).subject, 100);
  });
}

test('what an earlier release wrote is read where it is, and moves when it is replaced', async () => {
  const { subject, store } = upgradedSubject(2);
  const rowsOf = (name: string) => store.table(name).keys({ limit: 100 }).length;
  const bucket = await makeBucket(subject, 'bucket', 'Unversioned');
  const put = (key: string, blob: number, more = {}) =>
    subject.commit((t) => subject.namespace.putVersion(t, bucket, key, draftOf(blob, 1, more)));
  await put('old', 1);
  assert.equal(rowsOf('versions'), 1);
  await put('new', 2);
  assert.equal(rowsOf('versions'), 1, 'a new object is its entry');
  assert.equal(subject.namespace.current(bucket.id, 'old')?.sequence, 2);
  const listed = versionsPage(subject.namespace, bucket.id, { ...everything, afterVersionId: '' });
  assert.deepEqual(
    listed.items.map(({ key }) => key),
    ['new', 'old'],
  );
  await put('old', 3);
  assert.equal(rowsOf('versions'), 0);
  await put('new', 4, { headers: { system: {}, user: { comment: 'x'.repeat(400) } } });
  assert.equal(rowsOf('versions'), 1, 'a large row lies in the table');
  await put('new', 5);
  assert.equal(rowsOf('versions'), 0);
  assert.equal(rowsOf('entries'), 2);
  assert.deepEqual(
    subject.buried().map(({ blobId }) => blobId),
    [1, 2, 4],
  );
});

test('tags too many for the entry take the row out of it', async () => {
  const { subject, store } = upgradedSubject(0);
  const bucket = await makeBucket(subject, 'bucket', 'Enabled');
  const { namespace } = subject;
  const put = () => subject.commit((t) => namespace.putVersion(t, bucket, 'k', draftOf(1)));
  const { versionId } = await put();
  const amend = (tags: Readonly<Record<string, string>>) =>
    subject.commit((t) => namespace.amendVersion(t, bucket, 'k', versionId, { tags }));
  const sizes = [
    { letters: 10, rowsInTable: 0 },
    { letters: 400, rowsInTable: 1 },
    { letters: 10, rowsInTable: 1 },
  ];
  for (const { letters, rowsInTable } of sizes) {
    const tags = { tag: 'x'.repeat(letters) };
    assert.equal(await amend(tags), true);
    assert.deepEqual(namespace.current(bucket.id, 'k')?.tags, tags);
    assert.deepEqual(namespace.version(bucket.id, 'k', versionId)?.tags, tags);
    assert.equal(store.table('versions').keys({ limit: 9 }).length, rowsInTable);
  }
  await put();
  assert.equal(store.table('versions').keys({ limit: 9 }).length, 1);
  assert.equal(namespace.version(bucket.id, 'k', versionId)?.versionId, versionId);
});

test('the version behind a marker is the latest where nothing of its key is before it', async () => {
  const { subject } = upgradedSubject(0);
  const bucket = await makeBucket(subject, 'bucket', 'Unversioned');
  const { namespace } = subject;
  await subject.commit((t) => namespace.putVersion(t, bucket, 'k', draftOf(1)));
  await subject.commit((t) => namespace.setVersioning(t, bucket.id, 'Enabled'));
  await subject.commit((t) => namespace.putVersion(t, bucket, 'k', draftOf(2)));
  await subject.commit((t) => namespace.deleteVersion(t, bucket, 'k', 'null'));
  // The null version was the marker of a page, and is gone: nobody knows any more where it stood.
  const query = { ...everything, after: 'k', afterVersionId: 'null' };
  const { items } = versionsPage(namespace, bucket.id, query);
  assert.deepEqual(
    items.map(({ key, isLatest }) => ({ key, isLatest })),
    [{ key: 'k', isLatest: true }],
  );
});

test('an object with one version is found, replaced and removed by one look-up of its key', async () => {
  const store = new MemoryStore();
  let lookUps = 0;
  for (const name of ['entries', 'versions', 'nulls']) {
    const table = store.table(name);
    const get = table.get.bind(table);
    const range = table.range.bind(table);
    Object.assign(table, {
      get(key: Uint8Array) {
        lookUps += 1;
        return get(key);
      },
      range(query: RangeQuery) {
        lookUps += 1;
        return range(query);
      },
    });
  }
  const namespace = openNamespace(new GraveRecorder(store));
  const commit = <T>(work: (transaction: Transaction) => T) => store.commit(work);
  const bucket = await makeBucket({ namespace, commit });
  const countOf = async (work: () => unknown) => {
    lookUps = 0;
    await work();
    return lookUps;
  };
  const put = () => commit((t) => namespace.putVersion(t, bucket, 'k', draftOf(1)));
  assert.equal(await countOf(put), 1);
  assert.equal(await countOf(() => namespace.current(bucket.id, 'k', 'Unversioned')), 1);
  assert.equal(await countOf(() => namespace.current(bucket.id, 'none', 'Unversioned')), 1);
  assert.equal(await countOf(() => namespace.version(bucket.id, 'k', 'null')), 1);
  assert.equal(await countOf(put), 1);
  const marker = { ownerId: '', modifiedMs: 1 };
  assert.equal(
    await countOf(() => commit((t) => namespace.deleteObject(t, bucket, 'k', marker))),
    1,
  );
  await commit((t) => namespace.setVersioning(t, bucket.id, 'Enabled'));
  const { versionId } = await put();
  assert.equal(await countOf(() => namespace.version(bucket.id, 'k', versionId)), 1);
});

test('an entry or a null row that names no version is damage', async () => {
  const { subject, store } = upgradedSubject(0);
  const { namespace } = subject;
  const bucket = await makeBucket(subject, 'bucket', 'Unversioned');
  const large = { headers: { system: {}, user: { comment: 'x'.repeat(400) } } };
  await subject.commit((t) => {
    namespace.putVersion(t, bucket, 'entry', draftOf(1, 1, large));
    namespace.putVersion(t, bucket, 'null', draftOf(1, 1, large));
    namespace.setVersioning(t, bucket.id, 'Enabled');
  });
  await subject.commit((t) => namespace.putVersion(t, bucket, 'null', draftOf(2)));
  const versions = store.table('versions');
  await subject.commit((t) => {
    for (const row of versions.keys({ limit: 9 })) t.remove(versions, row);
  });
  assert.throws(() => namespace.current(bucket.id, 'entry'), {
    kind: 'corrupt',
    message: /an entry names no version/,
  });
  assert.throws(() => namespace.version(bucket.id, 'null', 'null'), {
    kind: 'corrupt',
    message: /a null row names no version/,
  });
});
