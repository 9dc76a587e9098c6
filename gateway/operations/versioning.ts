/** A bucket's versioning state: PutBucketVersioning, GetBucketVersioning. */
import { notImplemented, S3Error } from '../s3/errors.ts';
import { element } from '../s3/xml.ts';
import { childText, parseXml } from '../s3/xml-parse.ts';
import type { Services } from '../services.ts';
import { xmlAnswer } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket } from './request.ts';

export async function putBucketVersioning(
  request: S3Request,
  services: Services,
): Promise<S3Response> {
  const { id, name } = loadedBucket(request);
  const state = wantedState(request);
  const { namespace, blobseer } = services;
  await blobseer.store.commit((transaction) => {
    if (namespace.bucketById(id) === undefined) {
      throw new S3Error('NoSuchBucket', { fields: { BucketName: name } });
    }
    namespace.setVersioning(transaction, id, state);
  });
  return { status: 200, headers: {} };
}

function wantedState(request: S3Request): 'Enabled' | 'Suspended' {
  if (request.document.length === 0) throw new S3Error('MissingRequestBodyError');
  if (request.headers.get('x-amz-mfa') !== undefined) throw notImplemented('x-amz-mfa');
  const root = parseXml(request.document, 'VersioningConfiguration');
  const mfaDelete = childText(root, 'MfaDelete');
  if (mfaDelete === 'Enabled') throw notImplemented('VersioningConfiguration.MfaDelete');
  if (mfaDelete !== undefined && mfaDelete !== 'Disabled') throw new S3Error('MalformedXML');
  const status = childText(root, 'Status');
  if (status === undefined) throw new S3Error('IllegalVersioningConfigurationException');
  if (status !== 'Enabled' && status !== 'Suspended') throw new S3Error('MalformedXML');
  return status;
}

/** A bucket that never had versioning on answers an empty document. */
export function getBucketVersioning(request: S3Request): S3Response {
  const { versioning } = loadedBucket(request);
  return xmlAnswer(
    'VersioningConfiguration',
    versioning === 'Unversioned' ? undefined : element('Status', versioning),
  );
}
