/**
 * Rewrites page files that are less than half live into new ones (a new generation of the same id).
 * Leaves name file id and page index, so only the file's own record changes. Never hole-punched:
 * checkpoints hard-link page files.
 */
import { BlobSeerError } from '../errors.ts';
import type { Store } from '../store.ts';
import type { DiskFile } from './disk.ts';
import { countOf, doom } from './free-units.ts';
import type { FileName, PageFiles } from './page-files.ts';
import { decodeFile, encodeFile, type FileRecord, fileOffset, idKey } from './records.ts';
import type { SpaceGuard } from './space.ts';
import type { Tables } from './tables.ts';

export class Rewrite {
  private readonly store: Store;
  private readonly tables: Tables;
  private readonly pageFiles: PageFiles;
  private readonly instance: number;

  private readonly space: SpaceGuard;

  constructor(
    store: Store,
    tables: Tables,
    pageFiles: PageFiles,
    space: SpaceGuard,
    instance: number,
  ) {
    this.space = space;
    this.store = store;
    this.tables = tables;
    this.pageFiles = pageFiles;
    this.instance = instance;
  }

  /** Rewrites one file. True when there may be more. `isStopping` is asked between pages. */
  async one(isStopping: () => boolean): Promise<boolean> {
    this.store.refresh();
    const [key] = this.tables.sparse.keys({ limit: 1 });
    if (key === undefined) return false;
    const fileId = key.readUIntBE(0, 6);
    const bytes = this.tables.files.get(key);
    try {
      if (bytes === undefined) await this.forget(key);
      else return await this.rewrite(fileId, decodeFile(bytes), isStopping);
    } catch (error) {
      await this.forget(key); // it would stand in the way of all others; its next free asks again
      throw error;
    }
    return true;
  }

  private async rewrite(
    fileId: number,
    record: FileRecord,
    isStopping: () => boolean,
  ): Promise<boolean> {
    await this.space.require(countOf(record.live) * record.pageSize);
    const target = { instance: this.instance, fileId, generation: record.generation + 1 };
    if (!(await this.copy(record, fileId, target, isStopping))) return false;
    await this.adopt(fileId, record, target);
    return true;
  }

  private async forget(key: Buffer): Promise<void> {
    await this.store.commit((transaction) => transaction.remove(this.tables.sparse, key));
  }

  private async copy(
    record: FileRecord,
    fileId: number,
    target: FileName,
    isStopping: () => boolean,
  ): Promise<boolean> {
    const { instance, generation } = record;
    const source = await this.pageFiles.openForRead({ instance, fileId, generation });
    if (source === undefined) {
      throw new BlobSeerError('corrupt', `the page file of write ${fileId} is missing`);
    }
    // A crash may have left a file of this name behind by the very same process number: none does,
    // since numbers are never given twice; but an earlier attempt of this process may have.
    await this.pageFiles.remove(target);
    const copy = await this.pageFiles.create(target);
    try {
      const done = await copyPages(record, source, copy, isStopping);
      if (done) await this.pageFiles.sync(target, copy);
      else await this.pageFiles.remove(target);
      return done;
    } catch (error) {
      await this.pageFiles.remove(target);
      throw error;
    } finally {
      await copy.close();
      await source.close();
    }
  }

  private async adopt(fileId: number, copied: FileRecord, target: FileName): Promise<void> {
    const key = idKey(fileId);
    const { instance, generation } = copied;
    const adopted = await this.store.commit((transaction) => {
      transaction.remove(this.tables.sparse, key);
      const bytes = this.tables.files.get(key);
      const now = bytes && decodeFile(bytes);
      if (now === undefined || now.generation !== generation) return false;
      const { pageSize } = copied;
      const record = { instance: target.instance, generation: target.generation, pageSize };
      const rewritten = { ...record, layout: copied.live, live: now.live };
      transaction.put(this.tables.files, key, encodeFile(rewritten));
      doom(transaction, this.tables, { instance, fileId, generation });
      return true;
    });
    if (!adopted) await this.pageFiles.remove(target);
  }
}

/** Copies the live pages; their CRC32C stays in the leaves, so what was damaged stays detectable. */
async function copyPages(
  record: FileRecord,
  source: DiskFile,
  copy: DiskFile,
  isStopping: () => boolean,
): Promise<boolean> {
  const page = Buffer.allocUnsafeSlow(record.pageSize);
  let written = 0;
  for (const { start, end } of record.live) {
    for (let index = start; index < end; index++) {
      if (isStopping()) return false;
      const count = await source.read(page, fileOffset(record, index) ?? 0);
      await copy.write([page.subarray(0, count)], written * record.pageSize);
      written++;
    }
  }
  return true;
}
