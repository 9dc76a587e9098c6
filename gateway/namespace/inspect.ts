/**
 * The namespace's part of `check`: every reference on a snapshot that it holds, one per extent of a version, and of a
 * part whose extents no version has taken over; and what is wrong among its own rows. `check` walks
 * it without an await, so that on a served directory too all of it is of one view.
 */
import type { Problem, Reference, Row } from '../../blobseer-client/index.ts';
import { ownerRow } from './buckets.ts';
import type { Context } from './context.ts';
import { encodeUploadId, uploadIdBytes } from './ids.ts';
import { inspectVersions } from './inspect-versions.ts';
import { bucketIdBytes, bucketKey, tailOf } from './keys.ts';
import { isEnded, ownsReferences } from './leftovers.ts';
import { decodeBucket, decodeUpload, decodeUser, partSnapshots } from './records.ts';
import { rowByRow } from './row-by-row.ts';
import type { Tables } from './tables.ts';

export function* inspect(context: Context): Iterable<Reference | Problem> {
  const { tables } = context;
  yield* inspectBuckets(tables);
  yield* inspectVersions(context);
  yield* inspectParts(context);
  yield* rowByRow(tables.users, userName, (row) => inspectUser(tables, row));
  const { accessKeys, bucketSettings, counters, owners, leftovers, usage } = tables;
  for (const table of [accessKeys, bucketSettings, counters, owners, leftovers, usage]) {
    yield* rowByRow(
      table,
      () => `a row of ${table.name}`,
      () => [],
    );
  }
}

/** A bucket has a row by each of name, id and owner. */
function* inspectBuckets({ buckets, bucketsById, bucketsByOwner }: Tables): Iterable<Problem> {
  const owned = new Set<string>();
  yield* rowByRow(buckets, bucketName, function* ({ key, value }) {
    const bucket = decodeBucket(value, key.toString('utf8'));
    const byOwner = ownerRow(bucket);
    owned.add(byOwner.toString('latin1'));
    if (bucketsById.get(bucketKey(bucket.id))?.equals(key) !== true) {
      yield { problem: `${bucketName(key)} is not found by its id` };
    }
    if (!bucketsByOwner.has(byOwner)) {
      yield { problem: `${bucketName(key)} is missing among the buckets of its owner` };
    }
  });
  yield* rowByRow(bucketsById, idName, function* ({ key, value }) {
    if (!buckets.has(value)) yield { problem: `${idName(key)} is of a bucket that is not there` };
  });
  yield* rowByRow(bucketsByOwner, ownedName, function* ({ key }) {
    if (owned.has(key.toString('latin1'))) return;
    yield { problem: `${ownedName(key)} is of a bucket that is not there, or another's` };
  });
}

function* inspectParts(context: Context): Iterable<Reference | Problem> {
  const { uploads, parts } = context.tables;
  const known = new Set<string>();
  yield* rowByRow(uploads, uploadName, ({ key, value }) => {
    const uploadId = encodeUploadId(tailOf(key, uploadIdBytes));
    known.add(uploadId);
    decodeUpload(value, { bucketId: 0, key: '', uploadId });
    return [];
  });
  yield* rowByRow(parts, partName, function* ({ key, value }) {
    const id = key.subarray(0, uploadIdBytes);
    const owner = partName(key);
    if (ownsReferences(context, key)) {
      for (const snapshot of partSnapshots(value)) yield { owner, snapshot };
    }
    if (!known.has(encodeUploadId(id)) && !isEnded(context, id)) {
      yield { problem: `${owner} is there, and the upload is not` };
    }
  });
}

/** He is found by each of his access keys. */
function* inspectUser({ accessKeys }: Tables, { key, value }: Row): Iterable<Problem> {
  for (const { accessKey } of decodeUser(value, key.toString('utf8')).keys) {
    if (accessKeys.get(Buffer.from(accessKey))?.equals(key) === true) continue;
    yield { problem: `${userName(key)} is not found by access key ${accessKey}` };
  }
}

const bucketName = (key: Buffer) => `bucket ${key.toString('utf8')}`;
const idName = (key: Buffer) => `bucket id ${key.readUIntBE(0, bucketIdBytes)}`;
const ownedName = (key: Buffer) =>
  `a row of an owner's buckets, ${JSON.stringify(key.toString('utf8'))},`;
const uploadName = (key: Buffer) => `upload ${encodeUploadId(tailOf(key, uploadIdBytes))}`;
const userName = (key: Buffer) => `user ${key.toString('utf8')}`;

function partName(key: Buffer): string {
  const uploadId = encodeUploadId(key.subarray(0, uploadIdBytes));
  return `part ${key.readUInt16BE(uploadIdBytes)} of upload ${uploadId}`;
}
