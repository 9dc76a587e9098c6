/**
 * S3's own limits on objects. Source: Amazon S3 User Guide, "Amazon S3 multipart upload limits".
 */
import { S3Error } from '../s3/errors.ts';

const mib = 1024 * 1024;
const gib = 1024 * mib;

/** One PutObject, one part. */
export const maxUploadBytes = 5 * gib;
/** A part that is not the last of its object. */
export const minPartBytes = 5 * mib;
export const maxPartNumber = 10_000;

/** Throws EntityTooLarge. `proposed` is what the client announced or has sent so far. */
export function checkUploadSize(proposed: number): void {
  if (proposed <= maxUploadBytes) return;
  throw new S3Error('EntityTooLarge', {
    fields: { ProposedSize: String(proposed), MaxSizeAllowed: String(maxUploadBytes) },
  });
}
