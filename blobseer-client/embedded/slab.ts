/**
 * Memory for pages of small objects on their way to a client, cut off larger blocks one behind the other. Node
 * makes memory of its own for each buffer from 4 KiB on, and shares its blocks of 8 KiB among two of just under
 * that: either takes longer than filling it. A piece holds its whole block: it is not for what is kept.
 */
const blockBytes = 64 * 1024;
/** Longer pieces would leave much of a block unused. */
const maxPieceBytes = blockBytes / 4;

export class Slab {
  private block = Buffer.allocUnsafeSlow(0);
  private used = 0;

  /** So many bytes, with whatever is in them, that nobody else has. */
  take(length: number): Buffer {
    if (length > maxPieceBytes) return Buffer.allocUnsafeSlow(length);
    if (this.used + length > this.block.length) {
      this.block = Buffer.allocUnsafeSlow(blockBytes);
      this.used = 0;
    }
    const start = this.used;
    this.used += length;
    return this.block.subarray(start, this.used);
  }
}
