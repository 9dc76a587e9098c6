/** What names a request, in its answer and in the log. */
import type { Clock } from '../clock.ts';

const idBytes = 8;
const idDigits = 2 * idBytes;
/** Made together: to make each by itself takes longer than all else that is done with it. */
const idsAtOnce = 256;

export class RequestIds {
  readonly #clock: Pick<Clock, 'randomBytes'>;
  #digits = '';
  #used = 0;

  constructor(clock: Pick<Clock, 'randomBytes'>) {
    this.#clock = clock;
  }

  /** 16 upper-case hexadecimal digits, the form of S3's own. */
  next(): string {
    if (this.#used === this.#digits.length) {
      const bytes = this.#clock.randomBytes(idsAtOnce * idBytes);
      this.#digits = bytes.toString('hex').toUpperCase();
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += idDigits;
    return this.#digits.slice(start, this.#used);
  }
}
