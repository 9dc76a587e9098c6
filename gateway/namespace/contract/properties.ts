/**
 * The contract as a property: after any sequence of writes, in any versioning states, some of them
 * undone, every look-up and every page of every listing is the model's, and each reference is held
 * exactly as long as its version lives, then given back exactly once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Transaction } from '../../../blobseer-client/index.ts';
import type { Bucket, ListPage } from '../namespace.ts';
import { type Line, objectsPage, versionsPage } from '../testing/pages.ts';
import {
  blobIds,
  draftOf,
  extentOf,
  heldBlobIds,
  makeBucket,
  type OpenSubject,
  ownerId,
  type Subject,
} from './subject.ts';
import { type ModelPage, VersionModel } from './version-model.ts';

/** Few, so that they meet; odd, so that every order and escape is met. */
const keys = [
  'a',
  'a/',
  'a//',
  'a/b',
  'a/b/c',
  'a/\0',
  'a0',
  'b',
  'b\0',
  'b\0\0c',
  'b\u0001',
  '\0',
  'é',
  '\uffff',
  '🎈/🎈',
  'x'.repeat(1024),
  `${'x'.repeat(1000)}/y`,
];
const prefixes = [
  '',
  'a',
  'a/',
  'a//',
  'b',
  'b\0',
  'x',
  '🎈',
  'none',
  'x'.repeat(1024),
  'y'.repeat(2000),
];
const delimiters = ['', '/', '/', '\0', '//', 'a', 'b/', '🎈', 'x'.repeat(999)];
const markers = [
  '',
  '',
  ...keys,
  'a/b/',
  'b\0',
  '\0',
  '🎈',
  '~',
  'x'.repeat(1500),
  '\0'.repeat(1500),
];

type Op =
  | { readonly do: 'put'; readonly key: string; readonly extents: number }
  | { readonly do: 'delete'; readonly key: string }
  | { readonly do: 'deleteVersion'; readonly key: string; readonly pick: number }
  | { readonly do: 'amend'; readonly key: string; readonly pick: number; readonly tag: string }
  | { readonly do: 'setVersioning'; readonly state: 'Enabled' | 'Suspended' };

/** Mostly the same two, so that long histories of one key are met too. */
const keyArb = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom('a/b', 'b\0') },
  { weight: 1, arbitrary: fc.constantFrom(...keys) },
);
const opArb: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      key: keyArb,
      extents: fc.constantFrom(0, 1, 1, 3, 4, 5, 300),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), key: keyArb }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('deleteVersion' as const),
      key: keyArb,
      pick: fc.nat(4),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('amend' as const),
      key: keyArb,
      pick: fc.nat(4),
      tag: fc.constantFrom('few', 'x'.repeat(600)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('setVersioning' as const),
      state: fc.constantFrom('Enabled' as const, 'Suspended' as const),
    }),
  },
);
const commitArb = fc.record({
  ops: fc.array(opArb, { minLength: 1, maxLength: 4 }),
  isUndone: fc.integer({ min: 0, max: 9 }).map((number) => number === 0),
});
const queryArb = fc.record({
  prefix: fc.constantFrom(...prefixes),
  delimiter: fc.constantFrom(...delimiters),
  after: fc.constantFrom(...markers),
  limit: fc.constantFrom(0, 1, 2, 3, 7, 1000),
});

/** Runs one operation on both. */
class Pair {
  readonly subject: Subject;
  readonly bucket: Bucket;
  model = new VersionModel();
  private nextBlob = 1;

  constructor(subject: Subject, bucket: Bucket) {
    this.subject = subject;
    this.bucket = bucket;
  }

  apply(transaction: Transaction, op: Op): void {
    const { namespace } = this.subject;
    const { bucket, model } = this;
    switch (op.do) {
      case 'put': {
        const blobs = Array.from({ length: op.extents }, () => this.nextBlob++);
        const extents = blobs.map((blob) => extentOf(blob, 1));
        const draft = draftOf(this.nextBlob, op.extents, { extents });
        const { versionId } = namespace.putVersion(transaction, bucket, op.key, draft);
        assert.equal(versionId === 'null', model.versioning !== 'Enabled');
        model.put({ key: op.key, versionId, isDeleteMarker: false, blobs, tag: '' });
        break;
      }
      case 'delete': {
        const marker = { ownerId, modifiedMs: 1 };
        const outcome = namespace.deleteObject(transaction, bucket, op.key, marker);
        if (model.versioning === 'Unversioned') {
          const versionId = model.remove(op.key, 'null')?.versionId;
          assert.deepEqual(outcome, { versionId, isDeleteMarker: false });
        } else {
          const versionId = outcome.versionId ?? 'none';
          assert.equal(versionId === 'null', model.versioning === 'Suspended');
          assert.equal(outcome.isDeleteMarker, true);
          model.put({ key: op.key, versionId, isDeleteMarker: true, blobs: [], tag: '' });
        }
        break;
      }
      case 'deleteVersion': {
        const wanted = model.versionsOf(op.key)[op.pick]?.versionId ?? 'null';
        const removed = model.remove(op.key, wanted);
        assert.deepEqual(namespace.deleteVersion(transaction, bucket, op.key, wanted), {
          versionId: removed?.versionId,
          isDeleteMarker: removed?.isDeleteMarker ?? false,
        });
        break;
      }
      case 'amend': {
        const wanted = model.versionsOf(op.key)[op.pick]?.versionId ?? 'null';
        const change = {
          tags: { tag: op.tag },
          acl: op.pick === 0 ? ('public-read' as const) : undefined,
        };
        const wasThere = namespace.amendVersion(transaction, bucket, op.key, wanted, change);
        assert.equal(wasThere, model.amend(op.key, wanted, op.tag));
        break;
      }
      case 'setVersioning':
        namespace.setVersioning(transaction, bucket.id, op.state);
        model.versioning = op.state;
        break;
    }
  }

  compareVersions(): void {
    const { namespace } = this.subject;
    for (const key of keys) {
      const list = this.model.versionsOf(key);
      const current = namespace.current(this.bucket.id, key);
      assert.equal(current?.versionId, list[0]?.versionId, key);
      assert.equal(current?.isDeleteMarker, list[0]?.isDeleteMarker, key);
      for (const { versionId, isDeleteMarker, blobs, tag } of list) {
        const version = namespace.version(this.bucket.id, key, versionId);
        assert.ok(version, `${key} ${versionId}`);
        assert.equal(version.isDeleteMarker, isDeleteMarker);
        assert.equal(version.key, key);
        assert.equal(version.tags?.tag ?? '', tag);
        const extents = namespace.extents(this.bucket.id, version);
        assert.deepEqual(
          extents.map(({ snapshot }) => snapshot.blobId),
          blobs,
        );
      }
      const hasNull = list.some(({ versionId }) => versionId === 'null');
      assert.equal(namespace.version(this.bucket.id, key, 'null') !== undefined, hasNull, key);
    }
    assert.deepEqual(heldBlobIds(this.subject), this.model.live());
    const dead = [...this.model.dead].sort((a, b) => a - b);
    assert.deepEqual(blobIds(this.subject.buried()), dead);
  }
}

function seen(page: ListPage<Line> & { lastVersionId?: string }): ModelPage {
  const { commonPrefixes, isTruncated, last, lastVersionId } = page;
  const items = page.items.map(
    ({ key, versionId, isLatest }) => `${isLatest ? '*' : ''}${key} ${versionId}`,
  );
  const lastItem = page.items.at(-1);
  const inferred = lastItem?.key === last ? lastItem.versionId : '';
  return { items, commonPrefixes, isTruncated, last, lastVersionId: lastVersionId ?? inferred };
}

async function fill(open: OpenSubject, commits: readonly { ops: Op[]; isUndone: boolean }[]) {
  const subject = await open();
  const pair = new Pair(subject, await makeBucket(subject));
  // Neighbours on both sides, so that a walk that leaves its bucket is seen.
  const neighbour = await makeBucket(subject, 'neighbour');
  await subject.commit((t) =>
    subject.namespace.putVersion(t, neighbour, '\0', draftOf(0, 0, { extents: [] })),
  );
  for (const { ops, isUndone } of commits) {
    const before = pair.model.copy();
    const work = subject.commit((transaction) => {
      for (const op of ops) pair.apply(transaction, op);
      if (isUndone) throw new Error('undo');
    });
    if (isUndone) {
      await assert.rejects(work, /undo/);
      pair.model = before;
    } else {
      await work;
    }
  }
  return pair;
}

export function propertiesContract(open: OpenSubject, runs: number): void {
  const commitsArb = fc.array(commitArb, { maxLength: 30, size: 'max' });

  test("property: versions, look-ups and references are the model's", async () => {
    await fc.assert(
      fc.asyncProperty(commitsArb, async (commits) => {
        const pair = await fill(open, commits);
        try {
          pair.compareVersions();
        } finally {
          await pair.subject.close();
        }
      }),
      { numRuns: runs },
    );
  });

  test("property: every page of every listing is the model's", async () => {
    await fc.assert(
      fc.asyncProperty(
        commitsArb,
        fc.array(queryArb, { minLength: 1, maxLength: 12 }),
        async (commits, queries) => {
          const pair = await fill(open, commits);
          const { namespace } = pair.subject;
          const { model, bucket } = pair;
          try {
            for (const query of queries) {
              // From the query's marker on, to the end, as a client pages.
              for (let next = query; ; ) {
                const page = seen(objectsPage(namespace, bucket.id, next));
                assert.deepEqual(page, model.listObjects(next), JSON.stringify(next));
                if (!page.isTruncated) break;
                next = { ...next, after: page.last };
              }
              for (let next = { ...query, afterVersionId: '' }; ; ) {
                const page = seen(versionsPage(namespace, bucket.id, next));
                assert.deepEqual(page, model.listVersions(next), JSON.stringify(next));
                if (!page.isTruncated) break;
                next = { ...next, after: page.last, afterVersionId: page.lastVersionId };
              }
            }
          } finally {
            await pair.subject.close();
          }
        },
      ),
      { numRuns: runs },
    );
  });
}
