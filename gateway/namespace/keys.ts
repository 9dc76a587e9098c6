/**
 * Row keys: how buckets, keys, versions, uploads and parts are laid out so that memcmp gives S3's
 * order. In short (all integers big-endian):
 *
 * - an entry: bucket id (6) + key
 * - a version: bucket id (6) + escaped key + 00 00 + inverted birth (8), so newest first
 * - a chunk of a version's extents or parts: the version's row key + chunk number (2)
 * - an upload: bucket id (6) + escaped key + 00 00 + upload id (16)
 * - a part: upload id (16) + part number (2)
 *
 * A key may hold any byte, 00 too. Where something follows the key, each 00 in it is written 00 01,
 * so that the 00 00 behind it sorts before every longer key.
 */
import { maxTableKeyBytes, type PackedRows } from '../../blobseer-client/index.ts';
import type { Span } from './bytes.ts';

/** S3's limit (AWS, "Naming Amazon S3 objects"), in bytes of UTF-8. */
export const maxKeyBytes = 1024;
export const bucketIdBytes = 6;
export const birthBytes = 8;
const terminatorBytes = 2;
/** What may stand behind an escaped key: an upload id is the longest. */
const longestTailBytes = 16;
const maxEscapedKeyBytes = maxTableKeyBytes - bucketIdBytes - terminatorBytes - longestTailBytes;

const largestSequence = 2 ** 48 - 1;
const largestOrdinal = 2 ** 16 - 1;
const loneSurrogate = /\p{Surrogate}/u;

/** A key that can be stored: 1 to 1024 bytes of UTF-8, of which not some 930 are NUL. */
export function isStorableKey(key: string): boolean {
  return storableKey(key) !== undefined;
}

/** Its bytes; undefined where `isStorableKey` says no. */
export function storableKey(key: string): Buffer | undefined {
  if (key === '' || loneSurrogate.test(key)) return undefined;
  const bytes = Buffer.from(key);
  return fitsTable(bytes) ? bytes : undefined;
}

/** Whether a row key can hold it, be it a key or the beginning of one. */
export function fitsTable(key: Buffer): boolean {
  if (key.length > maxKeyBytes) return false;
  return key.length * 2 <= maxEscapedKeyBytes || escapeKey(key).length <= maxEscapedKeyBytes;
}

/** When a version was born: its commit, and its place among the writes to its key in that commit. */
export interface Birth {
  readonly sequence: number;
  readonly ordinal: number;
}

export function encodeBirth(birth: Birth): Buffer {
  if (birth.sequence > largestSequence || birth.ordinal > largestOrdinal) {
    throw new RangeError(`no room for birth ${birth.sequence}/${birth.ordinal}`);
  }
  const bytes = Buffer.allocUnsafe(birthBytes);
  bytes.writeUIntBE(largestSequence - birth.sequence, 0, 6);
  bytes.writeUInt16BE(largestOrdinal - birth.ordinal, 6);
  return bytes;
}

export function decodeBirth(bytes: Buffer): Birth {
  return {
    sequence: largestSequence - bytes.readUIntBE(0, 6),
    ordinal: largestOrdinal - bytes.readUInt16BE(6),
  };
}

/** Keeps the order of keys; the same buffer where there is nothing to escape. */
export function escapeKey(key: Buffer): Buffer {
  if (!key.includes(0)) return key;
  const escaped: number[] = [];
  for (const byte of key) {
    escaped.push(byte);
    if (byte === 0) escaped.push(1);
  }
  return Buffer.from(escaped);
}

export function unescapeKey(escaped: Buffer): Buffer {
  if (!escaped.includes(0)) return escaped;
  return Buffer.from(escaped.filter((_, index) => index === 0 || escaped[index - 1] !== 0));
}

/** The first byte string behind all those that begin with `bytes`; undefined where there is none. */
export function successor(bytes: Buffer): Buffer | undefined {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0xff) length -= 1;
  if (length === 0) return undefined;
  const next = Buffer.from(bytes.subarray(0, length));
  next[length - 1] = (next[length - 1] as number) + 1;
  return next;
}

/** The first key behind `bytes` itself. */
export function justAfter(bytes: Uint8Array): Buffer {
  const next = Buffer.alloc(bytes.length + 1);
  next.set(bytes);
  return next;
}

export function bucketKey(bucketId: number): Buffer {
  const bytes = Buffer.allocUnsafe(bucketIdBytes);
  bytes.writeUIntBE(bucketId, 0, bucketIdBytes);
  return bytes;
}

/** Where a bucket's rows end, exclusive. */
export function bucketEnd(bucketId: number): Buffer {
  return bucketKey(bucketId + 1);
}

/** Row key of an entry, and bound of a walk over entries. */
export function entryKey(bucketId: number, key: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(bucketIdBytes + key.length);
  bytes.writeUIntBE(bucketId, 0, bucketIdBytes);
  bytes.set(key, bucketIdBytes);
  return bytes;
}

/** What all rows of one key begin with, in tables where something follows the key. */
export function keyPrefix(bucketId: number, key: Buffer): Buffer {
  const escaped = escapeKey(key);
  const bytes = Buffer.allocUnsafe(bucketIdBytes + escaped.length + terminatorBytes);
  bytes.writeUIntBE(bucketId, 0, bucketIdBytes);
  bytes.set(escaped, bucketIdBytes);
  bytes.fill(0, bucketIdBytes + escaped.length);
  return bytes;
}

/**
 * Writes what `keyPrefix` makes of an entry's row key, bytes [start, end), to the beginning of `target`; returns
 * its length. Byte by byte, as a native call takes longer.
 */
export function writeRowPrefix(
  target: Buffer,
  entryRow: Buffer,
  start: number,
  end: number,
): number {
  let length = 0;
  for (let at = start; at < end; at += 1) {
    const byte = entryRow[at]!;
    target[length++] = byte;
    if (byte === 0 && at >= start + bucketIdBytes) target[length++] = 1;
  }
  target[length++] = 0;
  target[length++] = 0;
  return length;
}

/** `entryKey` and `keyPrefix` of a key, where it can be stored: every request for an object has one. */
export function rowKeysOf(
  bucketId: number,
  key: string,
): { readonly entryRow: Buffer; readonly prefix: Buffer } | undefined {
  if (key.includes('\0')) {
    const bytes = storableKey(key);
    if (bytes === undefined) return undefined;
    return { entryRow: entryKey(bucketId, bytes), prefix: keyPrefix(bucketId, bytes) };
  }
  if (key === '' || loneSurrogate.test(key)) return undefined;
  const length = Buffer.byteLength(key);
  if (length > maxKeyBytes) return undefined;
  // Without a 00 in the key one begins with the other.
  const end = bucketIdBytes + length;
  const prefix = Buffer.allocUnsafe(end + terminatorBytes);
  prefix.writeUIntBE(bucketId, 0, bucketIdBytes);
  prefix.write(key, bucketIdBytes, 'utf8');
  prefix[end] = 0;
  prefix[end + 1] = 0;
  return { entryRow: prefix.subarray(0, end), prefix };
}

/** Behind all rows that begin with a key prefix: its last byte is 00. */
export function endOfKey(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = 1;
  return end;
}

export function withTail(prefix: Uint8Array, tail: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(prefix.length + tail.length);
  bytes.set(prefix);
  bytes.set(tail, prefix.length);
  return bytes;
}

/** Row key of chunk `chunk`, or of a part: `prefix` and a 2-byte number. */
export function withNumber(prefix: Uint8Array, number: number): Buffer {
  const bytes = Buffer.allocUnsafe(prefix.length + 2);
  bytes.set(prefix);
  bytes.writeUInt16BE(number, prefix.length);
  return bytes;
}

/** A bound among rows whose key is escaped, as one among entries. */
export interface EntryBound {
  /** The row key of the first entry at or behind it. */
  readonly entryRow: Buffer;
  /** It lies amid the rows of one key: of that key's entry only its birth tells where it belongs. */
  readonly isAmidKey: boolean;
}

export function entryBound(bound: Buffer): EntryBound {
  let terminator = bound.indexOf(0, bucketIdBytes);
  while (terminator >= 0 && bound[terminator + 1] === 1) {
    terminator = bound.indexOf(0, terminator + 2);
  }
  const isAmidKey = terminator >= 0;
  const key = unescapeKey(bound.subarray(bucketIdBytes, isAmidKey ? terminator : bound.length));
  return { entryRow: Buffer.concat([bound.subarray(0, bucketIdBytes), key]), isAmidKey };
}

/** The last `length` bytes of a row key: a birth or an upload id. */
export function tailOf(rowKey: Buffer, length: number): Buffer {
  return rowKey.subarray(rowKey.length - length);
}

/** Moves `key` to the S3 key of an entry. */
export function keyOfEntry(rows: PackedRows, row: number, key: Span): void {
  key.moveTo(rows.bytes, rows.keyStart(row) + bucketIdBytes, rows.valueStart(row));
}

/** Moves `key` to the S3 key of a row whose key ends with a tail of `tailBytes`. */
export function keyBeforeTail(rows: PackedRows, row: number, tailBytes: number, key: Span): void {
  const { bytes } = rows;
  const start = rows.keyStart(row) + bucketIdBytes;
  const end = rows.valueStart(row) - tailBytes - terminatorBytes;
  for (let at = start; at < end; at += 1) {
    if (bytes[at] !== 0) continue;
    const unescaped = unescapeKey(bytes.subarray(start, end));
    key.moveTo(unescaped, 0, unescaped.length);
    return;
  }
  key.moveTo(bytes, start, end);
}

/** The key's own bytes in a row key that ends with a tail of `tailBytes`. */
export function keyOf(rowKey: Buffer, tailBytes: number): Buffer {
  return unescapeKey(rowKey.subarray(bucketIdBytes, rowKey.length - tailBytes - terminatorBytes));
}
