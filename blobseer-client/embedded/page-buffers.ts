/**
 * Memory that pages are read into, used again and again: large buffers that are made for each read make the
 * garbage collector run through the whole heap several times a second, since it counts their bytes.
 */

/** Reads that are shorter get memory of their own: it is not worth much. */
const minBytes = 32 * 1024;
/** Buffers kept while nobody reads. */
const maxFree = 32;

export class PageBuffers {
  private readonly bufferBytes: number;
  private readonly free: Buffer[] = [];
  /** Forgets by itself those that never come back. */
  private readonly lent = new WeakSet<ArrayBufferLike>();

  /** `bufferBytes`: the longest read that gets memory which comes back. */
  constructor(bufferBytes: number) {
    this.bufferBytes = bufferBytes;
  }

  /** So many bytes, with whatever is in them. */
  take(length: number): Buffer {
    if (length < minBytes || length > this.bufferBytes) return Buffer.allocUnsafeSlow(length);
    const buffer = this.free.pop() ?? Buffer.allocUnsafeSlow(this.bufferBytes);
    this.lent.add(buffer.buffer);
    return buffer.subarray(0, length);
  }

  /** What was taken, or a part of it, at which nobody looks any more. Any other buffer is left alone. */
  giveBack({ buffer }: Buffer): void {
    if (this.lent.delete(buffer) && this.free.length < maxFree) this.free.push(Buffer.from(buffer));
  }
}
