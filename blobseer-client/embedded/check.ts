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
import { PageSet } from './page-set.ts';
import {
  decodeFile,
  decodeSnapshot,
  decodeSnapshotKey,
  decodeUnitKey,
  idKey,
  pageName,
  type SnapshotRecord,
  unitKey,
} from './records.ts';
import {
  behind,
  type CheckOptions,
  type CheckReport,
  rowsAtOnce,
  SnapshotCheck,
} from './snapshot-check.ts';
import { type Snapshots, snapshotName } from './snapshots.ts';
import type { Tables } from './tables.ts';
import {
  type BlockRef,
  decodeBlock,
  type PageBlock,
  type PageTree,
  pageTreeCodec,
} from './tree-records.ts';

export class Check extends SnapshotCheck<PageTree> {
  private readonly tables: Tables;
  private readonly reader: PageReader;
  private blocks = 0;
  private pages = 0;
  private pageBytes = 0;
  private pagesOwned = 0;
  /** Pages that were read already: leaves of several blocks name the same. */
  private readonly seen = new PageSet();
  /** Pages that have no row, because all of them stands beside their address. */
  private readonly rowless = new PageSet();

  constructor(store: Store, tables: Tables, records: Snapshots<PageTree>, reader: PageReader) {
    super(store, tables, records);
    this.tables = tables;
    this.reader = reader;
  }

  async run(options: CheckOptions): Promise<CheckReport> {
    this.store.refresh();
    this.checkRecords(options.references);
    await this.checkPages(options.onProgress);
    const { blocks, pages, pageBytes } = this;
    return { ...this.found(), blocks, pages, pageBytes };
  }

  private checkRecords(references: CheckOptions['references']): void {
    const owned = { pages: 0, blocks: 0, files: new Map<number, number>() };
    this.checkSnapshots(references, (ref, record) => this.checkUnits(ref, record, owned));
    this.checkBlocks(owned.blocks);
    this.checkFiles(owned.files);
    const inline = count(this.tables.pages);
    const wanted = owned.pages - this.rowless.size;
    if (inline !== wanted) {
      this.report(`${inline} pages in the pages table, snapshots account for ${wanted}`);
    }
    this.pagesOwned = owned.pages + [...owned.files.values()].reduce((sum, n) => sum + n, 0);
  }

  private checkUnits(
    ref: SnapshotRef,
    { tree, runs }: SnapshotRecord<PageTree>,
    owned: { pages: number; blocks: number; files: Map<number, number> },
  ): void {
    if (tree.root !== null) this.checkBlockExists(tree.root, snapshotName(ref));
    if (tree.leaf !== null) this.checkPageExists(tree.leaf, snapshotName(ref));
    for (const { level, inFile, writeId, count: units } of runs) {
      if (level > 0) owned.blocks += units;
      else if (!inFile) owned.pages += units;
      else owned.files.set(writeId, (owned.files.get(writeId) ?? 0) + units);
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
    if (page.rest?.length === page.length) {
      this.rowless.add(page);
      return;
    }
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
        const next = behind(keys, start);
        if (next === undefined) break;
        start = next;
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
    if (!this.seen.add(page)) return;
    this.pages++;
    this.pageBytes += page.length;
    try {
      await this.reader.read([page]);
    } catch (error) {
      // The lease holds back what died after the check began. What was dead before may be reclaimed
      // beside it: pages together with the last row that names them.
      this.store.refresh();
      if (table.has(key)) this.reportDamage(error);
      else this.seen.delete(page); // another row may name it still
    }
    if (page.inFile && this.pages % rowsAtOnce === 0) await this.reader.close();
  }
}

function count(table: Table): number {
  let total = 0;
  for (let start: Buffer | undefined; ; ) {
    const batch = table.keys({ ...(start && { start }), limit: 10_000 });
    total += batch.length;
    const next = behind(batch, start);
    if (next === undefined) return total;
    start = next;
  }
}
