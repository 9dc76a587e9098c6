/** Storing a part of a multipart upload. */
import type { Transaction } from '../../blobseer-client/index.ts';
import type { Checksum, Extent, Part } from '../namespace/namespace.ts';
import { otherAlgorithm } from '../s3/checksum-headers.ts';
import { defaultChecksumAlgorithm } from '../s3/checksums.ts';
import { baseOfPart } from './base.ts';
import { presentBucket } from './find.ts';
import { withLease } from './lease.ts';
import { published } from './put.ts';
import { announcedOf, type IncomingBody, receiveBody } from './receive.ts';
import { requireRoomForPart } from './room.ts';
import type { Stores } from './stores.ts';
import { findUpload, type UploadPlace } from './uploads.ts';

export interface PartPlace extends UploadPlace {
  readonly number: number;
}

export interface StoredPart {
  readonly part: Part;
  /** What is answered: the upload's own checksum, or where it has none the one that the client sent. */
  readonly checksum: Checksum | undefined;
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
): Promise<StoredPart> {
  const { blobseer, namespace } = stores;
  const { bucket, key, number } = place;
  const announced = announcedOf(incoming);
  return await withLease(blobseer, async () => {
    const upload = findUpload(namespace, place);
    const own = upload.checksum?.algorithm;
    const sent = announced.checksum?.algorithm;
    if (own !== undefined && sent !== undefined && own !== sent) throw otherAlgorithm(own, sent);
    const length = incoming.decodedLength;
    requireRoomForPart(namespace, upload, number, length);
    const target = baseOfPart(blobseer, namespace, bucket, key, { number, length });
    // Complete puts the parts' checksums together: each part needs the upload's own.
    const asked = [own ?? defaultChecksumAlgorithm];
    const received = await receiveBody(blobseer, incoming, announced, target, asked);
    try {
      const part = await storePart(stores, place, (transaction) => ({
        size: received.size,
        etag: received.etag,
        checksums: received.checksums,
        extents: published(stores, transaction, received),
      }));
      const answered = own ?? sent;
      return { part, checksum: part.checksums.find(({ algorithm }) => algorithm === answered) };
    } catch (error) {
      await received.staged?.abort();
      throw error;
    }
  });
}

type PartContent = Pick<Part, 'size' | 'etag' | 'checksums'> & { readonly extents: Extent[] };

/** Stores a part whose content is made inside the commit. Throws NoSuchBucket, NoSuchUpload. */
export async function storePart(
  { blobseer, namespace, clock }: Stores,
  place: PartPlace,
  content: (transaction: Transaction) => PartContent,
): Promise<Part> {
  return await blobseer.store.commit((transaction) => {
    const bucket = presentBucket(namespace, place.bucket, transaction);
    const upload = findUpload(namespace, { ...place, bucket });
    const part: Part = { ...content(transaction), number: place.number, modifiedMs: clock.nowMs() };
    namespace.putPart(transaction, upload, part);
    return part;
  });
}
