/**
 * Verifies a directory and the pages that its snapshots have on other machines: first every record against
 * every other, in one view; then each snapshot's tree at the metadata providers, and the bytes of
 * every page on every provider that shall have it. A copy that is missing is reported as damage, though
 * its twins may serve still.
 */
import type { SnapshotRef } from '../../blobseer.ts';
import { pageName, type SnapshotRecord, snapshotKey } from '../../embedded/records.ts';
import {
  type CheckOptions,
  type CheckReport,
  SnapshotCheck,
} from '../../embedded/snapshot-check.ts';
import { type Snapshots, snapshotName } from '../../embedded/snapshots.ts';
import { treeFanOut } from '../../limits.ts';
import type { PageAddress } from '../../roles.ts';
import type { Store } from '../../store.ts';
import type { DataProviders } from '../data-provider.ts';
import { addressText } from '../remote-error.ts';
import { lengthIn, type Placements, providersIn } from './placements.ts';
import { decodeTicket, decodeWrite, type RemoteTree } from './records.ts';
import type { RemoteTables } from './tables.ts';
import type { TreeReader } from './tree-reader.ts';

export interface RemoteCheckParts {
  readonly store: Store;
  readonly tables: RemoteTables;
  readonly versions: Snapshots<RemoteTree>;
  readonly placements: Placements;
  readonly trees: TreeReader;
  readonly dataProviders: DataProviders;
}

export class RemoteCheck extends SnapshotCheck<RemoteTree> {
  readonly #parts: RemoteCheckParts;
  readonly #units = new Map<number, number>();
  readonly #toRead: SnapshotRef[] = [];
  readonly #seen = new Map<number, Set<number>>();
  #pagesOwned = 0;
  #nodes = 0;
  #pages = 0;
  #pageBytes = 0;

  constructor(parts: RemoteCheckParts) {
    super(parts.store, parts.tables, parts.versions);
    this.#parts = parts;
  }

  async run({ references, onProgress }: CheckOptions): Promise<CheckReport> {
    this.store.refresh();
    this.checkSnapshots(references, (ref, record) => this.#countUnits(ref, record));
    this.#checkWrites();
    for (const ref of this.#toRead) {
      await this.#checkSnapshot(ref);
      onProgress?.(this.#pages, Math.max(this.#pages, this.#pagesOwned));
    }
    const blocks = this.#nodes;
    return { ...this.found(), blocks, pages: this.#pages, pageBytes: this.#pageBytes };
  }

  #countUnits(ref: SnapshotRef, { runs }: SnapshotRecord<RemoteTree>): void {
    this.#toRead.push(ref);
    for (const { level, writeId, count } of runs) {
      this.#units.set(writeId, (this.#units.get(writeId) ?? 0) + count);
      if (level > 0) this.#nodes += count;
      else this.#pagesOwned += count;
    }
  }

  #checkWrites(): void {
    const { tickets, writes } = this.#parts.tables;
    const unseen = new Map(this.#units);
    for (const row of this.rows(tickets)) {
      const writeId = row.key.readUIntBE(0, 6);
      const record = this.decoded(row, `the ticket of write ${writeId}`, decodeTicket);
      const wanted = this.#units.get(writeId) ?? 0;
      unseen.delete(writeId);
      if (record !== undefined && record.live !== wanted) {
        this.report(
          `write ${writeId} counts ${record.live} units, snapshots account for ${wanted}`,
        );
      }
    }
    for (const writeId of unseen.keys()) this.report(`write ${writeId} has no ticket`);
    for (const row of this.rows(writes)) {
      const writeId = row.key.readUIntBE(0, 6);
      this.decoded(row, `the record of write ${writeId}`, decodeWrite);
      if (!tickets.has(row.key)) this.report(`write ${writeId} has pages and no ticket`);
    }
  }

  async #checkSnapshot(ref: SnapshotRef): Promise<void> {
    const { store, versions, trees } = this.#parts;
    store.refresh();
    const head = versions.head(ref);
    if (head?.tree.root === undefined) return;
    const count = Math.ceil(head.size / head.pageSize);
    try {
      for (let first = 0; first < count; first += treeFanOut) {
        const some = Math.min(treeFanOut, count - first);
        // As others read it: the record's own leaves are compared with those of the tree.
        const leaves = await trees.leavesOfTree(head, first, some);
        const recorded = head.tree.leaves;
        for (const [index, page] of leaves.entries()) {
          if (recorded !== undefined && !isSamePage(page, recorded[first + index] ?? null)) {
            this.report(`${snapshotName(ref)} records another page ${first + index} than its tree`);
          }
          if (page !== null) await this.#checkPage(ref, page);
        }
      }
    } catch (error) {
      this.#reportUnlessGone(ref, error);
    }
  }

  async #checkPage(ref: SnapshotRef, page: PageAddress): Promise<void> {
    const { placements, dataProviders } = this.#parts;
    const seen = this.#seen.get(page.writeId) ?? new Set();
    if (seen.has(page.index)) return;
    this.#seen.set(page.writeId, seen.add(page.index));
    this.#pages++;
    this.#pageBytes += page.length;
    const write = placements.writeOf(page);
    const key = placements.names.keyOf(page);
    for (const provider of providersIn(write, page.index)) {
      try {
        const [bytes] = await dataProviders.read(provider, [key], write.pageSize);
        if (bytes?.length === lengthIn(write, page.index)) continue;
        const what = bytes === undefined ? 'is missing' : `has ${bytes.length} bytes`;
        throw new Error(`${pageName(page)} ${what} on ${addressText(provider)}`);
      } catch (error) {
        this.#reportUnlessGone(ref, error);
      }
    }
  }

  /** A lease holds back what died since the check began; what was dead before may go meanwhile. */
  #reportUnlessGone(ref: SnapshotRef, error: unknown): void {
    const { store, tables } = this.#parts;
    store.refresh();
    if (!tables.snapshots.has(snapshotKey(ref))) return;
    this.report(error instanceof Error ? error.message : String(error));
  }
}

function isSamePage(left: PageAddress | null, right: PageAddress | null): boolean {
  if (left === null || right === null) return left === right;
  return left.writeId === right.writeId && left.index === right.index && left.crc === right.crc;
}
