/**
 * Who may do what: denied unless allowed. Today a bucket and all in it belong to its owner and to
 * nobody else; an anonymous request may nothing.
 */
import { S3Error } from '../s3/errors.ts';
import type { Authenticated } from './authenticate.ts';
import type { Identity } from './identity.ts';

/** What deciding needs to know of a bucket. */
export interface OwnedBucket {
  /** The owner's user id. */
  readonly ownerId: string;
}

/** The signer; AccessDenied for an anonymous request. */
export function requireIdentity(authenticated: Authenticated): Identity {
  if (authenticated.kind === 'anonymous') throw new S3Error('AccessDenied');
  return authenticated.identity;
}

export function mayUseBucket(identity: Identity | undefined, bucket: OwnedBucket): boolean {
  return identity !== undefined && identity.userId === bucket.ownerId;
}

/** AccessDenied unless `mayUseBucket`. For the source of a copy too. */
export function requireBucketUse(identity: Identity | undefined, bucket: OwnedBucket): void {
  if (!mayUseBucket(identity, bucket)) throw new S3Error('AccessDenied');
}

/**
 * x-amz-expected-bucket-owner (and x-amz-source-expected-bucket-owner): AccessDenied unless it is
 * the owner's account id. An owner whom nobody knows any more (`undefined`) is not the expected one.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
 */
export function requireExpectedBucketOwner(
  expectedAccountId: string | undefined,
  ownerAccountId: string | undefined,
): void {
  if (expectedAccountId === undefined) return;
  if (expectedAccountId !== ownerAccountId) throw new S3Error('AccessDenied');
}
