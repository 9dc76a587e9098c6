/**
 * Bodies that are known without being kept: a stretch of one buffer of random bytes, in which some ranges are
 * replaced by other stretches of it. So every byte that is read back can be compared, and what is written
 * over with small changes shares all other pages with the version before.
 */
import { randomBytes } from 'node:crypto';

export interface Patch {
  /** Where in the body. */
  readonly at: number;
  /** Where in the random bytes. */
  readonly from: number;
  readonly bytes: number;
}

export interface Body {
  readonly bytes: number;
  /** Where in the random bytes it begins. */
  readonly from: number;
  readonly patches: readonly Patch[];
}

/** An older patch is taken back: the body does not become dearer to make with its age. */
const maxPatches = 8;
const mebibyte = 1024 ** 2;
const spareBytes = 8 * mebibyte;

export class Bodies {
  readonly #random: Buffer;

  constructor(maxBytes: number) {
    this.#random = randomBytes(maxBytes + spareBytes);
  }

  /** No page of it is, but by a chance of one in millions, a page of another. */
  make(bytes: number): Body {
    return { bytes, from: this.#place(bytes), patches: [] };
  }

  /** The same but for some bytes at a random place. */
  change(body: Body, bytes: number): Body {
    const patch = { at: below(body.bytes - bytes + 1), from: this.#place(bytes), bytes };
    return { ...body, patches: [...body.patches.slice(1 - maxPatches), patch] };
  }

  /**
   * Bytes [start, end) of a body, as stretches of the random ones. Nothing is copied: a load that makes megabytes
   * for each request would be collecting its own garbage, and that would be what it times.
   */
  piecesOf({ bytes, from, patches }: Body, start = 0, end = bytes): Buffer[] {
    const edges = patches.flatMap((patch) => [patch.at, patch.at + patch.bytes]);
    const inside = edges.filter((edge) => edge > start && edge < end);
    const cuts = [...new Set([start, ...inside, end])].sort((a, b) => a - b);
    return cuts.slice(1).map((cut, index) => {
      const first = cuts[index]!;
      const patch = patches.findLast(({ at, bytes }) => at <= first && first < at + bytes);
      const place = patch === undefined ? from + first : patch.from + first - patch.at;
      return this.#random.subarray(place, place + cut - first);
    });
  }

  #place(bytes: number): number {
    return below(this.#random.length - bytes + 1);
  }
}

/** Compared with what arrives, as it arrives. */
export class ExpectedBody {
  readonly #pieces: readonly Buffer[];
  #piece = 0;
  /** In that piece. */
  #at = 0;
  #bytes = 0;
  #differsAt: number | undefined;

  constructor(pieces: readonly Buffer[]) {
    this.#pieces = pieces;
  }

  take(arrived: Buffer): void {
    for (let at = 0; at < arrived.length && this.#differsAt === undefined; ) {
      const piece = this.#pieces[this.#piece];
      const length = Math.min(arrived.length - at, (piece?.length ?? 0) - this.#at);
      const isSame =
        piece !== undefined &&
        arrived.compare(piece, this.#at, this.#at + length, at, at + length) === 0;
      if (!isSame) this.#differsAt = this.#bytes + at;
      at += length;
      this.#at += length;
      if (this.#at === piece?.length) {
        this.#piece += 1;
        this.#at = 0;
      }
    }
    this.#bytes += arrived.length;
  }

  /** In words, when all has arrived; undefined where it is what was expected. */
  difference(): string | undefined {
    if (this.#differsAt !== undefined)
      return `the body differs, in or behind byte ${this.#differsAt}`;
    const expected = this.#pieces.reduce((sum, { length }) => sum + length, 0);
    return this.#bytes === expected ? undefined : `${this.#bytes} bytes, not ${expected}`;
  }
}

/** A random whole number from 0 to one less than `end`. */
export function below(end: number): number {
  return Math.floor(Math.random() * end);
}

/** As many of 1 to 2 bytes as of 32 to 64 KiB. */
export function sizeBetween(least: number, most: number): number {
  return Math.round(least * (most / least) ** Math.random());
}
