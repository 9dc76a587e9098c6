/** The embedded engine's own tables. Those of the gateway's namespace live beside them. */
import type { Table } from '../store.ts';
import type { Environment } from './environment.ts';

export interface Tables {
  /** blob id, version -> SnapshotRecord; version 0 holds the BlobRecord. */
  readonly snapshots: Table;
  /** parent snapshot, child snapshot -> nothing: the parent tree, downwards. */
  readonly children: Table;
  /** write id, block number -> a block of a segment tree. */
  readonly blocks: Table;
  /** write id, page index -> the bytes of a page of a small write. */
  readonly pages: Table;
  /** write id -> FileRecord of a large write. */
  readonly files: Table;
  /** death sequence, ordinal -> references waiting to be dismantled. */
  readonly graves: Table;
  /** write id -> nothing: page files less than half live, to be rewritten. */
  readonly sparse: Table;
  /** names of page files that no record names any more and that are still to be unlinked. */
  readonly doomed: Table;
  /** instance id -> the process's lower bound of the sequences it may still read. */
  readonly instances: Table;
}

export function openTables(store: Environment): Tables {
  return {
    snapshots: store.table('snapshots'),
    children: store.table('children'),
    blocks: store.table('blocks'),
    pages: store.table('pages', { isSealed: false }), // their CRC32C is in the leaf
    files: store.table('files'),
    graves: store.table('graves'),
    sparse: store.table('sparse'),
    doomed: store.table('doomed'),
    instances: store.table('instances'),
  };
}
