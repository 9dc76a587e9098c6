/** Limits of this client, in one place. */

/** Children per tree block: a leaf block of 256 pages takes 4.6 KB. (BlobSeer's wire has 2.) */
export const treeFanOut = 256;
/** One commit must not hold the write lock for long: 512 Ki pages are 32 GiB of 64 KiB pages. */
export const maxBlocksPerPublish = 2048;
/**
 * What a stream may hold of pages that it reads. Long reads are cheap reads (a GET of 16 MiB takes 10 ms of CPU in
 * reads of a mebibyte and 14 in reads of a quarter), but many streams at once have to do with less memory each.
 */
export const readLimits = { maxRunBytes: 2 ** 20, readAheadBytes: 2 ** 20 };
export const crowdedReadLimits = { maxRunBytes: 2 ** 18, readAheadBytes: 2 ** 19 };
export const manyStreams = 32;
/** What `readInline` hands out at once. */
export const maxInlineReadBytes = 256 * 2 ** 10;
