/** What the listings share: the bounds of a page from its prefix, delimiter and marker. */
import { maxTableKeyBytes } from '../../blobseer-client/index.ts';
import { Span } from './bytes.ts';
import {
  bucketEnd,
  bucketKey,
  endOfKey,
  entryKey,
  fitsTable,
  justAfter,
  keyPrefix,
  maxKeyBytes,
  successor,
} from './keys.ts';
import { commonPrefixEnd } from './roll-up.ts';

export interface PageQuery {
  readonly prefix: string;
  readonly delimiter: string;
  readonly after: string;
}

export interface PageBounds {
  readonly start: Buffer;
  readonly end: Buffer;
  readonly prefix: Buffer;
  readonly delimiter: Buffer;
}

/** How a table lays its keys out: with the key as it is, or escaped with something behind it. */
export interface Layout {
  /** The first row key that a row of `key`, or of a greater key, can have. */
  seek(bucketId: number, key: Buffer): Buffer;
  /** Behind all rows of `key`, before those of every greater key. */
  behind(bucketId: number, key: Buffer): Buffer;
}

export const plainLayout: Layout = {
  seek: entryKey,
  behind: (bucketId, key) => justAfter(entryKey(bucketId, key)),
};

export const escapedLayout: Layout = {
  seek(bucketId, key) {
    const terminated = keyPrefix(bucketId, key);
    return terminated.subarray(0, terminated.length - 2);
  },
  behind: (bucketId, key) => endOfKey(keyPrefix(bucketId, key)),
};

/** Undefined where no key can match. `within` starts amid the rows of the key `after`. */
export function pageBounds(
  bucketId: number,
  query: PageQuery,
  layout: Layout,
  within?: Buffer,
): PageBounds | undefined {
  const prefix = Buffer.from(query.prefix);
  const delimiter = Buffer.from(query.delimiter);
  // No key is longer: whatever a longer marker says beyond that cannot matter.
  const after = Buffer.from(query.after).subarray(0, maxKeyBytes + 1);
  if (!fitsTable(prefix)) return undefined;
  const behindPrefix = successor(prefix);
  const end = behindPrefix ? layout.seek(bucketId, behindPrefix) : bucketEnd(bucketId);
  const first = prefix.length === 0 ? bucketKey(bucketId) : layout.seek(bucketId, prefix);
  const marked = within ?? startAfter(bucketId, after, prefix, delimiter, layout);
  const later = marked !== undefined && Buffer.compare(marked, first) > 0 ? marked : first;
  // Only a marker that is itself no storable key can be cut here, and no row lies in between.
  const start = later.subarray(0, maxTableKeyBytes);
  return Buffer.compare(start, end) < 0 ? { start, end, prefix, delimiter } : undefined;
}

function startAfter(
  bucketId: number,
  after: Buffer,
  prefix: Buffer,
  delimiter: Buffer,
  layout: Layout,
): Buffer | undefined {
  if (after.length === 0) return undefined;
  const inPrefix = after.subarray(0, prefix.length).equals(prefix);
  const key = new Span();
  key.moveTo(after, 0, after.length);
  const rolledEnd = inPrefix ? commonPrefixEnd(key, prefix.length, delimiter) : -1;
  if (rolledEnd < after.length) return layout.behind(bucketId, after);
  // The marker is a common prefix that was answered: all it stands for is behind us.
  const next = successor(after);
  return next ? layout.seek(bucketId, next) : bucketEnd(bucketId);
}
