/**
 * Reading an object's bytes: a range of a version, over its extents in order. A small object that
 * lies in the store itself comes back at once as a buffer, all else as a stream.
 */
import type { BlobSeer, ByteRange, ReadLease } from '../../blobseer-client/index.ts';
import type { Extent } from '../namespace/namespace.ts';

/** Longest range that is tried as one buffer: it is copied to the socket in one piece. */
const maxBufferedBytes = 256 * 1024;

export interface ReadOptions {
  /** Of the version; must lie inside it. */
  readonly range: ByteRange;
  /** Taken before the version was looked up; handed over: released when the bytes are out. */
  readonly lease: ReadLease;
  /** Asked for its signal only where there is something to wait for. */
  readonly caller: { readonly signal: AbortSignal };
}

/**
 * The bytes of a range. A stream's piece is good until the next one is asked for, as with every S3Response.
 * Throws BlobSeerError; a stream throws it too.
 */
export function readExtents(
  blobseer: BlobSeer,
  extents: readonly Extent[],
  options: ReadOptions,
): Buffer | AsyncIterable<Buffer> {
  const { lease, range, caller } = options;
  const pieces = extentsOfRange(extents, range);
  const [first, second] = pieces;
  if (first === undefined) {
    lease.release();
    return Buffer.alloc(0);
  }
  if (second === undefined && first.length <= maxBufferedBytes) {
    const buffer = blobseer.readInline(first.snapshot, first);
    if (buffer !== undefined) {
      lease.release();
      return buffer;
    }
  }
  return new LeasedStream(concatenated(blobseer, pieces, caller.signal), lease);
}

/** The parts of the extents that a range of the whole covers, in order. */
export function extentsOfRange(extents: readonly Extent[], range: ByteRange): Extent[] {
  const covered: Extent[] = [];
  const end = range.offset + range.length;
  let at = 0;
  for (const extent of extents) {
    const next = at + extent.length;
    if (next > range.offset && at < end && extent.length > 0) {
      const from = Math.max(range.offset - at, 0);
      const to = Math.min(end - at, extent.length);
      covered.push({
        snapshot: extent.snapshot,
        offset: extent.offset + from,
        length: to - from,
      });
    }
    at = next;
    if (at >= end) break;
  }
  return covered;
}

async function* concatenated(
  blobseer: BlobSeer,
  extents: readonly Extent[],
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  for (const { snapshot, offset, length } of extents) {
    yield* blobseer.read(snapshot, { offset, length }, { signal, reusesMemory: true });
  }
}

/**
 * A stream that gives its lease back when it ends, fails or is left early. Not a generator: a
 * generator that was never started runs no `finally` when it is returned.
 */
class LeasedStream implements AsyncIterableIterator<Buffer> {
  private readonly source: AsyncGenerator<Buffer, void, undefined>;
  private readonly lease: ReadLease;

  constructor(source: AsyncGenerator<Buffer, void, undefined>, lease: ReadLease) {
    this.source = source;
    this.lease = lease;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Buffer>> {
    try {
      const result = await this.source.next();
      if (result.done) this.lease.release();
      return result;
    } catch (error) {
      this.lease.release();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Buffer>> {
    try {
      await this.source.return();
    } finally {
      this.lease.release();
    }
    return { done: true, value: undefined };
  }
}
