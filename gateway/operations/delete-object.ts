/** DeleteObject. */
import { deleteOne } from '../objects/delete.ts';
import { checkVersionId, presentBucket } from '../objects/find.ts';
import { deleteConditions } from '../s3/conditions.ts';
import { checkKey } from '../s3/names.ts';
import type { Services } from '../services.ts';
import { noContent } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket, requesterId } from './request.ts';
import { refuseUnsupported } from './unsupported.ts';

/** 204 also where nothing was there: deleting is idempotent. */
export async function deleteObject(request: S3Request, services: Services): Promise<S3Response> {
  const { headers, key, query } = request;
  const { blobseer, namespace } = services;
  const bucket = loadedBucket(request);
  checkKey(key);
  refuseUnsupported(headers);
  const versionId = query.get('versionId');
  if (versionId !== undefined) checkVersionId(namespace, versionId);
  const conditions = deleteConditions(headers);
  const outcome = await blobseer.store.commit((transaction) =>
    deleteOne(services, transaction, presentBucket(namespace, bucket), {
      key,
      requesterId: requesterId(request),
      versionId,
      conditions,
    }),
  );
  return noContent({
    ...(outcome.isDeleteMarker ? { 'x-amz-delete-marker': 'true' } : {}),
    ...(outcome.versionId === undefined ? {} : { 'x-amz-version-id': outcome.versionId }),
  });
}
