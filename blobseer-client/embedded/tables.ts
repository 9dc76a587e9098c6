/** The embedded engine's own tables. Those of the gateway's namespace live beside them. */
import type { Store, Table } from '../store.ts';
import type { Environment } from './environment.ts';

/** Tables that every engine has. */
export interface SnapshotTables {
  /** blob id, version -> SnapshotRecord; version 0 holds the BlobRecord, from the second version on. */
  readonly snapshots: Table;
  /** parent snapshot, child snapshot -> nothing: the parent tree, downwards. */
  readonly children: Table;
  /** death sequence, ordinal -> references waiting to be dismantled. */
  readonly graves: Table;
  /** instance id -> the process's lower bound of the sequences it may still read. */
  readonly instances: Table;
}

/** Values that are on their way to somebody: each lies in memory that is cut off a larger block (slab.ts). */
export interface PageTable extends Table {
  /** The value with `tail` behind it, in one copy. */
  getBefore(key: Uint8Array, tail: Uint8Array): Buffer | undefined;
}

export interface Tables extends SnapshotTables {
  /** write id, block number -> a block of a segment tree. */
  readonly blocks: Table;
  /** write id, page index -> the bytes of a page of a small write, or most of them: inline-pages.ts. */
  readonly pages: PageTable;
  /** write id -> FileRecord of a large write. */
  readonly files: Table;
  /** write id -> nothing: page files less than half live, to be rewritten. */
  readonly sparse: Table;
  /** names of page files that no record names any more and that are still to be unlinked. */
  readonly doomed: Table;
}

export function openSnapshotTables(store: Store): SnapshotTables {
  return {
    snapshots: store.table('snapshots'),
    children: store.table('children'),
    graves: store.table('graves'),
    instances: store.table('instances'),
  };
}

export function openTables(store: Environment): Tables {
  return {
    ...openSnapshotTables(store),
    blocks: store.table('blocks'),
    pages: store.table('pages', { isSealed: false }), // their CRC32C is in the leaf
    files: store.table('files'),
    sparse: store.table('sparse'),
    doomed: store.table('doomed'),
  };
}
