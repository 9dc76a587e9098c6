/** Tags of an object. */
import { findVersion } from '../objects/find.ts';
import { element } from '../s3/xml.ts';
import type { Services } from '../services.ts';
import { versionHeader, xmlAnswer } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket } from './request.ts';

export function getObjectTagging(request: S3Request, services: Services): S3Response {
  const bucket = loadedBucket(request);
  const { key, query } = request;
  const version = findVersion(services.namespace, bucket, key, query.get('versionId'));
  const answer = xmlAnswer(
    'Tagging',
    element(
      'TagSet',
      Object.entries(version.tags ?? {}).map(([name, value]) =>
        element('Tag', element('Key', name), element('Value', value)),
      ),
    ),
  );
  return { ...answer, headers: { ...answer.headers, ...versionHeader(bucket, version.versionId) } };
}
