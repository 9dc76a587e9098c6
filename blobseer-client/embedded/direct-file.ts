/**
 * A new file that is written from its beginning on, past the page cache: nobody reads most of what large uploads
 * write soon, a copy into the cache and its writing back later cost more than writing it, and memory that a
 * virtual machine has not used yet costs more than all else about an upload. The file ends with zeros up to a
 * multiple of 4 KiB.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { alignedBufferBytes, alignmentBytes, giveBackAligned } from './aligned-buffers.ts';
import type { DiskFile } from './disk.ts';
import { errorCode } from './io-errors.ts';

/** Some systems know no direct writes, and some file systems, which tell so when they are asked. */
let isDirectKnown = (constants as Partial<typeof constants>).O_DIRECT !== undefined;

/** False where files are better written through the cache. */
export const mayWriteDirectly = (): boolean => isDirectKnown;

const newFile = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
const mode = 0o600;

export class DirectFile implements DiskFile {
  private readonly path: string;
  private handle: FileHandle;
  private isDirect: boolean;
  /** What is not written yet; it goes to `written`. Undefined once all is. */
  private buffer: Buffer | undefined;
  private used = 0;
  private written = 0;

  private constructor(path: string, handle: FileHandle, isDirect: boolean, buffer: Buffer) {
    this.path = path;
    this.handle = handle;
    this.isDirect = isDirect;
    this.buffer = buffer;
  }

  /** Takes an aligned buffer over, and gives it back, also where no file can be made. */
  static async create(path: string, buffer: Buffer): Promise<DirectFile> {
    try {
      const handle = await openDirectly(path);
      if (handle !== undefined) return new DirectFile(path, handle, true, buffer);
      isDirectKnown = false;
      // The file may have been made before its flag was refused.
      const plain = await open(path, constants.O_RDWR | constants.O_CREAT, mode);
      return new DirectFile(path, plain, false, buffer);
    } catch (error) {
      giveBackAligned(buffer);
      throw error;
    }
  }

  /** Pieces follow those of the last call. */
  async write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    if (position !== this.written + this.used) {
      throw new RangeError(`a write at ${position} in a file of ${this.written + this.used} bytes`);
    }
    const { buffer } = this;
    if (buffer === undefined) throw new Error('a file that was synced is not written to');
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; ) {
        const part = piece.subarray(at, at + alignedBufferBytes - this.used);
        buffer.set(part, this.used);
        this.used += part.length;
        at += part.length;
        if (this.used === alignedBufferBytes) await this.writeOut(buffer);
      }
    }
  }

  /** Only the last bytes of the file may be less than a buffer. */
  private async writeOut(buffer: Buffer): Promise<void> {
    const end = Math.ceil(this.used / alignmentBytes) * alignmentBytes;
    buffer.fill(0, this.used, end);
    for (let from = 0; from < end; ) {
      from += await this.writeSome(buffer, from, end);
    }
    this.written += this.used;
    this.used = 0;
  }

  private async writeSome(buffer: Buffer, from: number, end: number): Promise<number> {
    const position = this.written + from;
    try {
      const { bytesWritten } = await this.handle.write(buffer, from, end - from, position);
      // What is left would not be aligned.
      if (bytesWritten % alignmentBytes !== 0) await this.leaveDirect();
      return bytesWritten;
    } catch (error) {
      if (!this.isDirect || errorCode(error) !== 'EINVAL') throw error;
      isDirectKnown = false;
      await this.leaveDirect();
      return 0;
    }
  }

  private async leaveDirect(): Promise<void> {
    if (!this.isDirect) return;
    const plain = await open(this.path, constants.O_RDWR);
    await this.handle.close();
    this.handle = plain;
    this.isDirect = false;
  }

  async read(): Promise<number> {
    throw new Error('a file that is being written is not read');
  }

  /** fdatasync(2), behind all that was written. Nothing may be written behind it. */
  async sync(): Promise<void> {
    if (this.buffer !== undefined && this.used > 0) await this.writeOut(this.buffer);
    this.giveBack();
    await this.handle.datasync();
  }

  /** What was not synced may be lost. */
  async close(): Promise<void> {
    this.giveBack();
    await this.handle.close();
  }

  private giveBack(): void {
    if (this.buffer !== undefined) giveBackAligned(this.buffer);
    this.buffer = undefined;
  }
}

/** Undefined where the file system does not know the flag. */
async function openDirectly(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, newFile | constants.O_DIRECT, mode);
  } catch (error) {
    if (errorCode(error) === 'EINVAL') return undefined;
    throw error;
  }
}
