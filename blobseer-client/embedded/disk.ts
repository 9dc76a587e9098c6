/**
 * The file operations of the embedded engine, as a port: tests wrap it to record the order of calls
 * and to inject failures. Nothing else in this folder touches the file system, LMDB apart.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rmdir, statfs, unlink } from 'node:fs/promises';
import { takeAligned } from './aligned-buffers.ts';
import { DirectFile, mayWriteDirectly } from './direct-file.ts';

export interface DiskFile {
  /** Writes all of the pieces, in order, from `position` on. */
  write(pieces: readonly Uint8Array[], position: number): Promise<void>;
  /** Fills as much of `target` as there are bytes from `position` on; the number of bytes read. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** fdatasync(2). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  /** A new file, mode 0600; fails where one exists. */
  create(file: string): Promise<DiskFile>;
  /** The same for a file that is written once, from its beginning on, and not read before it is closed. */
  createForWriting(file: string): Promise<DiskFile>;
  openForRead(file: string): Promise<DiskFile>;
  unlink(file: string): Promise<void>;
  /** Mode 0700. True when it was not there before. */
  makeDirectory(directory: string): Promise<boolean>;
  removeEmptyDirectory(directory: string): Promise<void>;
  /** Makes the entries of a directory durable. */
  syncDirectory(directory: string): Promise<void>;
  /** Names in a directory; empty when there is none. */
  list(directory: string): Promise<string[]>;
  /** Bytes that may still be written below this directory, and the size of its file system. */
  space(directory: string): Promise<{ freeBytes: number; totalBytes: number }>;
}

class NodeFile implements DiskFile {
  private readonly handle: FileHandle;

  constructor(handle: FileHandle) {
    this.handle = handle;
  }

  async write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    let at = position;
    let rest = pieces;
    while (rest.length > 0) {
      const { bytesWritten } = await this.handle.writev(rest as Uint8Array[], at);
      at += bytesWritten;
      rest = withoutFirst(rest, bytesWritten);
    }
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < target.length) {
      const { bytesRead } = await this.handle.read(
        target,
        done,
        target.length - done,
        position + done,
      );
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  sync(): Promise<void> {
    return this.handle.datasync();
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/** What is left of the pieces when their first `count` bytes are written (writev may write less). */
function withoutFirst(pieces: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  const rest: Uint8Array[] = [];
  for (const piece of pieces) {
    if (skip >= piece.length) skip -= piece.length;
    else {
      rest.push(skip === 0 ? piece : piece.subarray(skip));
      skip = 0;
    }
  }
  return rest;
}

export const nodeDisk: Disk = {
  async create(file) {
    return new NodeFile(await open(file, 'wx+', 0o600));
  },
  async createForWriting(file) {
    const buffer = mayWriteDirectly() ? takeAligned() : undefined;
    if (buffer === undefined) return await this.create(file);
    return await DirectFile.create(file, buffer);
  },
  async openForRead(file) {
    return new NodeFile(await open(file, constants.O_RDONLY));
  },
  unlink,
  async makeDirectory(directory) {
    return (await mkdir(directory, { recursive: true, mode: 0o700 })) !== undefined;
  },
  removeEmptyDirectory: rmdir,
  async syncDirectory(directory) {
    const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async list(directory) {
    try {
      return await readdir(directory);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  },
  async space(directory) {
    const stats = await statfs(directory);
    return { freeBytes: stats.bavail * stats.bsize, totalBytes: stats.blocks * stats.bsize };
  },
};
