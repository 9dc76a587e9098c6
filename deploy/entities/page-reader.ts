/** Reads pages from their segments, checked. Small ones that stand close to each other are read at once. */
import type { DiskFile } from '../../blobseer-client/embedded/disk.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { PageIndex, PagePlace } from './page-index.ts';
import { areBlocksOf, blockBytes, headBytesOf } from './page-record.ts';
import type { PageSegments } from './page-segments.ts';

/** A page that is moved, or replaced, while it is looked for is looked for again. */
const readAttempts = 5;
/** Bytes of a run, with what lies between its pages; a larger page is read alone. */
const maxRunBytes = 2 ** 20;
/** Between two pages of a run: heads of records, and little else. */
const maxGapBytes = 4096;
/** Of one call. */
const runsAtOnce = 4;

interface Wanted {
  readonly key: Uint8Array;
  readonly position: number;
  readonly place: PagePlace;
  /** Of the page's bytes, in the segment. */
  readonly start: number;
}

export class PageReader {
  readonly #index: PageIndex;
  readonly #segments: PageSegments;

  constructor(index: PageIndex, segments: PageSegments) {
    this.#index = index;
    this.#segments = segments;
  }

  /**
   * `size` bytes of a page from `offset` on; all of it when no part is given. Undefined when there is no
   * such page, or it is shorter. Throws `corrupt`.
   */
  async read(
    key: Uint8Array,
    part?: { readonly offset: number; readonly size: number },
  ): Promise<Buffer | undefined> {
    for (let attempt = 0; attempt < readAttempts; attempt++) {
      const place = this.#index.get(key);
      if (place === undefined) return undefined;
      const { offset, size } = part ?? { offset: 0, size: place.length };
      if (offset > place.length || size > place.length - offset) return undefined;
      const bytes = await this.#segments.use(place.segment, (file) =>
        readBlocks(file, place, key, offset, size),
      );
      if (bytes !== undefined) return bytes;
    }
    throw new BlobSeerError('corrupt', `the segment of page ${nameOf(key)} is not there`);
  }

  /** Whole pages, in the order asked for; undefined where there is none. Throws `corrupt`. */
  async readAll(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    const pages = new Array<Buffer | undefined>(keys.length).fill(undefined);
    const runs = runsOf(this.#find(keys));
    for (let at = 0; at < runs.length; at += runsAtOnce) {
      const some = runs.slice(at, at + runsAtOnce);
      await Promise.all(some.map((run) => this.#readRun(run, pages)));
    }
    return pages;
  }

  #find(keys: readonly Uint8Array[]): Wanted[] {
    const found: Wanted[] = [];
    for (const [position, key] of keys.entries()) {
      const place = this.#index.get(key);
      if (place === undefined) continue;
      found.push({ key, position, place, start: startOf(key, place) });
    }
    return found;
  }

  async #readRun(run: readonly Wanted[], pages: (Buffer | undefined)[]): Promise<void> {
    const [first] = run;
    const last = run.at(-1);
    if (first === undefined || last === undefined) return;
    const bytes = Buffer.allocUnsafe(last.start + last.place.length - first.start);
    const read = await this.#segments.use(first.place.segment, (file) =>
      file.read(bytes, first.start),
    );
    for (const { key, position, place, start } of run) {
      if (read === undefined) {
        pages[position] = await this.read(key);
        continue;
      }
      const page = bytes.subarray(start - first.start, start - first.start + place.length);
      const isThere = start - first.start + place.length <= read;
      if (!isThere || !areBlocksOf(place.crcs, 0, page)) throw damaged(key);
      pages[position] = page;
    }
  }
}

/** Pages that one read brings, in the order in which they stand on the disk. */
function runsOf(wanted: readonly Wanted[]): Wanted[][] {
  const inOrder = [...wanted].sort(
    (left, right) => left.place.segment - right.place.segment || left.start - right.start,
  );
  const runs: Wanted[][] = [];
  let run: Wanted[] = [];
  for (const one of inOrder) {
    const [first] = run;
    const last = run.at(-1);
    const joins =
      first !== undefined &&
      last !== undefined &&
      one.place.segment === first.place.segment &&
      one.start - (last.start + last.place.length) <= maxGapBytes &&
      one.start + one.place.length - first.start <= maxRunBytes;
    if (joins) {
      run.push(one);
    } else {
      run = [one];
      runs.push(run);
    }
  }
  return runs;
}

async function readBlocks(
  file: DiskFile,
  place: PagePlace,
  key: Uint8Array,
  offset: number,
  size: number,
): Promise<Buffer> {
  const firstBlock = Math.floor(offset / blockBytes);
  const from = firstBlock * blockBytes;
  const to = Math.min(place.length, Math.ceil((offset + size) / blockBytes) * blockBytes);
  const bytes = Buffer.allocUnsafe(Math.max(0, to - from));
  const read = await file.read(bytes, startOf(key, place) + from);
  if (read !== bytes.length || !areBlocksOf(place.crcs, firstBlock, bytes)) throw damaged(key);
  return bytes.subarray(offset - from, offset - from + size);
}

/** Of the page's bytes, behind the head of its record. */
const startOf = (key: Uint8Array, place: PagePlace): number =>
  place.offset + headBytesOf(key.length, place.length);

const nameOf = (key: Uint8Array): string => Buffer.from(key).toString('hex');

const damaged = (key: Uint8Array): BlobSeerError =>
  new BlobSeerError('corrupt', `page ${nameOf(key)} is not what was written`);
