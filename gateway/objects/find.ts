/** Which version of which object a request means, and S3's answers where there is none. */
import type { Bucket, Namespace, ObjectVersion } from '../namespace/namespace.ts';
import { invalidArgument, S3Error } from '../s3/errors.ts';

/**
 * The version that a read means: the current one, or the one of `versionId`. Never a delete marker.
 * Throws NoSuchKey (for a current delete marker with its id), NoSuchVersion, InvalidArgument for what
 * cannot be a version id, and MethodNotAllowed for a delete marker named by its id.
 */
export function findVersion(
  namespace: Namespace,
  bucket: Pick<Bucket, 'id'>,
  key: string,
  versionId: string | undefined,
): ObjectVersion {
  if (versionId !== undefined) return findById(namespace, bucket, key, versionId);
  const current = namespace.current(bucket.id, key);
  if (current === undefined) throw new S3Error('NoSuchKey', { fields: { Key: key } });
  if (current.isDeleteMarker) {
    throw new S3Error('NoSuchKey', { fields: { Key: key }, headers: markerHeaders(current) });
  }
  return current;
}

function findById(
  namespace: Namespace,
  bucket: Pick<Bucket, 'id'>,
  key: string,
  versionId: string,
): ObjectVersion {
  checkVersionId(namespace, versionId);
  const version = namespace.version(bucket.id, key, versionId);
  if (version === undefined) throw noSuchVersion(key, versionId);
  if (version.isDeleteMarker) {
    throw new S3Error('MethodNotAllowed', {
      fields: { Method: 'GET', ResourceType: 'DeleteMarker' },
      headers: {
        Allow: 'DELETE',
        'Last-Modified': new Date(version.modifiedMs).toUTCString(),
        ...markerHeaders(version),
      },
    });
  }
  return version;
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

export function noSuchVersion(key: string, versionId: string): S3Error {
  return new S3Error('NoSuchVersion', { fields: { Key: key, VersionId: versionId } });
}

function markerHeaders(marker: ObjectVersion): Record<string, string> {
  return { 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker.versionId };
}

/** Inside a commit: the bucket as it is now. Throws NoSuchBucket when it went away meanwhile. */
export function presentBucket(namespace: Namespace, bucket: Pick<Bucket, 'id' | 'name'>): Bucket {
  const present = namespace.bucketById(bucket.id);
  if (present === undefined) {
    throw new S3Error('NoSuchBucket', { fields: { BucketName: bucket.name } });
  }
  return present;
}
