/**
 * The walk under all three listings (objects, versions, uploads): rows in order, those that share a
 * common prefix rolled up into one line and then skipped by seeking behind it, so that a listing
 * costs what it answers and not what lies between.
 */
import type { Row, Table } from '../../blobseer-client/index.ts';
import { justAfter, successor } from './keys.ts';

/** Most rows a walk takes from a table at once. */
const maxBatchRows = 1001;
/** First batch where rows may be rolled up: most of a larger one might be thrown away. */
const firstBatchRows = 16;
/** Batch behind one of which most rows were thrown away: the next common prefix may be alike. */
const seekBatchRows = 2;
/** A batch that gave a line for so many of its rows is followed by one twice as large. */
const maxRowsPerLine = 3;

export interface RollUp<Item> {
  readonly table: Table;
  /** First row key. */
  readonly start: Buffer;
  /** Exclusive. All rows of [start, end) have a key with `prefix`. */
  readonly end: Buffer;
  readonly prefix: Buffer;
  readonly delimiter: Buffer;
  readonly limit: number;
  /** The S3 key's bytes in a row key. */
  keyOf(rowKey: Buffer): Buffer;
  /** The first row key that a row of `key`, or of a greater key, can have. */
  seek(key: Buffer): Buffer;
  item(row: Row): Item;
}

export interface RolledUp<Item> {
  readonly items: Item[];
  readonly commonPrefixes: string[];
  readonly isTruncated: boolean;
  /** The last line: undefined where there is none. */
  readonly last: { readonly commonPrefix: string } | { readonly item: Item } | undefined;
}

/** The common prefix that a key is rolled up into; undefined where it stands for itself. */
export function commonPrefixOf(key: Buffer, prefix: Buffer, delimiter: Buffer): Buffer | undefined {
  if (delimiter.length === 0) return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.subarray(0, at + delimiter.length);
}

function startsWith(key: Buffer, start: Buffer): boolean {
  if (key.length < start.length) return false;
  // From the end: neighbours differ there.
  for (let at = start.length - 1; at >= 0; at -= 1) if (key[at] !== start[at]) return false;
  return true;
}

export function rollUp<Item>(walk: RollUp<Item>): RolledUp<Item> {
  const { table, end, prefix, delimiter, limit } = walk;
  const items: Item[] = [];
  const commonPrefixes: string[] = [];
  let last: RolledUp<Item>['last'];
  let next: Buffer | undefined = walk.start;
  let batchRows = firstBatchRows;
  while (limit > 0 && next !== undefined && Buffer.compare(next, end) < 0) {
    // One row more than is wanted tells whether the listing is truncated.
    const wanted = Math.min(limit + 1 - items.length - commonPrefixes.length, maxBatchRows);
    const rows: Row[] = table.range({
      start: next,
      end,
      limit: delimiter.length === 0 ? wanted : Math.min(wanted, batchRows),
    });
    if (rows.length === 0) break;
    next = justAfter(rows[rows.length - 1]!.key);
    const linesBefore = items.length + commonPrefixes.length;
    /** What the row before was rolled up into: those behind it that share it are skipped. */
    let rolled: Buffer | undefined;
    for (const row of rows) {
      const key = delimiter.length === 0 ? undefined : walk.keyOf(row.key);
      if (rolled !== undefined && key !== undefined && startsWith(key, rolled)) continue;
      if (items.length + commonPrefixes.length === limit) {
        return { items, commonPrefixes, isTruncated: true, last };
      }
      rolled = key && commonPrefixOf(key, prefix, delimiter);
      if (rolled === undefined) {
        const item = walk.item(row);
        items.push(item);
        last = { item };
      } else {
        const commonPrefix = rolled.toString('utf8');
        commonPrefixes.push(commonPrefix);
        last = { commonPrefix };
      }
    }
    if (rolled !== undefined) {
      const behind = successor(rolled);
      next = behind && walk.seek(behind);
    }
    const lines = items.length + commonPrefixes.length - linesBefore;
    const wasWorthIt = lines * maxRowsPerLine >= rows.length;
    batchRows = wasWorthIt ? Math.min(batchRows * 2, maxBatchRows) : seekBatchRows;
  }
  return { items, commonPrefixes, isTruncated: false, last };
}
