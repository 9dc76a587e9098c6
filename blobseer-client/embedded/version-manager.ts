/**
 * The version manager and the metadata provider of the embedded engine: tickets, snapshots, their
 * trees, their references. Ticket, tree and publishing are one step of one transaction, so there is
 * never a ticket that waits to be published.
 */

import type { Run } from '../algorithms/liveness.ts';
import { buildTree, runSync } from '../algorithms/segment-tree.ts';
import type { BlobId, SnapshotRef } from '../blobseer.ts';
import { BlobSeerError } from '../errors.ts';
import { maxBlocksPerPublish, treeFanOut } from '../limits.ts';
import type {
  BlockRef,
  ChangedPage,
  MetadataProvider,
  NewSnapshot,
  PageAddress,
  PageBlock,
  PageTree,
  SnapshotHead,
  VersionManager,
} from '../roles.ts';
import type { Table, Transaction } from '../store.ts';
import {
  type BlobRecord,
  decodeBlob,
  decodeBlock,
  decodeSnapshot,
  decodeSnapshotHead,
  decodeSnapshotKey,
  encodeBlob,
  encodeBlock,
  encodeGrave,
  encodeSnapshot,
  graveKey,
  type SnapshotRecord,
  snapshotKey,
  unitKey,
} from './records.ts';
import type { Tables } from './tables.ts';

/** References in one grave, so that dismantling one is a short transaction. */
const refsPerGrave = 200;
const noValue = Buffer.alloc(1);

export function snapshotName(ref: SnapshotRef): string {
  return `snapshot ${ref.version} of blob ${ref.blobId}`;
}

export class EmbeddedVersionManager implements VersionManager, MetadataProvider {
  private readonly tables: Tables;
  private graveSequence = 0;
  private graveOrdinal = 0;

  constructor(tables: Tables) {
    this.tables = tables;
  }

  blob(blobId: BlobId): BlobRecord | undefined {
    const bytes = this.tables.snapshots.get(blobKey(blobId));
    return bytes && decodeBlob(bytes);
  }

  head(ref: SnapshotRef): SnapshotHead | undefined {
    const bytes = this.tables.snapshots.get(snapshotKey(ref));
    return bytes && decodeSnapshotHead(bytes);
  }

  snapshot(ref: SnapshotRef): SnapshotRecord | undefined {
    const bytes = this.tables.snapshots.get(snapshotKey(ref));
    return bytes && decodeSnapshot(bytes);
  }

  /** Blocks of trees, for the algorithms. */
  readonly blocks = (refs: readonly BlockRef[]): PageBlock[] =>
    refs.map((ref) => {
      const bytes = this.tables.blocks.get(unitKey(ref.writeId, ref.index));
      if (bytes === undefined) {
        throw new BlobSeerError(
          'corrupt',
          `tree block ${ref.index} of write ${ref.writeId} is missing`,
        );
      }
      return decodeBlock(bytes);
    });

  /** Published versions of a blob, oldest first. */
  versions(blobId: BlobId, after: number, limit: number): SnapshotRef[] {
    const start = snapshotKey({ blobId, version: after + 1 });
    const end = snapshotKey({ blobId: blobId + 1, version: 0 });
    const rows = this.tables.snapshots.range({ start, end, limit });
    return rows
      .filter(({ value }) => decodeSnapshotHead(value).references > 0)
      .map(({ key }) => ({ blobId, version: key.readUIntBE(6, 6) }));
  }

  latest(blobId: BlobId): SnapshotRef | undefined {
    const start = snapshotKey({ blobId, version: 1 });
    let end = snapshotKey({ blobId: blobId + 1, version: 0 });
    for (;;) {
      const rows = this.tables.snapshots.range({ start, end, reverse: true, limit: 8 });
      for (const { key, value } of rows) {
        if (decodeSnapshotHead(value).references > 0) return decodeSnapshotKey(key);
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

  /** Takes the blob's next ticket, builds the tree and publishes. One reference, the caller's. */
  publish(transaction: Transaction, draft: NewSnapshot): SnapshotRef {
    const base = draft.base && this.heldBase(draft.base);
    const blob = this.blob(draft.blobId) ?? {
      pageSize: draft.pageSize,
      lastVersion: 0,
      snapshots: 0,
    };
    const ref = { blobId: draft.blobId, version: blob.lastVersion + 1 };
    this.putBlob(transaction, draft.blobId, {
      ...blob,
      lastVersion: ref.version,
      snapshots: blob.snapshots + 1,
    });
    const pageCount = Math.ceil(draft.size / draft.pageSize);
    const { tree, blockRuns } = this.writeTree(transaction, draft, base?.tree, pageCount);
    this.putSnapshot(transaction, ref, {
      references: 1,
      size: draft.size,
      pageSize: draft.pageSize,
      parent: draft.base,
      tree,
      visiblePages: pageCount,
      runs: [...pageRuns(draft.changed), ...blockRuns],
    });
    if (draft.base !== undefined) {
      transaction.put(this.tables.children, childKey(draft.base, ref), noValue);
    }
    return ref;
  }

  /** The check of the hold: a base that was reclaimed meanwhile has taken shared pages with it. */
  private heldBase(ref: SnapshotRef): SnapshotHead {
    const base = this.head(ref);
    if (base === undefined || base.references === 0) {
      throw new BlobSeerError('conflict', `${snapshotName(ref)} was released meanwhile`);
    }
    return base;
  }

  private writeTree(
    transaction: Transaction,
    draft: NewSnapshot,
    base: PageTree | undefined,
    pageCount: number,
  ): { tree: PageTree; blockRuns: Run[] } {
    let blockCount = 0;
    const newRef = (): BlockRef => ({ writeId: draft.writeId, index: blockCount++ });
    const { changed } = draft;
    const { tree, blocks } = runSync(
      buildTree<PageAddress, BlockRef>({ fanOut: treeFanOut, base, changed, pageCount, newRef }),
      this.blocks,
    );
    if (blocks.length > maxBlocksPerPublish) {
      throw new BlobSeerError(
        'invalid-argument',
        `one write may touch ${maxBlocksPerPublish * treeFanOut} pages at most: take larger pages`,
      );
    }
    for (const { ref, block } of blocks) {
      transaction.put(this.tables.blocks, unitKey(ref.writeId, ref.index), encodeBlock(block));
    }
    const units = blocks.map(({ level, index, ref }) => ({ level, slot: index, ...ref }));
    return { tree, blockRuns: joinUnits(units.map((unit) => ({ ...unit, inFile: false }))) };
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
    let rest = record ?? Buffer.alloc(0);
    for (let first = 0; first === 0 || first < refs.length; first += refsPerGrave) {
      const some = refs.slice(first, first + refsPerGrave);
      const key = graveKey(transaction.sequence, this.graveOrdinal++);
      transaction.put(this.tables.graves, key, encodeGrave(some, rest));
      rest = Buffer.alloc(0);
    }
  }

  putSnapshot(transaction: Transaction, ref: SnapshotRef, record: SnapshotRecord): void {
    transaction.put(this.tables.snapshots, snapshotKey(ref), encodeSnapshot(record));
  }

  private putBlob(transaction: Transaction, blobId: BlobId, record: BlobRecord): void {
    transaction.put(this.tables.snapshots, blobKey(blobId), encodeBlob(record));
  }

  /** The record of a dissolved snapshot goes; with a blob's last one, the blob. */
  removeSnapshot(transaction: Transaction, ref: SnapshotRef): void {
    transaction.remove(this.tables.snapshots, snapshotKey(ref));
    const blob = this.blob(ref.blobId);
    if (blob === undefined) return;
    if (blob.snapshots > 1) {
      this.putBlob(transaction, ref.blobId, { ...blob, snapshots: blob.snapshots - 1 });
    } else {
      transaction.remove(this.tables.snapshots, blobKey(ref.blobId));
    }
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

function pageRuns(changed: readonly ChangedPage[]): Run[] {
  const units: Unit[] = [];
  for (const [slot, page] of changed) {
    if (page !== null) units.push({ level: 0, slot, ...page });
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
function joinUnits(units: readonly Unit[]): Run[] {
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
