/**
 * The records of the page log, bytes only. A segment is a file of them, one behind the other:
 *
 *   u32 CRC32C of the rest of the head | u32 segment | u8 kind | u8 0 | u16 key length | u32 page length |
 *   key | CRC32C of each 64 KiB of the page      and, behind this head, the page
 *
 * A record says itself whether it was written whole. The segment's number is in it so that what an older
 * file left on the disk is never taken for a record of this one.
 */
import { crc32c } from '@node-rs/crc32';
import { maxValueBytes } from '../../blobseer-client/remote/wire/messages.ts';
import { maxStoredKeyBytes } from '../../blobseer-client/remote/wire/storage-calls.ts';

/** A checksum for each: what is read is read in whole blocks. */
export const blockBytes = 64 * 1024;
/** What tells how long the whole head is. */
export const headStartBytes = 16;
const crcBytes = 4;
const kinds = { put: 1, release: 2 } as const;

export type RecordKind = keyof typeof kinds;

export interface RecordHead {
  readonly kind: RecordKind;
  readonly key: Uint8Array;
  /** Of the page; 0 when one is released. */
  readonly length: number;
  /** Of the page's blocks. */
  readonly crcs: Buffer;
}

const blocksOf = (pageBytes: number): number => Math.ceil(pageBytes / blockBytes);

export const headBytesOf = (keyBytes: number, pageBytes: number): number =>
  headStartBytes + keyBytes + blocksOf(pageBytes) * crcBytes;

export const recordBytesOf = (keyBytes: number, pageBytes: number): number =>
  headBytesOf(keyBytes, pageBytes) + pageBytes;

/** The checksums of a page's blocks. */
export function crcsOf(page: Uint8Array): Buffer {
  const crcs = Buffer.allocUnsafe(blocksOf(page.length) * crcBytes);
  for (let block = 0; block * blockBytes < page.length; block++) {
    const bytes = page.subarray(block * blockBytes, (block + 1) * blockBytes);
    crcs.writeUInt32LE(crc32c(bytes), block * crcBytes);
  }
  return crcs;
}

/** Whether these are a page's blocks from `firstBlock` on; the last one may be shorter. */
export function areBlocksOf(crcs: Buffer, firstBlock: number, bytes: Uint8Array): boolean {
  for (let at = 0, block = firstBlock; at < bytes.length; at += blockBytes, block++) {
    const crc = crc32c(bytes.subarray(at, at + blockBytes));
    if (crc !== crcs.readUInt32LE(block * crcBytes)) return false;
  }
  return true;
}

export function encodeHead(segment: number, { kind, key, length, crcs }: RecordHead): Buffer {
  const head = Buffer.allocUnsafe(headBytesOf(key.length, length));
  head.writeUInt32LE(segment, 4);
  head[8] = kinds[kind];
  head[9] = 0;
  head.writeUInt16LE(key.length, 10);
  head.writeUInt32LE(length, 12);
  head.set(key, headStartBytes);
  head.set(crcs, headStartBytes + key.length);
  head.writeUInt32LE(crc32c(head.subarray(crcBytes)), 0);
  return head;
}

/** The length of the head that begins with these bytes; undefined when no head does. */
export function headBytesFrom(start: Buffer): number | undefined {
  if (start.length < headStartBytes) return undefined;
  const keyBytes = start.readUInt16LE(10);
  const pageBytes = start.readUInt32LE(12);
  if (keyBytes > maxStoredKeyBytes || pageBytes > maxValueBytes) return undefined;
  return headBytesOf(keyBytes, pageBytes);
}

/** Undefined for anything but a head of that segment. Keeps slices of it. */
export function decodeHead(segment: number, head: Buffer): RecordHead | undefined {
  if (headBytesFrom(head) !== head.length) return undefined;
  if (head.readUInt32LE(0) !== crc32c(head.subarray(crcBytes))) return undefined;
  if (head.readUInt32LE(4) !== segment) return undefined;
  const kind = head[8] === kinds.put ? 'put' : head[8] === kinds.release ? 'release' : undefined;
  if (kind === undefined) return undefined;
  const keyEnd = headStartBytes + head.readUInt16LE(10);
  return {
    kind,
    key: head.subarray(headStartBytes, keyEnd),
    length: head.readUInt32LE(12),
    crcs: head.subarray(keyEnd),
  };
}
