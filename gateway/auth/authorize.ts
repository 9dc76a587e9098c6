/** Who asks, for what is decided by it: pipeline/admit.ts and, by ACLs, s3/acl.ts. */
import { anonymousId } from '../s3/acl.ts';
import { S3Error } from '../s3/errors.ts';
import type { Authenticated } from './authenticate.ts';
import type { Identity } from './identity.ts';

/** The signer; AccessDenied for an anonymous request. */
export function requireIdentity(authenticated: Authenticated): Identity {
  if (authenticated.kind === 'anonymous') throw new S3Error('AccessDenied');
  return authenticated.identity;
}

/** Who asks, as ACLs and owners know them. */
export function requesterOf(authenticated: Authenticated): string {
  return authenticated.kind === 'anonymous' ? anonymousId : authenticated.identity.userId;
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
