/**
 * The read path: from a range of a snapshot to its bytes, in runs of pages that were written one behind
 * the other, a bounded number of bytes ahead of the consumer.
 */
import { pagesOf } from './algorithms/geometry.ts';
import type { ByteRange, ReadOptions } from './blobseer.ts';
import { BlobSeerError } from './errors.ts';
import { maxInlineReadBytes, treeFanOut } from './limits.ts';
import type { Leaves, PageAddress, PageReader, Roles, SnapshotHead } from './roles.ts';

/** A page, or a hole, and which of its bytes are wanted. */
interface Piece {
  readonly page: PageAddress | null;
  readonly from: number;
  readonly to: number;
}

/** Pieces that one read fetches; `to` counts from the start of the first page. None: a hole. */
interface PageRun {
  readonly pages: readonly PageAddress[];
  readonly from: number;
  readonly to: number;
}

/** Throws when the range does not lie inside the snapshot. */
export function checkRange(head: { readonly size: number }, { offset, length }: ByteRange): void {
  const isCount = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (!isCount || offset < 0 || length < 0 || offset + length > head.size) {
    throw new BlobSeerError(
      'invalid-argument',
      `${length} bytes from ${offset} are not inside a snapshot of ${head.size} bytes`,
    );
  }
}

/** Streams of this process that are being read. */
let streamCount = 0;

export async function* readRange<Tree>(
  roles: Roles<Tree>,
  head: SnapshotHead<Tree>,
  range: ByteRange,
  { signal, reusesMemory = false }: ReadOptions,
): AsyncGenerator<Buffer, void, void> {
  const { maxRunBytes, readAheadBytes } = roles.dataProvider.readLimits(streamCount);
  const reader = roles.dataProvider.openReader();
  const runs = new Runs(head.pageSize, maxRunBytes);
  const ahead: Promise<Buffer>[] = [];
  const depth = Math.max(1, Math.floor(readAheadBytes / Math.max(head.pageSize, maxRunBytes)));
  streamCount += 1;
  try {
    for (const batch of leafBatches(head, range)) {
      const found = roles.metadataProvider.leaves(head, batch.first, batch.count);
      const leaves = isReady(found) ? found : await found;
      const pieces = piecesOf(leaves, batch.first, head.pageSize, range);
      for (const run of batch.isLast ? runs.joinLast(pieces) : runs.join(pieces)) {
        signal?.throwIfAborted();
        const reading = readRun(reader, run);
        reading.catch(() => undefined); // heard of when its turn comes
        ahead.push(reading);
        if (ahead.length <= depth) continue;
        const piece = await ahead.shift()!;
        yield piece;
        if (reusesMemory) reader.reuse(piece);
      }
    }
    while (ahead.length > 0) {
      signal?.throwIfAborted();
      const piece = await ahead.shift()!;
      yield piece;
      if (reusesMemory) reader.reuse(piece);
    }
  } finally {
    streamCount -= 1;
    await Promise.allSettled(ahead);
    await reader.close();
  }
}

/** All of the range at once when it is small and lies in the store itself; else undefined. */
export function readInline<Tree>(
  roles: Roles<Tree>,
  head: SnapshotHead<Tree>,
  range: ByteRange,
): Buffer | undefined {
  if (range.length > maxInlineReadBytes) return undefined;
  // Most ranges that come here lie in one page, which needs none of what is in front of several.
  const { first, count } = pagesOf(range, head.pageSize);
  if (count > 1) return readInlinePages(roles, head, range);
  const leaves = roles.metadataProvider.leaves(head, first, count);
  if (!isReady(leaves)) return undefined;
  const [page = null] = leaves;
  if (page?.inFile === true) return undefined;
  const from = range.offset - first * head.pageSize;
  return readPiece(roles.dataProvider.openReader(), { page, from, to: from + range.length });
}

function readInlinePages<Tree>(
  roles: Roles<Tree>,
  head: SnapshotHead<Tree>,
  range: ByteRange,
): Buffer | undefined {
  const pieces: Piece[] = [];
  for (const { first, count } of leafBatches(head, range)) {
    const leaves = roles.metadataProvider.leaves(head, first, count);
    if (!isReady(leaves)) return undefined;
    pieces.push(...piecesOf(leaves, first, head.pageSize, range));
  }
  if (pieces.some(({ page }) => page?.inFile === true)) return undefined;
  const reader = roles.dataProvider.openReader();
  return Buffer.concat(pieces.map((piece) => readPiece(reader, piece)));
}

function readPiece(reader: PageReader, piece: Piece): Buffer {
  if (piece.page === null) return Buffer.alloc(piece.to - piece.from);
  return cut(reader.readInline(piece.page), piece);
}

const isReady = (leaves: Leaves | Promise<Leaves>): leaves is Leaves => Array.isArray(leaves);

interface LeafBatch {
  readonly first: number;
  readonly count: number;
  readonly isLast: boolean;
}

/** A leaf block at a time, so that memory does not follow the length of the range. */
function* leafBatches(head: { readonly pageSize: number }, range: ByteRange): Generator<LeafBatch> {
  const { first, count } = pagesOf(range, head.pageSize);
  const end = first + count;
  for (let index = first; index < end; ) {
    const blockEnd = index - (index % treeFanOut) + treeFanOut;
    const next = Math.min(end, blockEnd);
    yield { first: index, count: next - index, isLast: next === end };
    index = next;
  }
}

function* piecesOf(
  leaves: Leaves,
  first: number,
  pageSize: number,
  range: ByteRange,
): Generator<Piece> {
  const end = range.offset + range.length;
  let start = first * pageSize;
  for (const page of leaves) {
    const from = Math.max(range.offset - start, 0);
    yield { page, from, to: Math.min(end - start, pageSize) };
    start += pageSize;
  }
}

/** Joins pieces as far as one read can fetch them, also across batches. */
class Runs {
  private readonly pageSize: number;
  private readonly maxRunBytes: number;
  private pages: PageAddress[] = [];
  private from = 0;
  private to = 0;

  constructor(pageSize: number, maxRunBytes: number) {
    this.pageSize = pageSize;
    this.maxRunBytes = maxRunBytes;
  }

  *join(pieces: Iterable<Piece>): Generator<PageRun> {
    for (const { page, from, to } of pieces) {
      if (page !== null && this.continuesWith(page)) {
        this.to = this.pages.length * this.pageSize + to;
        this.pages.push(page);
        continue;
      }
      yield* this.end();
      if (page === null) yield { pages: [], from, to };
      else {
        this.pages = [page];
        this.from = from;
        this.to = to;
      }
    }
  }

  *joinLast(pieces: Iterable<Piece>): Generator<PageRun> {
    yield* this.join(pieces);
    yield* this.end();
  }

  private *end(): Generator<PageRun> {
    const { pages, from, to } = this;
    this.pages = [];
    if (pages.length > 0) yield { pages, from, to };
  }

  /** Pages in the store itself are found at once, each by its key: nothing is won by joining them. */
  private continuesWith(page: PageAddress): boolean {
    const last = this.pages.at(-1);
    return (
      last !== undefined &&
      page.inFile &&
      page.writeId === last.writeId &&
      page.index === last.index + 1 &&
      last.length === this.pageSize &&
      (this.pages.length + 1) * this.pageSize <= this.maxRunBytes
    );
  }
}

async function readRun(reader: PageReader, { pages, from, to }: PageRun): Promise<Buffer> {
  if (pages.length === 0) return Buffer.alloc(to - from);
  return cut(await reader.read(pages), { from, to });
}

/** A page that became an inner one by growth may be short: what it lacks are zeros. */
function cut(bytes: Buffer, { from, to }: Pick<Piece, 'from' | 'to'>): Buffer {
  if (to <= bytes.length) return to - from === bytes.length ? bytes : bytes.subarray(from, to);
  const whole = Buffer.alloc(to - from);
  bytes.copy(whole, 0, Math.min(from, bytes.length));
  return whole;
}
