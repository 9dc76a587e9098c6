/**
 * The walk over all rows of versions, be they in their entries or in the table of versions, as though they all
 * lay in that table. Both are read in batches and merged; an entry that names a row of the table is passed
 * over, and never more of them than rows it answers, as the rows they name come at once.
 */
import { maxTableKeyBytes, PackedRows, type Table } from '../../blobseer-client/index.ts';
import { ByteReader, noBytes } from './bytes.ts';
import { birthBytes, entryBound, justAfter, writeRowPrefix } from './keys.ts';
import { decoding } from './rows.ts';
import type { Tables } from './tables.ts';
import { entryBodyOffset, readIsWhole } from './version-records.ts';

interface Bounds {
  readonly start?: Buffer;
  readonly end?: Buffer;
}

/** Rows of versions from `start`, or from the first, before `end`, or to the last. */
export interface RowRange extends Bounds {
  readonly limit: number;
}

/**
 * Of one table there may be many rows between two of the other, and large ones: what is read too much is read again
 * by the next walk. Each batch is twice as large as the one before.
 */
const firstBatchRows = 32;
/** Batches whose memory is kept for the next walk. */
const maxSpareBytes = 256 * 1024;

export class MergedRows {
  private readonly entries: EntryWalk;
  private readonly versions: TableWalk;

  constructor(tables: Pick<Tables, 'entries' | 'versions'>) {
    this.entries = new EntryWalk(tables.entries);
    this.versions = new TableWalk(tables.versions);
  }

  packed(range: RowRange, target: PackedRows): void {
    const { entries, versions } = this;
    target.clear();
    versions.begin(range);
    entries.begin(range);
    try {
      for (let wanted = range.limit; wanted > 0; wanted = range.limit - target.count) {
        const hasVersion = versions.hasRow(wanted);
        if (entries.hasRow(wanted) && !(hasVersion && entries.isBehind(versions, versions.row))) {
          if (entries.isWhole) entries.addTo(target);
          entries.next();
        } else if (hasVersion) {
          this.addVersions(target, wanted);
        } else {
          break;
        }
      }
    } finally {
      entries.close();
      versions.close();
    }
  }

  /** That which the walk stands on, and those of its batch that stand before the entry's row too. */
  private addVersions(target: PackedRows, wanted: number): void {
    const { rows, row } = this.versions;
    const { entries } = this;
    const most = Math.min(rows.count, row + wanted);
    const isAlone = entries.hasRow(wanted) && !entries.isBehind(this.versions, most - 1);
    this.versions.row = isAlone ? row + 1 : most;
    target.addRows(rows, row, this.versions.row);
  }
}

/** Stands on one row after another of a range, which it reads when it is asked for the first that it has not. */
class TableWalk {
  rows = new PackedRows();
  row = 0;
  private readonly table: Table;
  /** What is still to be read. */
  private range: Bounds | undefined;
  private batchRows = firstBatchRows;

  constructor(table: Table) {
    this.table = table;
  }

  begin(range: Bounds): void {
    this.rows.clear();
    this.row = 0;
    this.range = range;
    this.batchRows = firstBatchRows;
  }

  /** False behind the last. Reads no more than are `wanted`. */
  hasRow(wanted: number): boolean {
    const { rows, range } = this;
    if (this.row < rows.count) return true;
    if (range === undefined) return false;
    const limit = Math.min(this.batchRows, wanted);
    this.table.packed({ ...range, limit }, rows);
    this.row = 0;
    this.batchRows *= 2;
    const isMore = rows.count === limit;
    this.range = isMore ? { ...range, start: justAfter(rows.key(rows.count - 1)) } : undefined;
    return rows.count > 0;
  }

  next(): void {
    this.row += 1;
  }

  close(): void {
    if (this.rows.bytes.length > maxSpareBytes) this.rows = new PackedRows();
  }
}

/** The same over entries, each with the row key of the version it is of. */
class EntryWalk {
  private readonly table: TableWalk;
  /** The bounds of the rows, where one entry may be within those of entries but not within them. */
  private start: Buffer | undefined;
  private end: Buffer | undefined;
  private readonly reader = new ByteReader(noBytes);
  private readonly rowKey = Buffer.allocUnsafe(maxTableKeyBytes);
  private rowKeyLength = 0;
  /** Whether the two say where the walk stands. */
  private isRead = false;
  /** Whether the entry holds the version's row. */
  isWhole = false;

  constructor(table: Table) {
    this.table = new TableWalk(table);
  }

  begin({ start, end }: Bounds): void {
    const from = start && entryBound(start);
    const to = end && entryBound(end);
    this.start = from?.isAmidKey ? start : undefined;
    this.end = to?.isAmidKey ? end : undefined;
    this.isRead = false;
    this.table.begin({
      ...(from && { start: from.entryRow }),
      ...(to && { end: to.isAmidKey ? justAfter(to.entryRow) : to.entryRow }),
    });
  }

  /** False behind the last whose row is within the range. */
  hasRow(wanted: number): boolean {
    if (this.isRead) return true;
    for (; this.table.hasRow(wanted); this.table.next()) {
      decoding('entries', this.readRow);
      if (this.start !== undefined && this.compareTo(this.start) < 0) continue;
      this.start = undefined;
      this.isRead = this.end === undefined || this.compareTo(this.end) < 0;
      return this.isRead;
    }
    return false;
  }

  next(): void {
    this.table.next();
    this.isRead = false;
  }

  close(): void {
    this.table.close();
  }

  /** Whether a row of the table stands before this one's. */
  isBehind({ rows }: TableWalk, row: number): boolean {
    const { rowKey, rowKeyLength } = this;
    const start = rows.keyStart(row);
    const length = rows.valueStart(row) - start;
    return compareBytes(rows.bytes, start, length, rowKey, rowKeyLength) < 0;
  }

  addTo(target: PackedRows): void {
    const { rows, row } = this.table;
    target.addKey(this.rowKey, 0, this.rowKeyLength);
    target.addValue(rows.bytes, rows.valueStart(row) + entryBodyOffset, rows.valueEnd(row));
  }

  private compareTo(bound: Buffer): number {
    return compareBytes(this.rowKey, 0, this.rowKeyLength, bound, bound.length);
  }

  // Made once: a function for each row is felt.
  private readonly readRow = () => {
    const { rows, row } = this.table;
    const { reader, rowKey } = this;
    const { bytes } = rows;
    reader.moveTo(bytes, rows.valueStart(row), rows.valueEnd(row));
    this.isWhole = readIsWhole(reader);
    const birthAt = reader.skip(birthBytes);
    let length = writeRowPrefix(rowKey, bytes, rows.keyStart(row), rows.valueStart(row));
    for (let at = birthAt; at < birthAt + birthBytes; at += 1) rowKey[length++] = bytes[at]!;
    this.rowKeyLength = length;
  };
}

/** As memcmp; in JavaScript, as a native call takes longer than most keys to compare. */
function compareBytes(
  left: Buffer,
  leftStart: number,
  leftLength: number,
  right: Buffer,
  rightLength: number,
): number {
  const both = Math.min(leftLength, rightLength);
  for (let at = 0; at < both; at += 1) {
    const difference = left[leftStart + at]! - right[at]!;
    if (difference !== 0) return difference;
  }
  return leftLength - rightLength;
}
