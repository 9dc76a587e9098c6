/**
 * Segments that no page is in any more: they are removed, but not while a checkpoint is being made that may name
 * them. What waits for the end of one, and is still waiting when the entity stops, goes with the next start.
 */
import type { Environment } from '../../blobseer-client/embedded/environment.ts';
import { Holds } from '../../blobseer-client/embedded/holds.ts';
import type { PageSegments } from './page-segments.ts';

const lookEveryMs = 10_000;

export interface PageDiscardsOptions {
  readonly state: Environment;
  readonly segments: Pick<PageSegments, 'discard'>;
  readonly onFailed: (error: unknown) => void;
}

export class PageDiscards {
  readonly #options: PageDiscardsOptions;
  readonly #holds: Holds;
  readonly #waiting = new Set<number>();
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: PageDiscardsOptions) {
    this.#options = options;
    this.#holds = new Holds(options.state, Date.now);
    this.#timer = setInterval(() => {
      this.#looking = this.#look();
    }, lookEveryMs);
    this.#timer.unref();
  }

  /** The index names it no more, and that is committed: a checkpoint that still does has its hold by now. */
  add(segment: number): void {
    this.#waiting.add(segment);
    this.#discard();
  }

  #discard(): void {
    const { state, segments } = this.#options;
    state.refresh();
    if (this.#holds.stand()) return;
    for (const segment of this.#waiting) segments.discard(segment);
    this.#waiting.clear();
  }

  async #look(): Promise<void> {
    try {
      await this.#holds.releaseSilent();
      if (this.#waiting.size > 0) this.#discard();
    } catch (error) {
      this.#options.onFailed(error);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }
}
