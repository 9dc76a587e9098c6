/**
 * The walk under all three listings (objects, versions, uploads): rows in order, those that share a
 * common prefix rolled up into one line and then skipped by seeking behind it, so that a listing
 * costs what it answers and not what lies between.
 */
import { PackedRows, type Table } from '../../blobseer-client/index.ts';
import { Span } from './bytes.ts';
import { justAfter, successor } from './keys.ts';

/** Most rows a walk takes from a table at once. */
const maxBatchRows = 1001;
/** First batch where rows may be rolled up: most of a larger one might be thrown away. */
const firstBatchRows = 16;
/** Batch behind one of which most rows were thrown away: the next common prefix may be alike. */
const seekBatchRows = 2;
/** A batch that gave a line for so many of its rows is followed by one twice as large. */
const maxRowsPerLine = 3;

export interface RollUp {
  readonly table: Pick<Table, 'packed'>;
  /** First row key. */
  readonly start: Buffer;
  /** Exclusive. All rows of [start, end) have a key with `prefix`. */
  readonly end: Buffer;
  readonly prefix: Buffer;
  readonly delimiter: Buffer;
  readonly limit: number;
  /** The S3 key of the row that the walk stands on. */
  readonly key: Span;
  /** Moves `key` to that of a row. */
  moveKey(rows: PackedRows, row: number): void;
  /** The first row key that a row of `key`, or of a greater key, can have. */
  seek(key: Buffer): Buffer;
  /** A line that is a row. */
  item(rows: PackedRows, row: number): void;
  /** A line that rows are rolled up into; the walk moves it on afterwards. */
  commonPrefix(prefix: Span): void;
}

export interface RolledUp {
  readonly count: number;
  readonly isTruncated: boolean;
  /** The last line, a key or a common prefix; '' where there is none. */
  readonly last: string;
  /** False where it is a common prefix, or there is none. */
  readonly isLastItem: boolean;
}

/** Where the common prefix ends that a key is rolled up into; -1 where it stands for itself. */
export function commonPrefixEnd(
  { bytes, start, end }: Span,
  prefixLength: number,
  delimiter: Buffer,
): number {
  const { length } = delimiter;
  if (length === 0) return -1;
  if (length > 1) {
    const at = bytes.subarray(start, end).indexOf(delimiter, prefixLength);
    return at < 0 ? -1 : start + at + length;
  }
  for (let at = start + prefixLength; at < end; at += 1) {
    if (bytes[at] === delimiter[0]) return at + 1;
  }
  return -1;
}

/**
 * Those of the walk before, kept since large memory that is made for each makes the garbage collector run. A
 * walk has two, which are filled in turns: the last line may lie in the batch before.
 */
let spareBatches: Batches | undefined;
const maxSpareBytes = 256 * 1024;

export function rollUp(walk: RollUp): RolledUp {
  const batches = spareBatches ?? [new PackedRows(), new PackedRows()];
  spareBatches = undefined;
  const rolledUp = rollUpWith(walk, batches);
  if (batches.every(({ bytes }) => bytes.length <= maxSpareBytes)) spareBatches = batches;
  return rolledUp;
}

type Batches = readonly [PackedRows, PackedRows];

function rollUpWith(walk: RollUp, batches: Batches): RolledUp {
  const { table, end, prefix, delimiter, limit, key } = walk;
  /** What the row before was rolled up into: those behind it that share it are skipped. */
  const rolled = new Span();
  let count = 0;
  let [rows, other] = batches;
  let lastRows: PackedRows | undefined;
  let lastRow = 0;
  const ended = (isTruncated: boolean): RolledUp => {
    if (lastRows === undefined) return { count, isTruncated, last: '', isLastItem: false };
    walk.moveKey(lastRows, lastRow);
    const prefixEnd = commonPrefixEnd(key, prefix.length, delimiter);
    const isLastItem = prefixEnd < 0;
    if (!isLastItem) key.moveTo(key.bytes, key.start, prefixEnd);
    return { count, isTruncated, last: key.toString(), isLastItem };
  };
  let next: Buffer | undefined = walk.start;
  let batchRows = firstBatchRows;
  while (limit > 0 && next !== undefined && Buffer.compare(next, end) < 0) {
    // One row more than is wanted tells whether the listing is truncated.
    const wanted = Math.min(limit + 1 - count, maxBatchRows);
    const batchLimit = delimiter.length === 0 ? wanted : Math.min(wanted, batchRows);
    [rows, other] = [other, rows];
    table.packed({ start: next, end, limit: batchLimit }, rows);
    if (rows.count === 0) break;
    next = justAfter(rows.key(rows.count - 1));
    const linesBefore = count;
    let isRolled = false;
    for (let row = 0; row < rows.count; row += 1) {
      walk.moveKey(rows, row);
      if (isRolled && key.startsWith(rolled)) continue;
      if (count === limit) return ended(true);
      count += 1;
      lastRows = rows;
      lastRow = row;
      const prefixEnd = commonPrefixEnd(key, prefix.length, delimiter);
      isRolled = prefixEnd >= 0;
      if (isRolled) {
        rolled.moveTo(key.bytes, key.start, prefixEnd);
        walk.commonPrefix(rolled);
      } else {
        walk.item(rows, row);
      }
    }
    if (isRolled) {
      const behind = successor(rolled.bytes.subarray(rolled.start, rolled.end));
      next = behind && walk.seek(behind);
    }
    const wasWorthIt = (count - linesBefore) * maxRowsPerLine >= rows.count;
    batchRows = wasWorthIt ? Math.min(batchRows * 2, maxBatchRows) : seekBatchRows;
  }
  return ended(false);
}
