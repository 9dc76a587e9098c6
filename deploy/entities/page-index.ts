/**
 * Where pages are: what the log says, in LMDB. The log alone makes changes durable, so the index follows
 * it in large commits, each with the position in the log that it has come to; until then changes stand
 * in memory, and after a crash the log is read again from that position on.
 */
import type { Environment } from '../../blobseer-client/embedded/environment.ts';
import type { ListedPage } from '../../blobseer-client/remote/wire/storage-calls.ts';
import { recordBytesOf } from './page-record.ts';
import { Counter, type EntityTable } from './state.ts';

/** Changes, and bytes of the log, after which a commit is due: a start must not take long. */
const dueChanges = 1024;
const dueBytes = 64 * 2 ** 20;
/** More changes than this wait for the commit that is under way. */
const maxChanges = 4096;
/** Segment, offset, length; checksums follow. */
const placeHeadBytes = 12;
const segmentKeyBytes = 4;
const segmentRowBytes = 16;

/** Of a page. */
export interface PagePlace {
  readonly segment: number;
  /** Of its record. */
  readonly offset: number;
  readonly length: number;
  /** Of its blocks. */
  readonly crcs: Buffer;
}

export interface PageChange {
  readonly key: Uint8Array;
  /** Undefined: the page is released. */
  readonly place: PagePlace | undefined;
  /** Where it was before. */
  readonly replaced: PagePlace | undefined;
}

/** In the log: what is before it is known to the index. */
export interface LogPosition {
  readonly segment: number;
  readonly offset: number;
}

export interface SegmentUse {
  readonly writtenBytes: number;
  /** Of records whose pages are still wanted. */
  readonly liveBytes: number;
}

export class PageIndex {
  readonly #state: Environment;
  readonly #onCommitted: (emptied: readonly number[]) => void;
  readonly #pages: EntityTable;
  readonly #segmentRows: EntityTable;
  readonly #counters: { readonly [Name in 'pages' | 'used' | 'segment' | 'offset']: Counter };
  readonly #segments = new Map<number, SegmentUse>();
  /** Segments whose rows are to be written. */
  #touched = new Set<number>();
  /** Changes since the last commit began. */
  #fresh = new Map<string, PageChange>();
  /** Changes of the commit under way. */
  #committing = new Map<string, PageChange>();
  #position: LogPosition;
  #pageCount: number;
  #usedBytes: number;
  #uncommittedBytes = 0;
  #hasEmpty = false;
  #commits: Promise<void> = Promise.resolve();
  #nextCommit: Promise<void> | undefined;

  /** `onCommitted` is told of segments that no page is in any more, and no replay needs. */
  constructor(state: Environment, onCommitted: (emptied: readonly number[]) => void) {
    this.#state = state;
    this.#onCommitted = onCommitted;
    this.#pages = state.table('pages');
    this.#segmentRows = state.table('segments');
    const table = state.table('counters');
    this.#counters = {
      pages: new Counter(table, 'pages'),
      used: new Counter(table, 'used'),
      segment: new Counter(table, 'segment'),
      offset: new Counter(table, 'offset'),
    };
    const { pages, used, segment, offset } = this.#counters;
    this.#pageCount = pages.value;
    this.#usedBytes = used.value;
    this.#position = { segment: segment.value, offset: offset.value };
    for (const { key, value } of this.#segmentRows.range({ limit: Number.POSITIVE_INFINITY })) {
      const use = { writtenBytes: value.readDoubleBE(0), liveBytes: value.readDoubleBE(8) };
      this.#segments.set(key.readUInt32BE(), use);
    }
  }

  get pageCount(): number {
    return this.#pageCount;
  }

  /** Bytes of pages. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The end of the log, as far as it is applied. */
  get position(): LogPosition {
    return this.#position;
  }

  get segments(): ReadonlyMap<number, SegmentUse> {
    return this.#segments;
  }

  /** Nothing is written to it any more. */
  isSealed(segment: number): boolean {
    return segment < this.#position.segment;
  }

  get(key: Uint8Array): PagePlace | undefined {
    const name = nameOf(key);
    const change = this.#fresh.get(name) ?? this.#committing.get(name);
    if (change !== undefined) return change.place;
    this.#state.refresh();
    const stored = this.#pages.get(key);
    return stored && decodePlace(stored);
  }

  /** What is durable in the log up to `position`. */
  apply(changes: readonly PageChange[], position: LogPosition): void {
    const { segment, offset } = position;
    const before = this.#segments.get(segment)?.writtenBytes ?? 0;
    this.#uncommittedBytes += offset - before;
    this.#use(segment, 0, offset);
    const { segment: last } = this.#position;
    this.#position = position;
    this.#noteEmpty(last);
    for (const change of changes) {
      const { key, place, replaced } = change;
      this.#count(key, replaced, -1);
      this.#count(key, place, 1);
      this.#fresh.set(nameOf(key), change);
    }
  }

  /** Begins a commit when one is due; waits for it when there is too much to commit. */
  async keepUp(): Promise<void> {
    const isDue =
      this.#hasEmpty || this.#fresh.size >= dueChanges || this.#uncommittedBytes >= dueBytes;
    if (!isDue) return;
    // One that fails has stopped the state, which tells everybody.
    const committed = this.commit().catch(() => undefined);
    if (this.#fresh.size >= maxChanges) await committed;
  }

  /** What was applied before is in LMDB when this resolves. */
  commit(): Promise<void> {
    this.#nextCommit ??= this.#commits.then(() => {
      this.#nextCommit = undefined;
      this.#commits = this.#commit();
      return this.#commits;
    });
    return this.#nextCommit;
  }

  /** Committed keys that begin with `prefix`, behind `after`, in order. */
  keysWithPrefix(prefix: Uint8Array, after: Uint8Array | undefined, limit: number): Buffer[] {
    this.#state.refresh();
    const range = { start: prefix, ...startingAfter(after), limit };
    const keys = this.#pages.keys(range);
    const end = keys.findIndex((key) => !key.subarray(0, prefix.length).equals(prefix));
    return end < 0 ? keys : keys.slice(0, end);
  }

  /** Committed pages behind `after`, in the order of their keys. */
  pagesAfter(after: Uint8Array | undefined, limit: number): ListedPage[] {
    this.#state.refresh();
    const rows = this.#pages.range({ ...startingAfter(after), limit });
    return rows.map(({ key, value }) => ({ key, length: decodePlace(value).length }));
  }

  #count(key: Uint8Array, place: PagePlace | undefined, sign: 1 | -1): void {
    if (place === undefined) return;
    this.#pageCount += sign;
    this.#usedBytes += sign * place.length;
    this.#use(place.segment, sign * recordBytesOf(key.length, place.length), 0);
    if (sign < 0) this.#noteEmpty(place.segment);
  }

  #use(segment: number, grownBytes: number, endBytes: number): void {
    const { writtenBytes, liveBytes } = this.#segments.get(segment) ?? {
      writtenBytes: 0,
      liveBytes: 0,
    };
    this.#segments.set(segment, {
      writtenBytes: Math.max(writtenBytes, endBytes),
      liveBytes: liveBytes + grownBytes,
    });
    this.#touched.add(segment);
  }

  #noteEmpty(segment: number): void {
    if (!this.isSealed(segment) || this.#segments.get(segment)?.liveBytes !== 0) return;
    this.#touched.add(segment);
    this.#hasEmpty = true;
  }

  async #commit(): Promise<void> {
    const changes = this.#fresh;
    if (changes.size === 0 && this.#touched.size === 0) return;
    const position = this.#position;
    const counts = { pages: this.#pageCount, used: this.#usedBytes, ...position };
    const emptied: number[] = [];
    const rows: [segment: number, row: SegmentUse | undefined][] = [];
    for (const segment of this.#touched) {
      const use = this.#segments.get(segment)!;
      const isEmpty = use.liveBytes === 0 && this.isSealed(segment);
      rows.push([segment, isEmpty ? undefined : use]);
      if (!isEmpty) continue;
      emptied.push(segment);
      this.#segments.delete(segment);
    }
    this.#committing = changes;
    this.#fresh = new Map();
    this.#touched = new Set();
    this.#uncommittedBytes = 0;
    this.#hasEmpty = false;
    await this.#state.commit((transaction) => {
      for (const { key, place } of changes.values()) {
        if (place === undefined) transaction.remove(this.#pages, key);
        else transaction.put(this.#pages, key, encodePlace(place));
      }
      for (const [segment, row] of rows) {
        const key = Buffer.allocUnsafe(segmentKeyBytes);
        key.writeUInt32BE(segment);
        if (row === undefined) transaction.remove(this.#segmentRows, key);
        else transaction.put(this.#segmentRows, key, encodeUse(row));
      }
      for (const name of ['pages', 'used', 'segment', 'offset'] as const) {
        this.#counters[name].set(transaction, counts[name]);
      }
    });
    this.#committing = new Map();
    this.#onCommitted(emptied);
  }
}

const nameOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1');

/** The first key behind another: that one, and a zero. */
function startingAfter(after: Uint8Array | undefined): { readonly start?: Uint8Array } {
  return after === undefined ? {} : { start: Buffer.concat([after, Buffer.of(0)]) };
}

function encodePlace({ segment, offset, length, crcs }: PagePlace): Buffer {
  const bytes = Buffer.allocUnsafe(placeHeadBytes + crcs.length);
  bytes.writeUInt32BE(segment, 0);
  bytes.writeUInt32BE(offset, 4);
  bytes.writeUInt32BE(length, 8);
  bytes.set(crcs, placeHeadBytes);
  return bytes;
}

const decodePlace = (bytes: Buffer): PagePlace => ({
  segment: bytes.readUInt32BE(0),
  offset: bytes.readUInt32BE(4),
  length: bytes.readUInt32BE(8),
  crcs: bytes.subarray(placeHeadBytes),
});

function encodeUse({ writtenBytes, liveBytes }: SegmentUse): Buffer {
  const bytes = Buffer.allocUnsafe(segmentRowBytes);
  bytes.writeDoubleBE(writtenBytes, 0);
  bytes.writeDoubleBE(liveBytes, 8);
  return bytes;
}
