/** The remote engine's own tables, in the gateway's store. */
import { openSnapshotTables, type SnapshotTables } from '../../embedded/tables.ts';
import type { Store, Table } from '../../store.ts';

export interface RemoteTables extends SnapshotTables {
  /** write id -> WriteRecord: on which providers its pages are, and their checksums. */
  readonly writes: Table;
  /** write id -> TicketRecord: the version of a blob that its tree nodes are named after. */
  readonly tickets: Table;
  /** instance id, write id -> IntentRecord: what a write that may never be committed has touched. */
  readonly intents: Table;
  /** blob id -> HomeRecord: the blob at the version manager that gets its next version. */
  readonly homes: Table;
  /** number -> address of a data provider, as text. */
  readonly providers: Table;
  /** sequence, ordinal -> ReleaseRecord: what nobody needs any more. */
  readonly releases: Table;
  /** host, sequence, ordinal -> DeferredRecord: what a host that was out of reach has to be told yet. */
  readonly deferred: Table;
  /** id of a blob at the version manager -> RepairRecord: versions there may be abandoned. */
  readonly repairs: Table;
  /** TakenVersion -> write id or 0: a version that no record of ours will ever name. */
  readonly closings: Table;
  /** What holds for the whole directory. */
  readonly cluster: Table;
}

export function openRemoteTables(store: Store): RemoteTables {
  return {
    ...openSnapshotTables(store),
    writes: store.table('remote-writes'),
    tickets: store.table('remote-tickets'),
    intents: store.table('remote-intents'),
    homes: store.table('remote-homes'),
    providers: store.table('remote-providers'),
    releases: store.table('remote-releases'),
    deferred: store.table('remote-deferred'),
    repairs: store.table('remote-repairs'),
    closings: store.table('remote-closings'),
    cluster: store.table('remote-cluster'),
  };
}
