/**
 * Changes that share one write and one sync of the log, in order. What a change makes of a page depends
 * on those before it, so tasks add theirs one after another, when all earlier groups are applied.
 */
import type { PageChange, PageIndex, PagePlace } from './page-index.ts';
import { encodeHead, recordBytesOf } from './page-record.ts';

export interface CheckedPage {
  readonly key: Uint8Array;
  readonly page: Uint8Array;
  /** Of its blocks. */
  readonly crcs: Buffer;
}

const noCrcs = Buffer.alloc(0);

export class PageGroup {
  readonly changes: PageChange[] = [];
  /** What is to be written to the log. */
  readonly pieces: Uint8Array[] = [];
  readonly #index: PageIndex;
  readonly #segment: number;
  readonly #newest = new Map<string, PagePlace | undefined>();
  #end: number;
  #usedBytes: number;

  /** Its records will stand in this segment from `offset` on. */
  constructor(index: PageIndex, segment: number, offset: number) {
    this.#index = index;
    this.#segment = segment;
    this.#end = offset;
    this.#usedBytes = index.usedBytes;
  }

  /** In the segment, behind its last record. */
  get end(): number {
    return this.#end;
  }

  /** Bytes of pages, with this group. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Where a page is after the changes so far; undefined when there is none of that key. */
  newest(key: Uint8Array): PagePlace | undefined {
    const name = nameOf(key);
    return this.#newest.has(name) ? this.#newest.get(name) : this.#index.get(key);
  }

  put({ key, page, crcs }: CheckedPage): void {
    const { length } = page;
    const place = { segment: this.#segment, offset: this.#end, length, crcs };
    this.pieces.push(encodeHead(this.#segment, { kind: 'put', key, length, crcs }), page);
    this.#add(key, place, length);
  }

  release(key: Uint8Array): void {
    const head = { kind: 'release', key, length: 0, crcs: noCrcs } as const;
    this.pieces.push(encodeHead(this.#segment, head));
    this.#add(key, undefined, 0);
  }

  #add(key: Uint8Array, place: PagePlace | undefined, pageBytes: number): void {
    const replaced = this.newest(key);
    this.#usedBytes += pageBytes - (replaced?.length ?? 0);
    this.#end += recordBytesOf(key.length, pageBytes);
    this.#newest.set(nameOf(key), place);
    // A copy: the index keeps it longer than the request that it is a part of.
    this.changes.push({ key: Buffer.from(key), place, replaced });
  }
}

const nameOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1');
