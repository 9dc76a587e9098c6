/**
 * The records of versions.
 *
 * Every version row begins with its *head*, the fields a listing answers; behind it stand the fields
 * only GET and HEAD want. An entry is the birth of the current version and its whole row, or, where
 * that row is large or lies in the table of versions, a copy of its head (version-rows.ts says when).
 * Either copies bytes and interprets nothing.
 *
 *   version row  format (1), head, rest
 *   entry        format (1): 1, birth as in the row key (8), head
 *                            2, birth as in the row key (8), version row
 *   head         flags (1), random part of the version id (4, unless null), size, ETag, time (6),
 *                owner, storage class, kind of checksum
 *   rest         digest, headers, tags, ACL (where the flag says so), extents, parts; of either more than `maxInline` only the
 *                number, and the items in rows of their own, `chunkItems` to a row
 *
 * `format` is raised when a layout changes; a reader refuses what it does not know. Format 2 of entries
 * came with format 3 of directories.
 */
import type { Transaction } from '../../blobseer-client/index.ts';
import { ByteReader, type ByteWriter, noBytes, Span } from './bytes.ts';
import {
  md5Bytes,
  readAcl,
  readChecksumKind,
  readDigest,
  readEtag,
  readExtent,
  readHeaders,
  readObjectPart,
  readStorageClass,
  readTags,
  skipEtag,
  writeAcl,
  writeChecksumKind,
  writeDigest,
  writeEtag,
  writeExtent,
  writeHeaders,
  writeObjectPart,
  writeStorageClass,
  writeTags,
} from './fields.ts';
import { encodeVersionId, nullVersionId, versionRandomBytes, writeVersionId } from './ids.ts';
import { birthBytes, decodeBirth } from './keys.ts';
import type { Checksum, Extent, ObjectPart, ObjectVersion, VersionDraft } from './namespace.ts';
import type { Owners } from './owners.ts';
import { checkFormat, decoding, format, newRow, openRow } from './rows.ts';

/** Of entries that hold a row. */
const wholeFormat = 2;
export const entryBodyOffset = 1 + birthBytes;
/** Most extents, and most parts, that stand in the version row itself. */
export const maxInline = 4;
/** About 4 KiB of parts with a checksum. */
export const chunkItems = 128;

const flag = { deleteMarker: 1, null: 2, acl: 4 } as const;

/** A version as this namespace hands it out: it knows where its extents and parts are. */
export interface StoredVersion extends ObjectVersion {
  /** Its row key's last bytes. */
  readonly birth: Buffer;
  readonly extentCount: number;
  /** Undefined where they are in rows of their own. */
  readonly inlineExtents: readonly Extent[] | undefined;
  readonly inlineParts: readonly ObjectPart[] | undefined;
}

/** What of a version decides how other versions of the key are treated. */
export interface VersionFlags {
  readonly isDeleteMarker: boolean;
  readonly isNull: boolean;
}

// --- heads

/** A head where it lies: texts are made when somebody asks. Read again, it is another's. */
export class Head implements VersionFlags {
  isDeleteMarker = false;
  isNull = false;
  hasAcl = false;
  size = 0;
  modifiedMs = 0;
  ownerId = '';
  storageClass = '';
  checksum: Pick<Checksum, 'algorithm' | 'type'> | undefined = undefined;
  /** Where the texts lie that are not made yet. */
  private buffer: Buffer = noBytes;
  private birth: Buffer = noBytes;
  private birthAt = 0;
  private randomAt = 0;
  private etagAt = 0;
  private md5At = -1;
  private readonly md5 = new Span();

  /** The birth lies in the row key of a version, or in its entry. */
  read(reader: ByteReader, birth: Buffer, birthAt: number, owners: Owners): void {
    this.buffer = reader.buffer;
    const flags = reader.u8();
    this.isDeleteMarker = (flags & flag.deleteMarker) !== 0;
    this.isNull = (flags & flag.null) !== 0;
    this.hasAcl = (flags & flag.acl) !== 0;
    this.birth = birth;
    this.birthAt = birthAt;
    this.randomAt = this.isNull ? -1 : reader.skip(versionRandomBytes);
    this.size = reader.varint();
    this.etagAt = reader.offset;
    this.md5At = skipEtag(reader);
    this.modifiedMs = reader.u48();
    this.ownerId = owners.read(reader);
    this.storageClass = readStorageClass(reader);
    this.checksum = readChecksumKind(reader);
  }

  versionIdText(): string {
    if (this.isNull) return nullVersionId;
    return encodeVersionId(this.birth, this.birthAt, this.buffer, this.randomAt);
  }

  /** The same, which is not 'null', from the beginning of `target`. */
  writeVersionId(target: Buffer): void {
    writeVersionId(target, this.birth, this.birthAt, this.buffer, this.randomAt);
  }

  get etag(): string {
    return readEtag(new ByteReader(this.buffer, this.etagAt));
  }

  /** The digest that is all of the ETag, where it is one. */
  get digest(): Span | undefined {
    if (this.md5At < 0) return undefined;
    this.md5.moveTo(this.buffer, this.md5At, this.md5At + md5Bytes);
    return this.md5;
  }
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

export function versionFlags(value: Buffer): VersionFlags {
  const flags = decoding('versions', () => openRow('versions', value).u8());
  return {
    isDeleteMarker: (flags & flag.deleteMarker) !== 0,
    isNull: (flags & flag.null) !== 0,
  };
}

// --- entries

/**
 * Passes over the format of an entry: behind it stand a birth and, where this is true, that version's row, else
 * its head alone. Throws RangeError.
 */
export function readIsWhole(reader: ByteReader): boolean {
  return checkFormat('entries', reader, wholeFormat) === wholeFormat;
}

/** The birth of the version it is of, and the version's row where it holds that. */
export function decodeEntry(entry: Buffer): { birth: Buffer; row: Buffer | undefined } {
  return decoding('entries', () => {
    const reader = new ByteReader(entry);
    const isWhole = readIsWhole(reader);
    const birth = reader.raw(birthBytes);
    return { birth, row: isWhole ? entry.subarray(reader.offset) : undefined };
  });
}

/** What the entry of a version answers whose row lies elsewhere. */
export function decodeEntryHead(entry: Buffer, owners: Owners): Head {
  return decoding('entries', () => {
    const head = new Head();
    head.read(new ByteReader(entry, entryBodyOffset), entry, 1, owners);
    return head;
  });
}

/** The entry that holds a version's row. */
export function wholeEntry(row: Buffer, birth: Buffer): Buffer {
  return makeEntry(wholeFormat, row, birth);
}

/** The entry of a version whose row lies elsewhere. */
export function headEntry(row: Buffer, birth: Buffer, owners: Owners): Buffer {
  const headEnd = decoding('versions', () => {
    const reader = openRow('versions', row);
    new Head().read(reader, birth, 0, owners);
    return reader.offset;
  });
  return makeEntry(format, row.subarray(1, headEnd), birth);
}

function makeEntry(entryFormat: number, body: Buffer, birth: Buffer): Buffer {
  const entry = Buffer.allocUnsafe(entryBodyOffset + body.length);
  entry[0] = entryFormat;
  entry.set(birth, 1);
  entry.set(body, entryBodyOffset);
  return entry;
}

// --- versions

export interface EncodedVersion {
  readonly value: Buffer;
  /** Chunk rows in order; empty where the items are inline. */
  readonly extentChunks: readonly Buffer[];
  readonly partChunks: readonly Buffer[];
}

/** @param random the random part of the version id; undefined for the null version */
export function encodeVersion(
  transaction: Transaction,
  draft: VersionDraft,
  random: Buffer | undefined,
  owners: Owners,
): EncodedVersion {
  const writer = newRow();
  writer.u8(
    (draft.isDeleteMarker ? flag.deleteMarker : 0) |
      (random === undefined ? flag.null : 0) |
      (draft.acl === undefined ? 0 : flag.acl),
  );
  if (random !== undefined) writer.raw(random);
  writer.varint(draft.size);
  writeEtag(writer, draft.etag);
  writer.u48(draft.modifiedMs);
  owners.write(transaction, writer, draft.ownerId);
  writeStorageClass(writer, draft.storageClass);
  writeChecksumKind(writer, draft.checksum);
  if (draft.checksum !== undefined) writeDigest(writer, draft.checksum);
  writeHeaders(writer, draft.headers);
  writeTags(writer, draft.tags);
  if (draft.acl !== undefined) writeAcl(writer, draft.acl);
  const extentChunks = writeItems(writer, draft.extents, writeExtent);
  const partChunks = writeItems(writer, draft.parts, writeObjectPart);
  return { value: writer.finish(), extentChunks, partChunks };
}

export function decodeVersion(
  value: Buffer,
  key: string,
  birth: Buffer,
  owners: Owners,
): StoredVersion {
  return decoding('versions', () => {
    const reader = openRow('versions', value);
    const head = new Head();
    head.read(reader, birth, 0, owners);
    const checksum = head.checksum && readDigest(reader, head.checksum);
    const headers = readHeaders(reader);
    const tags = readTags(reader);
    const acl = head.hasAcl ? readAcl(reader) : undefined;
    const extents = readItems(reader, readExtent);
    const parts = readItems(reader, readObjectPart);
    const version: Writable<StoredVersion> = {
      key,
      versionId: head.versionIdText(),
      sequence: decodeBirth(birth).sequence,
      isDeleteMarker: head.isDeleteMarker,
      size: head.size,
      etag: head.etag,
      modifiedMs: head.modifiedMs,
      ownerId: head.ownerId,
      storageClass: head.storageClass,
      headers,
      birth,
      extentCount: extents.count,
      inlineExtents: extents.inline,
      partCount: parts.count,
      inlineParts: parts.inline,
    };
    if (checksum !== undefined) version.checksum = checksum;
    if (tags !== undefined) version.tags = tags;
    if (acl !== undefined) version.acl = acl;
    return version;
  });
}

/** A draft as `decodeVersion` would read what `encodeVersion` made of it. */
export function versionOf(
  draft: VersionDraft,
  key: string,
  birth: Buffer,
  random: Buffer | undefined,
): StoredVersion {
  const { extents, parts } = draft;
  const version: Writable<StoredVersion> = {
    key,
    versionId: random === undefined ? nullVersionId : encodeVersionId(birth, 0, random, 0),
    sequence: decodeBirth(birth).sequence,
    isDeleteMarker: draft.isDeleteMarker,
    size: draft.size,
    etag: draft.etag,
    modifiedMs: draft.modifiedMs,
    ownerId: draft.ownerId,
    storageClass: draft.storageClass,
    headers: draft.headers,
    birth,
    extentCount: extents.length,
    inlineExtents: extents.length > maxInline ? undefined : extents,
    partCount: parts.length,
    inlineParts: parts.length > maxInline ? undefined : parts,
  };
  if (draft.checksum !== undefined) version.checksum = draft.checksum;
  // No tags and none at all are one thing in a row.
  if (draft.tags !== undefined && Object.keys(draft.tags).length > 0) version.tags = draft.tags;
  if (draft.acl !== undefined) version.acl = draft.acl;
  return version;
}

/** Without what stands behind the head. */
export function decodeHead(value: Buffer, birth: Buffer, owners: Owners): Head {
  return decoding('versions', () => {
    const head = new Head();
    head.read(openRow('versions', value), birth, 0, owners);
    return head;
  });
}

type WriteItem<Item> = (writer: ByteWriter, item: Item) => void;
type ReadItem<Item> = (reader: ByteReader) => Item;

/** Writes the number, and the items too where they are few; else returns them in chunks. */
function writeItems<Item>(
  writer: ByteWriter,
  items: readonly Item[],
  write: WriteItem<Item>,
): Buffer[] {
  writer.varint(items.length);
  if (items.length <= maxInline) {
    for (const item of items) write(writer, item);
    return [];
  }
  const chunks: Buffer[] = [];
  for (let start = 0; start < items.length; start += chunkItems) {
    const chunk = newRow();
    for (const item of items.slice(start, start + chunkItems)) write(chunk, item);
    chunks.push(chunk.finish());
  }
  return chunks;
}

function readItems<Item>(
  reader: ByteReader,
  read: ReadItem<Item>,
): { count: number; inline: Item[] | undefined } {
  const count = reader.varint();
  if (count > maxInline) return { count, inline: undefined };
  const inline: Item[] = [];
  while (inline.length < count) inline.push(read(reader));
  return { count, inline };
}

function decodeChunk<Item>(what: string, chunk: Buffer, read: ReadItem<Item>): Item[] {
  return decoding(what, () => {
    const reader = openRow(what, chunk);
    const items: Item[] = [];
    while (reader.remaining > 0) items.push(read(reader));
    return items;
  });
}

export function decodeExtentChunk(chunk: Buffer): Extent[] {
  return decodeChunk('version-extents', chunk, readExtent);
}

export function decodePartChunk(chunk: Buffer): ObjectPart[] {
  return decodeChunk('version-parts', chunk, readObjectPart);
}
