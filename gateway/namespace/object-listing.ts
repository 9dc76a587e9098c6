/** ListObjects and ListObjectVersions: pages of entries, and of version rows. */
import type { Buckets } from './buckets.ts';
import { type Context, invalidArgument } from './context.ts';
import { decodeVersionId, isVersionId, nullVersionId } from './ids.ts';
import {
  birthBytes,
  bucketIdBytes,
  endOfKey,
  entryKey,
  justAfter,
  keyOf,
  keyPrefix,
  storableKey,
  tailOf,
  withTail,
} from './keys.ts';
import type {
  ListedObject,
  ListPage,
  ListQuery,
  VersionListPage,
  VersionListQuery,
} from './namespace.ts';
import { emptyPage, escapedLayout, pageBounds, pageOf, plainLayout } from './page.ts';
import { rollUp } from './roll-up.ts';
import { decodeEntry, decodeListedVersion, versionFlags } from './version-records.ts';

export class ObjectListing {
  private readonly context: Context;
  private readonly buckets: Buckets;

  constructor(context: Context, buckets: Buckets) {
    this.context = context;
    this.buckets = buckets;
  }

  objects(bucketId: number, query: ListQuery): ListPage<ListedObject> {
    const bounds = pageBounds(bucketId, query, plainLayout);
    if (bounds === undefined || !this.buckets.exists(bucketId)) return emptyPage();
    const { tables, owners } = this.context;
    return pageOf(
      rollUp({
        start: bounds.start,
        end: bounds.end,
        prefix: bounds.prefix,
        delimiter: bounds.delimiter,
        table: tables.entries,
        limit: query.limit,
        keyOf: (rowKey) => rowKey.subarray(bucketIdBytes),
        seek: (key) => plainLayout.seek(bucketId, key),
        item: ({ key, value }) => decodeEntry(value, key.toString('utf8', bucketIdBytes), owners),
      }),
    );
  }

  versions(bucketId: number, query: VersionListQuery): VersionListPage {
    const within = this.behindVersion(bucketId, query);
    const bounds = pageBounds(bucketId, query, escapedLayout, within);
    if (bounds === undefined) return { ...emptyPage(), lastVersionId: '' };
    const { tables, owners } = this.context;
    // The newest version of a key is the first of its rows, unless the page starts amid them.
    let previous = within && this.newerThan(bucketId, query.after, within);
    const listing = rollUp({
      start: bounds.start,
      end: bounds.end,
      prefix: bounds.prefix,
      delimiter: bounds.delimiter,
      table: tables.versions,
      limit: query.limit,
      keyOf: (rowKey) => keyOf(rowKey, birthBytes),
      seek: (key) => escapedLayout.seek(bucketId, key),
      item: (row) => {
        const key = keyOf(row.key, birthBytes);
        const isLatest = previous === undefined || !previous.equals(key);
        previous = key;
        const birth = tailOf(row.key, birthBytes);
        return decodeListedVersion(row.value, key.toString('utf8'), birth, isLatest, owners);
      },
    });
    const { last } = listing;
    const lastVersionId = last !== undefined && 'item' in last ? last.item.versionId : '';
    const { items, commonPrefixes, isTruncated, last: lastLine } = pageOf(listing);
    return { items, commonPrefixes, isTruncated, last: lastLine, lastVersionId };
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
    const { nulls, versions } = this.context.tables;
    const older = nulls.get(entryKey(bucketId, key));
    if (older !== undefined) return older;
    const newest = versions.range({ start: prefix, end: endOfKey(prefix), limit: 1 })[0];
    if (newest === undefined || !versionFlags(newest.value).isNull) return undefined;
    return tailOf(newest.key, birthBytes);
  }

  /** The key itself, as bytes, where it has a version before `bound`; else undefined. */
  private newerThan(bucketId: number, key: string, bound: Buffer): Buffer | undefined {
    const bytes = Buffer.from(key);
    const range = { start: keyPrefix(bucketId, bytes), end: bound, limit: 1 };
    return this.context.tables.versions.keys(range).length > 0 ? bytes : undefined;
  }
}
