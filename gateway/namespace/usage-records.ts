/**
 * The rows of the table of usage:
 *
 *   01 + owner id    format (1), quota, bytes in use
 *   02 + owner id    while what was there before is counted: format (1), which table (1), the row key
 *                    that the counting has come to
 *   03 + upload id   format (1), owner id, bytes of its parts; of counted owners' uploads only
 */
import { decoding, newRow, openRow } from './rows.ts';

const kind = { usage: 1, counting: 2, upload: 3 } as const;

export interface UsageRecord {
  readonly limitBytes: number;
  readonly usedBytes: number;
}

/** The tables that are counted, in this order. Their numbers are on disk. */
const tableNumbers = { versions: 1, uploads: 2 } as const;
export type CountedTable = keyof typeof tableNumbers;

/** A row of one of them. */
export interface CountedRow {
  readonly table: CountedTable;
  readonly row: Buffer;
}

export interface UploadUsage {
  readonly ownerId: string;
  readonly bytes: number;
}

/** Every write asks for its owner's. */
const usageRows = new Map<string, Buffer>();
const maxUsageRows = 1000;

export function usageRow(ownerId: string): Buffer {
  let row = usageRows.get(ownerId);
  if (row === undefined) {
    row = rowOf(kind.usage, Buffer.from(ownerId));
    if (usageRows.size >= maxUsageRows) usageRows.clear();
    usageRows.set(ownerId, row);
  }
  return row;
}

export function countingRow(ownerId: string): Buffer {
  return rowOf(kind.counting, Buffer.from(ownerId));
}

export function uploadUsageRow(uploadId: Buffer): Buffer {
  return rowOf(kind.upload, uploadId);
}

/** The first row of those who are being counted, if any. */
export const countingRows = {
  start: Buffer.of(kind.counting),
  end: Buffer.of(kind.counting + 1),
  limit: 1,
} as const;

export function ownerCounted(row: Buffer): string {
  return row.subarray(1).toString('utf8');
}

function rowOf(rowKind: number, id: Buffer): Buffer {
  const row = Buffer.allocUnsafe(1 + id.length);
  row[0] = rowKind;
  row.set(id, 1);
  return row;
}

export function encodeUsage({ limitBytes, usedBytes }: UsageRecord): Buffer {
  const writer = newRow();
  writer.varint(limitBytes);
  writer.varint(usedBytes);
  return writer.finish();
}

export function decodeUsage(value: Buffer): UsageRecord {
  return decoding('usage', () => {
    const reader = openRow('usage', value);
    return { limitBytes: reader.varint(), usedBytes: reader.varint() };
  });
}

export function encodeCounting({ table, row }: CountedRow): Buffer {
  const writer = newRow();
  writer.u8(tableNumbers[table]);
  writer.raw(row);
  return writer.finish();
}

export function decodeCounting(value: Buffer): CountedRow {
  return decoding('usage', () => {
    const reader = openRow('usage', value);
    const table = reader.u8() === tableNumbers.versions ? 'versions' : 'uploads';
    return { table, row: reader.raw(reader.remaining) };
  });
}

/** Whether a row is one that the counting has passed when it has come to `cursor`. */
export function isPassed({ table, row }: CountedRow, cursor: CountedRow): boolean {
  if (table !== cursor.table) return tableNumbers[table] < tableNumbers[cursor.table];
  return Buffer.compare(row, cursor.row) <= 0;
}

export function encodeUploadUsage({ ownerId, bytes }: UploadUsage): Buffer {
  const writer = newRow();
  writer.text(ownerId);
  writer.varint(bytes);
  return writer.finish();
}

export function decodeUploadUsage(value: Buffer): UploadUsage {
  return decoding('usage', () => {
    const reader = openRow('usage', value);
    return { ownerId: reader.text(), bytes: reader.varint() };
  });
}
