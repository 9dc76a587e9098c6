/**
 * The files of the page log: segments by number, lower ones older. A number is never given twice, and
 * no byte of a segment is ever written twice.
 */
import path from 'node:path';
import type { Disk, DiskFile } from '../../blobseer-client/embedded/disk.ts';
import { errorCode, writeError } from '../../blobseer-client/embedded/io-errors.ts';
import type { BlobSeerError } from '../../blobseer-client/errors.ts';

/** In the directory of a data provider. */
export const segmentsFolder = 'pages';
/** Of those kept open for reading. */
const maxOpenFiles = 128;

interface OpenFile {
  readonly file: Promise<DiskFile>;
  users: number;
  /** To be closed when nobody uses it any more. */
  isGone: boolean;
}

export interface PageSegmentsOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** Stops the entity: after a failed sync the kernel has forgotten the bytes. */
  readonly onSyncFailed: (cause: unknown) => BlobSeerError;
  /** The next start tries again. */
  readonly onRemovalFailed: (error: unknown) => void;
}

export class PageSegments {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #onSyncFailed: (cause: unknown) => BlobSeerError;
  readonly #onRemovalFailed: (error: unknown) => void;
  readonly #removals = new Set<Promise<void>>();
  /** The one used last at the end. */
  readonly #open = new Map<number, OpenFile>();

  constructor({ disk, directory, onSyncFailed, onRemovalFailed }: PageSegmentsOptions) {
    this.#disk = disk;
    this.#directory = directory;
    this.#onSyncFailed = onSyncFailed;
    this.#onRemovalFailed = onRemovalFailed;
  }

  /** A new one, to be written to; its name is durable. */
  async create(segment: number): Promise<DiskFile> {
    let file: DiskFile;
    try {
      file = await this.#disk.create(this.#path(segment));
    } catch (error) {
      throw writeError(error, 'cannot create a segment of pages');
    }
    await this.#synced(() => this.#disk.syncDirectory(this.#directory));
    return file;
  }

  /** Writes all of the pieces behind what the file has, and makes them durable. */
  async append(file: DiskFile, pieces: readonly Uint8Array[], offset: number): Promise<void> {
    try {
      await file.write(pieces, offset);
    } catch (error) {
      throw writeError(error, 'cannot write pages');
    }
    await this.#synced(() => file.sync());
  }

  /** Undefined when there is no such segment (any more); one that goes meanwhile stays readable. */
  async use<Result>(
    segment: number,
    work: (file: DiskFile) => Promise<Result>,
  ): Promise<Result | undefined> {
    const open = this.#open.get(segment) ?? {
      file: this.#disk.openForRead(this.#path(segment)),
      users: 0,
      isGone: false,
    };
    this.#open.delete(segment);
    this.#open.set(segment, open);
    open.users++;
    try {
      let file: DiskFile;
      try {
        file = await open.file;
      } catch (error) {
        if (this.#open.get(segment) === open) this.#open.delete(segment);
        if (errorCode(error) === 'ENOENT') return undefined;
        throw writeError(error, 'cannot open a segment of pages');
      }
      return await work(file);
    } finally {
      open.users--;
      if (open.isGone && open.users === 0) await closeQuietly(open);
      await this.#closeIdle();
    }
  }

  /** In the background. */
  discard(segment: number): void {
    const removal = this.remove(segment)
      .catch(this.#onRemovalFailed)
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  async remove(segment: number): Promise<void> {
    try {
      await this.#disk.unlink(this.#path(segment));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') {
        throw writeError(error, 'cannot remove a segment of pages');
      }
    }
    await this.#release(segment);
  }

  /** Lowest first. */
  async list(): Promise<number[]> {
    const names = await this.#disk.list(this.#directory);
    const segments = names.filter((name) => /^\d+$/.test(name)).map(Number);
    return segments.sort((left, right) => left - right);
  }

  async close(): Promise<void> {
    await Promise.all(this.#removals);
    for (const segment of [...this.#open.keys()]) await this.#release(segment);
  }

  #path(segment: number): string {
    return path.join(this.#directory, `${segment}`);
  }

  async #synced(sync: () => Promise<void>): Promise<void> {
    try {
      await sync();
    } catch (error) {
      throw this.#onSyncFailed(error);
    }
  }

  async #release(segment: number): Promise<void> {
    const open = this.#open.get(segment);
    if (open === undefined) return;
    this.#open.delete(segment);
    open.isGone = true;
    if (open.users === 0) await closeQuietly(open);
  }

  async #closeIdle(): Promise<void> {
    if (this.#open.size <= maxOpenFiles) return;
    for (const [segment, { users }] of this.#open) {
      if (users === 0) return this.#release(segment);
    }
  }
}

/** Of a file that was only read: nothing can be lost. */
async function closeQuietly({ file }: OpenFile): Promise<void> {
  await file.then((opened) => opened.close()).catch(() => undefined);
}
