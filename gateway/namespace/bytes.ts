/**
 * Reading and writing the bytes of a row: the primitives under the record codecs, nothing about what
 * the fields mean. Integers are big-endian; a varint carries 7 bits a byte, lowest first, and goes up
 * to 2^53 - 1; texts and byte strings carry their length in front as a varint.
 *
 * Written by hand rather than with a general format: an entry takes half the bytes of a MessagePack
 * array and a listing decodes a thousand of them in well under a millisecond.
 */

const firstCapacityBytes = 256;
export const noBytes: Buffer = Buffer.alloc(0);

export class ByteWriter {
  private buffer: Buffer;
  private length = 0;

  constructor(capacityBytes = firstCapacityBytes) {
    this.buffer = Buffer.allocUnsafe(capacityBytes);
  }

  u8(value: number): void {
    this.reserve(1);
    this.length = this.buffer.writeUInt8(value, this.length);
  }

  u16(value: number): void {
    this.reserve(2);
    this.length = this.buffer.writeUInt16BE(value, this.length);
  }

  u48(value: number): void {
    this.reserve(6);
    this.length = this.buffer.writeUIntBE(value, this.length, 6);
  }

  varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`not an unsigned integer: ${value}`);
    }
    this.reserve(8);
    let rest = value;
    while (rest >= 128) {
      this.buffer[this.length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.buffer[this.length++] = rest;
  }

  /** The bytes alone: the reader must know how many. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  text(text: string): void {
    const length = Buffer.byteLength(text);
    this.varint(length);
    this.reserve(length);
    this.length += this.buffer.write(text, this.length, 'utf8');
  }

  /** Binary told as text, which the caller has checked: exactly `length` bytes. */
  encoded(text: string, encoding: 'hex' | 'base64', length: number): void {
    this.reserve(length);
    const written = this.buffer.write(text, this.length, length, encoding);
    if (written !== length) throw new RangeError(`${written} bytes of ${encoding}, not ${length}`);
    this.length += length;
  }

  /** The bytes written. The writer is done: they are its own buffer, not a copy. */
  finish(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + count));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

/** Bytes [start, end) of a buffer, such as a key in its row. Moved along rather than made anew. */
export class Span {
  bytes: Buffer = noBytes;
  start = 0;
  end = 0;

  moveTo(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  equals(other: Span): boolean {
    return this.end - this.start === other.end - other.start && this.startsWith(other);
  }

  startsWith({ bytes, start, end }: Span): boolean {
    const from = this.start - start;
    if (from + end > this.end) return false;
    // From the end: neighbours differ there.
    for (let at = end - 1; at >= start; at -= 1) {
      if (this.bytes[from + at] !== bytes[at]) return false;
    }
    return true;
  }

  toString(): string {
    return this.bytes.toString('utf8', this.start, this.end);
  }
}

/** Throws RangeError past the end; the record codecs turn that into a `corrupt` NamespaceError. */
export class ByteReader {
  buffer: Buffer;
  offset: number;
  private end: number;

  constructor(buffer: Buffer, offset = 0, end = buffer.length) {
    this.buffer = buffer;
    this.offset = offset;
    this.end = end;
  }

  /** To another row: one reader serves a walk over many. */
  moveTo(buffer: Buffer, offset: number, end: number): void {
    this.buffer = buffer;
    this.offset = offset;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  u8(): number {
    return this.buffer[this.skip(1)]!;
  }

  u16(): number {
    return this.buffer.readUInt16BE(this.skip(2));
  }

  u48(): number {
    const at = this.skip(6);
    const { buffer } = this;
    const high = (buffer[at]! << 8) | buffer[at + 1]!;
    const low =
      (buffer[at + 2]! << 24) | (buffer[at + 3]! << 16) | (buffer[at + 4]! << 8) | buffer[at + 5]!;
    return high * 2 ** 32 + (low >>> 0);
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    if (!Number.isSafeInteger(value)) throw new RangeError('varint above 2^53 - 1');
    return value;
  }

  /** A view of the row, not a copy. */
  raw(length: number): Buffer {
    const start = this.skip(length);
    return this.buffer.subarray(start, this.offset);
  }

  bytes(): Buffer {
    return this.raw(this.varint());
  }

  text(): string {
    const start = this.skip(this.varint());
    return this.buffer.toString('utf8', start, this.offset);
  }

  encoded(encoding: 'hex' | 'base64', length: number): string {
    const start = this.skip(length);
    return this.buffer.toString(encoding, start, this.offset);
  }

  /** Where the bytes passed over began. */
  skip(length: number): number {
    const start = this.offset;
    const behind = start + length;
    if (behind > this.end) throw new RangeError('row ends early');
    this.offset = behind;
    return start;
  }
}
