/** What the contract's cases are run on, and the drafts they write. */
import assert from 'node:assert/strict';
import type { SnapshotRef, Transaction } from '../../../blobseer-client/index.ts';
import type {
  Bucket,
  BucketDraft,
  Extent,
  Grant,
  Namespace,
  Part,
  UploadDraft,
  VersionDraft,
} from '../namespace.ts';

export interface Subject {
  readonly namespace: Namespace;
  commit<T>(work: (transaction: Transaction) => T): Promise<T>;
  /** Every reference given back so far, as often as it was given back. */
  buried(): SnapshotRef[];
  close(): Promise<void>;
}

export type OpenSubject = () => Promise<Subject>;

/** Runs a case on a subject of its own and closes it, whatever happens. */
export function onSubject(
  open: OpenSubject,
  work: (subject: Subject) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const subject = await open();
    try {
      await work(subject);
    } finally {
      await subject.close();
    }
  };
}

export const ownerId = 'ab'.repeat(32);
export const md5OfNothing = 'd41d8cd98f00b204e9800998ecf8427e';
export const noHeaders = { system: {}, user: {} };

export function bucketDraftOf(name: string): BucketDraft {
  return { name, ownerId, createdMs: 1_700_000_000_000, location: '', acl: 'private' };
}

export async function makeBucket(
  { commit, namespace }: Pick<Subject, 'commit' | 'namespace'>,
  name = 'bucket',
  versioning: 'Unversioned' | 'Enabled' | 'Suspended' = 'Unversioned',
): Promise<Bucket> {
  return commit((transaction) => {
    const draft = bucketDraftOf(name);
    const bucket = namespace.createBucket(transaction, draft);
    if (bucket === undefined) throw new Error(`bucket ${name} is there already`);
    if (versioning !== 'Unversioned') namespace.setVersioning(transaction, bucket.id, versioning);
    return { ...bucket, versioning };
  });
}

/** An extent on a snapshot that stands for itself: blob `blobId`, version 1. */
export function extentOf(blobId: number, length: number): Extent {
  return { snapshot: { blobId, version: 1 }, offset: 0, length };
}

export function draftOf(blobId: number, size = 1, more: Partial<VersionDraft> = {}): VersionDraft {
  return {
    isDeleteMarker: false,
    size,
    etag: md5OfNothing,
    modifiedMs: 1_700_000_000_000 + blobId,
    ownerId,
    storageClass: 'STANDARD',
    headers: noHeaders,
    extents: [extentOf(blobId, size)],
    parts: [],
    ...more,
  };
}

export function uploadDraftOf(key: string, more: Partial<UploadDraft> = {}): UploadDraft {
  return {
    key,
    ownerId,
    initiatorId: ownerId,
    initiatedMs: 1_700_000_000_000,
    storageClass: 'STANDARD',
    headers: noHeaders,
    ...more,
  };
}

export function partOf(number: number, blobId: number, size = 1): Part {
  return {
    number,
    size,
    etag: md5OfNothing,
    modifiedMs: 1_700_000_000_000 + number,
    extents: [extentOf(blobId, size)],
    checksums: [],
  };
}

/** A grant of each kind to each kind of grantee. */
export const everyGrant: readonly Grant[] = (
  ['FULL_CONTROL', 'READ', 'WRITE', 'READ_ACP', 'WRITE_ACP'] as const
).flatMap((permission): Grant[] => [
  { grantee: { kind: 'user', id: 'ünicode' }, permission },
  {
    grantee: { kind: 'group', uri: 'http://acs.amazonaws.com/groups/global/AllUsers' },
    permission,
  },
  { grantee: { kind: 'group', uri: 'urn:another' }, permission },
]);

export const everything = { prefix: '', delimiter: '', after: '', limit: 1000 };

/** Blob ids of references, in order: what the cases compare. */
export function blobIds(refs: Iterable<SnapshotRef>): number[] {
  return [...refs].map(({ blobId }) => blobId).sort((a, b) => a - b);
}

/** Fails where anything is wrong among the namespace's rows. */
export function heldBlobIds({ namespace }: Subject): number[] {
  const refs = [...namespace.inspect()].map((found) => {
    if ('problem' in found) assert.fail(found.problem);
    return found.snapshot;
  });
  return blobIds(refs);
}
