/**
 * The rows of a range in one buffer, one behind another, and their places in it: a walk over a
 * thousand of them needs no object for each. A row's value begins where its key ends.
 */

/** What short keys with short values take; the buffer grows where this is too little. */
const expectedRowBytes = 96;
const maxFirstBytes = 128 * 1024;
/** Below this a loop copies faster than a call. */
const longCopyBytes = 64;

export class PackedRows {
  /** Behind the last row it is nobody's. */
  bytes: Buffer;
  private length = 0;
  private readonly keyStarts: number[] = [];
  private readonly valueStarts: number[] = [];
  private readonly valueEnds: number[] = [];

  /** @param expectedRows more of them only take longer */
  constructor(expectedRows: number) {
    const firstBytes = Math.min(expectedRows * expectedRowBytes, maxFirstBytes);
    this.bytes = Buffer.allocUnsafe(Math.max(firstBytes, 0));
  }

  get count(): number {
    return this.valueEnds.length;
  }

  keyStart(row: number): number {
    return this.keyStarts[row]!;
  }

  valueStart(row: number): number {
    return this.valueStarts[row]!;
  }

  valueEnd(row: number): number {
    return this.valueEnds[row]!;
  }

  /** A view. */
  key(row: number): Buffer {
    return this.bytes.subarray(this.keyStart(row), this.valueStart(row));
  }

  /** A view. */
  value(row: number): Buffer {
    return this.bytes.subarray(this.valueStart(row), this.valueEnd(row));
  }

  /** Bytes [start, end) are the next row's key; its value is added next. */
  addKey(bytes: Uint8Array, start: number, end: number): void {
    this.keyStarts.push(this.length);
    this.add(bytes, start, end);
    this.valueStarts.push(this.length);
  }

  /** The first `length` bytes are the value of the key added last. */
  addValue(bytes: Uint8Array, length: number): void {
    this.add(bytes, 0, length);
    this.valueEnds.push(this.length);
  }

  /** Leaves the last bytes of a row's value out. */
  shortenValue(row: number, count: number): void {
    this.valueEnds[row]! -= count;
  }

  private add(bytes: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (this.length + count > this.bytes.length) this.grow(count);
    const { bytes: target, length } = this;
    if (count < longCopyBytes) {
      for (let at = 0; at < count; at += 1) target[length + at] = bytes[start + at]!;
    } else {
      target.set(bytes.subarray(start, end), length);
    }
    this.length += count;
  }

  private grow(count: number): void {
    const larger = Buffer.allocUnsafe(Math.max(2 * this.bytes.length, this.length + count));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}
