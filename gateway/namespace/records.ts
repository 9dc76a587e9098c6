/** The records of buckets, users, uploads and parts. Versions have version-records.ts. */
import type { SnapshotRef } from '../../blobseer-client/index.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';
import {
  readAcl,
  readChecksum,
  readChecksumKind,
  readEtag,
  readExtent,
  readHeaders,
  readStorageClass,
  readTags,
  writeAcl,
  writeChecksum,
  writeChecksumKind,
  writeEtag,
  writeExtent,
  writeHeaders,
  writeStorageClass,
  writeTags,
} from './fields.ts';
import type {
  AccessKey,
  Bucket,
  ObjectOwnership,
  Part,
  Upload,
  UploadDraft,
  User,
  VersioningState,
} from './namespace.ts';
import { decoding, newRow, openRow } from './rows.ts';

/** Their places are on disk: only ever append. */
const versioningStates: readonly VersioningState[] = ['Unversioned', 'Enabled', 'Suspended'];
const ownerships: readonly ObjectOwnership[] = [
  'ObjectWriter',
  'BucketOwnerPreferred',
  'BucketOwnerEnforced',
];

function writeList<Item>(
  writer: ByteWriter,
  items: readonly Item[],
  write: (writer: ByteWriter, item: Item) => void,
): void {
  writer.varint(items.length);
  for (const item of items) write(writer, item);
}

function readList<Item>(reader: ByteReader, read: (reader: ByteReader) => Item): Item[] {
  const items: Item[] = [];
  for (let left = reader.varint(); left > 0; left -= 1) items.push(read(reader));
  return items;
}

// --- buckets

export function encodeBucket(bucket: Bucket): Buffer {
  const writer = newRow();
  writer.u48(bucket.id);
  writer.u8(versioningStates.indexOf(bucket.versioning));
  writer.u48(bucket.createdMs);
  writer.text(bucket.ownerId);
  writer.text(bucket.location);
  writeAcl(writer, bucket.acl);
  if (bucket.ownership !== undefined) writer.u8(ownerships.indexOf(bucket.ownership) + 1);
  return writer.finish();
}

export function decodeBucket(value: Buffer, name: string): Bucket {
  return decoding('buckets', () => {
    const reader = openRow('buckets', value);
    const id = reader.u48();
    const versioning = versioningStates[reader.u8()];
    if (versioning === undefined) throw new RangeError('unknown versioning state');
    const createdMs = reader.u48();
    const ownerId = reader.text();
    const location = reader.text();
    // Rows of the first release end here.
    const acl = reader.remaining === 0 ? 'private' : readAcl(reader);
    // Nothing behind it where no ownership is configured.
    const ownership = reader.remaining === 0 ? undefined : readOwnership(reader);
    return {
      id,
      name,
      versioning,
      createdMs,
      ownerId,
      location,
      acl,
      ...(ownership && { ownership }),
    };
  });
}

function readOwnership(reader: ByteReader): ObjectOwnership {
  const ownership = ownerships[reader.u8() - 1];
  if (ownership === undefined) throw new RangeError('unknown object ownership');
  return ownership;
}

// --- users

export function encodeUser(user: User): Buffer {
  const writer = newRow();
  writer.text(user.accountId);
  writer.text(user.displayName);
  writer.u48(user.createdMs);
  writeList(writer, user.keys, writeAccessKey);
  return writer.finish();
}

export function decodeUser(value: Buffer, id: string): User {
  return decoding('users', () => {
    const reader = openRow('users', value);
    return {
      id,
      accountId: reader.text(),
      displayName: reader.text(),
      createdMs: reader.u48(),
      keys: readList(reader, readAccessKey),
    };
  });
}

function writeAccessKey(writer: ByteWriter, key: AccessKey): void {
  writer.text(key.accessKey);
  writer.text(key.secret);
  writer.u48(key.createdMs);
}

function readAccessKey(reader: ByteReader): AccessKey {
  return { accessKey: reader.text(), secret: reader.text(), createdMs: reader.u48() };
}

// --- uploads

/** The key and the upload id are in the row key. */
export function encodeUpload(draft: UploadDraft, generation: number): Buffer {
  const writer = newRow();
  writer.varint(generation);
  writer.u48(draft.initiatedMs);
  writer.text(draft.ownerId);
  writer.text(draft.initiatorId);
  writeStorageClass(writer, draft.storageClass);
  writeChecksumKind(writer, draft.checksum);
  writeHeaders(writer, draft.headers);
  writeTags(writer, draft.tags);
  if (draft.acl !== undefined) writeAcl(writer, draft.acl);
  return writer.finish();
}

export function decodeUpload(
  value: Buffer,
  place: { bucketId: number; key: string; uploadId: string },
): Upload {
  return decoding('uploads', () => {
    const reader = openRow('uploads', value);
    const generation = reader.varint();
    const initiatedMs = reader.u48();
    const ownerId = reader.text();
    const initiatorId = reader.text();
    const storageClass = readStorageClass(reader);
    const checksum = readChecksumKind(reader);
    const headers = readHeaders(reader);
    const tags = readTags(reader);
    const acl = reader.remaining === 0 ? undefined : readAcl(reader);
    return {
      ...place,
      generation,
      initiatedMs,
      ownerId,
      initiatorId,
      storageClass,
      headers,
      ...(checksum && { checksum }),
      ...(tags && { tags }),
      ...(acl && { acl }),
    };
  });
}

// --- parts

/** The part number is in the row key. Extents come first: `partSnapshots` reads no further. */
export function encodePart(part: Part): Buffer {
  const writer = newRow();
  writeList(writer, part.extents, writeExtent);
  writer.varint(part.size);
  writeEtag(writer, part.etag);
  writer.u48(part.modifiedMs);
  writeList(writer, part.checksums, writeChecksum);
  return writer.finish();
}

export function decodePart(value: Buffer, number: number): Part {
  return decoding('parts', () => {
    const reader = openRow('parts', value);
    const extents = readList(reader, readExtent);
    const size = reader.varint();
    const etag = readEtag(reader);
    const modifiedMs = reader.u48();
    const checksums = readList(reader, readChecksum).filter((checksum) => checksum !== undefined);
    return { number, size, etag, modifiedMs, extents, checksums };
  });
}

/** One snapshot per extent: each extent owns one reference. */
export function partSnapshots(value: Buffer): SnapshotRef[] {
  return decoding('parts', () =>
    readList(openRow('parts', value), readExtent).map(({ snapshot }) => snapshot),
  );
}
