/**
 * The store port: named ordered tables that share one transaction with the blobs.
 * The gateway's namespace lives in it, so that a version record and the snapshot it names appear
 * together or not at all. Keys and values are bytes; keys sort by memcmp.
 */

import type { PackedRows } from './packed-rows.ts';

/** Longest key of a table, in bytes (LMDB with 4 KiB pages as `lmdb` builds it). */
export const maxTableKeyBytes = 1978;

export interface Row {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** A bounded walk: it starts at `start` and ends before `end`, or runs from the end backwards. */
export interface RangeQuery {
  /** First key, inclusive; from the table's beginning when absent. */
  readonly start?: Uint8Array;
  /** Where to stop, exclusive; the table's end when absent. */
  readonly end?: Uint8Array;
  /** Newest first: the rows of [start, end), last key first. */
  readonly reverse?: boolean;
  /** Most rows to return; every walk is bounded, so that no cursor outlives its call. */
  readonly limit: number;
}

/** One named table. Reads see the newest commit (inside a commit, also its own writes). */
export interface Table {
  readonly name: string;
  /** The value is the caller's own copy. */
  get(key: Uint8Array): Buffer | undefined;
  /** As `get`; where the value still is what it was, it is `known` itself, and nothing is copied. */
  getAgain(key: Uint8Array, known: Buffer): Buffer | undefined;
  has(key: Uint8Array): boolean;
  range(query: RangeQuery): Row[];
  /** As `range`, into `rows`, for walks over so many that an object for each is felt. */
  packed(query: RangeQuery, rows: PackedRows): void;
  /** As `range`, without reading the values. */
  keys(query: RangeQuery): Buffer[];
}

/** What a commit's callback writes with. Valid only until the callback returns. */
export interface Transaction {
  /** This commit's number: unique, rising with every commit of the directory, never reused. */
  readonly sequence: number;
  put(table: Table, key: Uint8Array, value: Uint8Array): void;
  /** True when there was something to remove. */
  remove(table: Table, key: Uint8Array): boolean;
  /**
   * `done` is called before the commit's promise resolves: when it is durable, or when its flush has failed and
   * nobody knows. Never for one that was undone.
   */
  onKept(done: () => void): void;
}

/**
 * Said of work that may be run again, when what it did was undone because of another's throw: it changes nothing but
 * what its transaction writes, and what it remembers it remembers from its last run. Such work is cheaper.
 */
export type Repeating = 'repeatable';

export interface Store {
  /** Opens (creating it on first use) a table. Call it at start, not per request. */
  table(name: string): Table;
  /**
   * Runs `work` in a write transaction of its own; other commits of the same moment share its flush.
   * `work` must be synchronous; a throw in it undoes all its writes and rejects with that error.
   * The promise resolves when the commit is durable (power loss included).
   */
  commit<T>(work: (transaction: Transaction) => T, repeating?: Repeating): Promise<T>;
  /**
   * Makes the next read see every commit acknowledged so far, by any process.
   * Call it before a request's first read and after every wait.
   */
  refresh(): void;
  /** The newest commit's number as of the last `refresh`. */
  sequence(): number;
}
