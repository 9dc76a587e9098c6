/** Deleting one key or one version inside a commit, with its conditions. */
import type { Transaction } from '../../blobseer-client/index.ts';
import type { Bucket, DeleteOutcome, Namespace } from '../namespace/namespace.ts';
import { mayReplaceObject, mayUseBucket, rightsOfNewObject } from '../s3/acl.ts';
import { checkDelete, type DeleteConditions } from '../s3/conditions.ts';
import { S3Error } from '../s3/errors.ts';
import type { Stores } from './stores.ts';

export interface DeleteRequest {
  readonly key: string;
  /** `anonymousId` without a signature. */
  readonly requesterId: string;
  /** Checked to be the id of some version. Undefined: the key, as the bucket's state has it. */
  readonly versionId: string | undefined;
  readonly conditions: DeleteConditions;
}

/** What S3 answers of a delete. */
export interface Deleted {
  readonly isDeleteMarker: boolean;
  /** Of the delete marker written, or the version named; undefined where versions play no part. */
  readonly versionId: string | undefined;
}

/** Throws AccessDenied, and where a condition does not hold; nothing has been written by then. */
export function deleteOne(
  { namespace, clock, config }: Omit<Stores, 'blobseer'>,
  transaction: Transaction,
  bucket: Bucket,
  request: DeleteRequest,
): Deleted {
  const { key, versionId, requesterId } = request;
  requireDeleting(bucket, request);
  if (config.cumulus && versionId === undefined) requireReplacing(namespace, bucket, request);
  checkConditions(namespace, bucket, request);
  if (versionId !== undefined) {
    const { isDeleteMarker } = namespace.deleteVersion(transaction, bucket, key, versionId);
    return { isDeleteMarker, versionId };
  }
  const { ownerId } = rightsOfNewObject(bucket, requesterId, undefined);
  const marker = { ownerId, modifiedMs: clock.nowMs() };
  const outcome: DeleteOutcome = namespace.deleteObject(transaction, bucket, key, marker);
  if (bucket.versioning === 'Unversioned') return { isDeleteMarker: false, versionId: undefined };
  return { isDeleteMarker: outcome.isDeleteMarker, versionId: outcome.versionId };
}

/**
 * Whoever may write may delete, but for good only the bucket's owner: WRITE "allows the
 * s3:DeleteObjectVersion action" when "the grantee is the bucket owner" (acl-overview).
 */
function requireDeleting(bucket: Bucket, { versionId, requesterId }: DeleteRequest): void {
  const isAllowed =
    versionId === undefined
      ? mayUseBucket(bucket, requesterId, 'WRITE')
      : requesterId === bucket.ownerId;
  if (!isAllowed) throw new S3Error('AccessDenied');
}

function requireReplacing(
  namespace: Namespace,
  bucket: Bucket,
  { key, requesterId }: DeleteRequest,
): void {
  const current = namespace.current(bucket.id, key);
  if (current === undefined || current.isDeleteMarker) return;
  if (!mayReplaceObject(bucket, current, requesterId)) throw new S3Error('AccessDenied');
}

/**
 * Conditions speak of what would be deleted. A version that is not there lets all of them pass: the
 * delete that was wanted has happened.
 */
function checkConditions(
  namespace: Namespace,
  bucket: Bucket,
  { key, versionId, conditions }: DeleteRequest,
): void {
  const { ifMatch, size, modifiedMs } = conditions;
  if (ifMatch === undefined && size === undefined && modifiedMs === undefined) return;
  const target =
    versionId === undefined
      ? namespace.current(bucket.id, key)
      : namespace.version(bucket.id, key, versionId);
  if (target === undefined && versionId !== undefined) return;
  // To If-Match a delete marker is no object; it has a size (none) and a time all the same.
  const isMarker = target?.isDeleteMarker === true && ifMatch !== undefined;
  checkDelete(conditions, isMarker ? 'delete-marker' : target, key);
}
