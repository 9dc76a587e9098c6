/**
 * The read path: from a range of a snapshot to its bytes, in runs of pages that were written one behind
 * the other, a bounded number of bytes ahead of the consumer.
 */
import { pagesOf } from './algorithms/geometry.ts';
import { leavesOf, runSync } from './algorithms/segment-tree.ts';
import type { ByteRange } from './blobseer.ts';
import { BlobSeerError } from './errors.ts';
import { maxInlineReadBytes, maxRunBytes, readAheadBytes, treeFanOut } from './limits.ts';
import type { BlockRef, PageAddress, PageReader, Roles, SnapshotHead } from './roles.ts';

/** A page, or a hole, and which of its bytes are wanted. */
interface Piece {
  readonly page: PageAddress | null;
  readonly from: number;
  readonly to: number;
}

/** Pieces that one read fetches; `to` counts from the start of the first page. */
interface PageRun {
  readonly pages: readonly PageAddress[];
  readonly from: number;
  readonly to: number;
}

/** Throws when the range does not lie inside the snapshot. */
export function checkRange(head: SnapshotHead, { offset, length }: ByteRange): void {
  const isCount = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (!isCount || offset < 0 || length < 0 || offset + length > head.size) {
    throw new BlobSeerError(
      'invalid-argument',
      `${length} bytes from ${offset} are not inside a snapshot of ${head.size} bytes`,
    );
  }
}

export async function* readRange(
  roles: Roles,
  head: SnapshotHead,
  range: ByteRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, void> {
  const reader = roles.dataProvider.openReader();
  const ahead: Promise<Buffer>[] = [];
  const depth = Math.max(2, Math.floor(readAheadBytes / Math.max(head.pageSize, maxRunBytes)));
  try {
    for (const run of runsOf(piecesOf(roles, head, range), head.pageSize)) {
      signal?.throwIfAborted();
      const reading = readRun(reader, run);
      reading.catch(() => undefined); // heard of when its turn comes
      ahead.push(reading);
      if (ahead.length > depth) yield await ahead.shift()!;
    }
    while (ahead.length > 0) {
      signal?.throwIfAborted();
      yield await ahead.shift()!;
    }
  } finally {
    await Promise.allSettled(ahead);
    await reader.close();
  }
}

/** All of the range at once when it is small and lies in the store itself; else undefined. */
export function readInline(roles: Roles, head: SnapshotHead, range: ByteRange): Buffer | undefined {
  if (range.length > maxInlineReadBytes) return undefined;
  const pieces = [...piecesOf(roles, head, range)];
  if (pieces.some(({ page }) => page?.inFile === true)) return undefined;
  const reader = roles.dataProvider.openReader();
  const parts = pieces.map((piece) =>
    piece.page === null
      ? Buffer.alloc(piece.to - piece.from)
      : cut(reader.readInline(piece.page), piece),
  );
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

/** Looks up a leaf block at a time, so that memory does not follow the length of the range. */
function* piecesOf(roles: Roles, head: SnapshotHead, range: ByteRange): Generator<Piece> {
  const { tree, pageSize } = head;
  const end = range.offset + range.length;
  const { first, count } = pagesOf(range, pageSize);
  for (let index = first; index < first + count; ) {
    const blockEnd = index - (index % treeFanOut) + treeFanOut;
    const batch = Math.min(first + count, blockEnd) - index;
    const leaves = runSync(
      leavesOf<PageAddress, BlockRef>(treeFanOut, tree, index, batch),
      (refs) => roles.metadataProvider.blocks(refs),
    );
    for (const page of leaves) {
      const start = index * pageSize;
      const from = Math.max(range.offset - start, 0);
      yield { page, from, to: Math.min(end - start, pageSize) };
      index++;
    }
  }
}

/** Joins pieces as far as one read can fetch them; a hole is a run without pages. */
function* runsOf(pieces: Iterable<Piece>, pageSize: number): Generator<PageRun> {
  let pages: PageAddress[] = [];
  let from = 0;
  let to = 0;
  for (const piece of pieces) {
    const { page } = piece;
    const last = pages.at(-1);
    if (last !== undefined && page !== null && isNext(last, page, pageSize)) {
      if ((pages.length + 1) * pageSize <= maxRunBytes) {
        to = pages.length * pageSize + piece.to;
        pages.push(page);
        continue;
      }
    }
    if (pages.length > 0) yield { pages, from, to };
    pages = page === null ? [] : [page];
    ({ from, to } = piece);
    if (page === null) yield { pages, from, to };
  }
  if (pages.length > 0) yield { pages, from, to };
}

/** Pages in the store itself are found at once, each by its key: nothing is won by joining them. */
function isNext(last: PageAddress, page: PageAddress, pageSize: number): boolean {
  return (
    page.inFile &&
    page.writeId === last.writeId &&
    page.index === last.index + 1 &&
    last.length === pageSize
  );
}

async function readRun(reader: PageReader, { pages, from, to }: PageRun): Promise<Buffer> {
  if (pages.length === 0) return Buffer.alloc(to - from);
  return cut(await reader.read(pages), { from, to });
}

/** A page that became an inner one by growth may be short: what it lacks are zeros. */
function cut(bytes: Buffer, { from, to }: Pick<Piece, 'from' | 'to'>): Buffer {
  if (to <= bytes.length) return bytes.subarray(from, to);
  const whole = Buffer.alloc(to - from);
  bytes.copy(whole, 0, Math.min(from, bytes.length));
  return whole;
}
