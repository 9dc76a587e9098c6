/**
 * Where the pages of one write go. They wait in memory up to `inlineBytes`: what stays below that is
 * put into the pages table by the publishing commit; what grows past it goes to a page file. Memory
 * stays bounded: at most one write to the file runs while the next is collected.
 */
import { BlobSeerError } from '../errors.ts';
import type { PageAddress, PageWriter } from '../roles.ts';
import type { Table, Transaction } from '../store.ts';
import type { DiskFile } from './disk.ts';
import { rowBytesOf, withRest } from './inline-pages.ts';
import { writeError } from './io-errors.ts';
import type { FileName, PageFiles } from './page-files.ts';
import { encodeFile, idKey, unitKey } from './records.ts';
import type { SpaceGuard } from './space.ts';

/**
 * Writes with more new bytes than this get a page file. A page file costs a create, two syncs and
 * an unlink; a value in LMDB costs its bytes once more in every checkpoint.
 */
export const inlineBytes = 64 * 2 ** 10;
/** Handed to the file in one call. */
const flushBytes = 256 * 2 ** 10;

export interface PageSinkOptions {
  readonly pageFiles: PageFiles;
  readonly space: SpaceGuard;
  readonly name: FileName;
  readonly pageSize: number;
  readonly tables: { readonly pages: Table; readonly files: Table };
}

export class PageSink implements PageWriter {
  private readonly options: PageSinkOptions;
  private file: DiskFile | undefined;
  /** Pages held in memory, or bytes not yet handed to the file. */
  private held: Uint8Array[][] = [[]];
  private heldBytes = 0;
  private filePosition = 0;
  private running: Promise<void> | undefined;
  private failure: BlobSeerError | undefined;
  private pageCount = 0;
  private pageBytes = 0;
  /** Positions in the file are multiples of the page size, so a short page ends it. */
  private hasShortPage = false;
  storedBytes = 0;

  constructor(options: PageSinkOptions) {
    this.options = options;
  }

  write(piece: Uint8Array): Promise<void> | undefined {
    if (piece.length === 0) return undefined;
    this.held[this.held.length - 1]!.push(piece);
    this.heldBytes += piece.length;
    this.pageBytes += piece.length;
    this.storedBytes += piece.length;
    if (this.file === undefined) {
      return this.heldBytes > inlineBytes ? this.openFile() : undefined;
    }
    return this.heldBytes >= flushBytes ? this.flush() : undefined;
  }

  endPage(): number {
    if (this.pageBytes === 0) throw new BlobSeerError('invalid-argument', 'a page has no bytes');
    if (this.hasShortPage) {
      throw new BlobSeerError('invalid-argument', 'only the last page of a write may be short');
    }
    this.hasShortPage = this.pageBytes < this.options.pageSize;
    this.pageBytes = 0;
    if (this.file === undefined) this.held.push([]);
    return this.pageCount++;
  }

  private async openFile(): Promise<void> {
    await this.options.space.require(this.heldBytes);
    this.file = await this.options.pageFiles.create(this.options.name);
    await this.flush();
  }

  private async flush(): Promise<void> {
    await this.settle();
    const { file } = this;
    const pieces = this.held.flat();
    if (file === undefined || pieces.length === 0) return;
    const position = this.filePosition;
    const bytes = this.heldBytes;
    this.held = [[]];
    this.heldBytes = 0;
    this.filePosition += bytes;
    await this.options.space.require(bytes);
    this.running = file.write(pieces, position).catch((error: unknown) => {
      this.failure = writeError(error, 'cannot write to a page file');
    });
  }

  private async settle(): Promise<void> {
    await this.running;
    this.running = undefined;
    if (this.failure !== undefined) throw this.failure;
  }

  seal(): Promise<void> | undefined {
    const { file } = this;
    if (file === undefined) return this.options.space.require(this.heldBytes);
    return this.sealFile(file);
  }

  private async sealFile(file: DiskFile): Promise<void> {
    await this.flush();
    await this.settle();
    await this.options.pageFiles.sync(this.options.name, file);
    await file.close();
  }

  placed(page: PageAddress): PageAddress {
    if (this.file !== undefined) return { ...page, inFile: true };
    const rowBytes = rowBytesOf(page.length);
    if (rowBytes === page.length) return page;
    return withRest(page, this.inlinePage(page.index).subarray(rowBytes));
  }

  /** In one piece. */
  private inlinePage(index: number): Uint8Array {
    const pieces = this.held[index]!;
    if (pieces.length > 1) this.held[index] = [Buffer.concat(pieces)];
    return this.held[index]![0]!;
  }

  commit(transaction: Transaction): void {
    if (this.pageCount === 0) return;
    const { name, pageSize, tables } = this.options;
    if (this.file === undefined) {
      for (let index = 0; index < this.pageCount; index++) {
        const page = this.inlinePage(index);
        const row = page.subarray(0, rowBytesOf(page.length));
        if (row.length > 0) transaction.put(tables.pages, unitKey(name.fileId, index), row);
      }
      return;
    }
    const all = [{ start: 0, end: this.pageCount }];
    const record = {
      instance: name.instance,
      generation: name.generation,
      pageSize,
      layout: all,
      live: all,
    };
    transaction.put(tables.files, idKey(name.fileId), encodeFile(record));
  }

  committed(): void {
    this.held = [[]];
  }

  async abort(): Promise<void> {
    const { file } = this;
    this.held = [[]];
    if (file === undefined) return;
    await this.running;
    await file.close().catch(() => undefined); // it may be closed already, after a seal
    await this.options.pageFiles.remove(this.options.name);
  }
}
