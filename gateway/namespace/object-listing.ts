/** ListObjects and ListObjectVersions: pages of entries, and of version rows. */
import type { Buckets } from './buckets.ts';
import { noBytes, Span } from './bytes.ts';
import { type Context, invalidArgument } from './context.ts';
import { decodeVersionId, isVersionId, nullVersionId } from './ids.ts';
import {
  birthBytes,
  endOfKey,
  entryKey,
  justAfter,
  keyBeforeTail,
  keyOfEntry,
  keyPrefix,
  storableKey,
  tailOf,
  withTail,
} from './keys.ts';
import { ListedLine } from './listed-line.ts';
import type {
  ListEnd,
  ListQuery,
  ListVisitor,
  VersionListEnd,
  VersionListQuery,
} from './namespace.ts';
import { escapedLayout, pageBounds, plainLayout } from './page.ts';
import { rollUp } from './roll-up.ts';
import { versionFlags } from './version-records.ts';

const emptyPage: ListEnd = { count: 0, isTruncated: false, last: '' };

export class ObjectListing {
  private readonly context: Context;
  private readonly buckets: Buckets;

  constructor(context: Context, buckets: Buckets) {
    this.context = context;
    this.buckets = buckets;
  }

  objects(bucketId: number, query: ListQuery, visitor: ListVisitor): ListEnd {
    const bounds = pageBounds(bucketId, query, plainLayout);
    if (bounds === undefined || !this.buckets.exists(bucketId)) return emptyPage;
    const { tables, owners } = this.context;
    const line = new ListedLine(owners);
    const { key } = line;
    const { count, isTruncated, last } = rollUp({
      start: bounds.start,
      end: bounds.end,
      prefix: bounds.prefix,
      delimiter: bounds.delimiter,
      table: tables.entries,
      limit: query.limit,
      key,
      moveKey: (rows, row) => keyOfEntry(rows, row, key),
      seek: (bound) => plainLayout.seek(bucketId, bound),
      item(rows, row) {
        line.readEntry(rows, row);
        visitor.object(line);
      },
      commonPrefix: (prefix) => visitor.commonPrefix(prefix),
    });
    return { count, isTruncated, last };
  }

  versions(bucketId: number, query: VersionListQuery, visitor: ListVisitor): VersionListEnd {
    const within = this.behindVersion(bucketId, query);
    const bounds = pageBounds(bucketId, query, escapedLayout, within);
    if (bounds === undefined) return { ...emptyPage, lastVersionId: '' };
    const { versionRows, owners } = this.context;
    const line = new ListedLine(owners);
    const { key } = line;
    // The newest version of a key is the first of its rows, unless the page starts amid them.
    const newer = within && this.newerThan(bucketId, query.after, within);
    const previous = new Span();
    if (newer !== undefined) previous.moveTo(newer, 0, newer.length);
    const { count, isTruncated, last, isLastItem } = rollUp({
      start: bounds.start,
      end: bounds.end,
      prefix: bounds.prefix,
      delimiter: bounds.delimiter,
      table: versionRows,
      limit: query.limit,
      key,
      moveKey: (rows, row) => keyBeforeTail(rows, row, birthBytes, key),
      seek: (bound) => escapedLayout.seek(bucketId, bound),
      item(rows, row) {
        line.readVersion(rows, row);
        // No key is empty, so the first row is never like the one before.
        line.isLatest = !key.equals(previous);
        previous.moveTo(key.bytes, key.start, key.end);
        visitor.object(line);
      },
      commonPrefix(prefix) {
        // What comes next is another key, and the rows of the one before may be gone.
        previous.moveTo(noBytes, 0, 0);
        visitor.commonPrefix(prefix);
      },
    });
    // The line still stands on it.
    return { count, isTruncated, last, lastVersionId: isLastItem ? line.versionIdText() : '' };
  }

  /** The first row key behind the version that a marker names; undefined where it names none. */
  private behindVersion(bucketId: number, query: VersionListQuery): Buffer | undefined {
    if (query.afterVersionId === '') return undefined;
    if (!isVersionId(query.afterVersionId)) throw invalidArgument('the marker is no version id');
    const key = storableKey(query.after);
    if (key === undefined) return undefined;
    const prefix = keyPrefix(bucketId, key);
    if (query.afterVersionId !== nullVersionId) {
      const birth = decodeVersionId(query.afterVersionId)?.birth;
      return birth && justAfter(withTail(prefix, birth));
    }
    const birth = this.nullBirth(bucketId, key, prefix);
    // Removed since it was listed, so nobody knows where it stood. A page too much does no harm
    // to a client that deletes what it lists; a version left out would.
    return birth === undefined ? prefix : justAfter(withTail(prefix, birth));
  }

  private nullBirth(bucketId: number, key: Buffer, prefix: Buffer): Buffer | undefined {
    const { tables, versionRows } = this.context;
    const older = tables.nulls.get(entryKey(bucketId, key));
    if (older !== undefined) return older;
    const newest = versionRows.range({ start: prefix, end: endOfKey(prefix), limit: 1 })[0];
    if (newest === undefined || !versionFlags(newest.value).isNull) return undefined;
    return tailOf(newest.key, birthBytes);
  }

  /** The key itself, as bytes, where it has a version before `bound`; else undefined. */
  private newerThan(bucketId: number, key: string, bound: Buffer): Buffer | undefined {
    const bytes = Buffer.from(key);
    const { versionRows } = this.context;
    return versionRows.hasSome(keyPrefix(bucketId, bytes), bound) ? bytes : undefined;
  }
}
