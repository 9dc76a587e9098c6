/** Which multipart upload a request means, and whether it is the requester's. */
import type { Bucket, Namespace, Upload } from '../namespace/namespace.ts';
import { mayUseBucket } from '../s3/acl.ts';
import { S3Error } from '../s3/errors.ts';

/** An upload as a request names it. */
export interface UploadPlace {
  readonly bucket: Bucket;
  readonly key: string;
  readonly uploadId: string;
  /** Never anonymous: nobody uploads in parts without a signature. */
  readonly requesterId: string;
}

/** Throws NoSuchUpload, and AccessDenied for whoever neither began it nor owns the bucket. */
export function findUpload(namespace: Namespace, place: UploadPlace): Upload {
  const upload = findUploadOrEnded(namespace, place);
  if (upload === undefined) throw noSuchUpload(place.uploadId);
  return upload;
}

/** As `findUpload`; undefined where there is none (any more). */
export function findUploadOrEnded(namespace: Namespace, place: UploadPlace): Upload | undefined {
  const { bucket, key, uploadId, requesterId } = place;
  const upload = namespace.upload(bucket.id, key, uploadId);
  // Whoever may upload may have begun it; nobody else is told that it is not there.
  const isAllowed =
    upload === undefined
      ? mayUseBucket(bucket, requesterId, 'WRITE')
      : requesterId === upload.initiatorId || requesterId === bucket.ownerId;
  if (!isAllowed) throw new S3Error('AccessDenied');
  return upload;
}

export function noSuchUpload(uploadId: string): S3Error {
  return new S3Error('NoSuchUpload', { fields: { UploadId: uploadId } });
}
