/** Versions, for `check`: the references each holds, and whether entries, versions and null rows agree. */
import type { Problem, Reference, Row, Table } from '../../blobseer-client/index.ts';
import type { Context } from './context.ts';
import {
  birthBytes,
  bucketEnd,
  bucketIdBytes,
  entryBound,
  keyOf,
  keyPrefix,
  tailOf,
  withTail,
} from './keys.ts';
import { rowByRow } from './row-by-row.ts';
import { chunkRows } from './version-chunks.ts';
import {
  decodeEntry,
  decodeExtentChunk,
  decodePartChunk,
  decodeVersion,
  headEntry,
  versionFlags,
} from './version-records.ts';
import type { Place } from './version-rows.ts';

type Finding = Reference | Problem;

const chunkNumberBytes = 2;

export function* inspectVersions(context: Context): Iterable<Finding> {
  const { entries, versions, versionExtents, versionParts, nulls } = context.tables;
  yield* rowByRow(entries, entryName, (row) => inspectEntry(context, row));
  yield* rowByRow(versions, versionName, (row) => inspectRow(context, row));
  yield* rowByRow(nulls, nullName, (row) => inspectNull(context, row));
  for (const table of [versionExtents, versionParts]) {
    yield* rowByRow(table, chunkName, (row) => inspectChunk(context, row));
  }
  for (const table of [entries, versions]) yield* inBucketsThatAreGone(context, table);
}

function* inspectEntry(context: Context, { key, value }: Row): Iterable<Finding> {
  const { birth, row } = decodeEntry(value);
  const place = placeOfEntry(key);
  if (row !== undefined) yield* inspectVersion(context, withTail(place.prefix, birth), row);
  const newest = context.versionRows.firstInTable(place);
  const name = entryName(key);
  if (row !== undefined) {
    const isNewest = newest === undefined || newest.birth.compare(birth) > 0;
    if (!isNewest) yield { problem: `${name} holds a version that is not the newest` };
  } else if (newest === undefined || !newest.birth.equals(birth)) {
    yield { problem: `${name} names a version that is not the newest, or not there` };
  } else if (versionFlags(newest.value).isDeleteMarker) {
    yield { problem: `${name} names a delete marker` };
  } else if (!headEntry(newest.value, birth, context.owners).equals(value)) {
    yield { problem: `${name} differs from the version it names` };
  }
}

/** Of a version or delete marker that does not lie in its entry. */
function* inspectRow(context: Context, { key: rowKey, value }: Row): Iterable<Finding> {
  yield* inspectVersion(context, rowKey, value);
  const { entries, versions, nulls } = context.tables;
  const place = placeOf(rowKey);
  const { entryRow, prefix } = place;
  const birth = tailOf(rowKey, birthBytes);
  const entry = entries.get(entryRow);
  const isFirst = versions.keys({ start: prefix, end: rowKey, limit: 1 }).length === 0;
  const isNewest = isFirst && (entry === undefined || decodeEntry(entry).birth.equals(birth));
  const { isDeleteMarker, isNull } = versionFlags(value);
  if (isNewest && entry === undefined && !isDeleteMarker) {
    yield {
      problem: `${nameOf(entryRow)} has a current version and no entry: no listing shows it`,
    };
  }
  if (isNull && !isNewest && nulls.get(entryRow)?.equals(birth) !== true) {
    yield { problem: `${nameOf(entryRow)} has a null version that its null row does not name` };
  }
}

function* inspectVersion(context: Context, rowKey: Buffer, value: Buffer): Iterable<Finding> {
  const { tables, owners } = context;
  const key = keyOf(rowKey, birthBytes).toString('utf8');
  const version = decodeVersion(value, key, tailOf(rowKey, birthBytes), owners);
  const owner = `version ${version.versionId} of ${nameOf(entryBound(rowKey).entryRow)}`;
  const chunks = (table: Table) => chunkRows(table, rowKey).map((row) => row.value);
  const extents = version.inlineExtents ?? chunks(tables.versionExtents).flatMap(decodeExtentChunk);
  let bytes = 0;
  for (const { snapshot, length } of extents) {
    yield { owner, snapshot };
    bytes += length;
  }
  if (extents.length !== version.extentCount || bytes !== version.size) {
    const found = `${extents.length} extents of ${bytes} bytes`;
    yield { problem: `${owner} has ${found}, not ${version.extentCount} of ${version.size}` };
  }
  const parts = version.inlineParts ?? chunks(tables.versionParts).flatMap(decodePartChunk);
  if (parts.length !== version.partCount) {
    yield { problem: `${owner} has ${parts.length} parts, not ${version.partCount}` };
  }
}

function* inspectNull({ versionRows }: Context, { key, value: birth }: Row): Iterable<Problem> {
  const place = placeOfEntry(key);
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

/** Each has its version: how many there should be, that one knows. */
function* inspectChunk({ versionRows }: Context, { key }: Row): Iterable<Problem> {
  const rowKey = key.subarray(0, key.length - chunkNumberBytes);
  if (versionRows.at(placeOf(rowKey), tailOf(rowKey, birthBytes)) === undefined) {
    yield { problem: `${chunkName(key)} is of no version` };
  }
}

function* inBucketsThatAreGone({ tables }: Context, table: Table): Iterable<Problem> {
  let start: Buffer | undefined;
  for (;;) {
    const [row] = table.keys({ ...(start && { start }), limit: 1 });
    if (row === undefined) return;
    const id = row.readUIntBE(0, bucketIdBytes);
    if (!tables.bucketsById.has(row.subarray(0, bucketIdBytes))) {
      yield { problem: `there is no bucket ${id}, and rows of it in ${table.name}` };
    }
    start = bucketEnd(id);
  }
}

/** Of a row whose key begins with that of a version. */
function placeOf(rowKey: Buffer): Place {
  return placeOfEntry(entryBound(rowKey).entryRow);
}

function placeOfEntry(entryRow: Buffer): Place {
  const bucketId = entryRow.readUIntBE(0, bucketIdBytes);
  const key = entryRow.subarray(bucketIdBytes);
  return { bucketId, key: key.toString('utf8'), entryRow, prefix: keyPrefix(bucketId, key) };
}

/** The key and its bucket. */
function nameOf(entryRow: Buffer): string {
  const key = entryRow.toString('utf8', bucketIdBytes);
  return `${JSON.stringify(key)} in bucket ${entryRow.readUIntBE(0, bucketIdBytes)}`;
}

const entryName = (key: Buffer) => `the entry of ${nameOf(key)}`;
const nullName = (key: Buffer) => `the null row of ${nameOf(key)}`;
const versionName = (key: Buffer) => `a version of ${nameOf(entryBound(key).entryRow)}`;
const chunkName = (key: Buffer) =>
  `a row of parts or extents of ${nameOf(entryBound(key).entryRow)}`;
