/**
 * Quotas: how many bytes of versions and parts an owner has, and how many they may have. Only owners
 * with a quota are counted; for all others a write costs a look-up that finds nothing. What an owner had
 * before is counted in slices, while writes go on: a row says how far the slices have come, and a
 * write counts by itself where they have passed, and is left to them where they have not.
 */
import type { Row, Transaction } from '../../blobseer-client/index.ts';
import { maxUserIdBytes } from './buckets.ts';
import { type Context, invalidArgument } from './context.ts';
import { NamespaceError } from './errors.ts';
import { uploadIdBytes } from './ids.ts';
import { birthBytes, justAfter, successor, tailOf } from './keys.ts';
import type { Usage } from './namespace.ts';
import { decodePart, decodeUpload } from './records.ts';
import {
  type CountedRow,
  countingRow,
  countingRows,
  decodeCounting,
  decodeUploadUsage,
  decodeUsage,
  encodeCounting,
  encodeUploadUsage,
  encodeUsage,
  isPassed,
  ownerCounted,
  type UsageRecord,
  uploadUsageRow,
  usageRow,
} from './usage-records.ts';
import { decodeHead } from './version-records.ts';

/** Versions in a slice: some milliseconds. */
const sliceVersions = 500;
const sliceUploads = 50;
/** Parts after which a slice begins no other upload. */
const sliceParts = 2000;
/** S3's limit, of an upload. */
const maxParts = 10_000;

const noRow = Buffer.alloc(0);

/** An upload as its row is kept. */
export interface UploadPlace {
  readonly row: Buffer;
  readonly id: Buffer;
}

export class Usages {
  private readonly context: Pick<Context, 'store' | 'tables' | 'owners' | 'versionRows'>;

  constructor(context: Pick<Context, 'store' | 'tables' | 'owners' | 'versionRows'>) {
    this.context = context;
  }

  of(ownerId: string): Usage | undefined {
    const record = this.record(ownerId);
    return record && { ...record, isCounted: this.cursor(ownerId) === undefined };
  }

  /** Undefined takes the quota away, and ends the counting. */
  setLimit(transaction: Transaction, ownerId: string, limitBytes: number | undefined): void {
    if (Buffer.byteLength(ownerId) > maxUserIdBytes) throw invalidArgument('bad owner id');
    const { usage } = this.context.tables;
    if (limitBytes === undefined) {
      transaction.remove(usage, usageRow(ownerId));
      transaction.remove(usage, countingRow(ownerId));
      return;
    }
    const before = this.record(ownerId);
    this.put(transaction, ownerId, { limitBytes, usedBytes: before?.usedBytes ?? 0 });
    if (before === undefined) this.come(transaction, ownerId, { table: 'versions', row: noRow });
  }

  /** Throws `over-quota` where the owner may not have so many bytes more. */
  requireRoom(ownerId: string, bytes: number): void {
    const record = this.record(ownerId);
    if (record !== undefined) requireWithin(record.usedBytes + bytes, record.limitBytes);
  }

  /** A version was written. Throws `over-quota`. */
  addVersion(transaction: Transaction, ownerId: string, row: Buffer, bytes: number): void {
    this.change(transaction, ownerId, { table: 'versions', row }, bytes);
  }

  /** A version was removed or replaced. */
  removeVersion(transaction: Transaction, ownerId: string, row: Buffer, bytes: number): void {
    this.change(transaction, ownerId, { table: 'versions', row }, -bytes);
  }

  /** A part was stored, in place of `replaced`, its row, where there was one. Throws `over-quota`. */
  putPart(
    transaction: Transaction,
    ownerId: string,
    { row, id }: UploadPlace,
    bytes: number,
    replaced: Buffer | undefined,
  ): void {
    if (this.record(ownerId) === undefined) return;
    const change = bytes - (replaced === undefined ? 0 : decodePart(replaced, 0).size);
    if (!this.change(transaction, ownerId, { table: 'uploads', row }, change)) return;
    const before = this.ofUpload(id)?.bytes ?? 0;
    this.putUpload(transaction, id, ownerId, before + change);
  }

  /** Its parts are freed, or a version's. */
  endUpload(transaction: Transaction, { row, id }: UploadPlace): void {
    const ended = this.ofUpload(id);
    if (ended === undefined) return;
    transaction.remove(this.context.tables.usage, uploadUsageRow(id));
    this.change(transaction, ended.ownerId, { table: 'uploads', row }, -ended.bytes);
  }

  /** Counts a slice of what was there before; true while more is left. */
  async count(): Promise<boolean> {
    const { store, tables } = this.context;
    store.refresh();
    if (tables.usage.keys(countingRows).length === 0) return false;
    return store.commit((transaction) => {
      const [row] = tables.usage.keys(countingRows);
      if (row !== undefined) this.countSlice(transaction, ownerCounted(row));
      return tables.usage.keys(countingRows).length > 0;
    });
  }

  private countSlice(transaction: Transaction, ownerId: string): void {
    const record = this.record(ownerId);
    const cursor = this.cursor(ownerId);
    if (record === undefined || cursor === undefined) return;
    const start = justAfter(cursor.row);
    const slice =
      cursor.table === 'versions'
        ? this.versionsFrom(start, ownerId)
        : this.uploadsFrom(transaction, start, ownerId);
    this.put(transaction, ownerId, { ...record, usedBytes: record.usedBytes + slice.bytes });
    if (slice.last !== undefined) {
      this.come(transaction, ownerId, { ...cursor, row: slice.last });
    } else if (cursor.table === 'versions') {
      this.come(transaction, ownerId, { table: 'uploads', row: noRow });
    } else {
      transaction.remove(this.context.tables.usage, countingRow(ownerId));
    }
  }

  private versionsFrom(start: Buffer, ownerId: string): Slice {
    const { versionRows, owners } = this.context;
    const rows = versionRows.range({ start, limit: sliceVersions });
    const sizes = rows.map(({ key, value }) => {
      const version = decodeHead(value, tailOf(key, birthBytes), owners);
      return version.ownerId === ownerId ? version.size : 0;
    });
    return { bytes: sum(sizes), last: rows.at(-1)?.key };
  }

  private uploadsFrom(transaction: Transaction, start: Buffer, ownerId: string): Slice {
    const rows = this.context.tables.uploads.range({ start, limit: sliceUploads });
    let bytes = 0;
    let parts = 0;
    let last: Buffer | undefined;
    for (const row of rows) {
      if (parts >= sliceParts) break;
      last = row.key;
      if (uploadOwner(row) !== ownerId) continue;
      const id = tailOf(row.key, uploadIdBytes);
      const sizes = this.partSizes(id);
      this.putUpload(transaction, id, ownerId, sum(sizes));
      parts += sizes.length;
      bytes += sum(sizes);
    }
    return { bytes, last };
  }

  private partSizes(uploadId: Buffer): number[] {
    const end = successor(uploadId);
    const range = { start: uploadId, ...(end && { end }), limit: maxParts };
    return this.context.tables.parts.range(range).map(({ value }) => decodePart(value, 0).size);
  }

  /** False where the owner is not counted, or the slices have yet to come to the row. */
  private change(
    transaction: Transaction,
    ownerId: string,
    row: CountedRow,
    bytes: number,
  ): boolean {
    const record = this.record(ownerId);
    if (record === undefined) return false;
    const cursor = this.cursor(ownerId);
    if (cursor !== undefined && !isPassed(row, cursor)) return false;
    const { limitBytes } = record;
    const usedBytes = record.usedBytes + bytes;
    if (bytes > 0) requireWithin(usedBytes, limitBytes);
    // A release that does not count may have written in between: less than nothing is nothing.
    this.put(transaction, ownerId, { limitBytes, usedBytes: Math.max(usedBytes, 0) });
    return true;
  }

  // --- rows

  private record(ownerId: string): UsageRecord | undefined {
    const value = this.context.tables.usage.get(usageRow(ownerId));
    return value && decodeUsage(value);
  }

  private put(transaction: Transaction, ownerId: string, record: UsageRecord): void {
    transaction.put(this.context.tables.usage, usageRow(ownerId), encodeUsage(record));
  }

  /** How far the slices have come; undefined where they are done. */
  private cursor(ownerId: string): CountedRow | undefined {
    const value = this.context.tables.usage.get(countingRow(ownerId));
    return value && decodeCounting(value);
  }

  private come(transaction: Transaction, ownerId: string, cursor: CountedRow): void {
    transaction.put(this.context.tables.usage, countingRow(ownerId), encodeCounting(cursor));
  }

  private ofUpload(id: Buffer): ReturnType<typeof decodeUploadUsage> | undefined {
    const value = this.context.tables.usage.get(uploadUsageRow(id));
    return value && decodeUploadUsage(value);
  }

  private putUpload(transaction: Transaction, id: Buffer, ownerId: string, bytes: number): void {
    const value = encodeUploadUsage({ ownerId, bytes });
    transaction.put(this.context.tables.usage, uploadUsageRow(id), value);
  }
}

interface Slice {
  /** The owner's. */
  readonly bytes: number;
  /** The last row of it; undefined where the table has no more. */
  readonly last: Buffer | undefined;
}

function uploadOwner({ value }: Row): string {
  return decodeUpload(value, { bucketId: 0, key: '', uploadId: '' }).ownerId;
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

function requireWithin(usedBytes: number, limitBytes: number): void {
  if (usedBytes <= limitBytes) return;
  throw new NamespaceError(
    'over-quota',
    `This would take ${usedBytes} bytes; the owner has a quota of ${limitBytes}.`,
  );
}
