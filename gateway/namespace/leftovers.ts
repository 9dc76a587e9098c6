/**
 * What ended uploads and deleted buckets leave, and its removal in slices small enough that no other
 * commit waits for them. Rows of the table:
 *
 *   01 + bucket id   a deleted bucket: its uploads' rows are still there -> nothing
 *   02 + upload id   an ended upload: its parts' rows are still there -> bitmap of the parts whose
 *                    extents a version has taken over; those of all others are buried with the row
 */
import type { SnapshotRef, Transaction } from '../../blobseer-client/index.ts';
import type { Context } from './context.ts';
import { uploadIdBytes } from './ids.ts';
import { bucketEnd, bucketIdBytes, bucketKey, successor, tailOf } from './keys.ts';
import { partSnapshots } from './records.ts';

/** Most rows a sweep removes in one commit. */
const sliceRows = 500;
/** Most uploads of a deleted bucket it ends in one: each is looked into and noted. */
const sliceUploads = 250;
/** Most references it gives back in one: a copied part may have many extents. */
const sliceSnapshots = 2000;
const kind = { bucket: 1, upload: 2 } as const;

export function leaveBucket(context: Context, transaction: Transaction, bucketId: number): void {
  const { leftovers, uploads } = context.tables;
  const id = bucketKey(bucketId);
  if (uploads.keys({ start: id, end: bucketEnd(bucketId), limit: 1 }).length === 0) return;
  transaction.put(leftovers, leftoverRow(kind.bucket, id), Buffer.alloc(0));
}

export function leaveUpload(
  context: Context,
  transaction: Transaction,
  uploadId: Buffer,
  kept: ReadonlySet<number>,
): void {
  const { leftovers, parts } = context.tables;
  const end = successor(uploadId);
  const range = { start: uploadId, ...(end && { end }), limit: 1 };
  if (parts.keys(range).length === 0) return;
  transaction.put(leftovers, leftoverRow(kind.upload, uploadId), bitmapOf(kept));
}

/** True while more is left. */
export async function sweepLeftovers(context: Context): Promise<boolean> {
  context.store.refresh();
  if (context.tables.leftovers.keys({ limit: 1 }).length === 0) return false;
  return context.store.commit((transaction) => {
    const { leftovers } = context.tables;
    const row = leftovers.range({ limit: 1 })[0];
    if (row === undefined) return false;
    const id = row.key.subarray(1);
    const isDone =
      row.key[0] === kind.bucket
        ? sweepBucket(context, transaction, id)
        : sweepUpload(context, transaction, id, row.value);
    if (!isDone) return true;
    transaction.remove(leftovers, row.key);
    return leftovers.keys({ limit: 1 }).length > 0;
  });
}

function sweepBucket(context: Context, transaction: Transaction, id: Buffer): boolean {
  const { uploads } = context.tables;
  const end = bucketEnd(id.readUIntBE(0, bucketIdBytes));
  const rows = uploads.keys({ start: id, end, limit: sliceUploads });
  for (const row of rows) {
    const uploadId = tailOf(row, uploadIdBytes);
    transaction.remove(uploads, row);
    context.usages.endUpload(transaction, { row, id: uploadId });
    leaveUpload(context, transaction, uploadId, new Set());
  }
  return rows.length < sliceUploads;
}

function sweepUpload(
  context: Context,
  transaction: Transaction,
  id: Buffer,
  kept: Buffer,
): boolean {
  const { parts } = context.tables;
  const end = successor(id);
  const rows = parts.range({ start: id, ...(end && { end }), limit: sliceRows });
  const refs: SnapshotRef[] = [];
  let removed = 0;
  for (const { key, value } of rows) {
    if (refs.length >= sliceSnapshots) break;
    if (!isInBitmap(kept, key.readUInt16BE(uploadIdBytes))) refs.push(...partSnapshots(value));
    transaction.remove(parts, key);
    removed += 1;
  }
  if (refs.length > 0) context.bury(transaction, refs);
  return removed === rows.length && rows.length < sliceRows;
}

/** Whether a part row still owns its references: false once a version has taken them over. */
export function ownsReferences(context: Context, partRow: Buffer): boolean {
  const id = partRow.subarray(0, uploadIdBytes);
  const kept = context.tables.leftovers.get(leftoverRow(kind.upload, id));
  return kept === undefined || !isInBitmap(kept, partRow.readUInt16BE(uploadIdBytes));
}

/** Whether the upload has ended, and its parts' rows are still to be removed. */
export function isEnded(context: Context, uploadId: Buffer): boolean {
  return context.tables.leftovers.has(leftoverRow(kind.upload, uploadId));
}

/** Whether the bucket was deleted, and its uploads' rows are still to be removed. */
export function isLeftBucket(context: Context, bucketId: Buffer): boolean {
  return context.tables.leftovers.has(leftoverRow(kind.bucket, bucketId));
}

/** What a row is of: one of them is undefined, or both where the row is none that was written. */
export function leftoverOf(row: Buffer): {
  readonly bucketId: Buffer | undefined;
  readonly uploadId: Buffer | undefined;
} {
  const id = row.subarray(1);
  return {
    bucketId: row[0] === kind.bucket ? id : undefined,
    uploadId: row[0] === kind.upload ? id : undefined,
  };
}

function leftoverRow(rowKind: number, id: Buffer): Buffer {
  return Buffer.concat([Buffer.of(rowKind), id]);
}

function bitmapOf(numbers: ReadonlySet<number>): Buffer {
  let highest = -1;
  for (const number of numbers) highest = Math.max(highest, number);
  const bitmap = Buffer.alloc(Math.ceil((highest + 1) / 8));
  for (const number of numbers) bitmap[number >> 3]! |= 1 << (number & 7);
  return bitmap;
}

function isInBitmap(bitmap: Buffer, number: number): boolean {
  return ((bitmap[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
}
