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
/** Batch behind a common prefix that had more rows than its batch: the next one may be alike. */
const seekBatchRows = 2;

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
    let skipTo: Buffer | undefined;
    for (const row of rows) {
      if (skipTo !== undefined && Buffer.compare(row.key, skipTo) < 0) continue;
      if (items.length + commonPrefixes.length === limit) {
        return { items, commonPrefixes, isTruncated: true, last };
      }
      const rolled =
        delimiter.length === 0 ? undefined : commonPrefixOf(walk.keyOf(row.key), prefix, delimiter);
      if (rolled === undefined) {
        const item = walk.item(row);
        items.push(item);
        last = { item };
        continue;
      }
      const commonPrefix = rolled.toString('utf8');
      commonPrefixes.push(commonPrefix);
      last = { commonPrefix };
      const behind = successor(rolled);
      if (behind === undefined) return { items, commonPrefixes, isTruncated: false, last };
      skipTo = walk.seek(behind);
    }
    if (skipTo !== undefined && Buffer.compare(next, skipTo) < 0) {
      next = skipTo;
      batchRows = seekBatchRows;
    } else {
      batchRows = Math.min(batchRows * 2, maxBatchRows);
    }
  }
  return { items, commonPrefixes, isTruncated: false, last };
}
