/** What handlers read from a request in the same way. */
import type { Bucket } from '../namespace/namespace.ts';
import { S3Error } from '../s3/errors.ts';
import type { Identity, S3Request } from './operation.ts';

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
