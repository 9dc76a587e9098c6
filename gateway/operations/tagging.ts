/** Tags of an object: GetObjectTagging, PutObjectTagging, DeleteObjectTagging. */
import type { Bucket, ObjectVersion } from '../namespace/namespace.ts';
import { findVersion, presentBucket } from '../objects/find.ts';
import { S3Error } from '../s3/errors.ts';
import { checkKey } from '../s3/names.ts';
import { checkTags } from '../s3/tagging.ts';
import { element } from '../s3/xml.ts';
import { child, children, parseXml, requiredText } from '../s3/xml-parse.ts';
import type { Services } from '../services.ts';
import { noContent, versionHeader, xmlAnswer } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket, lookOf } from './request.ts';

type Tags = Readonly<Record<string, string>>;

/** In the order of their keys, whatever order they came in. */
export function getObjectTagging(request: S3Request, services: Services): S3Response {
  const bucket = loadedBucket(request);
  const { key, query } = request;
  checkKey(key);
  const version = findVersion(
    services.namespace,
    lookOf(request, bucket),
    key,
    query.get('versionId'),
  );
  const tags = Object.entries(version.tags ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const answer = xmlAnswer(
    'Tagging',
    element(
      'TagSet',
      tags.map(([name, value]) => element('Tag', element('Key', name), element('Value', value))),
    ),
  );
  return { ...answer, headers: { ...answer.headers, ...versionHeader(bucket, version.versionId) } };
}

export async function putObjectTagging(
  request: S3Request,
  services: Services,
): Promise<S3Response> {
  const { bucket, version } = await replaceTags(request, services, tagsOf(request.document));
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
  const { key, query } = request;
  checkKey(key);
  return await blobseer.store.commit((transaction) => {
    const bucket = presentBucket(namespace, loadedBucket(request));
    const version = findVersion(namespace, lookOf(request, bucket), key, query.get('versionId'));
    namespace.amendVersion(transaction, bucket, key, version.versionId, { tags });
    return { bucket, version };
  });
}

function tagsOf(document: Buffer): Tags {
  const tagSet = child(parseXml(document, 'Tagging'), 'TagSet');
  if (tagSet === undefined) throw new S3Error('MalformedXML');
  return checkTags(
    children(tagSet, 'Tag').map(
      (tag) => [requiredText(tag, 'Key'), requiredText(tag, 'Value')] as const,
    ),
  );
}
