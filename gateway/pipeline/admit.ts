/** May they: loads the bucket that is asked for and holds its owner and its ACL against who asks. */
import type { Authenticated } from '../auth/authenticate.ts';
import { requesterOf, requireExpectedBucketOwner, requireIdentity } from '../auth/authorize.ts';
import type { Bucket, Namespace } from '../namespace/namespace.ts';
import type { Access, Headers, Operation } from '../operations/operation.ts';
import { anonymousId, mayUseBucket } from '../s3/acl.ts';
import { S3Error } from '../s3/errors.ts';

export interface AdmitInput {
  readonly operation: Operation;
  readonly bucketName: string;
  readonly headers: Headers;
  readonly authenticated: Authenticated;
  readonly namespace: Namespace;
}

/**
 * The bucket of a bucket or object operation. Throws NoSuchBucket, also towards those who may not
 * use it (S3 does not hide which names exist), and AccessDenied. Rights to an object or upload are
 * decided where it is found.
 */
export function admit(input: AdmitInput): Bucket | undefined {
  const { operation, authenticated, namespace } = input;
  if (operation.isUnsigned === true) return undefined;
  if (operation.level === 'service' || operation.createsBucket === true) {
    requireIdentity(authenticated);
    return undefined;
  }
  const bucket = namespace.bucket(input.bucketName);
  if (bucket === undefined) {
    throw new S3Error('NoSuchBucket', { fields: { BucketName: input.bucketName } });
  }
  if (!isAllowed(operation.access, requesterOf(authenticated), bucket)) {
    throw new S3Error('AccessDenied');
  }
  const expected = input.headers.get('x-amz-expected-bucket-owner');
  if (expected !== undefined) {
    requireExpectedBucketOwner(expected, namespace.user(bucket.ownerId)?.accountId);
  }
  return bucket;
}

/** A kind of access that is decided nowhere here does not compile, and lets nobody pass. */
function isAllowed(access: Access, requesterId: string, bucket: Bucket): boolean {
  switch (access) {
    case 'bucket-owner':
      return requesterId === bucket.ownerId;
    case 'bucket:READ':
      return mayUseBucket(bucket, requesterId, 'READ');
    case 'bucket:WRITE':
      return mayUseBucket(bucket, requesterId, 'WRITE');
    case 'bucket:READ_ACP':
      return mayUseBucket(bucket, requesterId, 'READ_ACP');
    case 'bucket:WRITE_ACP':
      return mayUseBucket(bucket, requesterId, 'WRITE_ACP');
    case 'signed':
    case 'upload':
      return requesterId !== anonymousId;
    case 'each-key':
      // A stranger's document is not read for nothing.
      return requesterId !== anonymousId || mayUseBucket(bucket, requesterId, 'WRITE');
    case 'object:READ':
    case 'object:READ_ACP':
    case 'object:WRITE_ACP':
    case 'anyone':
      return true;
  }
}
