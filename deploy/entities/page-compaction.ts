/**
 * Segments that are mostly dead give their room back: the pages that are left in one are written to the log
 * once more, and the segment is then as empty as one whose pages were all released.
 *
 * It works beside everybody else, so it has one batch under way at a time, and rests after it for as long.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { CheckedPage } from './page-group.ts';
import type { PageIndex } from './page-index.ts';
import type { PageLog } from './page-log.ts';
import { type FoundRecord, PageScan } from './page-scan.ts';
import type { PageSegments } from './page-segments.ts';

/** Bytes, and pages, that are moved at once; a larger page goes alone. */
const batchBytes = 4 * 2 ** 20;
const batchPages = 256;

export interface PageCompactionOptions {
  readonly index: PageIndex;
  readonly segments: PageSegments;
  readonly log: PageLog;
  readonly memory: MemoryBudget;
  /** What a segment has before it is written to no more. */
  readonly segmentBytes: number;
  /** Throws when the disk has no room for so many bytes more. */
  readonly requireSpace: (bytes: number) => Promise<void>;
  /** The segment stays as it is until the next start. */
  readonly onFailed: (error: unknown) => void;
}

export class PageCompaction {
  readonly #options: PageCompactionOptions;
  /** They are left alone. */
  readonly #failed = new Set<number>();
  readonly #stopped = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: PageCompactionOptions) {
    this.#options = options;
  }

  /** Looks for work, unless it is at work. */
  wake(): void {
    if (this.#stopped.signal.aborted || this.#sparsest() === undefined) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      const segment = this.#sparsest();
      if (segment === undefined || this.#stopped.signal.aborted) return;
      try {
        await this.#empty(segment);
      } catch (error) {
        if (isOfNoSegment(error)) return;
        this.#failed.add(segment);
        this.#options.onFailed(error);
      }
    }
  }

  /** The segment with the fewest live bytes, if less than half of it lives. */
  #sparsest(): number | undefined {
    const { index, segmentBytes } = this.#options;
    let sparsest: number | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    for (const [segment, { writtenBytes, liveBytes }] of index.segments) {
      // Short ones, which a start leaves behind, are gathered too.
      const isSparse = liveBytes < Math.max(writtenBytes, segmentBytes) / 2;
      if (!isSparse || liveBytes === 0 || liveBytes >= fewest) continue;
      if (!index.isSealed(segment) || this.#failed.has(segment)) continue;
      sparsest = segment;
      fewest = liveBytes;
    }
    return sparsest;
  }

  async #empty(segment: number): Promise<void> {
    const { index, segments, requireSpace } = this.#options;
    await requireSpace(index.segments.get(segment)?.liveBytes ?? 0);
    await segments.use(segment, async (file) => {
      const scan = new PageScan(file, segment);
      let batch: FoundRecord[] = [];
      let bytes = 0;
      for await (const record of scan.records(0)) {
        if (this.#stopped.signal.aborted) return;
        if (!this.#isLive(segment, record)) continue;
        if (
          batch.length === batchPages ||
          (batch.length > 0 && bytes + record.length > batchBytes)
        ) {
          await this.#move(segment, scan, batch, bytes);
          batch = [];
          bytes = 0;
        }
        batch.push(record);
        bytes += record.length;
      }
      if (batch.length > 0) await this.#move(segment, scan, batch, bytes);
    });
    const leftBytes = index.segments.get(segment)?.liveBytes ?? 0;
    if (leftBytes === 0 || this.#stopped.signal.aborted) return;
    throw new BlobSeerError('corrupt', `${leftBytes} bytes of segment ${segment} are not found`);
  }

  async #move(
    segment: number,
    scan: PageScan,
    records: readonly FoundRecord[],
    bytes: number,
  ): Promise<void> {
    const { memory, log } = this.#options;
    const beganMs = performance.now();
    await memory.reserve(bytes);
    try {
      const pages: (CheckedPage & { readonly offset: number })[] = [];
      for (const { key, crcs, offset, ...record } of records) {
        const page = await scan.page({ key, crcs, offset, ...record });
        if (page === undefined) {
          const name = Buffer.from(key).toString('hex');
          throw new BlobSeerError('corrupt', `page ${name} in segment ${segment} is damaged`);
        }
        pages.push({ key, page, crcs, offset });
      }
      await log.append({
        bytes,
        records: pages.length,
        plan: (group) => {
          for (const page of pages) {
            const place = group.newest(page.key);
            if (place?.segment === segment && place.offset === page.offset) group.put(page);
          }
        },
      });
    } finally {
      memory.free(bytes);
    }
    const restMs = performance.now() - beganMs;
    await sleep(restMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
  }

  #isLive(segment: number, { kind, key, offset }: FoundRecord): boolean {
    if (kind !== 'put') return false;
    const place = this.#options.index.get(key);
    return place?.segment === segment && place.offset === offset;
  }
}

/** Later there may be room; and when storage has stopped, everybody hears of it. */
const isOfNoSegment = (error: unknown): boolean =>
  error instanceof BlobSeerError && (error.kind === 'no-space' || error.kind === 'stopped');
