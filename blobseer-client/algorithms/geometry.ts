/**
 * Page and tree geometry: how many pages a size needs, how many slots each level of its tree has.
 * All functions throw RangeError for arguments that are no sizes or counts.
 */

export interface PageRange {
  /** Index of the first page. */
  readonly first: number;
  readonly count: number;
}

/** Pages of a snapshot of `size` bytes; the last one may be shorter than `pageSize`. */
export function pageCount(size: number, pageSize: number): number {
  checkCount('size', size, 0);
  checkCount('page size', pageSize, 1);
  return Math.ceil(size / pageSize);
}

/** The pages that a range of bytes touches; none for an empty range. */
export function pagesOf(
  range: { readonly offset: number; readonly length: number },
  pageSize: number,
): PageRange {
  checkCount('offset', range.offset, 0);
  checkCount('length', range.length, 0);
  checkCount('page size', pageSize, 1);
  const first = Math.floor(range.offset / pageSize);
  if (range.length === 0) return { first, count: 0 };
  return { first, count: Math.ceil((range.offset + range.length) / pageSize) - first };
}

/** Level of the root: 0 for no page and for one page, whose leaf is the root itself. */
export function treeHeight(pages: number, fanOut: number): number {
  return levelCounts(pages, fanOut).length - 1;
}

/** Slots per level: pages, level-1 blocks, level-2 blocks and so on up to the one root. */
export function levelCounts(pages: number, fanOut: number): number[] {
  checkCount('page count', pages, 0);
  checkCount('fan-out', fanOut, 2);
  const counts = [pages];
  for (let count = pages; count > 1; ) {
    count = Math.ceil(count / fanOut);
    counts.push(count);
  }
  return counts;
}

function checkCount(what: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${what} must be an integer of at least ${least}, not ${value}`);
  }
}
