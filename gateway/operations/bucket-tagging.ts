/**
 * Tags of a bucket: PutBucketTagging, GetBucketTagging, DeleteBucketTagging. A bucket may have
 * its first ones from CreateBucket (buckets.ts).
 */
import { presentBucket } from '../objects/find.ts';
import { S3Error } from '../s3/errors.ts';
import { parseTaggingDocument, type Tags, tagSetElement } from '../s3/tagging.ts';
import type { Services } from '../services.ts';
import { noContent, xmlAnswer } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket } from './request.ts';

/** The form in which they are kept; undefined, that is nothing, where there are none. */
export function encodeBucketTags(tags: Tags): Buffer | undefined {
  const pairs = Object.entries(tags);
  return pairs.length === 0 ? undefined : Buffer.from(JSON.stringify(pairs));
}

/** 204, unlike the call for objects. An empty set removes all, and is NoSuchTagSet afterwards. */
export async function putBucketTagging(
  request: S3Request,
  services: Services,
): Promise<S3Response> {
  await replaceTags(request, services, parseTaggingDocument(request.document, 'bucket'));
  return noContent();
}

export function getBucketTagging(request: S3Request, { namespace }: Services): S3Response {
  const kept = namespace.bucketSetting(loadedBucket(request).id, 'tagging');
  if (kept === undefined) {
    throw new S3Error('NoSuchTagSet', { fields: { BucketName: request.bucket } });
  }
  const pairs: readonly (readonly [string, string])[] = JSON.parse(kept.toString());
  return xmlAnswer('Tagging', tagSetElement(pairs));
}

export async function deleteBucketTagging(
  request: S3Request,
  services: Services,
): Promise<S3Response> {
  await replaceTags(request, services, {});
  return noContent();
}

async function replaceTags(
  request: S3Request,
  { blobseer, namespace }: Services,
  tags: Tags,
): Promise<void> {
  await blobseer.store.commit((transaction) => {
    const { id } = presentBucket(namespace, loadedBucket(request));
    namespace.putBucketSetting(transaction, id, 'tagging', encodeBucketTags(tags));
  });
}
