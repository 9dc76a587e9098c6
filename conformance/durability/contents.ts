/**
 * Bodies by description: slices of one random pool, with edits, so that hundreds of objects can be
 * remembered without keeping their bytes, and no two of them share a page by chance.
 */
import { SeededRandom } from './seeded-random.ts';

const poolBytes = 48 * 1024 * 1024;
const mebibyte = 1024 * 1024;

export const maxContentBytes = 20 * mebibyte;

export interface Edit {
  readonly at: number;
  readonly poolOffset: number;
  readonly length: number;
}

export interface Content {
  readonly poolOffset: number;
  readonly size: number;
  readonly edits: readonly Edit[];
}

export class Contents {
  readonly #pool: Buffer;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    const words = new Uint32Array(poolBytes / 4);
    for (let index = 0; index < words.length; index += 1) {
      words[index] = Math.floor(random.next() * 2 ** 32);
    }
    this.#pool = Buffer.from(words.buffer);
  }

  /** Mostly small: that is where commits are, and where many of them share a flush. */
  choose(random: SeededRandom): Content {
    const [least, most] = random.chance(0.08)
      ? [0, 0]
      : random.chance(0.6)
        ? [1, 8 * 1024]
        : random.chance(0.6)
          ? [8 * 1024, 200_000]
          : random.chance(0.85)
            ? [200_000, 2 * mebibyte]
            : [2 * mebibyte, maxContentBytes];
    return this.ofSize(random.integer(least, most), random);
  }

  ofSize(size: number, random: SeededRandom): Content {
    return { size, poolOffset: random.integer(0, poolBytes - size), edits: [] };
  }

  /** The same bytes with a small change in them: most pages stay what they were. */
  edit(content: Content, random: SeededRandom): Content {
    if (content.size === 0) return this.choose(random);
    const length = Math.min(content.size, random.integer(1, 5000));
    const at = random.integer(0, content.size - length);
    const edit = { at, length, poolOffset: random.integer(0, poolBytes - length) };
    return { ...content, edits: [...content.edits.slice(-3), edit] };
  }

  bytes(content: Content): Buffer {
    const plain = this.#pool.subarray(content.poolOffset, content.poolOffset + content.size);
    if (content.edits.length === 0) return plain;
    const bytes = Buffer.from(plain);
    for (const { at, poolOffset, length } of content.edits) {
      this.#pool.copy(bytes, at, poolOffset, poolOffset + length);
    }
    return bytes;
  }
}

export function describe(content: Content | undefined): string {
  if (content === undefined) return 'absent';
  return `${content.size} bytes from ${content.poolOffset} with ${content.edits.length} edits`;
}
