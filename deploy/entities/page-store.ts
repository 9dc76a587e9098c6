/**
 * Pages by key, durable when `write` resolves. Small ones stand in LMDB; each larger one in a file of
 * its own, synced with its directory before the commit that names it. What a commit replaces goes
 * into `graves` in the same commit and is removed after it, so that a crash leaves no file behind:
 * at the next start the graves are emptied, and files that no record names are removed.
 */
import { crc32c } from '@node-rs/crc32';
import { type DiskFile, nodeDisk } from '../../blobseer-client/embedded/disk.ts';
import type { Environment } from '../../blobseer-client/embedded/environment.ts';
import { type FileName, PageFiles, writeError } from '../../blobseer-client/embedded/page-files.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { Transaction } from '../../blobseer-client/store.ts';
import { Counter, type EntityTable } from './state.ts';

/** A file costs two flushes and an inode: not for less. */
const maxInlineBytes = 32 * 1024;
/** A checksum for each: what is read is read in whole blocks. */
const blockBytes = 64 * 1024;
const inlineTag = 0;
const fileTag = 1;
/** Tag, name of the file, length of the page; checksums follow. */
const fileNameBytes = 16;
const fileHeadBytes = 1 + fileNameBytes + 4;
const crcBytes = 4;
/** A page that is replaced while it is looked for is looked for again. */
const readAttempts = 5;
const sweepBatch = 1000;

type PageRecord =
  | { readonly kind: 'inline'; readonly page: Buffer }
  | {
      readonly kind: 'file';
      readonly file: FileName;
      readonly length: number;
      readonly crcs: Buffer;
    };

export interface PageStoreOptions {
  readonly state: Environment;
  /** For the files. */
  readonly directory: string;
  /** Of all pages together. */
  readonly spaceBytes: number;
  readonly onSweepFailed: (error: unknown) => void;
}

export class PageStore {
  readonly #state: Environment;
  readonly #files: PageFiles;
  readonly #directory: string;
  readonly #spaceBytes: number;
  readonly #onSweepFailed: (error: unknown) => void;
  readonly #pages: EntityTable;
  /** Names of files to the keys of their pages. */
  readonly #fileOwners: EntityTable;
  readonly #graves: EntityTable;
  readonly #used: Counter;
  readonly #starts: Counter;
  readonly #swept: Counter;
  #instance = 0;
  #nextFileId = 0;
  readonly #burials = new Set<Promise<void>>();

  private constructor(options: PageStoreOptions) {
    const { state, directory } = options;
    this.#state = state;
    this.#directory = directory;
    this.#spaceBytes = options.spaceBytes;
    this.#onSweepFailed = options.onSweepFailed;
    this.#files = new PageFiles(nodeDisk, directory, (cause) => state.stop(cause));
    this.#pages = state.table('pages');
    this.#fileOwners = state.table('files');
    this.#graves = state.table('graves');
    const counters = state.table('counters');
    this.#used = new Counter(counters, 'used');
    this.#starts = new Counter(counters, 'starts');
    this.#swept = new Counter(counters, 'swept');
  }

  static async open(options: PageStoreOptions): Promise<PageStore> {
    const store = new PageStore(options);
    store.#instance = await options.state.commit((transaction) => {
      const instance = store.#starts.value + 1;
      store.#starts.set(transaction, instance);
      return instance;
    });
    await store.#sweep();
    return store;
  }

  /** Bytes of pages. */
  get usedBytes(): number {
    this.#state.refresh();
    return this.#used.value;
  }

  /** Bytes that may still be written: of what it was given, and of the disk. */
  async freeBytes(): Promise<number> {
    const { freeBytes } = await nodeDisk.space(this.#directory);
    return Math.max(0, Math.min(freeBytes, this.#spaceBytes - this.usedBytes));
  }

  /** False when there was no room for all of them: those before are stored. */
  async write(pairs: readonly (readonly [key: Uint8Array, page: Uint8Array])[]): Promise<boolean> {
    const staged = await Promise.allSettled(pairs.map(([, page]) => this.#stage(page)));
    const failed = staged.find(({ status }) => status === 'rejected');
    const records = staged.map((one) => (one.status === 'fulfilled' ? one.value : undefined));
    if (failed?.status === 'rejected') {
      await this.#discard(records);
      throw failed.reason;
    }
    const buried: FileName[] = [];
    let stored = 0;
    try {
      await this.#state.commit((transaction) => {
        let used = this.#used.value;
        for (const [index, [key, page]] of pairs.entries()) {
          const record = records[index]!;
          const old = this.#pages.get(key);
          const before = old === undefined ? undefined : decodeRecord(old);
          const grown = page.length - (before === undefined ? 0 : lengthOf(before));
          if (grown > 0 && used + grown > this.#spaceBytes) break;
          used += grown;
          if (before?.kind === 'file') buried.push(this.#bury(transaction, before.file));
          this.#put(transaction, key, record);
          stored++;
        }
        this.#used.set(transaction, used);
      });
    } catch (error) {
      await this.#discard(records);
      throw error;
    }
    this.#removeLater(buried);
    if (stored === pairs.length) return true;
    await this.#discard(records.slice(stored));
    return false;
  }

  /** Undefined when there is no such page. */
  length(key: Uint8Array): number | undefined {
    this.#state.refresh();
    const stored = this.#pages.get(key);
    return stored && lengthOf(decodeRecord(stored));
  }

  /**
   * `size` bytes of a page from `offset` on, checked; all of it when no part is given. Undefined when
   * there is no such page, or it is shorter. Throws `corrupt`.
   */
  async read(
    key: Uint8Array,
    part?: { readonly offset: number; readonly size: number },
  ): Promise<Buffer | undefined> {
    for (let attempt = 0; attempt < readAttempts; attempt++) {
      this.#state.refresh();
      const stored = this.#pages.get(key);
      if (stored === undefined) return undefined;
      const record = decodeRecord(stored);
      const length = lengthOf(record);
      const { offset, size } = part ?? { offset: 0, size: length };
      if (offset > length || size > length - offset) return undefined;
      if (record.kind === 'inline') return record.page.subarray(offset, offset + size);
      const file = await this.#files.openForRead(record.file);
      if (file === undefined) continue;
      try {
        return await readBlocks(file, record, key, offset, size);
      } finally {
        await file.close();
      }
    }
    const name = Buffer.from(key).toString('hex');
    throw new BlobSeerError('corrupt', `the file of page ${name} is not there`);
  }

  /** Waits for files that are being removed. */
  async close(): Promise<void> {
    await Promise.all(this.#burials);
  }

  async #stage(page: Uint8Array): Promise<PageRecord> {
    if (page.length <= maxInlineBytes) return { kind: 'inline', page: Buffer.from(page) };
    const file = { instance: this.#instance, fileId: this.#nextFileId++, generation: 0 };
    const crcs = Buffer.allocUnsafe(Math.ceil(page.length / blockBytes) * crcBytes);
    for (let block = 0; block * blockBytes < page.length; block++) {
      const bytes = page.subarray(block * blockBytes, (block + 1) * blockBytes);
      crcs.writeUInt32LE(crc32c(bytes), block * crcBytes);
    }
    const handle = await this.#files.create(file);
    try {
      try {
        await handle.write([page], 0);
      } catch (error) {
        throw writeError(error, 'cannot write a page');
      }
      await this.#files.sync(file, handle);
    } catch (error) {
      await this.#files.remove(file).catch(this.#onSweepFailed);
      throw error;
    } finally {
      await handle.close();
    }
    return { kind: 'file', file, length: page.length, crcs };
  }

  /** Files that no commit names; what remains is removed at the next start. */
  async #discard(records: readonly (PageRecord | undefined)[]): Promise<void> {
    for (const record of records) {
      if (record?.kind === 'file') await this.#files.remove(record.file).catch(this.#onSweepFailed);
    }
  }

  #put(transaction: Transaction, key: Uint8Array, record: PageRecord): void {
    transaction.put(this.#pages, key, encodeRecord(record));
    if (record.kind === 'file') transaction.put(this.#fileOwners, encodeName(record.file), key);
  }

  #bury(transaction: Transaction, file: FileName): FileName {
    transaction.remove(this.#fileOwners, encodeName(file));
    transaction.put(this.#graves, encodeName(file), Buffer.alloc(0));
    return file;
  }

  #removeLater(files: readonly FileName[]): void {
    if (files.length === 0) return;
    const burial = this.#remove(files)
      .catch(this.#onSweepFailed)
      .finally(() => this.#burials.delete(burial));
    this.#burials.add(burial);
  }

  async #remove(files: readonly FileName[]): Promise<void> {
    for (const file of files) await this.#files.remove(file);
    await this.#state.commit((transaction) => {
      for (const file of files) transaction.remove(this.#graves, encodeName(file));
    });
  }

  /** Before anything is served: what the last process left half done. */
  async #sweep(): Promise<void> {
    for (;;) {
      const graves = this.#graves.keys({ limit: sweepBatch });
      if (graves.length === 0) break;
      await this.#remove(graves.map(decodeName));
    }
    const sweptThrough = this.#swept.value;
    for (const instance of await this.#files.instances()) {
      if (instance <= sweptThrough || instance >= this.#instance) continue;
      for (const file of await this.#files.filesOf(instance)) {
        if (!this.#fileOwners.has(encodeName(file))) await this.#files.remove(file);
      }
    }
    await this.#state.commit((transaction) => this.#swept.set(transaction, this.#instance - 1));
  }
}

async function readBlocks(
  file: DiskFile,
  record: { readonly length: number; readonly crcs: Buffer },
  key: Uint8Array,
  offset: number,
  size: number,
): Promise<Buffer> {
  const firstBlock = Math.floor(offset / blockBytes);
  const from = firstBlock * blockBytes;
  const to = Math.min(record.length, Math.ceil((offset + size) / blockBytes) * blockBytes);
  const bytes = Buffer.allocUnsafe(Math.max(0, to - from));
  const read = await file.read(bytes, from);
  let isRight = read === bytes.length;
  for (let at = 0; at < bytes.length && isRight; at += blockBytes) {
    const block = firstBlock + at / blockBytes;
    isRight = crc32c(bytes.subarray(at, at + blockBytes)) === record.crcs.readUInt32LE(block * 4);
  }
  if (!isRight) {
    const name = Buffer.from(key).toString('hex');
    throw new BlobSeerError('corrupt', `page ${name} is not what was written`);
  }
  return bytes.subarray(offset - from, offset - from + size);
}

const lengthOf = (record: PageRecord): number =>
  record.kind === 'inline' ? record.page.length : record.length;

function encodeName({ instance, fileId, generation }: FileName): Buffer {
  const bytes = Buffer.allocUnsafe(fileNameBytes);
  bytes.writeUInt32BE(instance, 0);
  bytes.writeBigUInt64BE(BigInt(fileId), 4);
  bytes.writeUInt32BE(generation, 12);
  return bytes;
}

const decodeName = (bytes: Buffer): FileName => ({
  instance: bytes.readUInt32BE(0),
  fileId: Number(bytes.readBigUInt64BE(4)),
  generation: bytes.readUInt32BE(12),
});

function encodeRecord(record: PageRecord): Buffer {
  if (record.kind === 'inline') return Buffer.concat([Buffer.of(inlineTag), record.page]);
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(record.length);
  return Buffer.concat([Buffer.of(fileTag), encodeName(record.file), length, record.crcs]);
}

function decodeRecord(bytes: Buffer): PageRecord {
  if (bytes[0] === inlineTag) return { kind: 'inline', page: bytes.subarray(1) };
  if (bytes[0] !== fileTag) throw new BlobSeerError('corrupt', `a page of kind ${bytes[0]}`);
  return {
    kind: 'file',
    file: decodeName(bytes.subarray(1, 1 + fileNameBytes)),
    length: bytes.readUInt32BE(1 + fileNameBytes),
    crcs: bytes.subarray(fileHeadBytes),
  };
}
