/** Rows as a sealed table holds them: behind each value the sum of its key and itself, which lie together. */
import type { PackedRows } from '../packed-rows.ts';
import { crc32c, crcBytes, sumAt } from './crc32c.ts';
import { sumWithRecord } from './crc32c-run.ts';

/** Fewer rows are sooner summed one by one. */
const runOfRows = 4;

/** Leaves the sums out of the values. Returns the first row that is damaged; undefined where all are whole. */
export function unseal(rows: PackedRows): number | undefined {
  const { count } = rows;
  const damaged = count >= runOfRows && areWhole(rows) ? undefined : firstDamaged(rows);
  if (damaged !== undefined) return damaged;
  for (let row = 0; row < count; row += 1) rows.shortenValue(row, crcBytes);
  return undefined;
}

function areWhole(rows: PackedRows): boolean {
  const { bytes, count } = rows;
  let promised = 0;
  for (let row = 0; row < count; row += 1) {
    if (rows.valueEnd(row) - rows.valueStart(row) < crcBytes) return false;
    promised = sumWithRecord(promised, rows.valueEnd(row) - rows.keyStart(row));
  }
  return crc32c(bytes, rows.keyStart(0), rows.valueEnd(count - 1)) === promised;
}

function firstDamaged(rows: PackedRows): number | undefined {
  const { bytes, count } = rows;
  for (let row = 0; row < count; row += 1) {
    const end = rows.valueEnd(row) - crcBytes;
    const isWhole =
      end >= rows.valueStart(row) && sumAt(bytes, end) === crc32c(bytes, rows.keyStart(row), end);
    if (!isWhole) return row;
  }
  return undefined;
}
