/** The namespace's tables, opened once at start. What a row key looks like is in keys.ts. */
import type { Store, Table } from '../../blobseer-client/index.ts';

export interface Tables {
  /** Name -> bucket. */
  readonly buckets: Table;
  /** Bucket id -> name. A bucket is there while this row is. */
  readonly bucketsById: Table;
  /** Escaped owner id + 00 00 + name -> nothing. */
  readonly bucketsByOwner: Table;
  /** Bucket id (6) + number of the setting (1) -> its document. */
  readonly bucketSettings: Table;
  /** Names of counters -> the last number given out. */
  readonly counters: Table;
  /** 6 bytes of a hash -> the owner id they stand for in entries and versions. */
  readonly owners: Table;
  /** For a key whose current version is an object: its row, or what a listing answers of it. No row otherwise. */
  readonly entries: Table;
  /** Every version and delete marker that is not in its entry, newest first within a key. */
  readonly versions: Table;
  /** Extents and parts of versions that have many, in chunks. */
  readonly versionExtents: Table;
  readonly versionParts: Table;
  /** Entry key -> birth of the null version, only where it is not the current one. */
  readonly nulls: Table;
  readonly uploads: Table;
  readonly parts: Table;
  /** What ended uploads and deleted buckets left, to be swept. */
  readonly leftovers: Table;
  /** What owners with a quota use of it. */
  readonly usage: Table;
  readonly users: Table;
  /** Access key -> user id. */
  readonly accessKeys: Table;
}

export function openTables(store: Store): Tables {
  return {
    buckets: store.table('buckets'),
    bucketsById: store.table('buckets-by-id'),
    bucketsByOwner: store.table('buckets-by-owner'),
    bucketSettings: store.table('bucket-settings'),
    counters: store.table('counters'),
    owners: store.table('owners'),
    entries: store.table('entries'),
    versions: store.table('versions'),
    versionExtents: store.table('version-extents'),
    versionParts: store.table('version-parts'),
    nulls: store.table('nulls'),
    uploads: store.table('uploads'),
    parts: store.table('parts'),
    leftovers: store.table('leftovers'),
    usage: store.table('usage'),
    users: store.table('users'),
    accessKeys: store.table('access-keys'),
  };
}
