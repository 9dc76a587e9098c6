/**
 * The namespace's part of `check`: every reference on a snapshot that it holds, one per extent of a version, and of a
 * part whose extents no version has taken over; and what is wrong among its own rows. `check` walks
 * it without an await, so that on a served directory too all of it is of one view.
 */
import type { Problem, Reference } from '../../blobseer-client/index.ts';
import { ownerRow } from './buckets.ts';
import { type Context, lastNumber } from './context.ts';
import { encodeUploadId, uploadIdBytes } from './ids.ts';
import { inspectVersions } from './inspect-versions.ts';
import { bucketIdBytes, bucketKey, tailOf } from './keys.ts';
import { isEnded, isLeftBucket, leftoverOf, ownsReferences } from './leftovers.ts';
import type { Bucket } from './namespace.ts';
import { decodeBucket, decodePart, decodeUpload, decodeUser } from './records.ts';
import { keysOf, RowByRow } from './row-by-row.ts';
import type { Tables } from './tables.ts';

export function* inspect(context: Context): Iterable<Reference | Problem> {
  const { tables } = context;
  const rowByRow = new RowByRow();
  yield* inspectBuckets(tables, rowByRow);
  yield* inspectVersions(context, rowByRow);
  yield* inspectUploads(context, rowByRow);
  yield* inspectUsers(tables, rowByRow);
  // Of these only whether they can be read.
  const { bucketSettings, owners, usage } = tables;
  for (const table of [bucketSettings, owners, usage]) {
    yield* rowByRow.of(
      table,
      () => `a row of ${table.name}`,
      () => [],
    );
  }
}

/** A bucket has a row by each of name, id and owner. */
function* inspectBuckets(tables: Tables, rowByRow: RowByRow): Iterable<Problem> {
  const { buckets, bucketsById, bucketsByOwner } = tables;
  let largestId = 0;
  yield* rowByRow.of(buckets, bucketName, function* ({ key, value }) {
    const bucket = decodeBucket(value, key.toString('utf8'));
    largestId = Math.max(largestId, bucket.id);
    if (bucketsById.get(bucketKey(bucket.id))?.equals(key) !== true) {
      yield { problem: `${bucketName(key)} is not found by its id` };
    }
    if (!bucketsByOwner.has(ownerRow(bucket))) {
      yield { problem: `${bucketName(key)} is missing among the buckets of its owner` };
    }
  });
  yield* rowByRow.of(bucketsById, idName, function* ({ key, value }) {
    const bucket = bucketIn(tables, value);
    if (bucket?.id === key.readUIntBE(0, bucketIdBytes)) return;
    yield { problem: `${idName(key)} is of a bucket that is not there` };
  });
  yield* rowByRow.of(bucketsByOwner, ownedName, function* ({ key }) {
    const bucket = bucketIn(tables, nameIn(key));
    if (bucket !== undefined && ownerRow(bucket).equals(key)) return;
    yield { problem: `${ownedName(key)} is of a bucket that is not there, or another's` };
  });
  yield* inspectCounters(tables, rowByRow, largestId);
}

/** Where that of buckets is behind, the next bucket is given the id, and so the objects, of one that is there. */
function* inspectCounters(
  { counters }: Tables,
  rowByRow: RowByRow,
  largestId: number,
): Iterable<Problem> {
  const isBehind = { problem: 'the counter of buckets is behind: make none before it is mended' };
  yield* rowByRow.of(counters, counterName, function* ({ key, value }) {
    if (key.equals(bucketCounter) && lastNumber(value) < largestId) yield isBehind;
  });
  if (largestId > 0 && !counters.has(bucketCounter)) yield isBehind;
}

const bucketCounter = Buffer.from('buckets');

function bucketIn({ buckets }: Tables, name: Buffer): Bucket | undefined {
  const value = buckets.get(name);
  return value && decodeBucket(value, name.toString('utf8'));
}

/** Bucket name in a row of an owner's buckets: behind the escaped owner and 00 00. */
function nameIn(ownedRow: Buffer): Buffer {
  return ownedRow.subarray(ownedRow.indexOf(terminator) + terminator.length);
}

const terminator = Buffer.alloc(2);

function* inspectUploads(context: Context, rowByRow: RowByRow): Iterable<Reference | Problem> {
  const { tables } = context;
  const known = new Set<string>();
  for (const key of keysOf(tables.uploads)) known.add(uploadIdIn(key));
  yield* rowByRow.of(tables.uploads, uploadName, function* ({ key, value }) {
    decodeUpload(value, { bucketId: 0, key: '', uploadId: uploadIdIn(key) });
    const bucketId = key.subarray(0, bucketIdBytes);
    if (tables.bucketsById.has(bucketId) || isLeftBucket(context, bucketId)) return;
    yield { problem: `${uploadName(key)} is there, and its bucket is not` };
  });
  yield* rowByRow.of(tables.parts, partName, function* ({ key, value }) {
    const id = key.subarray(0, uploadIdBytes);
    const owner = partName(key);
    const { extents, size } = decodePart(value, key.readUInt16BE(uploadIdBytes));
    if (ownsReferences(context, key)) {
      for (const { snapshot } of extents) yield { owner, snapshot };
    }
    const bytes = extents.reduce((sum, { length }) => sum + length, 0);
    if (bytes !== size) yield { problem: `${owner} has extents of ${bytes} bytes, not ${size}` };
    if (!known.has(encodeUploadId(id)) && !isEnded(context, id)) {
      yield { problem: `${owner} is there, and the upload is not` };
    }
  });
  yield* rowByRow.of(tables.leftovers, leftoverName, function* ({ key }) {
    const { bucketId, uploadId } = leftoverOf(key);
    const isThere =
      bucketId === undefined
        ? uploadId !== undefined && known.has(encodeUploadId(uploadId))
        : tables.bucketsById.has(bucketId);
    if (!isThere) return;
    yield { problem: `${leftoverName(key)} would sweep away what is there` };
  });
}

/** A user is found by each of his access keys, and they are of nobody else. */
function* inspectUsers({ users, accessKeys }: Tables, rowByRow: RowByRow): Iterable<Problem> {
  yield* rowByRow.of(users, userName, function* ({ key, value }) {
    for (const { accessKey } of decodeUser(value, key.toString('utf8')).keys) {
      if (accessKeys.get(Buffer.from(accessKey))?.equals(key) === true) continue;
      yield { problem: `${userName(key)} is not found by access key ${accessKey}` };
    }
  });
  yield* rowByRow.of(accessKeys, accessKeyName, function* ({ key, value: id }) {
    const user = users.get(id);
    const keys = user === undefined ? [] : decodeUser(user, id.toString('utf8')).keys;
    if (keys.some(({ accessKey }) => accessKey === key.toString('utf8'))) return;
    yield { problem: `${accessKeyName(key)} is nobody's` };
  });
}

const quoted = (bytes: Buffer) => JSON.stringify(bytes.toString('utf8'));
const uploadIdIn = (key: Buffer) => encodeUploadId(tailOf(key, uploadIdBytes));
const bucketName = (key: Buffer) => `bucket ${quoted(key)}`;
const idName = (key: Buffer) => `bucket id ${key.readUIntBE(0, bucketIdBytes)}`;
const ownedName = (key: Buffer) => `the row of an owner's bucket ${quoted(nameIn(key))}`;
const uploadName = (key: Buffer) => `upload ${uploadIdIn(key)}`;
const counterName = (key: Buffer) => `counter ${quoted(key)}`;
const userName = (key: Buffer) => `user ${quoted(key)}`;
const accessKeyName = (key: Buffer) => `access key ${quoted(key)}`;
const leftoverName = (key: Buffer) => `leftover ${key.toString('hex')}`;

function partName(key: Buffer): string {
  const uploadId = encodeUploadId(key.subarray(0, uploadIdBytes));
  return `part ${key.readUInt16BE(uploadIdBytes)} of upload ${uploadId}`;
}
