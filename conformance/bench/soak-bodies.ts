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

  bytesOf({ bytes, from, patches }: Body): Buffer {
    const whole = this.#random.subarray(from, from + bytes);
    if (patches.length === 0) return whole;
    const patched = Buffer.from(whole);
    for (const patch of patches) {
      this.#random.copy(patched, patch.at, patch.from, patch.from + patch.bytes);
    }
    return patched;
  }

  #place(bytes: number): number {
    return below(this.#random.length - bytes + 1);
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
