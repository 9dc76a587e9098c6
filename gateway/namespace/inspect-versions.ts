/** Versions, for `check`: the references each holds, and whether entries, versions and null rows agree. */
import type { Problem, Reference, Row, Table } from '../../blobseer-client/index.ts';
import type { Context } from './context.ts';
import {
  birthBytes,
  bucketIdBytes,
  entryBound,
  justAfter,
  keyOf,
  keyPrefix,
  tailOf,
  withTail,
} from './keys.ts';
import type { RowByRow } from './row-by-row.ts';
import { chunkRows } from './version-chunks.ts';
import {
  decodeEntry,
  decodeEntryHead,
  decodeExtentChunk,
  decodeHead,
  decodePartChunk,
  decodeVersion,
  type Head,
  versionFlags,
} from './version-records.ts';

type Finding = Reference | Problem;

const chunkNumberBytes = 2;

export function* inspectVersions(context: Context, rowByRow: RowByRow): Iterable<Finding> {
  const { entries, versions, versionExtents, versionParts, nulls } = context.tables;
  yield* rowByRow.of(entries, entryName, function* (row) {
    yield* inspectBucketOf(context, rowByRow, row.key, entries);
    yield* inspectEntry(context, row);
  });
  yield* rowByRow.of(versions, versionName, function* (row) {
    yield* inspectBucketOf(context, rowByRow, row.key, versions);
    yield* inspectVersion(context, row);
    yield* inspectPlace(context, row);
  });
  yield* rowByRow.of(nulls, nullName, (row) => inspectNull(context, row));
  yield* rowByRow.of(versionExtents, chunkName, function* (row) {
    const owner = chunkName(row.key);
    if (versionOfChunk(context, row.key).inlineExtents !== undefined) return yield orphan(owner);
    for (const { snapshot } of decodeExtentChunk(row.value)) yield { owner, snapshot };
  });
  yield* rowByRow.of(versionParts, chunkName, function* (row) {
    const owner = chunkName(row.key);
    if (versionOfChunk(context, row.key).inlineParts !== undefined) yield orphan(owner);
  });
}

function* inspectEntry(context: Context, { key, value }: Row): Iterable<Finding> {
  const { birth, row } = decodeEntry(value);
  const { versions } = context.tables;
  const prefix = prefixOf(key);
  const rowKey = withTail(prefix, birth);
  const name = entryName(key);
  if (row !== undefined) {
    yield* inspectVersion(context, { key: rowKey, value: row });
    if (versionFlags(row).isDeleteMarker) yield { problem: `${name} holds a delete marker` };
    const range = { start: prefix, end: justAfter(rowKey), limit: 1 };
    if (versions.keys(range).length === 0) return;
    yield { problem: `${name} holds a version that is not the newest` };
    return;
  }
  if (versions.keys({ start: prefix, end: rowKey, limit: 1 }).length > 0) {
    yield { problem: `${name} names a version that is not the newest` };
  }
  const named = versions.get(rowKey);
  if (named === undefined) yield { problem: `${name} names a version that is not there` };
  else if (versionFlags(named).isDeleteMarker) yield { problem: `${name} names a delete marker` };
  else {
    const { owners } = context;
    if (isListedAlike(decodeEntryHead(value, owners), decodeHead(named, birth, owners))) return;
    yield { problem: `${name} differs from the version it names` };
  }
}

/** In all that a listing answers. Whether there is an ACL is none of it, and may have changed since. */
function isListedAlike(one: Head, other: Head): boolean {
  return (
    one.versionIdText() === other.versionIdText() &&
    one.size === other.size &&
    one.etag === other.etag &&
    one.modifiedMs === other.modifiedMs &&
    one.ownerId === other.ownerId &&
    one.storageClass === other.storageClass &&
    one.checksum?.algorithm === other.checksum?.algorithm &&
    one.checksum?.type === other.checksum?.type
  );
}

/** Of a version or delete marker that lies in the table: entry and null row know it where they must. */
function* inspectPlace(context: Context, { key: rowKey, value }: Row): Iterable<Problem> {
  const { entries, versions, nulls } = context.tables;
  const { entryRow } = entryBound(rowKey);
  const birth = tailOf(rowKey, birthBytes);
  const entry = entries.get(entryRow);
  const range = { start: prefixOf(entryRow), end: rowKey, limit: 1 };
  const isFirst = versions.keys(range).length === 0;
  const isNewest = isFirst && (entry === undefined || decodeEntry(entry).birth.equals(birth));
  const { isDeleteMarker, isNull } = versionFlags(value);
  const name = keyName(entryRow);
  if (isNewest && entry === undefined && !isDeleteMarker) {
    yield { problem: `${name} has a current version and no entry: no listing shows it` };
  }
  if (isNull && !isNewest && nulls.get(entryRow)?.equals(birth) !== true) {
    yield { problem: `${name} has a null version that its null row does not name` };
  }
}

/** The version itself, wherever its row lies. References in chunks are told by those. */
function* inspectVersion(context: Context, { key: rowKey, value }: Row): Iterable<Finding> {
  const { tables, owners } = context;
  const key = keyOf(rowKey, birthBytes).toString('utf8');
  const version = decodeVersion(value, key, tailOf(rowKey, birthBytes), owners);
  const { inlineExtents, inlineParts } = version;
  const owner = `version ${version.versionId} of ${keyName(entryBound(rowKey).entryRow)}`;
  for (const { snapshot } of inlineExtents ?? []) yield { owner, snapshot };
  const chunks = (table: Table) => chunkRows(table, rowKey).map((row) => row.value);
  const extents = inlineExtents ?? chunks(tables.versionExtents).flatMap(decodeExtentChunk);
  const bytes = extents.reduce((sum, { length }) => sum + length, 0);
  if (extents.length !== version.extentCount) {
    yield { problem: `${owner} has ${extents.length} extents, not ${version.extentCount}` };
  } else if (bytes !== version.size) {
    yield { problem: `${owner} has extents of ${bytes} bytes, not ${version.size}` };
  }
  const parts = inlineParts ?? chunks(tables.versionParts).flatMap(decodePartChunk);
  if (parts.length !== version.partCount) {
    yield { problem: `${owner} has ${parts.length} parts, not ${version.partCount}` };
  }
}

function* inspectNull({ versionRows }: Context, { key, value: birth }: Row): Iterable<Problem> {
  const bucketId = key.readUIntBE(0, bucketIdBytes);
  const place = { bucketId, key: '', entryRow: key, prefix: prefixOf(key) };
  const row = versionRows.at(place, birth);
  const name = nullName(key);
  if (row === undefined) yield { problem: `${name} names a version that is not there` };
  else if (!versionFlags(row.value).isNull) {
    yield { problem: `${name} names a version that is not null` };
  } else {
    const newest = versionRows.currentObject(place) ?? versionRows.firstInTable(place);
    if (newest?.birth.equals(birth)) yield { problem: `${name} names the current version` };
  }
}

function versionOfChunk({ versionRows, owners }: Context, chunkRow: Buffer) {
  const rowKey = chunkRow.subarray(0, chunkRow.length - chunkNumberBytes);
  const { entryRow } = entryBound(rowKey);
  const birth = tailOf(rowKey, birthBytes);
  const place = { bucketId: 0, key: '', entryRow, prefix: prefixOf(entryRow) };
  const row = versionRows.at(place, birth);
  return row === undefined ? noVersion : decodeVersion(row.value, '', birth, owners);
}

/** Has nothing in chunks. */
const noVersion = { inlineExtents: [], inlineParts: [] } as const;
const orphan = (owner: string): Problem => ({ problem: `${owner} is of no version` });

/** Of each bucket that is gone one row tells. */
function* inspectBucketOf(
  { tables }: Context,
  rowByRow: RowByRow,
  rowKey: Buffer,
  table: Table,
): Iterable<Problem> {
  if (tables.bucketsById.has(rowKey.subarray(0, bucketIdBytes))) return;
  const id = rowKey.readUIntBE(0, bucketIdBytes);
  yield* rowByRow.once(`there is no bucket ${id}, and rows of it in ${table.name}`);
}

function prefixOf(entryRow: Buffer): Buffer {
  return keyPrefix(entryRow.readUIntBE(0, bucketIdBytes), entryRow.subarray(bucketIdBytes));
}

/** The key and its bucket. */
function keyName(entryRow: Buffer): string {
  const key = entryRow.toString('utf8', bucketIdBytes);
  return `${JSON.stringify(key)} in bucket ${entryRow.readUIntBE(0, bucketIdBytes)}`;
}

const entryName = (key: Buffer) => `the entry of ${keyName(key)}`;
const nullName = (key: Buffer) => `the null row of ${keyName(key)}`;
const versionName = (key: Buffer) => `a version of ${keyName(entryBound(key).entryRow)}`;
const chunkName = (key: Buffer) =>
  `a row of parts or extents of ${keyName(entryBound(key).entryRow)}`;
