/**
 * The page size of a new blob, chosen from the size of its first write. Small pages make small
 * differences cheap, large pages make the tree and the number of reads small.
 */
import { BlobSeerError } from './errors.ts';

const smallPageBytes = 64 * 2 ** 10;
const middlePageBytes = 256 * 2 ** 10;
const largePageBytes = 2 ** 20;
const minPageBytes = 4096;
const maxPageBytes = 64 * 2 ** 20;
/** A blob whose pages are off by this factor for what comes next is left for a new one. */
const misfit = 16;

export interface PageSizes {
  choose(sizeHint: number | undefined): number;
  /** Whether a write of that size should still go to a blob with these pages. */
  fits(pageSize: number, sizeHint: number): boolean;
}

function pageSizes(smallUpToBytes: number, middleUpToBytes: number): PageSizes {
  const choose = (sizeHint: number | undefined): number => {
    if (sizeHint === undefined) return middlePageBytes;
    if (sizeHint <= smallUpToBytes) return smallPageBytes;
    return sizeHint <= middleUpToBytes ? middlePageBytes : largePageBytes;
  };
  return {
    choose,
    fits(pageSize, sizeHint) {
      const ratio = choose(sizeHint) / pageSize;
      return ratio < misfit && ratio > 1 / misfit;
    },
  };
}

export const embeddedPageSizes = pageSizes(2 ** 20, 256 * 2 ** 20);
/** Each page costs three records on other machines: larger ones, sooner. */
export const remotePageSizes = pageSizes(256 * 2 ** 10, 32 * 2 ** 20);

/** One for all: `pageSize` is what checkPageSize takes. Blobs of others are left for new ones. */
export function fixedPageSizes(pageSize: number): PageSizes {
  checkPageSize(pageSize);
  return { choose: () => pageSize, fits: (existing) => existing === pageSize };
}

export function checkPageSize(pageSize: number): void {
  const isPowerOfTwo = Number.isInteger(Math.log2(pageSize));
  if (!isPowerOfTwo || pageSize < minPageBytes || pageSize > maxPageBytes) {
    throw new BlobSeerError(
      'invalid-argument',
      `page size ${pageSize}: must be a power of two from ${minPageBytes} to ${maxPageBytes}`,
    );
  }
}
