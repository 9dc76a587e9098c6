/** Storing a part of a multipart upload. */
import type { Transaction } from '../../blobseer-client/index.ts';
import type { Bucket, Extent, Part, Upload } from '../namespace/namespace.ts';
import { S3Error } from '../s3/errors.ts';
import { baseOfPart } from './base.ts';
import { findUpload } from './complete.ts';
import { presentBucket } from './find.ts';
import { withLease } from './lease.ts';
import { published } from './put.ts';
import { announcedOf, type IncomingBody, receiveBody } from './receive.ts';
import type { Stores } from './stores.ts';

export interface PartPlace {
  readonly bucket: Bucket;
  readonly key: string;
  readonly uploadId: string;
  readonly number: number;
}

/**
 * Receives a part's bytes and stores it, in place of an earlier one of that number. Throws
 * NoSuchUpload (also when the upload ended meanwhile), InvalidRequest for another checksum algorithm
 * than the upload's, and what receiving throws.
 */
export async function receivePart(
  stores: Stores,
  place: PartPlace,
  incoming: IncomingBody,
): Promise<Part> {
  const { blobseer, namespace } = stores;
  const { bucket, key, number } = place;
  const announced = announcedOf(incoming);
  return await withLease(blobseer, async () => {
    const upload = findUpload(namespace, bucket, key, place.uploadId);
    const own = upload.checksum?.algorithm;
    checkAlgorithm(own, announced.checksum?.algorithm);
    const length = incoming.decodedLength;
    const target = baseOfPart(blobseer, namespace, bucket, key, { number, length });
    // Complete puts the parts' checksums together: each part needs the upload's own.
    const extra = own === undefined ? [] : [own];
    const received = await receiveBody(blobseer, incoming, announced, target, extra);
    try {
      return await storePart(stores, place, (transaction) => ({
        size: received.size,
        etag: received.etag,
        checksums: received.checksums,
        extents: published(stores, transaction, received),
      }));
    } catch (error) {
      await received.staged?.abort();
      throw error;
    }
  });
}

function checkAlgorithm(own: string | undefined, announced: string | undefined): void {
  if (own === undefined || announced === undefined || own === announced) return;
  throw new S3Error('InvalidRequest', {
    message: `Checksum Type mismatch occurred, expected checksum Type: ${own.toLowerCase()}, actual checksum Type: ${announced.toLowerCase()}`,
  });
}

type PartContent = Pick<Part, 'size' | 'etag' | 'checksums'> & { readonly extents: Extent[] };

/** Stores a part whose content is made inside the commit. Throws NoSuchBucket, NoSuchUpload. */
export async function storePart(
  { blobseer, namespace, clock }: Stores,
  { bucket, key, uploadId, number }: PartPlace,
  content: (transaction: Transaction) => PartContent,
): Promise<Part> {
  return await blobseer.store.commit((transaction) => {
    const { id } = presentBucket(namespace, bucket);
    const upload: Upload = findUpload(namespace, { id }, key, uploadId);
    const part: Part = { ...content(transaction), number, modifiedMs: clock.nowMs() };
    namespace.putPart(transaction, upload, part);
    return part;
  });
}
