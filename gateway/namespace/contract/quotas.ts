/** The contract on quotas: what is counted is what is there, and what exceeds a quota leaves no trace. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Transaction } from '../../../blobseer-client/index.ts';
import type { Bucket, Namespace, Upload } from '../namespace.ts';
import { versionsPage } from '../testing/pages.ts';
import {
  draftOf,
  everything,
  extentOf,
  makeBucket,
  type OpenSubject,
  onSubject,
  partOf,
  type Subject,
  uploadDraftOf,
} from './subject.ts';

const anna = 'anna-'.repeat(8);
const ben = 'ben';
const owners = [anna, ben] as const;
const uploadList = { prefix: '', delimiter: '', keyMarker: '', uploadIdMarker: '', limit: 1000 };

/** What somebody owns, found by looking at all there is. */
function owned(namespace: Namespace, bucketId: number, ownerId: string): number {
  let bytes = 0;
  let { after, afterVersionId } = { after: '', afterVersionId: '' };
  for (;;) {
    const page = versionsPage(namespace, bucketId, { ...everything, after, afterVersionId });
    for (const item of page.items) if (item.ownerId === ownerId) bytes += item.size;
    if (!page.isTruncated) break;
    after = page.last;
    afterVersionId = page.lastVersionId;
  }
  for (const upload of namespace.listUploads(bucketId, uploadList).items) {
    if (upload.ownerId !== ownerId) continue;
    for (const part of namespace.uploadParts(upload, 0, 10_000)) bytes += part.size;
  }
  return bytes;
}

async function countAll({ namespace }: Subject): Promise<void> {
  while (await namespace.countUsage());
}

type Op =
  | { readonly do: 'put'; readonly owner: string; readonly key: string; readonly size: number }
  | { readonly do: 'delete'; readonly owner: string; readonly key: string }
  | { readonly do: 'deleteVersion'; readonly key: string; readonly pick: number }
  | { readonly do: 'begin'; readonly owner: string; readonly key: string }
  | { readonly do: 'part'; readonly pick: number; readonly number: number; readonly size: number }
  | { readonly do: 'complete' | 'abort'; readonly pick: number }
  | { readonly do: 'version'; readonly state: 'Enabled' | 'Suspended' }
  | { readonly do: 'quota'; readonly owner: string; readonly limit: number | undefined }
  | { readonly do: 'count' | 'sweep' };

const owner = fc.constantFrom(...owners);
const key = fc.constantFrom('a', 'a/b', 'b\0', 'c');
const size = fc.constantFrom(0, 1, 10, 100);
const pick = fc.nat(3);
const opArb: fc.Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), owner, key, size }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), owner, key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('deleteVersion' as const), key, pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('begin' as const), owner, key }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('part' as const),
      pick,
      number: fc.integer({ min: 1, max: 3 }),
      size,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('complete' as const, 'abort' as const), pick }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('version' as const),
      state: fc.constantFrom('Enabled' as const, 'Suspended' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('quota' as const),
      owner,
      limit: fc.constantFrom(undefined, 50, 400, 1e12, 1e12),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('count' as const, 'sweep' as const) }) },
);

function uploadAt({ namespace }: Subject, bucket: Bucket, at: number): Upload | undefined {
  return namespace.listUploads(bucket.id, uploadList).items[at];
}

function apply(subject: Subject, bucket: Bucket, t: Transaction, op: Op): void {
  const { namespace } = subject;
  switch (op.do) {
    case 'put':
      namespace.putVersion(t, bucket, op.key, draftOf(1, op.size, { ownerId: op.owner }));
      break;
    case 'delete':
      namespace.deleteObject(t, bucket, op.key, { ownerId: op.owner, modifiedMs: 1 });
      break;
    case 'deleteVersion': {
      const { items } = versionsPage(namespace, bucket.id, { ...everything, afterVersionId: '' });
      const versions = items.filter((item) => item.key === op.key);
      const versionId = versions[op.pick]?.versionId ?? 'null';
      namespace.deleteVersion(t, bucket, op.key, versionId);
      break;
    }
    case 'begin':
      namespace.createUpload(t, bucket.id, uploadDraftOf(op.key, { ownerId: op.owner }));
      break;
    case 'part': {
      const upload = uploadAt(subject, bucket, op.pick);
      if (upload !== undefined) namespace.putPart(t, upload, partOf(op.number, 1, op.size));
      break;
    }
    case 'complete': {
      const upload = uploadAt(subject, bucket, op.pick);
      if (upload === undefined) break;
      // The last part is left out, as a client may.
      const parts = namespace.uploadParts(upload, 0, 10_000).slice(0, -1);
      const bytes = parts.reduce((sum, part) => sum + part.size, 0);
      namespace.endUpload(t, upload, new Set(parts.map(({ number }) => number)));
      const extents = [extentOf(1, bytes)];
      const draft = draftOf(1, bytes, { ownerId: upload.ownerId, extents });
      namespace.putVersion(t, bucket, upload.key, draft);
      break;
    }
    case 'abort': {
      const upload = uploadAt(subject, bucket, op.pick);
      if (upload !== undefined) namespace.endUpload(t, upload, new Set());
      break;
    }
    case 'version':
      namespace.setVersioning(t, bucket.id, op.state);
      break;
    case 'quota':
      namespace.setQuota(t, op.owner, op.limit);
      break;
    case 'count':
    case 'sweep':
      throw new Error('not in a commit');
  }
}

/** True where it was refused by a quota. */
async function runOp(subject: Subject, bucket: Bucket, op: Op): Promise<boolean> {
  if (op.do === 'count') await subject.namespace.countUsage();
  else if (op.do === 'sweep') await subject.namespace.sweep();
  else {
    try {
      await subject.commit((t) => apply(subject, bucket, t, op));
    } catch (error) {
      assert.equal((error as { kind?: unknown }).kind, 'over-quota');
      return true;
    }
  }
  return false;
}

export function quotasContract(open: OpenSubject, propertyRuns: number): void {
  test('after any history, counted while it ran, what is used is what is there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(opArb, { minLength: 10, maxLength: 60 }), async (ops) => {
        const subject = await open();
        try {
          const bucket = await makeBucket(subject);
          const { namespace } = subject;
          for (const op of ops) {
            const before = owners.map((id) => namespace.usage(id));
            const isRefused = await runOp(subject, bucket, op);
            if (!isRefused) continue;
            assert.deepEqual(
              owners.map((id) => namespace.usage(id)),
              before,
            );
          }
          for (const id of owners) {
            // A quota that has been there all along, or one set at the end: both are right.
            if (namespace.usage(id) === undefined) {
              await subject.commit((t) => namespace.setQuota(t, id, 1e12));
            }
          }
          await countAll(subject);
          for (const id of owners) {
            const usage = namespace.usage(id);
            assert.equal(usage?.usedBytes, owned(namespace, bucket.id, id), id);
            assert.equal(usage?.isCounted, true);
          }
        } finally {
          await subject.close();
        }
      }),
      { numRuns: propertyRuns },
    );
  });

  test(
    'a quota is met exactly, and one byte more is refused with everything in its commit',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      const draft = (bytes: number, ownerId: string = anna) => draftOf(1, bytes, { ownerId });
      await commit((t) => namespace.setQuota(t, anna, 100));
      await countAll(subject);
      await commit((t) => namespace.putVersion(t, bucket, 'a', draft(100)));
      const late = commit((t) => {
        namespace.putVersion(t, bucket, 'empty', draft(0));
        namespace.putVersion(t, bucket, 'b', draft(1));
      });
      await assert.rejects(late, { kind: 'over-quota', message: /101 bytes.* 100/ });
      assert.equal(namespace.current(bucket.id, 'empty'), undefined);
      assert.deepEqual(namespace.usage(anna), {
        limitBytes: 100,
        usedBytes: 100,
        isCounted: true,
      });
      // In place of what it replaces there is room; others are not concerned.
      await commit((t) => namespace.putVersion(t, bucket, 'a', draft(60)));
      await commit((t) => namespace.putVersion(t, bucket, 'b', draft(40)));
      await commit((t) => namespace.putVersion(t, bucket, 'c', draft(1000, ben)));
      assert.throws(() => namespace.requireRoom(anna, 1), { kind: 'over-quota' });
      namespace.requireRoom(anna, 0);
      namespace.requireRoom(ben, 1e15);
      // Another's object replaced by hers is hers to answer for.
      const taken = commit((t) => namespace.putVersion(t, bucket, 'c', draft(1)));
      await assert.rejects(taken, { kind: 'over-quota' });
      await commit((t) => namespace.deleteObject(t, bucket, 'a', { ownerId: ben, modifiedMs: 1 }));
      await commit((t) => namespace.putVersion(t, bucket, 'd', draft(60)));
      // Lowered below what is used: nothing goes, nothing comes.
      await commit((t) => namespace.setQuota(t, anna, 10));
      const more = commit((t) => namespace.putVersion(t, bucket, 'd', draft(1)));
      await assert.rejects(more, { kind: 'over-quota' });
      await commit((t) => namespace.setQuota(t, anna, undefined));
      assert.equal(namespace.usage(anna), undefined);
      await commit((t) => namespace.putVersion(t, bucket, 'e', draft(1000)));
    }),
  );

  test(
    'parts count as they are stored, and once as the object is completed',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      await commit((t) => namespace.setQuota(t, anna, 100));
      await countAll(subject);
      const draft = uploadDraftOf('k', { ownerId: anna, initiatorId: ben });
      const upload = await commit((t) => namespace.createUpload(t, bucket.id, draft));
      const part = (number: number, bytes: number) =>
        commit((t) => namespace.putPart(t, upload, partOf(number, 1, bytes)));
      await part(1, 60);
      await assert.rejects(part(2, 41), { kind: 'over-quota' });
      await part(2, 40);
      await part(2, 30);
      assert.equal(namespace.usage(anna)?.usedBytes, 90);
      await runOp(subject, bucket, { do: 'complete', pick: 0 });
      assert.equal(namespace.usage(anna)?.usedBytes, 60);
    }),
  );

  test(
    'the uploads of a deleted bucket stop counting as they are swept',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      await commit((t) => namespace.setQuota(t, anna, 100));
      await countAll(subject);
      const draft = uploadDraftOf('k', { ownerId: anna });
      const upload = await commit((t) => namespace.createUpload(t, bucket.id, draft));
      await commit((t) => namespace.putPart(t, upload, partOf(1, 1, 70)));
      await commit((t) => namespace.deleteBucket(t, bucket.id));
      while (await namespace.sweep());
      assert.equal(namespace.usage(anna)?.usedBytes, 0);
    }),
  );

  test(
    'what is there is counted in slices, and writes on both sides of them count once',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      const nameOf = (index: number) => `k${String(index).padStart(5, '0')}`;
      const draft = draftOf(1, 1, { ownerId: anna });
      await commit((t) => {
        for (let index = 0; index < 2500; index += 1) {
          namespace.putVersion(t, bucket, nameOf(index), draft);
        }
      });
      await commit((t) => namespace.setQuota(t, anna, 1e12));
      assert.deepEqual(namespace.usage(anna), {
        limitBytes: 1e12,
        usedBytes: 0,
        isCounted: false,
      });
      let slices = 0;
      do {
        for (const index of [5, 1500, 2499]) {
          const bigger = draftOf(1, 10 + slices, { ownerId: anna });
          await commit((t) => namespace.putVersion(t, bucket, nameOf(index), bigger));
          await commit((t) => {
            const marker = { ownerId: anna, modifiedMs: 1 };
            namespace.deleteObject(t, bucket, nameOf(index + 1 + slices), marker);
            namespace.putVersion(t, bucket, `${nameOf(index)}-${slices}`, draft);
          });
        }
        slices += 1;
      } while (await namespace.countUsage());
      assert.ok(slices > 3, `${slices} slices`);
      assert.equal(namespace.usage(anna)?.isCounted, true);
      assert.equal(namespace.usage(anna)?.usedBytes, owned(namespace, bucket.id, anna));
    }),
  );
}
