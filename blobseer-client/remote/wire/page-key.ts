/**
 * Page keys: 16 bytes. The original takes the page's MD5, so that whoever stores a page replaces all
 * pages of the same content, and an attacker any page. Ours are unique, and carry the page's checksum:
 *
 *   write id (8 random bytes) | page index within the write (u32) | CRC32C of the page (u32)
 *
 * Nothing in the original compares a key with a content; its C++ client reads such pages.
 */
import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { BlobSeerError } from '../../errors.ts';
import { pageKeyBytes } from './records.ts';

export const writeIdBytes = 8;
const indexAt = writeIdBytes;
const crcAt = indexAt + 4;

/** `index` counts the pages of a write, `crc` is the CRC32C of the page's bytes. */
export function makePageKey(writeId: Uint8Array, index: number, crc: number): Buffer {
  if (writeId.length !== writeIdBytes) {
    throw new BlobSeerError('invalid-argument', `a write id of ${writeId.length} bytes`);
  }
  if (!Number.isInteger(index) || index < 0 || index > 0xffff_ffff) {
    throw new BlobSeerError('invalid-argument', `no index of a page: ${index}`);
  }
  const key = Buffer.allocUnsafe(pageKeyBytes);
  key.set(writeId);
  key.writeUInt32LE(index, indexAt);
  key.writeUInt32LE(crc, crcAt);
  return key;
}

/** The checksum in one of our keys; of a key of the original's client it is just some bytes. */
export function crcOfPageKey(key: Buffer): number {
  return key.readUInt32LE(crcAt);
}

/** Whether these can be the bytes of the page with that key: one of ours, or one of the C++ client's. */
export function matchesPageKey(key: Buffer, page: Uint8Array): boolean {
  if (key.length !== pageKeyBytes) return false;
  if (crc32c(page) === crcOfPageKey(key)) return true;
  return createHash('md5').update(page).digest().equals(key);
}
