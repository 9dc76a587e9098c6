/** PutObject. */

import { baseOfObject } from '../objects/base.ts';
import { withLease } from '../objects/lease.ts';
import { checkReplacing, describe, type Placed, putReceived } from '../objects/put.ts';
import { announcedOf, receiveBody } from '../objects/receive.ts';
import { requireRoomForObject } from '../objects/room.ts';
import { checksumHeader } from '../s3/checksums.ts';
import { writeConditions } from '../s3/conditions.ts';
import { invalidArgument } from '../s3/errors.ts';
import { checkKey } from '../s3/names.ts';
import type { Services } from '../services.ts';
import { newObjectAcl } from './acl.ts';
import { namesNewVersion, quoted } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket, refuseVersionId, requesterId } from './request.ts';
import { refuseUnsupported } from './unsupported.ts';

export async function putObject(request: S3Request, services: Services): Promise<S3Response> {
  const { headers, key } = request;
  const { blobseer, namespace } = services;
  const bucket = loadedBucket(request);
  checkKey(key);
  refuseUnsupported(headers);
  refusePart(request);
  refuseVersionId(request);
  const description = describe(headers);
  const writerId = requesterId(request);
  const acl = newObjectAcl(headers, bucket, writerId, services);
  const conditions = writeConditions(headers);
  const announced = announcedOf(request);
  return await withLease(blobseer, async () => {
    // A hopeless upload is refused before a byte of it is stored; what counts is the commit's check.
    checkReplacing(services, { bucket, key, writerId, conditions });
    requireRoomForObject(namespace, { bucket, key, writerId, acl }, request.decodedLength);
    const target = baseOfObject(blobseer, namespace, bucket, key, request.decodedLength);
    const received = await receiveBody(blobseer, request, announced, target);
    const placed = await putReceived(services, {
      bucket,
      key,
      writerId,
      acl,
      conditions,
      description,
      received,
    });
    return { status: 200, headers: headersOf(placed) };
  });
}

/** Half an UploadPart must not replace the object. */
function refusePart({ query }: S3Request): void {
  const partNumber = query.get('partNumber');
  if (partNumber === undefined) return;
  throw invalidArgument(
    'partNumber',
    partNumber,
    'This operation does not accept a query-string without uploadId.',
  );
}

/** Set one by one: objects spread into another are each of a shape of their own. */
function headersOf({ bucket, version }: Placed): Record<string, string> {
  const { etag, versionId, checksum } = version;
  const headers: Record<string, string> = { ETag: quoted(etag) };
  if (namesNewVersion(bucket)) headers['x-amz-version-id'] = versionId;
  if (checksum !== undefined) {
    headers[checksumHeader(checksum.algorithm)] = checksum.value;
    headers['x-amz-checksum-type'] = checksum.type;
  }
  return headers;
}
