/** Buckets themselves: ListBuckets, CreateBucket, HeadBucket, DeleteBucket, GetBucketLocation. */
import { defaultRegion } from '../config.ts';
import type { Bucket, ObjectOwnership } from '../namespace/namespace.ts';
import { isoDate } from '../s3/dates.ts';
import { invalidArgument, notImplemented, S3Error } from '../s3/errors.ts';
import { checkBucketName, isBucketName, isOldBucketName } from '../s3/names.ts';
import { tagsIn } from '../s3/tagging.ts';
import { element } from '../s3/xml.ts';
import { child, childText, parseXml, type XmlNode } from '../s3/xml-parse.ts';
import type { Services } from '../services.ts';
import { newBucketAcl } from './acl.ts';
import { noContent, Owners, xmlAnswer } from './answers.ts';
import { encodeBucketTags } from './bucket-tagging.ts';
import type { S3Request, S3Response } from './operation.ts';
import { objectOwnership, requireFitting } from './ownership.ts';
import { decodeToken, encodeToken } from './paging.ts';
import { loadedBucket, requireIdentity } from './request.ts';
import { refuseUnsupported } from './unsupported.ts';

/** API_ListBuckets: "Minimum value of 1. Maximum value of 10000." */
const maxBuckets = 10_000;
/** Buckets asked of the namespace at once. */
const bucketBatch = 1000;

/** Where a bucket says it is: its LocationConstraint, or the region that answers go by. */
function regionOf(bucket: Bucket, services: Services): string {
  // The one location that is not a region's name: it means eu-west-1 (API_CreateBucket).
  if (bucket.location === 'EU') return 'eu-west-1';
  return bucket.location === '' ? (services.config.region ?? defaultRegion) : bucket.location;
}

/** One's own buckets, by name. */
export function listBuckets(request: S3Request, services: Services): S3Response {
  const { userId } = requireIdentity(request);
  const { query } = request;
  const limit = bucketLimit(query.get('max-buckets'));
  const token = query.get('continuation-token');
  const prefix = query.get('prefix') ?? '';
  const region = query.get('bucket-region');
  const listed: Bucket[] = [];
  let after = token === undefined ? '' : decodeToken(token);
  let isTruncated = false;
  for (;;) {
    const page = services.namespace.buckets({ ownerId: userId, prefix, after, limit: bucketBatch });
    for (const bucket of page.items) {
      if (region !== undefined && region !== '' && regionOf(bucket, services) !== region) continue;
      if (listed.length === limit) {
        isTruncated = true;
        break;
      }
      listed.push(bucket);
    }
    if (isTruncated || !page.isTruncated) break;
    after = page.last;
  }
  const last = listed.at(-1);
  return xmlAnswer(
    'ListAllMyBucketsResult',
    new Owners(services.namespace).element(userId),
    element(
      'Buckets',
      listed.map((bucket) =>
        element(
          'Bucket',
          element('Name', bucket.name),
          element('CreationDate', isoDate(bucket.createdMs)),
          element('BucketRegion', regionOf(bucket, services)),
          element('BucketArn', arn(bucket.name)),
        ),
      ),
    ),
    isTruncated && last !== undefined
      ? element('ContinuationToken', encodeToken(last.name))
      : undefined,
    prefix === '' ? undefined : element('Prefix', prefix),
  );
}

function bucketLimit(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > maxBuckets) {
    throw invalidArgument(
      'max-buckets',
      text,
      `Argument max-buckets must be an integer between 1 and ${maxBuckets}`,
    );
  }
  return limit;
}

/**
 * Re-creating one's own bucket is 200 and sets its ACL anew, as S3 has it in us-east-1 ("Amazon S3
 * returns 200 OK and resets the bucket access control lists", API_CreateBucket); an ownership that is
 * named is set too. Another's name is BucketAlreadyExists. Any LocationConstraint is taken and echoed.
 */
export async function createBucket(request: S3Request, services: Services): Promise<S3Response> {
  const { userId } = requireIdentity(request);
  checkBucketName(request.bucket, services.config.cumulus ? isOldBucketName : isBucketName);
  refuseUnsupported(request.headers);
  const ownership = ownershipHeader(request.headers.get('x-amz-object-ownership'));
  const acl = newBucketAcl(request.headers, userId, services) ?? 'private';
  requireFitting({ ownerId: userId, acl }, ownership);
  const { location, tags } = bucketConfiguration(request.document);
  const { namespace, blobseer, clock } = services;
  await blobseer.store.commit((transaction) => {
    const existing = namespace.bucket(request.bucket);
    if (existing?.ownerId === userId) {
      // Nobody could tell whether the tags are the bucket's now: S3 refuses where it else says 200.
      if (tags !== undefined) {
        throw new S3Error('BucketAlreadyOwnedByYou', { fields: { BucketName: request.bucket } });
      }
      requireFitting({ ownerId: userId, acl }, ownership ?? existing.ownership);
      if (acl !== existing.acl) namespace.setBucketAcl(transaction, existing.id, acl);
      if (ownership !== undefined) namespace.setOwnership(transaction, existing.id, ownership);
      return;
    }
    const created = namespace.createBucket(transaction, {
      name: request.bucket,
      ownerId: userId,
      createdMs: clock.nowMs(),
      location,
      acl,
      ...(ownership === undefined ? {} : { ownership }),
    });
    if (created === undefined) {
      throw new S3Error('BucketAlreadyExists', { fields: { BucketName: request.bucket } });
    }
    if (tags !== undefined) namespace.putBucketSetting(transaction, created.id, 'tagging', tags);
  });
  return {
    status: 200,
    headers: { Location: `/${request.bucket}`, 'x-amz-bucket-arn': arn(request.bucket) },
  };
}

function arn(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}

function ownershipHeader(value: string | undefined): ObjectOwnership | undefined {
  if (value === undefined) return undefined;
  const ownership = objectOwnership(value);
  if (ownership === undefined) throw invalidArgument('x-amz-object-ownership', value);
  return ownership;
}

/** Region names and S3's old location names are of these characters. */
const locationName = /^[A-Za-z0-9-]{1,64}$/;

/** `tags` in the form in which a bucket keeps them; undefined for none. */
function bucketConfiguration(document: Buffer): {
  readonly location: string;
  readonly tags: Buffer | undefined;
} {
  if (document.length === 0) return { location: '', tags: undefined };
  const root = parseXml(document, 'CreateBucketConfiguration');
  // Elements that make another kind of bucket: ignoring them would be a lie.
  for (const name of ['Bucket', 'Location']) {
    if (child(root, name) !== undefined) {
      throw notImplemented(`CreateBucketConfiguration.${name}`);
    }
  }
  const tags = encodeBucketTags(tagsIn(child(root, 'Tags'), 'new bucket'));
  return { location: locationConstraint(root), tags };
}

function locationConstraint(root: XmlNode): string {
  const location = childText(root, 'LocationConstraint') ?? '';
  if (location === '' || location === defaultRegion) return '';
  if (!locationName.test(location)) {
    throw new S3Error('InvalidLocationConstraint', { fields: { LocationConstraint: location } });
  }
  return location;
}

export function headBucket(request: S3Request, services: Services): S3Response {
  const bucket = loadedBucket(request);
  return {
    status: 200,
    headers: {
      'Content-Type': 'application/xml',
      'x-amz-bucket-region': regionOf(bucket, services),
      'x-amz-bucket-arn': arn(bucket.name),
      'x-amz-access-point-alias': 'false',
    },
  };
}

/** Open uploads do not block it: they are aborted in the same transaction. */
export async function deleteBucket(request: S3Request, services: Services): Promise<S3Response> {
  const { id, name } = loadedBucket(request);
  const { namespace, blobseer } = services;
  await blobseer.store.commit((transaction) => {
    if (namespace.bucketById(id) === undefined) {
      throw new S3Error('NoSuchBucket', { fields: { BucketName: name } });
    }
    if (!namespace.deleteBucket(transaction, id)) {
      throw new S3Error('BucketNotEmpty', { fields: { BucketName: name } });
    }
  });
  return noContent();
}

/** Empty for us-east-1. The element is the root itself, a form that no other answer has. */
export function getBucketLocation(request: S3Request): S3Response {
  return xmlAnswer('LocationConstraint', loadedBucket(request).location);
}
