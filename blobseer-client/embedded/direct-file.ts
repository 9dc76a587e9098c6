/**
 * A new file that is written from its beginning on, past the page cache: nobody reads most of what large uploads
 * write soon, a copy into the cache and its writing back later cost more than writing it, and memory that a
 * virtual machine has not used yet costs more than all else about an upload. The file ends with zeros up to a
 * multiple of 4 KiB.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import {
  alignedBufferBytes,
  alignmentBytes,
  giveBackAligned,
  takeAligned,
} from './aligned-buffers.ts';
import type { DiskFile } from './disk.ts';
import { errorCode } from './io-errors.ts';

/** Some file systems know no direct writes, and some systems no such flag: files are written through the cache then. */
let isDirectKnown = (constants as Partial<typeof constants>).O_DIRECT !== undefined;

const newFile = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
const mode = 0o600;

export class DirectFile implements DiskFile {
  private readonly path: string;
  private handle: FileHandle;
  private isDirect: boolean;
  /** What is not written yet; it goes to `written`. */
  private buffer: Buffer | undefined;
  private used = 0;
  private written = 0;

  private constructor(path: string, handle: FileHandle, isDirect: boolean) {
    this.path = path;
    this.handle = handle;
    this.isDirect = isDirect;
  }

  static async create(path: string): Promise<DirectFile> {
    if (isDirectKnown) {
      try {
        return new DirectFile(path, await open(path, newFile | constants.O_DIRECT, mode), true);
      } catch (error) {
        if (errorCode(error) !== 'EINVAL') throw error;
        isDirectKnown = false;
      }
      // The file may have been made before its flag was refused.
      return new DirectFile(
        path,
        await open(path, constants.O_RDWR | constants.O_CREAT, mode),
        false,
      );
    }
    return new DirectFile(path, await open(path, newFile, mode), false);
  }

  /** Pieces follow those of the last call. */
  async write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    if (position !== this.written + this.used) {
      throw new RangeError(`a write at ${position} in a file of ${this.written + this.used} bytes`);
    }
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; ) {
        this.buffer ??= takeAligned();
        const part = piece.subarray(at, at + alignedBufferBytes - this.used);
        this.buffer.set(part, this.used);
        this.used += part.length;
        at += part.length;
        if (this.used === alignedBufferBytes) await this.writeOut(this.buffer);
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
    await this.handle.datasync();
  }

  /** What was not synced may be lost. */
  async close(): Promise<void> {
    if (this.buffer !== undefined) giveBackAligned(this.buffer);
    this.buffer = undefined;
    await this.handle.close();
  }
}
