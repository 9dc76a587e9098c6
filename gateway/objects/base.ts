/**
 * What an overwrite shares pages with: the snapshot of the version that it replaces. Only a plain
 * object, or a part, that is exactly one whole snapshot can be the base of another.
 */
import type { BlobId, BlobSeer, SnapshotRef } from '../../blobseer-client/index.ts';
import type { Bucket, Extent, Namespace } from '../namespace/namespace.ts';
import { layoutOf } from './layout.ts';

/** Below this, comparing pages costs more than storing them: small objects are one page anyway. */
const minSharedBytes = 64 * 1024;

/** A snapshot to share pages with, or a blob to go on in; for neither the write gets a new blob. */
export interface WriteTarget {
  readonly base: SnapshotRef | undefined;
  readonly blobId: BlobId | undefined;
}

export const newBlob: WriteTarget = { base: undefined, blobId: undefined };

/**
 * Where the next version of a key is written, `length` bytes long where that is known. The caller
 * holds a lease from before this call until the commit.
 */
export function baseOfObject(
  blobseer: BlobSeer,
  namespace: Namespace,
  bucket: Pick<Bucket, 'id' | 'versioning'>,
  key: string,
  length: number | undefined,
): WriteTarget {
  const current = namespace.current(bucket.id, key, bucket.versioning);
  if (current === undefined || current.isDeleteMarker || current.size === 0) return newBlob;
  // A multipart object's extents are its parts', each the base of the part of its number.
  if (current.partCount > 0) return newBlob;
  return target(blobseer, namespace.extents(bucket.id, current), length);
}

/**
 * Where a part is written: into the blob of the current version's part of that number, so that
 * uploading a large file again stores only the pages that changed.
 */
export function baseOfPart(
  blobseer: BlobSeer,
  namespace: Namespace,
  bucket: Pick<Bucket, 'id'>,
  key: string,
  part: { readonly number: number; readonly length: number | undefined },
): WriteTarget {
  const current = namespace.current(bucket.id, key);
  if (current === undefined || current.partCount === 0) return newBlob;
  let offset = 0;
  const layout = layoutOf(namespace, bucket, current);
  for (const { number, size } of layout.parts) {
    if (number < part.number) {
      offset += size;
      continue;
    }
    if (number > part.number || size === 0) return newBlob;
    return target(blobseer, extentsWithin(layout.extents, offset, size), part.length);
  }
  return newBlob;
}

/** The one extent that is exactly [offset, offset + length) of the whole, where there is one. */
function extentsWithin(extents: readonly Extent[], offset: number, length: number): Extent[] {
  let at = 0;
  for (const extent of extents) {
    if (at === offset && extent.length === length) return [extent];
    at += extent.length;
    if (at > offset) break;
  }
  return [];
}

function target(
  blobseer: BlobSeer,
  extents: readonly Extent[],
  length: number | undefined,
): WriteTarget {
  const [extent] = extents;
  if (extent === undefined || extents.length > 1 || !isWhole(blobseer, extent)) return newBlob;
  const isShared = extent.length > minSharedBytes && (length ?? Infinity) > minSharedBytes;
  return isShared
    ? { base: extent.snapshot, blobId: undefined }
    : { base: undefined, blobId: extent.snapshot.blobId };
}

function isWhole(blobseer: BlobSeer, { snapshot, offset, length }: Extent): boolean {
  return offset === 0 && blobseer.snapshot(snapshot)?.size === length;
}
