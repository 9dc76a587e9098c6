/**
 * Gives back what nobody needs any more, a bounded slice a call: graves older than every running
 * read are dismantled, snapshots without references are dissolved, their pages and blocks freed.
 * Runs in one process of a directory.
 */
import { dissolve, type Forest, type Node, type Run } from '../algorithms/liveness.ts';
import type { BlobId, SnapshotRef } from '../blobseer.ts';
import type { Store, Transaction } from '../store.ts';
import {
  decodeGrave,
  decodeSnapshotKey,
  graveKey,
  type SnapshotRecord,
  snapshotKey,
} from './records.ts';
import { childKey, childrenOf, type Snapshots } from './snapshots.ts';
import type { SnapshotTables } from './tables.ts';

/** Graves of one transaction: short, because every writer of the directory waits for it. */
const gravesAtOnce = 100;
const referencesAtOnce = 200;

export interface ReclaimParts<Tree> {
  readonly store: Store;
  readonly tables: SnapshotTables;
  readonly versions: Snapshots<Tree>;
  /** Slots per level that a snapshot sees of those it shares with. */
  readonly visibleSlots: (record: SnapshotRecord<Tree>) => readonly number[];
  /** Inside the commit: nothing sees these pages and tree blocks any more. */
  readonly free: (transaction: Transaction, runs: readonly Run[]) => void;
  /** Inside the commit: the blob's last snapshot is gone. */
  readonly onBlobGone?: (transaction: Transaction, blobId: BlobId) => void;
}

export class Reclaim<Tree> {
  private readonly parts: ReclaimParts<Tree>;
  private readonly store: Store;
  private readonly tables: SnapshotTables;
  private readonly versions: Snapshots<Tree>;
  /** Keys of graves that could not be dismantled. */
  private readonly damaged = new Set<string>();

  constructor(parts: ReclaimParts<Tree>) {
    this.parts = parts;
    this.store = parts.store;
    this.tables = parts.tables;
    this.versions = parts.versions;
  }

  /**
   * Dismantles graves dug before `bound`. True when there may be more of them. One that cannot be
   * dismantled, because a record it needs is damaged, is left out from then on: it throws once, and
   * the others go on.
   */
  async slice(bound: number): Promise<boolean> {
    this.store.refresh();
    const limit = gravesAtOnce + this.damaged.size;
    const keys = this.tables.graves
      .keys({ end: graveKey(bound, 0), limit })
      .filter((key) => !this.damaged.has(key.toString('hex')));
    if (keys.length === 0) return false;
    const done = await this.store.commit((transaction) => this.dismantle(transaction, keys));
    return done < keys.length || keys.length >= gravesAtOnce;
  }

  /** As many as a short transaction may take; how many that were. */
  private dismantle(transaction: Transaction, keys: readonly Buffer[]): number {
    let references = 0;
    for (const [done, key] of keys.entries()) {
      try {
        const grave = this.tables.graves.get(key);
        const refs = grave === undefined ? [] : decodeGrave(grave).refs;
        references += refs.length;
        if (done > 0 && references > referencesAtOnce) return done;
        for (const ref of refs) this.drop(transaction, ref);
      } catch (error) {
        this.damaged.add(key.toString('hex'));
        throw error; // undoes the whole slice: half of a grave must not be given back
      }
      transaction.remove(this.tables.graves, key);
    }
    return keys.length;
  }

  /** One reference less; with the last, the snapshot is dissolved. */
  private drop(transaction: Transaction, ref: SnapshotRef): void {
    const record = this.versions.snapshot(ref);
    if (record === undefined || record.references === 0) return; // `check` reports what led here
    const references = record.references - 1;
    if (references === 0 && this.isAlone(ref, record)) {
      this.removeRecord(transaction, ref);
      this.parts.free(transaction, record.runs);
      return;
    }
    this.versions.putSnapshot(transaction, ref, { ...record, references });
    if (references > 0) return;
    const { freed, removed, updated } = dissolve(this.forest(), idOf(ref));
    for (const id of removed) this.remove(transaction, refOf(id));
    for (const [id, node] of updated) this.update(transaction, refOf(id), node);
    this.parts.free(transaction, freed);
  }

  /** Most snapshots share pages with no other: all that they wrote goes with them. */
  private isAlone(ref: SnapshotRef, { parent }: SnapshotRecord<Tree>): boolean {
    return parent === undefined && childrenOf(this.tables.children, ref).length === 0;
  }

  private forest(): Forest<string> {
    return {
      node: (id) => {
        const record = this.versions.snapshot(refOf(id));
        return record && nodeOf(record, this.parts.visibleSlots(record));
      },
      children: (id) => childrenOf(this.tables.children, refOf(id)).map(idOf),
    };
  }

  private remove(transaction: Transaction, ref: SnapshotRef): void {
    const parent = this.versions.head(ref)?.parent;
    if (parent !== undefined) transaction.remove(this.tables.children, childKey(parent, ref));
    for (const child of childrenOf(this.tables.children, ref)) {
      transaction.remove(this.tables.children, childKey(ref, child));
    }
    this.removeRecord(transaction, ref);
  }

  private removeRecord(transaction: Transaction, ref: SnapshotRef): void {
    if (this.versions.removeSnapshot(transaction, ref)) {
      this.parts.onBlobGone?.(transaction, ref.blobId);
    }
  }

  private update(transaction: Transaction, ref: SnapshotRef, node: Node<string>): void {
    const before = this.versions.snapshot(ref);
    if (before === undefined) return;
    const parent = node.parent === undefined ? undefined : refOf(node.parent);
    if (before.parent !== undefined) {
      transaction.remove(this.tables.children, childKey(before.parent, ref));
    }
    if (parent !== undefined) {
      transaction.put(this.tables.children, childKey(parent, ref), Buffer.alloc(1));
    }
    const visiblePages = node.slots[0] ?? 0;
    this.versions.putSnapshot(transaction, ref, {
      ...before,
      parent,
      visiblePages,
      runs: node.runs,
    });
  }
}

function idOf(ref: SnapshotRef): string {
  return snapshotKey(ref).toString('latin1');
}

function refOf(id: string): SnapshotRef {
  return decodeSnapshotKey(Buffer.from(id, 'latin1'));
}

function nodeOf<Tree>(record: SnapshotRecord<Tree>, slots: readonly number[]): Node<string> {
  return {
    parent: record.parent && idOf(record.parent),
    live: record.references > 0,
    runs: record.runs,
    slots,
  };
}
