/** The records in which a version manager keeps blobs, roots and pending versions. */
import type { VersionName } from '../../blobseer-client/remote/wire/messages.ts';
import {
  decodeRoot,
  encodeRoot,
  type PendingVersion,
  type Root,
} from '../../blobseer-client/remote/wire/records.ts';

/** In records, whatever version answers are written in. */
const recordArchiveVersion = 18;

/** What tickets of a blob are made from. */
export interface BlobState {
  readonly nextVersion: number;
  /** Bytes that the next root spans at least. */
  readonly maxSize: number;
  /** Where the next append goes. */
  readonly progressSize: number;
  /** How many roots are published; the first is that of the empty blob, or of a clone's source. */
  readonly roots: number;
}

const fieldBytes = 8;

export function encodeBlob(blob: BlobState): Buffer {
  const fields = [blob.nextVersion, blob.maxSize, blob.progressSize, blob.roots];
  const bytes = Buffer.allocUnsafe(fields.length * fieldBytes);
  for (const [index, value] of fields.entries()) bytes.writeDoubleBE(value, index * fieldBytes);
  return bytes;
}

export function decodeBlob(bytes: Buffer): BlobState {
  const field = (index: number) => bytes.readDoubleBE(index * fieldBytes);
  return { nextVersion: field(0), maxSize: field(1), progressSize: field(2), roots: field(3) };
}

export const encodeRootRecord = (root: Root): Buffer => encodeRoot(root, recordArchiveVersion);

/** How far a pending version is: the first byte of its record. */
export const stage = { open: 0, complete: 1, takenOver: 2 } as const;
/** Room for the id after the highest one, where a range ends. */
const idBytes = 6;

export function keyOf(blobId: number, version: number): Buffer {
  const key = Buffer.allocUnsafe(idBytes + 4);
  key.writeUIntBE(blobId, 0, idBytes);
  key.writeUInt32BE(version, idBytes);
  return key;
}

export const versionOfKey = (key: Buffer): VersionName => ({
  blobId: key.readUIntBE(0, idBytes),
  version: key.readUInt32BE(idBytes),
});

const pendingHeadBytes = 1 + 2 * fieldBytes;

/** Whether it is completed, offset, size, root. */
export function encodePending({ interval, root, isCompleted }: PendingVersion): Buffer {
  const head = Buffer.allocUnsafe(pendingHeadBytes);
  head.writeUInt8(isCompleted ? stage.complete : stage.open, 0);
  head.writeDoubleBE(interval.offset, 1);
  head.writeDoubleBE(interval.size, 1 + fieldBytes);
  return Buffer.concat([head, encodeRoot(root, recordArchiveVersion)]);
}

export function decodePending(bytes: Buffer, { blobId, version }: VersionName): PendingVersion {
  const offset = bytes.readDoubleBE(1);
  const size = bytes.readDoubleBE(1 + fieldBytes);
  return {
    interval: { blobId, version, offset, size },
    root: decodeRoot(bytes.subarray(pendingHeadBytes)),
    isCompleted: bytes[0] === stage.complete,
  };
}

export function staged(pending: Buffer, value: number): Buffer {
  const bytes = Buffer.from(pending);
  bytes[0] = value;
  return bytes;
}
