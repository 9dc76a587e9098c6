/**
 * CRC32C of records. Most are a few dozen bytes, and small byte arrays live on the heap of V8: to hand
 * one to native code it must be moved out first, which takes longer than the sum itself. So short ones
 * are summed here, four bytes at a time, and long ones natively, which is faster from 150 bytes on.
 */
import { crc32c as nativeCrc32c } from '@node-rs/crc32';

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

const [last, third, second, first] = [tableOf(0), tableOf(1), tableOf(2), tableOf(3)];

/** Of the first `length` bytes, going on from `seed`, the sum of those before them; unsigned. */
export function crc32c(bytes: Uint8Array, length: number, seed = 0): number {
  if (length >= nativeFromBytes) return nativeCrc32c(bytes.subarray(0, length), seed);
  let sum = ~seed;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    sum ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    sum =
      first[sum & 0xff]! ^
      second[(sum >>> 8) & 0xff]! ^
      third[(sum >>> 16) & 0xff]! ^
      last[sum >>> 24]!;
  }
  for (; at < length; at += 1) sum = last[(sum ^ bytes[at]!) & 0xff]! ^ (sum >>> 8);
  return ~sum >>> 0;
}
