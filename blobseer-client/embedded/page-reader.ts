/**
 * Reads pages, from the pages table or from page files, and lets none pass whose CRC32C is not the
 * one in its address: what is damaged on disk is an error that names the page, never wrong bytes.
 */
import { crc32c } from '@node-rs/crc32';
import { BlobSeerError } from '../errors.ts';
import type { PageAddress, PageReader } from '../roles.ts';
import type { Table } from '../store.ts';
import type { DiskFile } from './disk.ts';
import { translateIoError } from './io-errors.ts';
import type { PageBuffers } from './page-buffers.ts';
import type { PageFiles } from './page-files.ts';
import { decodeFile, type FileRecord, fileOffset, idKey, pageName, unitKey } from './records.ts';
import type { PageTable } from './tables.ts';

/** A rewriting may move a page between the look-up of its file and the opening; more is a fault. */
const maxMoves = 4;

interface OpenFile {
  readonly record: FileRecord;
  readonly file: DiskFile;
}

/** Page files that one reader has opened; close it when the reader ends. */
export class EmbeddedPageReader implements PageReader {
  private readonly pages: PageTable;
  private readonly files: Table;
  private readonly pageFiles: PageFiles;
  private readonly buffers: PageBuffers;
  private readonly refresh: () => void;
  /** Made with the first: most readers read what is in the store itself. */
  private opened: Map<number, Promise<OpenFile>> | undefined;

  constructor(tables: PageTables, pageFiles: PageFiles, buffers: PageBuffers, refresh: () => void) {
    this.pages = tables.pages;
    this.files = tables.files;
    this.pageFiles = pageFiles;
    this.buffers = buffers;
    this.refresh = refresh;
  }

  async read(pages: readonly PageAddress[]): Promise<Buffer> {
    const [first, second] = pages;
    if (first === undefined) return Buffer.alloc(0);
    if (first.inFile) return await this.readFromFile(first, pages);
    if (second === undefined) return this.readInline(first);
    return Buffer.concat(pages.map((page) => this.readInline(page)));
  }

  /** Pages of the pages table, and of the records that name them, only. */
  readInline(page: PageAddress): Buffer {
    const { rest } = page;
    if (rest?.length === page.length) {
      return checked(page, asBuffer(rest), 'the record that names it');
    }
    const key = unitKey(page.writeId, page.index);
    const bytes = rest === undefined ? this.pages.get(key) : this.pages.getBefore(key, rest);
    if (bytes === undefined) {
      throw new BlobSeerError('corrupt', `${pageName(page)} is missing from the pages table`);
    }
    return checked(page, bytes, 'the pages table');
  }

  /** One read: what follows each other in a write lies one behind the other in its file. */
  private async readFromFile(first: PageAddress, pages: readonly PageAddress[]): Promise<Buffer> {
    const { record, file } = await this.open(first.writeId);
    const position = fileOffset(record, first.index);
    for (const [place, page] of pages.entries()) {
      const expected = position === undefined ? undefined : position + place * record.pageSize;
      if (expected === undefined || fileOffset(record, page.index) !== expected) {
        throw new BlobSeerError('corrupt', `${pageName(page)} is not in its page file`);
      }
    }
    const length = pages.reduce((sum, page) => sum + page.length, 0);
    const bytes = this.buffers.take(length);
    let count: number;
    try {
      count = await file.read(bytes, position ?? 0);
    } catch (error) {
      throw new BlobSeerError('corrupt', `${pageName(first)} cannot be read`, { cause: error });
    }
    let at = 0;
    for (const page of pages) {
      const end = Math.min(count, at + page.length);
      checked(page, bytes.subarray(Math.min(at, end), end), 'its page file');
      at += page.length;
    }
    return bytes;
  }

  reuse(bytes: Buffer): void {
    this.buffers.giveBack(bytes);
  }

  private open(fileId: number): Promise<OpenFile> {
    this.opened ??= new Map();
    let opening = this.opened.get(fileId);
    if (opening === undefined) {
      opening = this.openNow(fileId);
      this.opened.set(fileId, opening);
    }
    return opening;
  }

  private async openNow(fileId: number): Promise<OpenFile> {
    for (let attempt = 0; attempt < maxMoves; attempt++) {
      if (attempt > 0) this.refresh();
      const bytes = this.files.get(idKey(fileId));
      if (bytes === undefined) break;
      const record = decodeFile(bytes);
      const name = { instance: record.instance, fileId, generation: record.generation };
      const file = await this.pageFiles.openForRead(name);
      if (file !== undefined) return { record, file };
    }
    throw new BlobSeerError('corrupt', `the page file of write ${fileId} is missing`);
  }

  async close(): Promise<void> {
    const openings = this.opened?.values() ?? [];
    this.opened = undefined;
    for (const opening of openings) {
      const { file } = await opening.catch(() => ({ file: undefined }));
      await file?.close().catch((error: unknown) => {
        throw translateIoError(error, 'cannot close a page file');
      });
    }
  }
}

export interface PageTables {
  readonly pages: PageTable;
  readonly files: Table;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function checked(page: PageAddress, bytes: Buffer, place: string): Buffer {
  if (bytes.length !== page.length) {
    throw new BlobSeerError(
      'corrupt',
      `${pageName(page)} has ${bytes.length} bytes in ${place} instead of ${page.length}`,
    );
  }
  if (crc32c(bytes) !== page.crc) {
    throw new BlobSeerError('corrupt', `${pageName(page)} is damaged: wrong CRC32C in ${place}`);
  }
  return bytes;
}
