/**
 * Which version of which object a request means, whether who asks may have it, and S3's answers where
 * there is none. Finding and deciding are one step: nothing is told of what may not be seen.
 */
import type { Transaction } from '../../blobseer-client/index.ts';
import type { Bucket, Namespace, ObjectVersion } from '../namespace/namespace.ts';
import { mayUseBucket, mayUseObject, type ObjectPermission } from '../s3/acl.ts';
import { invalidArgument, S3Error } from '../s3/errors.ts';

/** Who looks for an object, where, and what for. */
export interface Look {
  readonly bucket: Bucket;
  /** `anonymousId` for a request without a signature. */
  readonly requesterId: string;
  /** What the object's ACL must grant; undefined where the bucket alone decides and has decided. */
  readonly permission: ObjectPermission | undefined;
}

/**
 * The version that a read means: the current one, or the one of `versionId`. Never a delete marker.
 * Throws AccessDenied, NoSuchKey (for a current delete marker with its id), NoSuchVersion,
 * InvalidArgument for what cannot be a version id, and MethodNotAllowed for a delete marker named by
 * its id.
 */
export function findVersion(
  namespace: Namespace,
  look: Look,
  key: string,
  versionId: string | undefined,
): ObjectVersion {
  const found = lookUp(namespace, look, key, versionId);
  if (!found.isDeleteMarker) return found;
  if (versionId === undefined) {
    throw new S3Error('NoSuchKey', { fields: { Key: key }, headers: markerHeaders(found) });
  }
  throw new S3Error('MethodNotAllowed', {
    fields: { Method: 'GET', ResourceType: 'DeleteMarker' },
    headers: {
      Allow: 'DELETE',
      'Last-Modified': new Date(found.modifiedMs).toUTCString(),
      ...markerHeaders(found),
    },
  });
}

/** As `findVersion`, delete markers too. */
export function lookUp(
  namespace: Namespace,
  look: Look,
  key: string,
  versionId: string | undefined,
): ObjectVersion {
  if (versionId !== undefined) checkVersionId(namespace, versionId);
  const { bucket } = look;
  const found =
    versionId === undefined
      ? namespace.current(bucket.id, key)
      : namespace.version(bucket.id, key, versionId);
  if (found === undefined || found.isDeleteMarker) requireListing(look);
  else requireGranted(look, found);
  if (found !== undefined) return found;
  if (versionId !== undefined) throw noSuchVersion(key, versionId);
  throw new S3Error('NoSuchKey', { fields: { Key: key } });
}

function requireGranted(look: Look, version: ObjectVersion): void {
  const { bucket, requesterId, permission } = look;
  if (permission === undefined || mayUseObject(bucket, version, requesterId, permission)) return;
  throw new S3Error('AccessDenied');
}

/**
 * That a key is absent is told to those who may list: "If you don't have the s3:ListBucket permission,
 * Amazon S3 returns an HTTP status code 403 error" (API_GetObject). A delete marker has no ACL.
 */
function requireListing({ bucket, requesterId }: Look): void {
  if (!mayUseBucket(bucket, requesterId, 'READ')) throw new S3Error('AccessDenied');
}

/** Throws InvalidArgument for what cannot be the id of any version. */
export function checkVersionId(namespace: Namespace, versionId: string): void {
  if (namespace.isVersionId(versionId)) return;
  throw invalidArgument(
    'versionId',
    versionId,
    versionId === '' ? 'Version id cannot be the empty string' : 'Invalid version id specified',
  );
}

function noSuchVersion(key: string, versionId: string): S3Error {
  return new S3Error('NoSuchVersion', { fields: { Key: key, VersionId: versionId } });
}

function markerHeaders(marker: ObjectVersion): Record<string, string> {
  return { 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker.versionId };
}

/** Inside a commit: the bucket as it is now. Throws NoSuchBucket when it went away meanwhile. */
export function presentBucket(
  namespace: Namespace,
  bucket: Pick<Bucket, 'id' | 'name'>,
  within?: Transaction,
): Bucket {
  const present = namespace.bucket(bucket.name, within);
  if (present?.id !== bucket.id) {
    throw new S3Error('NoSuchBucket', { fields: { BucketName: bucket.name } });
  }
  return present;
}
