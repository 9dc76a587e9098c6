/** What handlers read from a request in the same way. */
import type { Bucket } from '../namespace/namespace.ts';
import type { Look } from '../objects/find.ts';
import { anonymousId } from '../s3/acl.ts';
import { invalidArgument, S3Error } from '../s3/errors.ts';
import type { Access, Identity, S3Request } from './operation.ts';

/** The bucket that the pipeline loaded. Its absence would be a fault of the pipeline. */
export function loadedBucket(request: S3Request): Bucket {
  if (request.bucketRecord === undefined) throw new Error(`${request.bucket} was not loaded`);
  return request.bucketRecord;
}

/** Who asks, for operations that make or list what somebody owns. */
export function requireIdentity(request: S3Request): Identity {
  if (request.identity === undefined) throw new S3Error('AccessDenied');
  return request.identity;
}

/** Who asks, as ACLs and owners know them: `anonymousId` without a signature. */
export function requesterId({ identity }: Pick<S3Request, 'identity'>): string {
  return identity?.userId ?? anonymousId;
}

/**
 * What makes an object makes its newest version: who names another would have that one replaced. Throws
 * InvalidArgument, as S3 does (https://github.com/scality/cloudserver/pull/712).
 */
export function refuseVersionId({ query }: Pick<S3Request, 'query'>): void {
  const versionId = query.get('versionId');
  if (versionId === undefined) return;
  throw invalidArgument('versionId', versionId, 'This operation does not accept a version-id.');
}

/** Who looks for the object of a request, and for what by the request's row. */
export function lookOf(request: S3Request, bucket = loadedBucket(request)): Look {
  return {
    bucket,
    requesterId: requesterId(request),
    permission: objectPermission(request.access),
  };
}

function objectPermission(access: Access): Look['permission'] {
  switch (access) {
    case 'object:READ':
      return 'READ';
    case 'object:READ_ACP':
      return 'READ_ACP';
    case 'object:WRITE_ACP':
      return 'WRITE_ACP';
    case 'bucket-owner':
      return undefined;
    default:
      throw new Error(`${access} is no right to an object`);
  }
}
