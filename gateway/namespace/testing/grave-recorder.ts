/**
 * Stands in for BlobSeer where a test wants to know what was buried: graves are rows of a table, so
 * that what an undone commit buried is forgotten with it, as in the real one.
 */
import type { SnapshotRef, Store, Transaction } from '../../../blobseer-client/index.ts';
import type { Storage } from '../context.ts';

export interface Grave {
  readonly refs: readonly SnapshotRef[];
  readonly record: Buffer | undefined;
}

interface StoredGrave {
  readonly refs: SnapshotRef[];
  readonly record?: string;
}

const maxGraves = 1_000_000;

export class GraveRecorder implements Storage {
  readonly store: Store;
  private count = 0;

  constructor(store: Store) {
    this.store = store;
    this.store.table('graves-recorded');
  }

  bury(transaction: Transaction, refs: readonly SnapshotRef[], record?: Uint8Array): void {
    const key = Buffer.alloc(8);
    this.count += 1;
    key.writeDoubleBE(this.count);
    const text = JSON.stringify({
      refs: refs.map(({ blobId, version }) => ({ blobId, version })),
      record: record && Buffer.from(record).toString('base64'),
    });
    transaction.put(this.store.table('graves-recorded'), key, Buffer.from(text));
  }

  graves(): Grave[] {
    const rows = this.store.table('graves-recorded').range({ limit: maxGraves });
    return rows.map(({ value }) => {
      const { refs, record } = JSON.parse(value.toString('utf8')) as StoredGrave;
      return { refs, record: record === undefined ? undefined : Buffer.from(record, 'base64') };
    });
  }
}
