/**
 * Ends the wait for a client that sends or takes nothing. Almost every request waits for its client once or
 * twice, for microseconds; a timer of Node's for each, which is put into its lists and taken out again, costs more
 * than the rest of such a wait. Here one timer looks at all of them from time to time.
 */

/** Something that waits. */
export interface Waiting {
  /** It has waited for too long. Called once, and the wait is over. */
  idle(): void;
}

/** The timer goes so many times in the longest wait: a client that is gone is found out a tick late at most. */
const ticksPerWait = 8;

/** Calls `look` again and again until what it returns is called. Keeps no process alive. */
export type Every = (ms: number, look: () => void) => () => void;

const everySoOften: Every = (ms, look) => {
  const timer = setInterval(look, ms).unref();
  return () => clearInterval(timer);
};

export class ClientWatch {
  readonly #tickMs: number;
  readonly #every: Every;
  /** When each began, by the number of the tick: in this order. */
  readonly #waiting = new Map<Waiting, number>();
  #tick = 0;
  #stop: (() => void) | undefined;

  constructor(longestMs: number, every = everySoOften) {
    this.#tickMs = Math.ceil(longestMs / ticksPerWait);
    this.#every = every;
  }

  /** Of one that does not wait yet. */
  begin(waiting: Waiting): void {
    this.#waiting.set(waiting, this.#tick);
    this.#stop ??= this.#every(this.#tickMs, () => this.#look());
  }

  /** Of one that does not wait any more, too. */
  end(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }

  #look(): void {
    this.#tick += 1;
    if (this.#waiting.size === 0) {
      this.#stop?.();
      this.#stop = undefined;
      return;
    }
    for (const [waiting, began] of this.#waiting) {
      if (this.#tick - began <= ticksPerWait) return;
      this.#waiting.delete(waiting);
      waiting.idle();
    }
  }
}
