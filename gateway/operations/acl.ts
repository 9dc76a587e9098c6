/**
 * Access control lists: of what requests make, and GetBucketAcl, PutBucketAcl, GetObjectAcl,
 * PutObjectAcl. Where the bucket's ownership is BucketOwnerEnforced they are disabled.
 */
import type { Acl, Bucket, ObjectVersion } from '../namespace/namespace.ts';
import { findVersion, presentBucket } from '../objects/find.ts';
import { type AclSubject, ownerOf } from '../s3/acl.ts';
import { aclOfPolicy, aclPolicyElements, parseAclPolicy, requestedAcl } from '../s3/acl-request.ts';
import { S3Error } from '../s3/errors.ts';
import type { HeaderReader } from '../s3/headers.ts';
import { checkKey } from '../s3/names.ts';
import type { Services } from '../services.ts';
import { Owners, versionHeader, xmlAnswer } from './answers.ts';
import { namedBy, nameOf, type Users } from './grantees.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket, lookOf } from './request.ts';

/**
 * The ACL that x-amz-acl or x-amz-grant-* ask for on a new object of `writerId`'s. Throws
 * InvalidArgument, InvalidRequest, AccessControlListNotSupported.
 */
export function newObjectAcl(
  headers: HeaderReader,
  bucket: Bucket,
  writerId: string,
  users: Users,
): Acl | undefined {
  const subject = objectSubject(bucket, { ownerId: writerId });
  const acl = requestedAcl(headers, subject, namedBy(users));
  if (acl !== undefined) refuseDisabled(bucket, acl, headers.get('x-amz-acl'));
  return acl;
}

/** Of a bucket that is about to be made. */
export function newBucketAcl(
  headers: HeaderReader,
  ownerId: string,
  users: Users,
): Acl | undefined {
  return ofBucket(requestedAcl(headers, bucketSubject({ ownerId }), namedBy(users)));
}

/** Two speak of objects alone: "If you specify this canned ACL when creating a bucket, Amazon S3 ignores it." */
function ofBucket<Asked extends Acl | undefined>(acl: Asked): Asked | 'private' {
  return acl === 'bucket-owner-read' || acl === 'bucket-owner-full-control' ? 'private' : acl;
}

/**
 * Where ACLs are disabled S3 takes only bucket-owner-full-control, by this name or as the grants that
 * say the same, which of the bucket owner's own are those of `private`.
 */
function refuseDisabled(bucket: Bucket, acl: Acl, canned: string | undefined): void {
  if (bucket.ownership !== 'BucketOwnerEnforced' || acl === 'bucket-owner-full-control') return;
  if (canned === undefined && acl === 'private') return;
  throw new S3Error('AccessControlListNotSupported');
}

export function bucketSubject({ ownerId }: Pick<Bucket, 'ownerId'>): AclSubject {
  return { kind: 'bucket', ownerId, bucketOwnerId: ownerId };
}

function objectSubject(bucket: Bucket, object: Pick<ObjectVersion, 'ownerId'>): AclSubject {
  return { kind: 'object', ownerId: ownerOf(bucket, object), bucketOwnerId: bucket.ownerId };
}

/** What GET shows: where ACLs are disabled, everything for the bucket's owner. */
function shownAcl(bucket: Bucket, acl: Acl | undefined): Acl {
  return bucket.ownership === 'BucketOwnerEnforced' ? 'private' : (acl ?? 'private');
}

function policyAnswer(acl: Acl, subject: AclSubject, users: Users): S3Response {
  const owners = new Owners(users.namespace, nameOf(users));
  const fields = (id: string) => owners.fields(id);
  return xmlAnswer('AccessControlPolicy', aclPolicyElements(acl, subject, fields));
}

/** The ACL that a request sets, by headers or by document. Throws where it says none, or two. */
function givenAcl(request: S3Request, subject: AclSubject, users: Users): Acl {
  const { headers, document } = request;
  const byHeader = requestedAcl(headers, subject, namedBy(users));
  if (byHeader !== undefined && document.length > 0) throw new S3Error('UnexpectedContent');
  if (byHeader !== undefined) return byHeader;
  if (document.length > 0) {
    return aclOfPolicy(parseAclPolicy(document), subject, namedBy(users));
  }
  throw new S3Error('MissingSecurityHeader', { fields: { MissingHeaderName: 'x-amz-acl' } });
}

export function getBucketAcl(request: S3Request, services: Services): S3Response {
  const bucket = loadedBucket(request);
  return policyAnswer(shownAcl(bucket, bucket.acl), bucketSubject(bucket), services);
}

export async function putBucketAcl(request: S3Request, services: Services): Promise<S3Response> {
  const { blobseer, namespace } = services;
  const bucket = loadedBucket(request);
  const acl = givenAcl(request, bucketSubject(bucket), services);
  await blobseer.store.commit((transaction) => {
    const present = presentBucket(namespace, bucket);
    refuseDisabled(present, acl, request.headers.get('x-amz-acl'));
    namespace.setBucketAcl(transaction, present.id, ofBucket(acl));
  });
  return { status: 200, headers: {} };
}

export function getObjectAcl(request: S3Request, services: Services): S3Response {
  const { namespace } = services;
  const { key, query } = request;
  const bucket = loadedBucket(request);
  checkKey(key);
  const version = findVersion(namespace, lookOf(request), key, query.get('versionId'));
  const answer = policyAnswer(
    shownAcl(bucket, version.acl),
    objectSubject(bucket, version),
    services,
  );
  return { ...answer, headers: { ...answer.headers, ...versionHeader(bucket, version.versionId) } };
}

/** The version stays what it is otherwise, its time too. */
export async function putObjectAcl(request: S3Request, services: Services): Promise<S3Response> {
  const { blobseer, namespace } = services;
  const { key, query, headers } = request;
  const bucket = loadedBucket(request);
  checkKey(key);
  const versionId = query.get('versionId');
  const found = findVersion(namespace, lookOf(request), key, versionId);
  const subject = objectSubject(bucket, found);
  const acl = givenAcl(request, subject, services);
  const version = await blobseer.store.commit((transaction) => {
    const present = presentBucket(namespace, bucket);
    refuseDisabled(present, acl, headers.get('x-amz-acl'));
    // What the key holds may be another's by now: whether the ACL may be set is decided on that.
    const now = findVersion(namespace, lookOf(request, present), key, versionId);
    if (ownerOf(present, now) !== subject.ownerId) throw new S3Error('OperationAborted');
    if (present.ownership !== 'BucketOwnerEnforced') {
      namespace.amendVersion(transaction, present, key, now.versionId, { acl });
    }
    return now;
  });
  return { status: 200, headers: versionHeader(bucket, version.versionId) };
}
