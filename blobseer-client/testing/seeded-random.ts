/** Random numbers that a printed seed brings back (mulberry32: small, and good enough to choose by). */

export class SeededRandom {
  #state: number;

  /** The same parts give the same numbers; other parts give numbers that have nothing to do with them. */
  constructor(...parts: readonly number[]) {
    let state = 0;
    for (const part of parts) state = mixed((state ^ part) + 0x9e3779b9);
    this.#state = state;
  }

  /** A whole number from 0 to 2^32 - 1. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    return mixed(this.#state);
  }

  /** A whole number from `from` to `to`, both included. */
  integer(from: number, to: number): number {
    return from + Math.floor((this.word() / 2 ** 32) * (to - from + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.integer(0, choices.length - 1)]!;
  }

  chance(probability: number): boolean {
    return this.word() < probability * 2 ** 32;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(Math.ceil(length / 4) * 4);
    for (let at = 0; at < length; at += 4) bytes.writeUInt32LE(this.word(), at);
    return bytes.subarray(0, length);
  }
}

function mixed(state: number): number {
  let bits = state >>> 0;
  bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
  return (bits ^ (bits >>> 14)) >>> 0;
}
