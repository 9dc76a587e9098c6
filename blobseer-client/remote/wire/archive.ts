/**
 * Boost's binary archive, as far as BlobSeer uses it: a value per archive, an archive per parameter,
 * result, and metadata key or value.
 *
 * Every archive starts with the same 40 bytes: a signature string, the library version of the Boost
 * that wrote it, the sizes of C++ types and a byte order check. The first object of a class is preceded
 * by 5 bytes (tracking flag and class version, both 0 here), later ones of the same class are not.
 */
import { BlobSeerError } from '../../errors.ts';

/** The version that Boost 1.74 writes. */
export const defaultArchiveVersion = 18;
/** Before it, class versions and counts were written in other widths. */
const oldestArchiveVersion = 8;

const signature = Buffer.from('serialization::archive', 'latin1');
/** sizeof int, long, float, double: 64 bit little endian machines only; then the int 1. */
const platform = Buffer.from('0408040801000000', 'hex');
export const startBytes = 8 + signature.length + 2 + platform.length;
const preambleBytes = 5;
const versionAt = 8 + signature.length;

const starts = new Map<number, Buffer>();

/** The 40 bytes that an archive of this library version begins with. */
function archiveStart(version: number): Buffer {
  const known = starts.get(version);
  if (known !== undefined) return known;
  if (!Number.isInteger(version) || version < oldestArchiveVersion || version > 0xffff) {
    throw new BlobSeerError('invalid-argument', `no archive version: ${version}`);
  }
  const start = Buffer.alloc(startBytes);
  start.writeBigUInt64LE(BigInt(signature.length), 0);
  signature.copy(start, 8);
  start.writeUInt16LE(version, versionAt);
  platform.copy(start, versionAt + 2);
  starts.set(version, start);
  return start;
}

/** The library version that an archive names. Throws `corrupt` for what is no archive. */
export function archiveVersionOf(bytes: Uint8Array): number {
  return new ArchiveReader(bytes).version;
}

/** Writes one archive. Numbers out of their type's range throw `invalid-argument`. */
export class ArchiveWriter {
  #buffer: Buffer;
  #end = startBytes;
  readonly #classes = new Set<string>();

  /** `sizeHint`: bytes after the start; a wrong one costs a copy. */
  constructor(version: number, sizeHint: number) {
    this.#buffer = Buffer.allocUnsafe(startBytes + sizeHint);
    archiveStart(version).copy(this.#buffer);
  }

  u32(value: number): this {
    checkRange(value, 0xffff_ffff);
    this.#end = this.#room(4).writeUInt32LE(value, this.#end);
    return this;
  }

  /** Up to 2^53 - 1, which is more than any blob has bytes. */
  u64(value: number): this {
    checkRange(value, Number.MAX_SAFE_INTEGER);
    const buffer = this.#room(8);
    buffer.writeUInt32LE(value % 2 ** 32, this.#end);
    this.#end = buffer.writeUInt32LE(Math.floor(value / 2 ** 32), this.#end + 4);
    return this;
  }

  bool(value: boolean): this {
    this.#end = this.#room(1).writeUInt8(value ? 1 : 0, this.#end);
    return this;
  }

  string(value: string): this {
    const bytes = Buffer.from(value, 'utf8');
    return this.u64(bytes.length).raw(bytes);
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length).set(bytes, this.#end);
    this.#end += bytes.length;
    return this;
  }

  /** Call it before each object of a class: the first one gets the preamble. */
  object(className: string): this {
    if (this.#classes.has(className)) return this;
    this.#classes.add(className);
    const buffer = this.#room(preambleBytes);
    buffer.fill(0, this.#end, this.#end + preambleBytes);
    this.#end += preambleBytes;
    return this;
  }

  end(): Buffer {
    return this.#buffer.subarray(0, this.#end);
  }

  #room(bytes: number): Buffer {
    const needed = this.#end + bytes;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, this.#end);
      this.#buffer = larger;
    }
    return this.#buffer;
  }
}

function checkRange(value: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value > max) {
    throw new BlobSeerError('invalid-argument', `${value} is not an integer from 0 to ${max}`);
  }
}

/** Reads one archive; whatever does not fit throws `corrupt`. */
export class ArchiveReader {
  /** The library version that wrote it. */
  readonly version: number;
  readonly #bytes: Buffer;
  #at = startBytes;
  readonly #classes = new Set<string>();

  constructor(bytes: Uint8Array) {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (buffer.length < startBytes) throw corrupt(`an archive of ${buffer.length} bytes`);
    const version = buffer.readUInt16LE(versionAt);
    if (version < oldestArchiveVersion || !archiveStartMatches(buffer)) {
      throw corrupt('no archive of a 64 bit little endian machine');
    }
    this.version = version;
    this.#bytes = buffer;
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  /** Throws for values above 2^53 - 1, which nothing real needs. */
  u64(): number {
    const at = this.#take(8);
    const value = this.#bytes.readUInt32LE(at) + this.#bytes.readUInt32LE(at + 4) * 2 ** 32;
    if (!Number.isSafeInteger(value)) throw corrupt('a number above 2^53 - 1');
    return value;
  }

  bool(): boolean {
    const value = this.#bytes[this.#take(1)];
    if (value !== 0 && value !== 1) throw corrupt(`a bool of value ${value}`);
    return value === 1;
  }

  /** UTF-8; bytes that are not throw, so that what is read can be written again as it was. */
  string(maxBytes: number): string {
    const length = this.u64();
    if (length > maxBytes) throw corrupt(`a string of ${length} bytes, at most ${maxBytes}`);
    const at = this.#take(length);
    const bytes = this.#bytes.subarray(at, at + length);
    const value = bytes.toString('utf8');
    if (!Buffer.from(value, 'utf8').equals(bytes)) throw corrupt('a string that is not UTF-8');
    return value;
  }

  /** A slice of the archive. */
  raw(length: number): Buffer {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Call it before each object of a class: the first one must have its preamble. */
  object(className: string): this {
    if (this.#classes.has(className)) return this;
    this.#classes.add(className);
    if (this.raw(preambleBytes).some((byte) => byte !== 0)) {
      throw corrupt(`a tracked or newer ${className}`);
    }
    return this;
  }

  /**
   * A count of items that take at least `minItemBytes` each: one that the rest of the archive cannot
   * hold throws before anybody makes room for it.
   */
  count(minItemBytes: number): number {
    const count = this.u64();
    const left = this.#bytes.length - this.#at;
    if (count > left / minItemBytes) throw corrupt(`${count} items in ${left} bytes`);
    return count;
  }

  /** Nothing may be left. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw corrupt(`${left} bytes after the value`);
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#bytes.length - at) throw corrupt('an archive that ends too early');
    this.#at = at + bytes;
    return at;
  }
}

function archiveStartMatches(buffer: Buffer): boolean {
  const expected = archiveStart(defaultArchiveVersion);
  return (
    buffer.compare(expected, 0, versionAt, 0, versionAt) === 0 &&
    buffer.compare(expected, versionAt + 2, startBytes, versionAt + 2, startBytes) === 0
  );
}

function corrupt(message: string): BlobSeerError {
  return new BlobSeerError('corrupt', message);
}
