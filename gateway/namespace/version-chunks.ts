/** The rows behind a version that has many extents or parts: its row key and a chunk number each. */
import type { Row, Table, Transaction } from '../../blobseer-client/index.ts';
import { justAfter, successor, withNumber } from './keys.ts';

/** S3 allows 10,000 parts; a part of a copied object may have several extents. */
const batchRows = 500;

export function putChunks(
  transaction: Transaction,
  table: Table,
  versionRow: Buffer,
  chunks: readonly Buffer[],
): void {
  for (const [number, chunk] of chunks.entries()) {
    transaction.put(table, withNumber(versionRow, number), chunk);
  }
}

/** In order. */
export function chunkRows(table: Table, versionRow: Buffer): Row[] {
  const end = successor(versionRow);
  const all: Row[] = [];
  let start = versionRow;
  for (;;) {
    const rows = table.range({ start, ...(end && { end }), limit: batchRows });
    all.push(...rows);
    const lastRow = rows.at(-1);
    if (lastRow === undefined || rows.length < batchRows) return all;
    start = justAfter(lastRow.key);
  }
}

/** Returns what it removed. */
export function removeChunks(transaction: Transaction, table: Table, versionRow: Buffer): Buffer[] {
  const rows = chunkRows(table, versionRow);
  for (const { key } of rows) transaction.remove(table, key);
  return rows.map(({ value }) => value);
}
