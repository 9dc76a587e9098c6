/**
 * A view of LMDB as of one commit, and of its file, while others go on writing. A page that the view can see is never
 * written over while it is held: what they free meanwhile makes the file grow, so it is held no
 * longer than it takes to copy the file. Both meta pages, which every commit changes, are in the head, that was
 * read while nobody could commit. What else is beyond the view may be torn: nothing in it is ever looked at.
 */
import { closeSync, fstatSync, openSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Transaction as LmdbView } from 'lmdb';
import { translateIoError } from './io-errors.ts';

/** At least both meta pages, of the largest pages that LMDB knows. */
const headBytes = 2 * 64 * 2 ** 10;
const readAsync = promisify(read);

export class DatabaseCut {
  /** The newest commit that the view sees. */
  readonly sequence: number;
  /** Of the file. */
  readonly bytes: number;
  /** For reads of tables, as they were then. */
  readonly view: LmdbView;
  private readonly descriptor: number;
  private readonly head: Buffer;
  private isReleased = false;

  /** While nobody can commit. `beginView` is called when the file has been opened. */
  constructor(file: string, beginView: () => LmdbView, sequenceOf: (view: LmdbView) => number) {
    try {
      this.descriptor = openSync(file, 'r');
    } catch (error) {
      throw translateIoError(error, `cannot read ${file}`);
    }
    try {
      this.view = beginView();
    } catch (error) {
      closeSync(this.descriptor);
      throw error;
    }
    try {
      this.bytes = fstatSync(this.descriptor).size;
      const head = Buffer.alloc(headBytes);
      this.head = head.subarray(0, readSync(this.descriptor, head, 0, headBytes, 0));
      this.sequence = sequenceOf(this.view);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Fills `target` from the file; the number of bytes that there are. */
  async read(target: Buffer, position: number): Promise<number> {
    const wanted = Math.min(target.length, this.bytes - position);
    let done = 0;
    while (done < wanted) {
      const at = position + done;
      if (at < this.head.length) {
        done += this.head.copy(target, done, at, at + wanted - done);
        continue;
      }
      const { bytesRead } = await readAsync(this.descriptor, target, done, wanted - done, at);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  /** Safe to call twice. */
  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.view.done();
    closeSync(this.descriptor);
  }
}
