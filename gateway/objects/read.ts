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
  readonly signal: AbortSignal;
}

/**
 * The bytes of a range. The first piece of a stream is read before it is handed out, so that a page
 * which cannot be read is an error answer and not a broken connection. Throws BlobSeerError.
 */
export async function readExtents(
  blobseer: BlobSeer,
  extents: readonly Extent[],
  options: ReadOptions,
): Promise<Buffer | AsyncIterable<Buffer>> {
  const { lease, range, signal } = options;
  try {
    if (range.length === 0) {
      lease.release();
      return Buffer.alloc(0);
    }
    const pieces = extentsOfRange(extents, range);
    const only = pieces.length === 1 ? pieces[0] : undefined;
    if (only !== undefined && only.length <= maxBufferedBytes) {
      const buffer = blobseer.readInline(only.snapshot, only);
      if (buffer !== undefined) {
        lease.release();
        return buffer;
      }
    }
    const stream = new LeasedStream(concatenated(blobseer, pieces, signal), lease, signal);
    await stream.prime();
    return stream;
  } catch (error) {
    lease.release();
    throw error;
  }
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
    yield* blobseer.read(snapshot, { offset, length }, signal);
  }
}

/**
 * A stream that gives its lease back when it ends, fails, is left early or its client goes away. Not a
 * generator: a generator that was never started runs no `finally` when it is returned.
 */
class LeasedStream implements AsyncIterableIterator<Buffer> {
  private readonly source: AsyncGenerator<Buffer, void, undefined>;
  private readonly lease: ReadLease;
  private readonly signal: AbortSignal;
  private readonly onAbort: () => void;
  private primed: IteratorResult<Buffer> | undefined;

  constructor(
    source: AsyncGenerator<Buffer, void, undefined>,
    lease: ReadLease,
    signal: AbortSignal,
  ) {
    this.source = source;
    this.lease = lease;
    this.signal = signal;
    this.onAbort = () => void this.return();
    signal.addEventListener('abort', this.onAbort, { once: true });
    if (signal.aborted) this.finish();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Reads the first piece ahead. */
  async prime(): Promise<void> {
    this.primed = await this.advance();
  }

  async next(): Promise<IteratorResult<Buffer>> {
    const { primed } = this;
    if (primed === undefined) return await this.advance();
    this.primed = undefined;
    return primed;
  }

  async return(): Promise<IteratorResult<Buffer>> {
    this.primed = undefined;
    try {
      await this.source.return();
    } finally {
      this.finish();
    }
    return { done: true, value: undefined };
  }

  private async advance(): Promise<IteratorResult<Buffer>> {
    try {
      const result = await this.source.next();
      if (result.done) this.finish();
      return result;
    } catch (error) {
      this.finish();
      throw error;
    }
  }

  private finish(): void {
    this.signal.removeEventListener('abort', this.onAbort);
    this.lease.release();
  }
}
