/**
 * Zeros behind what LMDB has written, so that its next pages stand where the file has blocks already. A data sync of a
 * file that has grown is a commit of the file system's journal besides: a third of what a small commit waits
 * for, where no others share it. To reserve space (fallocate) does not help: what is reserved is journaled when it is
 * first written.
 *
 * The zeros are appended while the write lock of LMDB is held: nobody else writes to the file then, and whatever
 * reaches behind its end later overwrites them. Nothing relies on them; they become durable with the commit that
 * wrote them.
 */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { translateIoError } from './io-errors.ts';

/** So much is appended when less is left: some thirty commits of small objects, and some tenths of a millisecond. */
const headroomBytes = 256 * 2 ** 10;
const zeros = Buffer.alloc(headroomBytes);

export class Headroom {
  private readonly descriptor: number;
  /** Where LMDB's last page ends, as of the last commit of anybody. */
  private readonly usedBytes: () => number;
  /** Of the file, or less: it only grows. */
  private fileBytes = 0;

  constructor(file: string, usedBytes: () => number) {
    try {
      this.descriptor = openSync(file, 'a');
    } catch (error) {
      throw translateIoError(error, `cannot write to ${file}`);
    }
    this.usedBytes = usedBytes;
  }

  /** At the beginning of a commit, inside its write transaction. */
  extend(): void {
    const wanted = this.usedBytes() + headroomBytes;
    if (this.fileBytes >= wanted) return;
    try {
      this.fileBytes = fstatSync(this.descriptor).size;
      if (this.fileBytes < wanted) this.fileBytes += writeSync(this.descriptor, zeros);
    } catch {
      // A full disk. Whether the commit itself finds room is for LMDB to say.
    }
  }

  /** When LMDB is closed. */
  close(): void {
    closeSync(this.descriptor);
  }
}
