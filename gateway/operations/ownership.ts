/** Who owns what others upload to a bucket: Put-, Get- and DeleteBucketOwnershipControls. */
import type { Bucket, ObjectOwnership } from '../namespace/namespace.ts';
import { presentBucket } from '../objects/find.ts';
import { grantsToOthers } from '../s3/acl.ts';
import { S3Error } from '../s3/errors.ts';
import { element } from '../s3/xml.ts';
import { children, parseXml, requiredText } from '../s3/xml-parse.ts';
import type { Services } from '../services.ts';
import { bucketSubject } from './acl.ts';
import { noContent, xmlAnswer } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket } from './request.ts';

const ownerships: readonly ObjectOwnership[] = [
  'ObjectWriter',
  'BucketOwnerPreferred',
  'BucketOwnerEnforced',
];

export function objectOwnership(text: string): ObjectOwnership | undefined {
  return ownerships.find((name) => name === text);
}

/** Throws where ACLs would be disabled on a bucket whose ACL grants something to others. */
export function requireFitting(
  { ownerId, acl }: Pick<Bucket, 'ownerId' | 'acl'>,
  ownership: ObjectOwnership | undefined,
): void {
  if (ownership !== 'BucketOwnerEnforced') return;
  if (!grantsToOthers(acl, bucketSubject({ ownerId }))) return;
  throw new S3Error('InvalidBucketAclWithObjectOwnership');
}

export function getBucketOwnershipControls(request: S3Request): S3Response {
  const { ownership, name } = loadedBucket(request);
  if (ownership === undefined) {
    throw new S3Error('OwnershipControlsNotFoundError', { fields: { BucketName: name } });
  }
  return xmlAnswer('OwnershipControls', element('Rule', element('ObjectOwnership', ownership)));
}

export async function putBucketOwnershipControls(
  request: S3Request,
  services: Services,
): Promise<S3Response> {
  if (request.document.length === 0) throw new S3Error('MissingRequestBodyError');
  const [rule, second] = children(parseXml(request.document, 'OwnershipControls'), 'Rule');
  const ownership = rule && objectOwnership(requiredText(rule, 'ObjectOwnership').trim());
  if (ownership === undefined || second !== undefined) throw new S3Error('MalformedXML');
  await replace(request, services, ownership);
  return { status: 200, headers: {} };
}

/** Answers the same where there were none. */
export async function deleteBucketOwnershipControls(
  request: S3Request,
  services: Services,
): Promise<S3Response> {
  await replace(request, services, undefined);
  return noContent();
}

async function replace(
  request: S3Request,
  { blobseer, namespace }: Services,
  ownership: ObjectOwnership | undefined,
): Promise<void> {
  await blobseer.store.commit((transaction) => {
    const bucket = presentBucket(namespace, loadedBucket(request));
    requireFitting(bucket, ownership);
    namespace.setOwnership(transaction, bucket.id, ownership);
  });
}
