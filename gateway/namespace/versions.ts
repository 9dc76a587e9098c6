/**
 * Versions of keys: what is current, what a put or a delete does in each versioning state, and the
 * entry that follows the current version. AWS, "How S3 Versioning works" and "Deleting object
 * versions from a versioning-suspended bucket", say what must come out; in short: a bucket that is
 * not `Enabled` writes the null version, of which a key has at most one, wherever it stands.
 *
 * All decisions read through the tables, so inside a commit they stand on its own writes too.
 */
import type { SnapshotRef, Transaction } from '../../blobseer-client/index.ts';
import type { Buckets } from './buckets.ts';
import { type Context, invalidArgument } from './context.ts';
import { encodeDeadVersion } from './dead-versions.ts';
import { NamespaceError } from './errors.ts';
import { decodeVersionId, nullVersionId, versionRandomBytes } from './ids.ts';
import { decodeBirth, encodeBirth, keyPrefix, withTail } from './keys.ts';
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
  type StoredVersion,
  versionFlags,
  versionOf,
} from './version-records.ts';
import { type Place, placeOf, type VersionRow } from './version-rows.ts';

const nothingDeleted: DeleteOutcome = { versionId: undefined, isDeleteMarker: false };

export class Versions {
  private readonly context: Context;
  private readonly buckets: Buckets;

  constructor(context: Context, buckets: Buckets) {
    this.context = context;
    this.buckets = buckets;
  }

  current(bucketId: number, key: string, versioning?: VersioningState): ObjectVersion | undefined {
    const place = placeOf(bucketId, key);
    const row = place && this.newest(place, versioning);
    return row && this.decode(row, key);
  }

  version(bucketId: number, key: string, versionId: string): ObjectVersion | undefined {
    const place = placeOf(bucketId, key);
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
    const place = placeOf(id, key);
    if (place === undefined) return nothingDeleted;
    const newest = this.newest(place, versioning);
    const row = newest && this.find(place, versionId, newest);
    if (newest === undefined || row === undefined) return nothingDeleted;
    const { isNull, isDeleteMarker } = versionFlags(row.value);
    this.bury(transaction, place, row);
    if (versioning === 'Unversioned') {
      this.context.versionRows.putEntry(transaction, place, undefined);
    } else if (row.birth.equals(newest.birth)) this.promote(transaction, place);
    else if (isNull) transaction.remove(this.context.tables.nulls, place.entryRow);
    return { versionId, isDeleteMarker };
  }

  /** Only the version's own row changes: nothing that a listing answers, nor what stands in chunks. */
  amend(
    transaction: Transaction,
    bucket: Bucket,
    key: string,
    versionId: string,
    change: VersionChange,
  ): boolean {
    const { id: bucketId } = this.buckets.present(transaction, bucket);
    const place = placeOf(bucketId, key);
    if (place === undefined) return false;
    const row = this.find(place, versionId);
    if (row === undefined) return false;
    const version = this.decode(row, key);
    const extents = this.extents(bucketId, version);
    const parts = this.parts(bucketId, version);
    const random = decodeVersionId(version.versionId)?.random;
    const draft: VersionDraft = { ...version, ...change, extents, parts };
    const { value } = encodeVersion(transaction, draft, random, this.context.owners);
    this.context.versionRows.amend(transaction, place, row, value);
    return true;
  }

  /** Writes a version as the bucket's state has it, in front of, or in place of, what is there. */
  private write(
    transaction: Transaction,
    bucket: Bucket,
    place: Place,
    draft: VersionDraft,
  ): StoredVersion {
    const { tables, versionRows, clock, owners, usages } = this.context;
    const newest = this.newest(place, bucket.versioning);
    const isNull = bucket.versioning !== 'Enabled';
    const birth = encodeBirth(birthAfter(newest, transaction.sequence));
    const newestIsNull = newest !== undefined && versionFlags(newest.value).isNull;
    if (newest !== undefined && isNull) {
      if (newestIsNull) this.bury(transaction, place, newest);
      else this.buryOlderNull(transaction, place, newest);
    } else if (newestIsNull) {
      transaction.put(tables.nulls, place.entryRow, newest.birth);
    }
    const random = isNull ? undefined : clock.randomBytes(versionRandomBytes);
    const { value, extentChunks, partChunks } = encodeVersion(transaction, draft, random, owners);
    const rowKey = withTail(place.prefix, birth);
    usages.addVersion(transaction, draft.ownerId, rowKey, draft.size);
    const stays = newest !== undefined && !(isNull && newestIsNull);
    if (stays) versionRows.stepBack(transaction, place, newest);
    if (draft.isDeleteMarker) {
      versionRows.putMarker(transaction, place, birth, value);
    } else {
      versionRows.putObject(transaction, place, birth, value);
    }
    putChunks(transaction, tables.versionExtents, rowKey, extentChunks);
    putChunks(transaction, tables.versionParts, rowKey, partChunks);
    return versionOf(draft, place.key, birth, random);
  }

  private buryOlderNull(transaction: Transaction, place: Place, newest: VersionRow): void {
    const older = this.findNull(place, newest);
    if (older === undefined) return;
    this.bury(transaction, place, older);
    transaction.remove(this.context.tables.nulls, place.entryRow);
  }

  /** After the current version was removed: the next newest takes its place. */
  private promote(transaction: Transaction, place: Place): void {
    const { tables, versionRows } = this.context;
    const row = versionRows.firstInTable(place);
    const flags = row && versionFlags(row.value);
    versionRows.putEntry(transaction, place, flags?.isDeleteMarker ? undefined : row);
    if (flags?.isNull) transaction.remove(tables.nulls, place.entryRow);
  }

  /**
   * Removes a version's rows and gives its extents' references, and its record, to the graves. What its entry
   * becomes is the caller's to say.
   */
  private bury(transaction: Transaction, place: Place, row: VersionRow): void {
    const { tables, versionRows, usages } = this.context;
    const version = this.decode(row, place.key);
    const { birth, inlineExtents, inlineParts } = version;
    const rowKey = withTail(place.prefix, birth);
    const extentChunks =
      inlineExtents === undefined ? removeChunks(transaction, tables.versionExtents, rowKey) : [];
    const partChunks =
      inlineParts === undefined ? removeChunks(transaction, tables.versionParts, rowKey) : [];
    const extents = inlineExtents ?? extentChunks.flatMap(decodeExtentChunk);
    const refs: SnapshotRef[] = extents.map(({ snapshot }) => snapshot);
    const { bucketId, key } = place;
    const dead = { bucketId, key, birth, value: row.value, extentChunks, partChunks };
    versionRows.removeFromTable(transaction, place, row);
    usages.removeVersion(transaction, version.ownerId, rowKey, version.size);
    this.context.bury(transaction, refs, encodeDeadVersion(dead));
  }

  /**
   * One get where the current version is an object, which is what a GET asks for. A bucket that never
   * had versions has no delete markers: a key without an entry has nothing there.
   */
  private newest(place: Place, versioning?: VersioningState): VersionRow | undefined {
    const { versionRows } = this.context;
    const row = versionRows.currentObject(place);
    if (row !== undefined || versioning === 'Unversioned') return row;
    return versionRows.firstInTable(place);
  }

  /** `newest` where it was looked up already. */
  private find(place: Place, versionId: string, newest?: VersionRow): VersionRow | undefined {
    if (versionId === nullVersionId) return this.findNull(place, newest ?? this.newest(place));
    const id = decodeVersionId(versionId);
    if (id === undefined) return undefined;
    const isNewest = newest?.birth.equals(id.birth) === true;
    const row = isNewest ? newest : this.context.versionRows.at(place, id.birth);
    return row && this.decode(row, place.key).versionId === versionId ? row : undefined;
  }

  private findNull(place: Place, newest: VersionRow | undefined): VersionRow | undefined {
    if (newest === undefined || versionFlags(newest.value).isNull) return newest;
    const { tables, versionRows } = this.context;
    const birth = tables.nulls.get(place.entryRow);
    const row = birth && versionRows.at(place, birth);
    if (birth !== undefined && row === undefined) {
      throw new NamespaceError('corrupt', 'a null row names no version');
    }
    return row;
  }

  private decode({ value, birth }: VersionRow, key: string): StoredVersion {
    return decodeVersion(value, key, birth, this.context.owners);
  }
}

function storablePlace(bucketId: number, key: string): Place {
  const place = placeOf(bucketId, key);
  if (place === undefined) throw new NamespaceError('bad-key', 'this key cannot be stored');
  return place;
}

/** A key may be written several times in one commit: the ordinal keeps its versions apart. */
function birthAfter(newest: VersionRow | undefined, sequence: number) {
  const last = newest && decodeBirth(newest.birth);
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
