/** Tags of an object: GetObjectTagging, PutObjectTagging, DeleteObjectTagging. */
import type { Bucket, Namespace, ObjectVersion } from '../namespace/namespace.ts';
import { lookUp, presentBucket } from '../objects/find.ts';
import { S3Error } from '../s3/errors.ts';
import { checkKey } from '../s3/names.ts';
import { parseTaggingDocument, type Tags, tagSetElement } from '../s3/tagging.ts';
import type { Services } from '../services.ts';
import { noContent, versionHeader, xmlAnswer } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket, lookOf } from './request.ts';

/** In the order of their keys, whatever order they came in. */
export function getObjectTagging(request: S3Request, services: Services): S3Response {
  const bucket = loadedBucket(request);
  const version = findTagged(request, services.namespace, bucket);
  const tags = Object.entries(version.tags ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const answer = xmlAnswer('Tagging', tagSetElement(tags));
  return { ...answer, headers: { ...answer.headers, ...versionHeader(bucket, version.versionId) } };
}

export async function putObjectTagging(
  request: S3Request,
  services: Services,
): Promise<S3Response> {
  const tags = parseTaggingDocument(request.document, 'object');
  const { bucket, version } = await replaceTags(request, services, tags);
  return { status: 200, headers: versionHeader(bucket, version.versionId) };
}

export async function deleteObjectTagging(
  request: S3Request,
  services: Services,
): Promise<S3Response> {
  const { bucket, version } = await replaceTags(request, services, {});
  return noContent(versionHeader(bucket, version.versionId));
}

async function replaceTags(
  request: S3Request,
  { blobseer, namespace }: Services,
  tags: Tags,
): Promise<{ readonly bucket: Bucket; readonly version: ObjectVersion }> {
  return await blobseer.store.commit((transaction) => {
    const bucket = presentBucket(namespace, loadedBucket(request));
    const version = findTagged(request, namespace, bucket);
    namespace.amendVersion(transaction, bucket, request.key, version.versionId, { tags });
    return { bucket, version };
  });
}

/**
 * As `findVersion`, but a delete marker that is current is MethodNotAllowed too, where reading the
 * object would be NoSuchKey.
 */
function findTagged(request: S3Request, namespace: Namespace, bucket: Bucket): ObjectVersion {
  const { key, query, method } = request;
  checkKey(key);
  const found = lookUp(namespace, lookOf(request, bucket), key, query.get('versionId'));
  if (!found.isDeleteMarker) return found;
  throw new S3Error('MethodNotAllowed', {
    fields: { Method: method, ResourceType: 'DeleteMarker' },
    headers: {
      Allow: 'DELETE',
      'x-amz-delete-marker': 'true',
      'x-amz-version-id': found.versionId,
    },
  });
}
