/**
 * Verifies a directory, also while it is served: first every record against every other, in one
 * view of the tables; then the bytes of every page against its CRC32C, under a lease, so that
 * nothing that was there at the start is reclaimed meanwhile.
 */
import { contains } from '../algorithms/intervals.ts';
import type { SnapshotRef } from '../blobseer.ts';
import { BlobSeerError } from '../errors.ts';
import type { PageAddress, PageReader } from '../roles.ts';
import type { Row, Store, Table } from '../store.ts';
import { countOf } from './free-units.ts';
import {
  decodeBlob,
  decodeFile,
  decodeGrave,
  decodeSnapshot,
  decodeSnapshotKey,
  decodeUnitKey,
  idKey,
  pageName,
  type SnapshotRecord,
  snapshotKey,
  unitKey,
} from './records.ts';
import { blobKey, childKey, snapshotName } from './snapshots.ts';
import type { Tables } from './tables.ts';
import {
  type BlockRef,
  decodeBlock,
  type PageBlock,
  type PageTree,
  pageTreeCodec,
} from './tree-records.ts';

/** Past this many, problems are only counted. */
const maxProblemsListed = 1000;
const rowsAtOnce = 500;

export interface Reference {
  /** Who holds it, in words for the report. */
  readonly owner: string;
  readonly snapshot: SnapshotRef;
}

export interface CheckOptions {
  /** Every reference that the owner of the blobs holds (the gateway's versions and parts). */
  readonly references: Iterable<Reference>;
  /** Pages read, of so many. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface CheckReport {
  readonly problems: readonly string[];
  /** With those that are not listed. */
  readonly problemCount: number;
  readonly snapshots: number;
  readonly blocks: number;
  readonly pages: number;
  readonly pageBytes: number;
}

export class Check {
  private readonly store: Store;
  private readonly tables: Tables;
  private readonly reader: PageReader;
  private readonly problems: string[] = [];
  private readonly damage = new Set<string>();
  private problemCount = 0;
  private snapshots = 0;
  private blocks = 0;
  private pages = 0;
  private pageBytes = 0;
  private pagesOwned = 0;
  /** Write id to the pages of it that were read already: leaves of several blocks name the same. */
  private readonly seen = new Map<number, Set<number>>();

  constructor(store: Store, tables: Tables, reader: PageReader) {
    this.store = store;
    this.tables = tables;
    this.reader = reader;
  }

  async run(options: CheckOptions): Promise<CheckReport> {
    this.store.refresh();
    this.checkRecords(options.references);
    await this.checkPages(options.onProgress);
    const { problems, problemCount, snapshots, blocks, pages, pageBytes } = this;
    return { problems, problemCount, snapshots, blocks, pages, pageBytes };
  }

  private report(problem: string): void {
    this.problemCount++;
    if (this.problems.length < maxProblemsListed) this.problems.push(problem);
  }

  /** Without an await: all in one view. */
  private checkRecords(references: Iterable<Reference>): void {
    const expected = this.countReferences(references);
    const owned = { pages: 0, blocks: 0, files: new Map<number, number>() };
    const perBlob = new Map<number, number>();
    for (const row of this.rows(this.tables.snapshots)) {
      const ref = decodeSnapshotKey(row.key);
      if (ref.version === 0) continue;
      this.snapshots++;
      perBlob.set(ref.blobId, (perBlob.get(ref.blobId) ?? 0) + 1);
      const record = this.decoded(row, snapshotName(ref), (bytes) =>
        decodeSnapshot(pageTreeCodec, bytes),
      );
      if (record !== undefined) this.checkSnapshot(ref, record, expected, owned);
    }
    for (const [key, count] of expected) {
      const ref = decodeSnapshotKey(Buffer.from(key, 'latin1'));
      this.report(`${snapshotName(ref)} is referenced ${count} times and does not exist`);
    }
    this.checkBlobs(perBlob);
    this.checkBlocks(owned.blocks);
    this.checkFiles(owned.files);
    const inline = count(this.tables.pages);
    if (inline !== owned.pages) {
      this.report(`${inline} pages in the pages table, snapshots account for ${owned.pages}`);
    }
    this.pagesOwned = owned.pages + [...owned.files.values()].reduce((sum, n) => sum + n, 0);
  }

  private countReferences(references: Iterable<Reference>): Map<string, number> {
    const expected = new Map<string, number>();
    const add = (ref: SnapshotRef): void => {
      const key = snapshotKey(ref).toString('latin1');
      expected.set(key, (expected.get(key) ?? 0) + 1);
    };
    try {
      for (const { owner, snapshot } of references) {
        if (!this.tables.snapshots.has(snapshotKey(snapshot))) {
          this.report(`${owner} needs ${snapshotName(snapshot)}, which does not exist`);
        }
        add(snapshot);
      }
    } catch (error) {
      this.reportDamage(error); // what it hides is reported as references too many
    }
    for (const row of this.rows(this.tables.graves)) {
      for (const ref of this.decoded(row, 'a grave', decodeGrave)?.refs ?? []) add(ref);
    }
    return expected;
  }

  private checkSnapshot(
    ref: SnapshotRef,
    record: SnapshotRecord<PageTree>,
    expected: Map<string, number>,
    owned: { pages: number; blocks: number; files: Map<number, number> },
  ): void {
    const key = snapshotKey(ref).toString('latin1');
    const wanted = expected.get(key) ?? 0;
    expected.delete(key);
    if (record.references !== wanted) {
      this.report(`${snapshotName(ref)} counts ${record.references} references, has ${wanted}`);
    }
    const { parent, tree } = record;
    if (parent !== undefined) {
      if (!this.tables.snapshots.has(snapshotKey(parent))) {
        this.report(
          `${snapshotName(ref)} shares pages with ${snapshotName(parent)}, which is gone`,
        );
      }
      if (!this.tables.children.has(childKey(parent, ref))) {
        this.report(`${snapshotName(ref)} is missing among the children of its parent`);
      }
    }
    if (tree.root !== null) this.checkBlockExists(tree.root, snapshotName(ref));
    if (tree.leaf !== null) this.checkPageExists(tree.leaf, snapshotName(ref));
    for (const { level, inFile, writeId, count: units } of record.runs) {
      if (level > 0) owned.blocks += units;
      else if (!inFile) owned.pages += units;
      else owned.files.set(writeId, (owned.files.get(writeId) ?? 0) + units);
    }
  }

  private checkBlobs(perBlob: ReadonlyMap<number, number>): void {
    for (const [blobId, found] of perBlob) {
      const [row] = this.rowsOf(this.tables.snapshots, [blobKey(blobId)]);
      const recorded = row === undefined ? 'no' : decodeBlob(row.value).snapshots;
      if (recorded !== found) {
        this.report(`blob ${blobId} records ${recorded} snapshots, has ${found}`);
      }
    }
  }

  private checkBlocks(owned: number): void {
    for (const row of this.rows(this.tables.blocks)) {
      this.blocks++;
      const ref = decodeUnitKey(row.key);
      const name = `tree block ${ref.index} of write ${ref.writeId}`;
      const block = this.decoded(row, name, decodeBlock);
      if (block !== undefined) this.checkChildren(block, name);
    }
    if (this.blocks !== owned) {
      this.report(`${this.blocks} tree blocks are stored, snapshots account for ${owned}`);
    }
  }

  private checkChildren(block: PageBlock, name: string): void {
    if ('leaves' in block) {
      for (const leaf of block.leaves) if (leaf !== null) this.checkPageExists(leaf, name);
    } else {
      for (const ref of block.blocks) if (ref !== null) this.checkBlockExists(ref, name);
    }
  }

  private checkBlockExists(ref: BlockRef, owner: string): void {
    if (!this.tables.blocks.has(unitKey(ref.writeId, ref.index))) {
      this.report(
        `${owner} needs tree block ${ref.index} of write ${ref.writeId}, which is missing`,
      );
    }
  }

  private checkPageExists(page: PageAddress, owner: string): void {
    if (!page.inFile) {
      if (this.tables.pages.has(unitKey(page.writeId, page.index))) return;
    } else {
      const [row] = this.rowsOf(this.tables.files, [idKey(page.writeId)]);
      if (row !== undefined && contains(decodeFile(row.value).live, page.index)) return;
    }
    this.report(`${owner} needs ${pageName(page)}, which is missing`);
  }

  private checkFiles(owned: ReadonlyMap<number, number>): void {
    const unseen = new Map(owned);
    for (const row of this.rows(this.tables.files)) {
      const fileId = row.key.readUIntBE(0, 6);
      const record = this.decoded(row, `the page file of write ${fileId}`, decodeFile);
      if (record === undefined) continue;
      const live = countOf(record.live);
      const wanted = owned.get(fileId) ?? 0;
      unseen.delete(fileId);
      if (live !== wanted) {
        this.report(`page file ${fileId} has ${live} live pages, snapshots account for ${wanted}`);
      }
    }
    for (const fileId of unseen.keys()) this.report(`page file ${fileId} has no record`);
  }

  private async checkPages(onProgress: CheckOptions['onProgress']): Promise<void> {
    for (const table of [this.tables.blocks, this.tables.snapshots]) {
      for (let start: Buffer | undefined; ; ) {
        this.store.refresh();
        const keys = table.keys({ ...(start && { start }), limit: rowsAtOnce });
        for (const row of this.rowsOf(table, keys)) {
          for (const page of this.leavesIn(table, row)) await this.checkPage(page, table, row.key);
          onProgress?.(this.pages, Math.max(this.pages, this.pagesOwned));
        }
        const last = keys[keys.length - 1];
        if (last === undefined) break;
        start = Buffer.concat([last, Buffer.alloc(1)]);
      }
    }
  }

  private leavesIn(table: Table, row: Row): PageAddress[] {
    try {
      if (table === this.tables.blocks) {
        const block = decodeBlock(row.value);
        return 'leaves' in block ? block.leaves.filter((leaf) => leaf !== null) : [];
      }
      if (decodeSnapshotKey(row.key).version === 0) return [];
      const { leaf } = decodeSnapshot(pageTreeCodec, row.value).tree;
      return leaf === null ? [] : [leaf];
    } catch (error) {
      if (error instanceof BlobSeerError) return []; // reported with the records
      throw error;
    }
  }

  /** `table` and `key` say where the page is named. */
  private async checkPage(page: PageAddress, table: Table, key: Buffer): Promise<void> {
    let seen = this.seen.get(page.writeId);
    if (seen === undefined) {
      seen = new Set();
      this.seen.set(page.writeId, seen);
    }
    if (seen.has(page.index)) return;
    seen.add(page.index);
    this.pages++;
    this.pageBytes += page.length;
    try {
      await this.reader.read([page]);
    } catch (error) {
      // The lease holds back what died after the check began. What was dead before may be reclaimed
      // beside it: pages together with the last row that names them.
      this.store.refresh();
      if (table.has(key)) this.reportDamage(error);
      else seen.delete(page.index); // another row may name it still
    }
    if (page.inFile && this.pages % rowsAtOnce === 0) await this.reader.close();
  }

  /** All rows of a table, a batch at a time; damaged ones are reported and left out. */
  private *rows(table: Table): Generator<Row> {
    for (let start: Buffer | undefined; ; ) {
      const keys = table.keys({ ...(start && { start }), limit: rowsAtOnce });
      yield* this.rowsOf(table, keys);
      const last = keys[keys.length - 1];
      if (last === undefined) return;
      start = Buffer.concat([last, Buffer.alloc(1)]);
    }
  }

  private rowsOf(table: Table, keys: readonly Buffer[]): Row[] {
    const rows: Row[] = [];
    for (const key of keys) {
      try {
        const value = table.get(key);
        if (value !== undefined) rows.push({ key, value });
      } catch (error) {
        this.reportDamage(error);
      }
    }
    return rows;
  }

  /** Damage of records is met more than once; it counts once. */
  private reportDamage(error: unknown): void {
    if (!(error instanceof BlobSeerError)) throw error;
    if (this.damage.has(error.message)) return;
    this.damage.add(error.message);
    this.report(error.message);
  }

  private decoded<T>(row: Row, name: string, decode: (bytes: Buffer) => T): T | undefined {
    try {
      return decode(row.value);
    } catch (error) {
      this.report(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}

function count(table: Table): number {
  let total = 0;
  for (let start: Buffer | undefined; ; ) {
    const batch = table.keys({ ...(start && { start }), limit: 10_000 });
    total += batch.length;
    const last = batch[batch.length - 1];
    if (last === undefined) return total;
    start = Buffer.concat([last, Buffer.alloc(1)]);
  }
}
