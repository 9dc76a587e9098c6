/**
 * The requests that are being handled, those whose connection is gone included. Counted, not collected: nobody asks
 * which ones they are.
 */
export class RequestsInProgress {
  #count = 0;
  readonly #idleWaiters: (() => void)[] = [];

  get count(): number {
    return this.#count;
  }

  begin(): void {
    this.#count += 1;
  }

  readonly end = (): void => {
    this.#count -= 1;
    if (this.#count === 0) for (const resolve of this.#idleWaiters.splice(0)) resolve();
  };

  /** Resolves when there is none. */
  async idle(): Promise<void> {
    if (this.#count > 0) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }
}
