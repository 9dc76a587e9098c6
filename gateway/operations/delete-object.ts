/** DeleteObject. */
import type { Transaction } from '../../blobseer-client/index.ts';
import type { Bucket, Namespace } from '../namespace/namespace.ts';
import { deleteOne } from '../objects/delete.ts';
import { checkVersionId, presentBucket } from '../objects/find.ts';
import { deleteConditions } from '../s3/conditions.ts';
import { S3Error } from '../s3/errors.ts';
import { checkKey } from '../s3/names.ts';
import type { Services } from '../services.ts';
import { noContent } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket, requesterId } from './request.ts';
import { refuseUnsupported } from './unsupported.ts';

/** 204 also where nothing was there: deleting is idempotent. Cumulus's clients count on its 404. */
export async function deleteObject(request: S3Request, services: Services): Promise<S3Response> {
  const { headers, key, query } = request;
  const { blobseer, namespace, config } = services;
  const bucket = loadedBucket(request);
  checkKey(key);
  refuseUnsupported(headers);
  const versionId = query.get('versionId');
  if (versionId !== undefined) checkVersionId(namespace, versionId);
  const conditions = deleteConditions(headers);
  const work = (transaction: Transaction) => {
    const present = presentBucket(namespace, bucket, transaction);
    if (config.cumulus && versionId === undefined) requireObject(namespace, present, key);
    return deleteOne(services, transaction, present, {
      key,
      requesterId: requesterId(request),
      versionId,
      conditions,
    });
  };
  const outcome = await blobseer.store.commit(work, 'repeatable');
  return noContent({
    ...(outcome.isDeleteMarker ? { 'x-amz-delete-marker': 'true' } : {}),
    ...(outcome.versionId === undefined ? {} : { 'x-amz-version-id': outcome.versionId }),
  });
}

function requireObject(namespace: Namespace, bucket: Bucket, key: string): void {
  const current = namespace.current(bucket.id, key);
  if (current === undefined || current.isDeleteMarker) {
    throw new S3Error('NoSuchKey', { fields: { Key: key } });
  }
}
