/**
 * The records of blobs and their snapshots: versions, references, who shares pages with whom. What is given
 * back goes to graves, in the same commit, and is dismantled when no reader can need it any more.
 * Each engine has its own way of naming trees (`TreeCodec`), and writes them itself.
 */
import type { Run } from '../algorithms/liveness.ts';
import type { BlobId, SnapshotRef } from '../blobseer.ts';
import { BlobSeerError } from '../errors.ts';
import type { ChangedPage, NewSnapshot, SnapshotHead } from '../roles.ts';
import type { Table, Transaction } from '../store.ts';
import {
  type BlobRecord,
  decodeBlob,
  decodeSnapshot,
  decodeSnapshotHead,
  decodeSnapshotKey,
  encodeBlob,
  encodeGrave,
  encodeSnapshot,
  graveKey,
  type SnapshotRecord,
  snapshotKey,
  type TreeCodec,
} from './records.ts';
import type { SnapshotTables } from './tables.ts';

/** References in one grave, so that dismantling one is a short transaction. */
const refsPerGrave = 200;
const noValue = Buffer.alloc(1);
const nothing: Uint8Array = Buffer.alloc(0);
export const firstVersion = 1;

export function snapshotName(ref: SnapshotRef): string {
  return `snapshot ${ref.version} of blob ${ref.blobId}`;
}

export class Snapshots<Tree> {
  protected readonly tables: SnapshotTables;
  private readonly codec: TreeCodec<Tree>;
  private graveSequence = 0;
  private graveOrdinal = 0;

  constructor(tables: SnapshotTables, codec: TreeCodec<Tree>) {
    this.tables = tables;
    this.codec = codec;
  }

  /** As long as the first version of a blob is its only one, its record says all of the blob too. */
  blob(blobId: BlobId): BlobRecord | undefined {
    const bytes = this.tables.snapshots.get(blobKey(blobId));
    if (bytes !== undefined) return decodeBlob(bytes);
    const first = this.head({ blobId, version: firstVersion });
    return first && { pageSize: first.pageSize, lastVersion: firstVersion, snapshots: 1 };
  }

  head(ref: SnapshotRef): Omit<SnapshotRecord<Tree>, 'runs'> | undefined {
    const bytes = this.tables.snapshots.get(snapshotKey(ref));
    return bytes && decodeSnapshotHead(this.codec, bytes);
  }

  snapshot(ref: SnapshotRef): SnapshotRecord<Tree> | undefined {
    const bytes = this.tables.snapshots.get(snapshotKey(ref));
    return bytes && this.decode(bytes);
  }

  decode(bytes: Buffer): SnapshotRecord<Tree> {
    return decodeSnapshot(this.codec, bytes);
  }

  /** Published versions of a blob, oldest first. */
  versions(blobId: BlobId, after: number, limit: number): SnapshotRef[] {
    const start = snapshotKey({ blobId, version: after + 1 });
    const end = snapshotKey({ blobId: blobId + 1, version: 0 });
    const rows = this.tables.snapshots.range({ start, end, limit });
    return rows
      .filter(({ value }) => decodeSnapshotHead(this.codec, value).references > 0)
      .map(({ key }) => ({ blobId, version: key.readUIntBE(6, 6) }));
  }

  latest(blobId: BlobId): SnapshotRef | undefined {
    const start = snapshotKey({ blobId, version: 1 });
    let end = snapshotKey({ blobId: blobId + 1, version: 0 });
    for (;;) {
      const rows = this.tables.snapshots.range({ start, end, reverse: true, limit: 8 });
      for (const { key, value } of rows) {
        if (decodeSnapshotHead(this.codec, value).references > 0) return decodeSnapshotKey(key);
        end = key;
      }
      if (rows.length === 0) return undefined;
    }
  }

  pageSize(blobId: BlobId): number | undefined {
    return this.blob(blobId)?.pageSize;
  }

  createBlob(transaction: Transaction, blobId: BlobId, pageSize: number): void {
    this.putBlob(transaction, blobId, { pageSize, lastVersion: 0, snapshots: 0 });
  }

  /** The next version of a blob, with one reference. `runs`: what was written for it, pages first. */
  protected add(
    transaction: Transaction,
    draft: NewSnapshot,
    blobId: BlobId,
    tree: Tree,
    runs: readonly Run[],
  ): SnapshotRef {
    const isNew = draft.isNewBlob === true && draft.blobId === blobId;
    const blob = isNew ? undefined : this.blob(blobId);
    const ref = { blobId, version: blob === undefined ? firstVersion : blob.lastVersion + 1 };
    if (blob !== undefined) {
      this.putBlob(transaction, blobId, {
        pageSize: blob.pageSize,
        lastVersion: ref.version,
        snapshots: blob.snapshots + 1,
      });
    }
    this.putSnapshot(transaction, ref, {
      references: 1,
      size: draft.size,
      pageSize: draft.pageSize,
      parent: draft.base,
      tree,
      visiblePages: Math.ceil(draft.size / draft.pageSize),
      runs,
    });
    if (draft.base !== undefined) {
      transaction.put(this.tables.children, childKey(draft.base, ref), noValue);
    }
    return ref;
  }

  /** The check of the hold: a base that was reclaimed meanwhile has taken shared pages with it. */
  protected heldBase(ref: SnapshotRef): SnapshotHead<Tree> {
    const base = this.head(ref);
    if (base === undefined || base.references === 0) {
      throw new BlobSeerError('conflict', `${snapshotName(ref)} was released meanwhile`);
    }
    return base;
  }

  retain(transaction: Transaction, ref: SnapshotRef): void {
    const record = this.snapshot(ref);
    if (record === undefined || record.references === 0) {
      throw new BlobSeerError('not-found', `there is no ${snapshotName(ref)}`);
    }
    this.putSnapshot(transaction, ref, { ...record, references: record.references + 1 });
  }

  bury(transaction: Transaction, refs: readonly SnapshotRef[], record?: Uint8Array): void {
    if (this.graveSequence !== transaction.sequence) {
      this.graveSequence = transaction.sequence;
      this.graveOrdinal = 0;
    }
    let rest = record ?? nothing;
    for (let first = 0; first === 0 || first < refs.length; first += refsPerGrave) {
      const some = refs.slice(first, first + refsPerGrave);
      const key = graveKey(transaction.sequence, this.graveOrdinal++);
      transaction.put(this.tables.graves, key, encodeGrave(some, rest));
      rest = nothing;
    }
  }

  putSnapshot(transaction: Transaction, ref: SnapshotRef, record: SnapshotRecord<Tree>): void {
    transaction.put(this.tables.snapshots, snapshotKey(ref), encodeSnapshot(this.codec, record));
  }

  private putBlob(transaction: Transaction, blobId: BlobId, record: BlobRecord): void {
    transaction.put(this.tables.snapshots, blobKey(blobId), encodeBlob(record));
  }

  /** The record of a dissolved snapshot goes; with a blob's last one, the blob: then it is true. */
  removeSnapshot(transaction: Transaction, ref: SnapshotRef): boolean {
    const isGone = transaction.remove(this.tables.snapshots, snapshotKey(ref));
    const bytes = this.tables.snapshots.get(blobKey(ref.blobId));
    if (bytes === undefined) return isGone; // it was the first and only one
    const blob = decodeBlob(bytes);
    if (blob.snapshots > 1) {
      this.putBlob(transaction, ref.blobId, { ...blob, snapshots: blob.snapshots - 1 });
      return false;
    }
    transaction.remove(this.tables.snapshots, blobKey(ref.blobId));
    return true;
  }
}

export function blobKey(blobId: BlobId): Buffer {
  return snapshotKey({ blobId, version: 0 });
}

export function childKey(parent: SnapshotRef, child: SnapshotRef): Buffer {
  return Buffer.concat([snapshotKey(parent), snapshotKey(child)]);
}

/** Children of a snapshot in the parent tree. */
export function childrenOf(children: Table, parent: SnapshotRef): SnapshotRef[] {
  const start = snapshotKey(parent);
  const end = Buffer.concat([start, Buffer.alloc(13, 0xff)]);
  const keys = children.keys({ start, end, limit: 1_000_000 });
  return keys.map((key) => ({ blobId: key.readUIntBE(12, 6), version: key.readUIntBE(18, 6) }));
}

export function pageRuns(changed: readonly ChangedPage[]): Run[] {
  const units: Unit[] = [];
  for (const [slot, page] of changed) {
    if (page === null) continue;
    const { writeId, index, inFile } = page;
    units.push({ level: 0, slot, writeId, index, inFile });
  }
  return joinUnits(units);
}

interface Unit {
  readonly level: number;
  readonly slot: number;
  readonly writeId: number;
  readonly index: number;
  readonly inFile: boolean;
}

/** Units sorted by level and slot, neighbours joined. */
export function joinUnits(units: readonly Unit[]): Run[] {
  const runs: { -readonly [Key in keyof Run]: Run[Key] }[] = [];
  for (const { level, slot, writeId, index, inFile } of units) {
    const last = runs[runs.length - 1];
    const continues =
      last !== undefined &&
      last.level === level &&
      last.start + last.count === slot &&
      last.writeId === writeId &&
      last.firstIndex + last.count === index &&
      last.inFile === inFile;
    if (continues) last.count++;
    else runs.push({ level, start: slot, count: 1, writeId, firstIndex: index, inFile });
  }
  return runs;
}
