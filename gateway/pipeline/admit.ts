/** May they: loads the bucket that is asked for and holds its owner against who asks. */
import type { Authenticated } from '../auth/authenticate.ts';
import {
  requireBucketUse,
  requireExpectedBucketOwner,
  requireIdentity,
} from '../auth/authorize.ts';
import type { Bucket, Namespace } from '../namespace/namespace.ts';
import type { Headers, Operation } from '../operations/operation.ts';
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
 * use it (S3 does not hide which names exist), and AccessDenied.
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
  if (operation.access !== 'handler') requireBucketUse(requireIdentity(authenticated), bucket);
  const expected = input.headers.get('x-amz-expected-bucket-owner');
  if (expected !== undefined) {
    requireExpectedBucketOwner(expected, namespace.user(bucket.ownerId)?.accountId);
  }
  return bucket;
}
