/**
 * CRC32C of records. Most are a few dozen bytes, and small byte arrays live on the heap of V8: to hand
 * one to native code it must be moved out first, which takes longer than the sum itself. So short ones
 * are summed here, eight bytes at a time, and long ones natively, which is faster from 150 bytes on.
 */
import { crc32c as nativeCrc32c } from '@node-rs/crc32';

/** Of a sum where it is stored. */
export const crcBytes = 4;
/** First length that is left to native code, in bytes. */
export const nativeFromBytes = 150;

/** Castagnoli's polynomial, its bits reversed. */
const polynomial = 0x82f63b78;
const tableEntries = 256;

/** What a byte does to the sum of nothing, with `behind` zero bytes after it. */
function tableOf(behind: number): Int32Array {
  const table = new Int32Array(tableEntries);
  for (let byte = 0; byte < tableEntries; byte += 1) {
    let sum = byte;
    for (let bit = 8 * (behind + 1); bit > 0; bit -= 1) {
      sum = (sum & 1) === 0 ? sum >>> 1 : (sum >>> 1) ^ polynomial;
    }
    table[byte] = sum;
  }
  return table;
}

/** By how many bytes come behind, of the eight that are summed at once. */
const behind0 = tableOf(0);
const behind1 = tableOf(1);
const behind2 = tableOf(2);
const behind3 = tableOf(3);
const behind4 = tableOf(4);
const behind5 = tableOf(5);
const behind6 = tableOf(6);
const behind7 = tableOf(7);

/** Of bytes [start, end), going on from `seed`, the sum of those before them; unsigned. */
export function crc32c(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  if (end - start >= nativeFromBytes) return nativeCrc32c(bytes.subarray(start, end), seed);
  let sum = ~seed;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    sum ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    sum =
      behind7[sum & 0xff]! ^
      behind6[(sum >>> 8) & 0xff]! ^
      behind5[(sum >>> 16) & 0xff]! ^
      behind4[sum >>> 24]! ^
      behind3[bytes[at + 4]!]! ^
      behind2[bytes[at + 5]!]! ^
      behind1[bytes[at + 6]!]! ^
      behind0[bytes[at + 7]!]!;
  }
  for (; at < end; at += 1) sum = behind0[(sum ^ bytes[at]!) & 0xff]! ^ (sum >>> 8);
  return ~sum >>> 0;
}

/** A sum as it is stored, little-endian. */
export function sumAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}
