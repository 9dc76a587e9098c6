/**
 * Memory that pages are read into, used again and again: large buffers that are made for each read make the
 * garbage collector run through the whole heap several times a second, since it counts their bytes.
 */

/** Reads that are shorter get memory of their own: it is not worth much. */
const minBytes = 32 * 1024;
/** Of buffers of each length, kept while nobody reads. */
const maxFreeBytes = 16 * 2 ** 20;

export class PageBuffers {
  /** Shortest first. */
  private readonly lengths: readonly number[];
  private readonly free = new Map<number, Buffer[]>();
  /** Forgets by itself those that never come back. */
  private readonly lent = new WeakSet<ArrayBufferLike>();

  /** `lengths` of buffers, rising: a read gets the shortest that holds it. Longer ones do not come back. */
  constructor(lengths: readonly number[]) {
    this.lengths = lengths;
    for (const length of lengths) this.free.set(length, []);
  }

  /** So many bytes, with whatever is in them. */
  take(length: number): Buffer {
    const bufferBytes = this.lengths.find((one) => one >= length);
    if (length < minBytes || bufferBytes === undefined) return Buffer.allocUnsafeSlow(length);
    const buffer = this.free.get(bufferBytes)?.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
    this.lent.add(buffer.buffer);
    return buffer.subarray(0, length);
  }

  /** What was taken, or a part of it, at which nobody looks any more. Any other buffer is left alone. */
  giveBack({ buffer }: Buffer): void {
    if (!this.lent.delete(buffer)) return;
    const free = this.free.get(buffer.byteLength);
    if (free !== undefined && free.length * buffer.byteLength < maxFreeBytes) {
      free.push(Buffer.from(buffer));
    }
  }
}
