/** Limits of this client, in one place. */

/** Children per tree block: a leaf block of 256 pages takes 4.6 KB. (BlobSeer's wire has 2.) */
export const treeFanOut = 256;
/** One commit must not hold the write lock for long: 512 Ki pages are 32 GiB of 64 KiB pages. */
export const maxBlocksPerPublish = 2048;
/** Bytes that a reader fetches ahead of its consumer; at least one page is always under way. */
export const readAheadBytes = 2 ** 20;
/** Small pages that follow each other are read at once, up to so many bytes. */
export const maxRunBytes = 256 * 2 ** 10;
/** What `readInline` hands out at once. */
export const maxInlineReadBytes = 256 * 2 ** 10;
