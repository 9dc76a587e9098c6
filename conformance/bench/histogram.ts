/**
 * Latencies in buckets whose width is under one percent of their value. All samples fit into a
 * few kilobytes, and percentiles err by less than the machine's noise.
 */

/** Buckets per doubling of the value: 2^(1/128) is a step of 0.54 %. */
const bucketsPerDoubling = 128;
/** One microsecond to over an hour. */
const doublings = 32;

export class Histogram {
  readonly #counts = new Uint32Array(doublings * bucketsPerDoubling);
  #count = 0;
  #maxUs = 0;

  get count(): number {
    return this.#count;
  }

  get maxMs(): number {
    return this.#maxUs / 1000;
  }

  record(ms: number): void {
    const us = Math.max(ms * 1000, 1);
    const bucket = Math.floor(Math.log2(us) * bucketsPerDoubling);
    const last = this.#counts.length - 1;
    this.#counts[Math.min(bucket, last)]! += 1;
    this.#count += 1;
    this.#maxUs = Math.max(this.#maxUs, us);
  }

  /** @param share 0.5 for the median. In milliseconds: the upper end of its bucket; 0 while empty. */
  percentileMs(share: number): number {
    const wanted = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= wanted) {
        const upperUs = 2 ** ((bucket + 1) / bucketsPerDoubling);
        return Math.min(upperUs, this.#maxUs) / 1000;
      }
    }
    return this.maxMs;
  }
}
