/**
 * How a page that is kept in LMDB is divided. LMDB gives a value that does not fit half of one of its pages
 * whole pages of its own, with a header in front: 4096 bytes of an object would take two, the second one all
 * but empty. So a row takes as much as fills such pages exactly, and the few bytes left over stand beside the page's
 * address, in the record of its snapshot or in its leaf block. A small page stands there as a whole.
 */
import type { PageAddress } from '../roles.ts';

/** As `lmdb` makes them on most machines; where they are larger, this division is just a worse one. */
const lmdbPageBytes = 4096;
const lmdbHeaderBytes = 24;
/** So that the record of a snapshot of one page takes a third of an LMDB page at most: of two a page, LMDB leaves every second place free. */
const maxRestBytes = 1200;

/** So many bytes of an inline page of `length` are a row of the pages table. With 0 there is no row. */
export function rowBytesOf(length: number): number {
  const lmdbPages = Math.floor((length + lmdbHeaderBytes) / lmdbPageBytes);
  const filled = Math.max(0, lmdbPages * lmdbPageBytes - lmdbHeaderBytes);
  return length - filled <= maxRestBytes ? filled : length;
}

/** Named field by field: a spread with a field behind it makes an object of a shape that no other has. */
export function withRest(page: PageAddress, rest: Uint8Array): PageAddress {
  const { writeId, index, crc, length, inFile } = page;
  return { writeId, index, crc, length, inFile, rest };
}
