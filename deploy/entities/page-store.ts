/**
 * Pages by key, durable when a call resolves: appended to a log of segments (page-log.ts), found by an index
 * that follows it (page-index.ts). A segment goes when none of its pages is wanted any more.
 */
import { type Disk, nodeDisk } from '../../blobseer-client/embedded/disk.ts';
import type { Environment } from '../../blobseer-client/embedded/environment.ts';
import { SpaceGuard } from '../../blobseer-client/embedded/space.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { ListedPage } from '../../blobseer-client/remote/wire/storage-calls.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { PageCompaction } from './page-compaction.ts';
import { PageDiscards } from './page-discards.ts';
import { PageIndex } from './page-index.ts';
import { PageLog } from './page-log.ts';
import { PageReader } from './page-reader.ts';
import { crcsOf } from './page-record.ts';
import { replayPages } from './page-replay.ts';
import { PageSegments } from './page-segments.ts';

const defaultSegmentBytes = 128 * 2 ** 20;
/** Keys that are released in one step. */
const releaseBatch = 1000;

export interface PageStoreOptions {
  readonly state: Environment;
  /** For the segments; it must exist, and hold nothing else. */
  readonly directory: string;
  /** Of all pages together. */
  readonly spaceBytes: number;
  readonly memory: MemoryBudget;
  /** Of what is done beside the calls, and of records that a start finds damaged. */
  readonly onFailed: (error: unknown) => void;
  readonly disk?: Disk;
  /** What a segment has before it is written to no more. */
  readonly segmentBytes?: number;
}

interface Parts {
  readonly options: PageStoreOptions;
  readonly disk: Disk;
  readonly segments: PageSegments;
  readonly discards: PageDiscards;
  readonly index: PageIndex;
  readonly log: PageLog;
  readonly compaction: PageCompaction;
}

export class PageStore {
  readonly #options: PageStoreOptions;
  readonly #disk: Disk;
  readonly #space: SpaceGuard;
  readonly #segments: PageSegments;
  readonly #discards: PageDiscards;
  readonly #index: PageIndex;
  readonly #reader: PageReader;
  readonly #log: PageLog;
  readonly #compaction: PageCompaction;

  private constructor({ options, disk, segments, discards, index, log, compaction }: Parts) {
    this.#options = options;
    this.#disk = disk;
    this.#space = new SpaceGuard(disk, options.directory, () => performance.now());
    this.#segments = segments;
    this.#discards = discards;
    this.#index = index;
    this.#reader = new PageReader(index, segments);
    this.#log = log;
    this.#compaction = compaction;
  }

  static async open(options: PageStoreOptions): Promise<PageStore> {
    const { state, directory, memory, onFailed } = options;
    const { disk = nodeDisk, segmentBytes = defaultSegmentBytes } = options;
    const segments = new PageSegments({
      disk,
      directory,
      onSyncFailed: (cause) => state.stop(cause),
      onRemovalFailed: onFailed,
    });
    const discards = new PageDiscards({ state, segments, onFailed });
    let compaction: PageCompaction | undefined;
    const index = new PageIndex(state, (emptied) => {
      for (const segment of emptied) discards.add(segment);
      compaction?.wake();
    });
    const discard = (segment: number) => discards.add(segment);
    await replayPages({ index, segments, discard, onTorn: onFailed });
    const check = () => state.throwIfStopped();
    const log = new PageLog({ index, segments, segmentBytes, check });
    const requireSpace = (bytes: number) => requireRoomToMove(disk, directory, bytes);
    const parts = { index, segments, log, memory, segmentBytes, requireSpace, onFailed };
    compaction = new PageCompaction(parts);
    compaction.wake();
    return new PageStore({ options, disk, segments, discards, index, log, compaction });
  }

  /** Bytes of pages. */
  get usedBytes(): number {
    return this.#index.usedBytes;
  }

  get pageCount(): number {
    return this.#index.pageCount;
  }

  get segmentCount(): number {
    return this.#index.segments.size;
  }

  /** On the disk, of what nobody wants any more. */
  get deadBytes(): number {
    let bytes = 0;
    for (const { writtenBytes, liveBytes } of this.#index.segments.values()) {
      bytes += writtenBytes - liveBytes;
    }
    return bytes;
  }

  /** Bytes that may still be written: of what it was given, and of the disk. */
  async freeBytes(): Promise<number> {
    const { directory, spaceBytes } = this.#options;
    const { freeBytes } = await this.#disk.space(directory);
    return Math.max(0, Math.min(freeBytes, spaceBytes - this.usedBytes));
  }

  /**
   * False when there was no room for all of them: those before are stored. Throws `no-space` when the disk
   * is full. Pages that are not wanted when their turn comes are passed over.
   */
  async write(
    pairs: readonly (readonly [key: Uint8Array, page: Uint8Array])[],
    isWanted: (key: Uint8Array) => boolean = () => true,
  ): Promise<boolean> {
    let bytes = 0;
    for (const [, page] of pairs) bytes += page.length;
    await this.#space.require(bytes);
    const pages = pairs.map(([key, page]) => ({ key, page, crcs: crcsOf(page) }));
    let isFull = false;
    await this.#log.append({
      bytes,
      records: pages.length,
      plan: (group) => {
        for (const page of pages) {
          if (!isWanted(page.key)) continue;
          const grown = page.page.length - (group.newest(page.key)?.length ?? 0);
          isFull = grown > 0 && group.usedBytes + grown > this.#options.spaceBytes;
          if (isFull) return;
          group.put(page);
        }
      },
    });
    return !isFull;
  }

  /** Keys of no page are passed over. */
  async release(keys: readonly Uint8Array[]): Promise<void> {
    await this.#log.append({
      bytes: 0,
      records: keys.length,
      plan: (group) => {
        for (const key of keys) if (group.newest(key) !== undefined) group.release(key);
      },
    });
  }

  /** All pages whose key has that many bytes and begins with one of these; those asked for meanwhile may stay. */
  async releasePrefixes(prefixes: readonly Uint8Array[], keyBytes: number): Promise<void> {
    await this.#log.append({ bytes: 0, records: 0, plan: () => undefined }); // what was asked for before is there
    await this.#index.commit();
    for (const prefix of prefixes) await this.#releasePrefix(prefix, keyBytes);
  }

  /** In the order of their keys; all that were stored before the call and are not released meanwhile. */
  async list(after: Uint8Array | undefined, limit: number): Promise<ListedPage[]> {
    await this.#index.commit();
    return this.#index.pagesAfter(after, limit);
  }

  /** Undefined when there is no such page. */
  length(key: Uint8Array): number | undefined {
    return this.#index.get(key)?.length;
  }

  /**
   * `size` bytes of a page from `offset` on, checked; all of it when no part is given. Undefined when
   * there is no such page, or it is shorter. Throws `corrupt`.
   */
  read(
    key: Uint8Array,
    part?: { readonly offset: number; readonly size: number },
  ): Promise<Buffer | undefined> {
    return this.#reader.read(key, part);
  }

  /** Whole pages, checked, in the order asked for; undefined where there is none. Throws `corrupt`. */
  readAll(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    return this.#reader.readAll(keys);
  }

  /** Ends what was begun; the next start has nothing to replay. */
  async close(): Promise<void> {
    await this.#compaction.close();
    await this.#log.close();
    // It fails when storage has stopped: the next start replays.
    await this.#index.commit().catch(() => undefined);
    await this.#discards.close();
    await this.#segments.close();
  }

  async #releasePrefix(prefix: Uint8Array, keyBytes: number): Promise<void> {
    let after: Buffer | undefined;
    for (;;) {
      const keys = this.#index.keysWithPrefix(prefix, after, releaseBatch);
      const wanted = keys.filter((key) => key.length === keyBytes);
      if (wanted.length > 0) await this.release(wanted);
      if (keys.length < releaseBatch) return;
      after = keys.at(-1);
    }
  }
}

/** Moving what lives gives more room back than it takes, so it may have what writes must leave. */
async function requireRoomToMove(disk: Disk, directory: string, bytes: number): Promise<void> {
  const { freeBytes } = await disk.space(directory);
  if (freeBytes >= 2 * bytes) return;
  throw new BlobSeerError('no-space', `no room in ${directory} to move ${bytes} bytes`);
}
