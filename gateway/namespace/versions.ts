/**
 * Versions of keys: what is current, what a put or a delete does in each versioning state, and the
 * entry that follows the current version. AWS, "How S3 Versioning works" and "Deleting object
 * versions from a versioning-suspended bucket", say what must come out; in short: a bucket that is
 * not `Enabled` writes the null version, of which a key has at most one, wherever it stands.
 *
 * All decisions read through the tables, so inside a commit they stand on its own writes too.
 */
import type { Row, SnapshotRef, Transaction } from '../../blobseer-client/index.ts';
import type { Buckets } from './buckets.ts';
import { type Context, invalidArgument } from './context.ts';
import { encodeDeadVersion } from './dead-versions.ts';
import { NamespaceError } from './errors.ts';
import { decodeVersionId, nullVersionId, versionRandomBytes } from './ids.ts';
import {
  birthBytes,
  decodeBirth,
  encodeBirth,
  endOfKey,
  keyPrefix,
  rowKeysOf,
  tailOf,
  withTail,
} from './keys.ts';
import type {
  Bucket,
  DeleteOutcome,
  Extent,
  ObjectPart,
  ObjectVersion,
  VersionChange,
  VersionDraft,
  VersioningState,
} from './namespace.ts';
import { chunkRows, putChunks, removeChunks } from './version-chunks.ts';
import {
  decodeExtentChunk,
  decodePartChunk,
  decodeVersion,
  encodeVersion,
  entryBirth,
  entryOf,
  type StoredVersion,
  versionFlags,
  versionOf,
} from './version-records.ts';

/** A key of a bucket, as the rows know it. */
interface Place {
  readonly bucketId: number;
  readonly key: string;
  readonly entryRow: Buffer;
  /** What the rows of its versions begin with. */
  readonly prefix: Buffer;
}

const nothingDeleted: DeleteOutcome = { versionId: undefined, isDeleteMarker: false };

export class Versions {
  private readonly context: Context;
  private readonly buckets: Buckets;

  constructor(context: Context, buckets: Buckets) {
    this.context = context;
    this.buckets = buckets;
  }

  current(bucketId: number, key: string, versioning?: VersioningState): ObjectVersion | undefined {
    const place = lookupPlace(bucketId, key);
    const row = place && this.newest(place, versioning);
    return row && this.decode(row, key);
  }

  version(bucketId: number, key: string, versionId: string): ObjectVersion | undefined {
    const place = lookupPlace(bucketId, key);
    const row = place && this.find(place, versionId);
    return row && this.decode(row, key);
  }

  extents(bucketId: number, version: ObjectVersion): Extent[] {
    const stored = asStored(version);
    if (stored.inlineExtents !== undefined) return [...stored.inlineExtents];
    const rows = chunkRows(this.context.tables.versionExtents, rowOf(bucketId, stored));
    const extents = rows.flatMap(({ value }) => decodeExtentChunk(value));
    if (extents.length !== stored.extentCount) throw versionGone(version);
    return extents;
  }

  parts(bucketId: number, version: ObjectVersion): ObjectPart[] {
    const stored = asStored(version);
    if (stored.inlineParts !== undefined) return [...stored.inlineParts];
    const rows = chunkRows(this.context.tables.versionParts, rowOf(bucketId, stored));
    const parts = rows.flatMap(({ value }) => decodePartChunk(value));
    if (parts.length !== stored.partCount) throw versionGone(version);
    return parts;
  }

  put(transaction: Transaction, bucket: Bucket, key: string, draft: VersionDraft): ObjectVersion {
    checkDraft(draft);
    const present = this.buckets.present(transaction, bucket);
    return this.write(transaction, present, storablePlace(bucket.id, key), draft);
  }

  /** A delete that names no version. */
  delete(
    transaction: Transaction,
    bucket: Bucket,
    key: string,
    marker: { ownerId: string; modifiedMs: number },
  ): DeleteOutcome {
    const present = this.buckets.present(transaction, bucket);
    if (present.versioning === 'Unversioned') {
      return this.remove(transaction, present, key, nullVersionId);
    }
    const { versionId } = this.write(transaction, present, storablePlace(bucket.id, key), {
      ...marker,
      isDeleteMarker: true,
      size: 0,
      etag: '',
      storageClass: 'STANDARD',
      headers: { system: {}, user: {} },
      extents: [],
      parts: [],
    });
    return { versionId, isDeleteMarker: true };
  }

  deleteVersion(
    transaction: Transaction,
    bucket: Bucket,
    key: string,
    versionId: string,
  ): DeleteOutcome {
    return this.remove(transaction, this.buckets.present(transaction, bucket), key, versionId);
  }

  private remove(
    transaction: Transaction,
    { id, versioning }: Bucket,
    key: string,
    versionId: string,
  ): DeleteOutcome {
    const place = lookupPlace(id, key);
    if (place === undefined) return nothingDeleted;
    const newest = this.newest(place, versioning);
    const row = newest && this.find(place, versionId, newest);
    if (newest === undefined || row === undefined) return nothingDeleted;
    const { isNull, isDeleteMarker } = versionFlags(row.value);
    this.bury(transaction, place, row);
    if (versioning === 'Unversioned') {
      transaction.remove(this.context.tables.entries, place.entryRow);
    } else if (row.key.equals(newest.key)) this.promote(transaction, place);
    else if (isNull) transaction.remove(this.context.tables.nulls, place.entryRow);
    return { versionId, isDeleteMarker };
  }

  /** Only the version's own row changes: an entry has no tags, and chunks hold extents and parts. */
  amend(
    transaction: Transaction,
    bucket: Bucket,
    key: string,
    versionId: string,
    change: VersionChange,
  ): boolean {
    const { id: bucketId } = this.buckets.present(transaction, bucket);
    const place = lookupPlace(bucketId, key);
    const row = place && this.find(place, versionId);
    if (row === undefined) return false;
    const version = this.decode(row, key);
    const extents = this.extents(bucketId, version);
    const parts = this.parts(bucketId, version);
    const random = decodeVersionId(version.versionId)?.random;
    const draft: VersionDraft = { ...version, ...change, extents, parts };
    const { value } = encodeVersion(transaction, draft, version.birth, random, this.context.owners);
    transaction.put(this.context.tables.versions, row.key, value);
    return true;
  }

  /** Writes a version as the bucket's state has it, in front of, or in place of, what is there. */
  private write(
    transaction: Transaction,
    bucket: Bucket,
    place: Place,
    draft: VersionDraft,
  ): StoredVersion {
    const { tables, clock, owners, usages } = this.context;
    const newest = this.newest(place, bucket.versioning);
    const isNull = bucket.versioning !== 'Enabled';
    const birth = encodeBirth(birthAfter(newest, transaction.sequence));
    if (newest !== undefined) {
      const newestIsNull = versionFlags(newest.value).isNull;
      if (!isNull) {
        if (newestIsNull) transaction.put(tables.nulls, place.entryRow, birthOf(newest));
      } else if (newestIsNull) {
        this.bury(transaction, place, newest);
      } else {
        const older = this.findNull(place, newest);
        if (older !== undefined) {
          this.bury(transaction, place, older);
          transaction.remove(tables.nulls, place.entryRow);
        }
      }
    }
    const random = isNull ? undefined : clock.randomBytes(versionRandomBytes);
    const encoded = encodeVersion(transaction, draft, birth, random, owners);
    const row: Row = { key: withTail(place.prefix, birth), value: encoded.value };
    usages.addVersion(transaction, draft.ownerId, row.key, draft.size);
    transaction.put(tables.versions, row.key, row.value);
    putChunks(transaction, tables.versionExtents, row.key, encoded.extentChunks);
    putChunks(transaction, tables.versionParts, row.key, encoded.partChunks);
    if (!draft.isDeleteMarker) transaction.put(tables.entries, place.entryRow, encoded.entry);
    else if (newest !== undefined) transaction.remove(tables.entries, place.entryRow);
    return versionOf(draft, place.key, birth, random);
  }

  /** After the current version was removed: the next newest takes its place. */
  private promote(transaction: Transaction, place: Place): void {
    const { tables, owners } = this.context;
    const row = this.firstRow(place);
    const flags = row && versionFlags(row.value);
    if (row === undefined || flags?.isDeleteMarker) {
      transaction.remove(tables.entries, place.entryRow);
    } else {
      const entry = entryOf(row.value, birthOf(row), owners);
      transaction.put(tables.entries, place.entryRow, entry);
    }
    if (flags?.isNull) transaction.remove(tables.nulls, place.entryRow);
  }

  /** Removes a version's rows and gives its extents' references, and its record, to the graves. */
  private bury(transaction: Transaction, place: Place, row: Row): void {
    const { tables } = this.context;
    const version = this.decode(row, place.key);
    const { birth, inlineExtents, inlineParts } = version;
    const extentChunks =
      inlineExtents === undefined ? removeChunks(transaction, tables.versionExtents, row.key) : [];
    const partChunks =
      inlineParts === undefined ? removeChunks(transaction, tables.versionParts, row.key) : [];
    const extents = inlineExtents ?? extentChunks.flatMap(decodeExtentChunk);
    const refs: SnapshotRef[] = extents.map(({ snapshot }) => snapshot);
    const { bucketId, key } = place;
    const dead = { bucketId, key, birth, value: row.value, extentChunks, partChunks };
    transaction.remove(tables.versions, row.key);
    this.context.usages.removeVersion(transaction, version.ownerId, row.key, version.size);
    this.context.bury(transaction, refs, encodeDeadVersion(dead));
  }

  /**
   * Two gets where the current version is an object, which is what a GET asks for. A bucket that never
   * had versions has no delete markers: a key without an entry has nothing there.
   */
  private newest(place: Place, versioning?: VersioningState): Row | undefined {
    const entry = this.context.tables.entries.get(place.entryRow);
    if (entry === undefined) {
      return versioning === 'Unversioned' ? undefined : this.firstRow(place);
    }
    const key = withTail(place.prefix, entryBirth(entry));
    const value = this.context.tables.versions.get(key);
    if (value === undefined) throw new NamespaceError('corrupt', 'an entry names no version');
    return { key, value };
  }

  private firstRow(place: Place): Row | undefined {
    const range = { start: place.prefix, end: endOfKey(place.prefix), limit: 1 };
    return this.context.tables.versions.range(range)[0];
  }

  /** `newest` where it was looked up already. */
  private find(place: Place, versionId: string, newest?: Row): Row | undefined {
    if (versionId === nullVersionId) return this.findNull(place, newest ?? this.newest(place));
    const id = decodeVersionId(versionId);
    if (id === undefined) return undefined;
    const key = withTail(place.prefix, id.birth);
    const value = this.context.tables.versions.get(key);
    if (value === undefined) return undefined;
    const row = { key, value };
    return this.decode(row, place.key).versionId === versionId ? row : undefined;
  }

  private findNull(place: Place, newest: Row | undefined): Row | undefined {
    if (newest === undefined || versionFlags(newest.value).isNull) return newest;
    const birth = this.context.tables.nulls.get(place.entryRow);
    if (birth === undefined) return undefined;
    const key = withTail(place.prefix, birth);
    const value = this.context.tables.versions.get(key);
    if (value === undefined) throw new NamespaceError('corrupt', 'a null row names no version');
    return { key, value };
  }

  private decode(row: Row, key: string): StoredVersion {
    return decodeVersion(row.value, key, birthOf(row), this.context.owners);
  }
}

function lookupPlace(bucketId: number, key: string): Place | undefined {
  const rows = rowKeysOf(bucketId, key);
  return rows && { bucketId, key, entryRow: rows.entryRow, prefix: rows.prefix };
}

function storablePlace(bucketId: number, key: string): Place {
  const place = lookupPlace(bucketId, key);
  if (place === undefined) throw new NamespaceError('bad-key', 'this key cannot be stored');
  return place;
}

function birthOf(row: Row): Buffer {
  return tailOf(row.key, birthBytes);
}

/** A key may be written several times in one commit: the ordinal keeps its versions apart. */
function birthAfter(newest: Row | undefined, sequence: number) {
  const last = newest && decodeBirth(birthOf(newest));
  return { sequence, ordinal: last?.sequence === sequence ? last.ordinal + 1 : 0 };
}

function rowOf(bucketId: number, version: StoredVersion): Buffer {
  return withTail(keyPrefix(bucketId, Buffer.from(version.key)), version.birth);
}

function asStored(version: ObjectVersion): StoredVersion {
  if (!('birth' in version)) throw invalidArgument('this version is not of this namespace');
  return version as StoredVersion;
}

function versionGone(version: ObjectVersion): NamespaceError {
  return new NamespaceError('no-such-version', `version ${version.versionId} was removed`);
}

function checkDraft(draft: VersionDraft): void {
  const bytes = draft.extents.reduce((sum, { length }) => sum + length, 0);
  if (bytes !== draft.size) {
    throw invalidArgument(`extents hold ${bytes} bytes, the version says ${draft.size}`);
  }
}
