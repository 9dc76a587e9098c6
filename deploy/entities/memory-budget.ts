/** How many bytes of requests and answers an entity may hold at once, over all connections. */

interface Waiting {
  readonly bytes: number;
  readonly admit: () => void;
}

export class MemoryBudget {
  readonly limitBytes: number;
  #usedBytes = 0;
  readonly #reservations: Waiting[] = [];
  readonly #paused = new Set<() => void>();

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Over half: no new request should be begun, so that those under way can end. */
  get isTight(): boolean {
    return this.#usedBytes > this.limitBytes / 2;
  }

  /** More than there should ever be: somebody must go. */
  get isExceeded(): boolean {
    return this.#usedBytes > this.limitBytes;
  }

  /** For bytes that have arrived already. */
  add(bytes: number): void {
    this.#usedBytes += bytes;
  }

  free(bytes: number): void {
    this.#usedBytes -= bytes;
    for (;;) {
      const [first] = this.#reservations;
      if (first === undefined || !this.#fits(first.bytes)) break;
      this.#reservations.shift();
      this.add(first.bytes);
      first.admit();
    }
    if (this.isTight) return;
    const paused = [...this.#paused];
    this.#paused.clear();
    for (const resume of paused) resume();
  }

  /** Resolves, in the order asked, once there is room; then `free` must follow. */
  reserve(bytes: number): Promise<void> {
    if (this.#reservations.length === 0 && this.#fits(bytes)) {
      this.add(bytes);
      return Promise.resolve();
    }
    return new Promise((admit) => {
      this.#reservations.push({ bytes, admit });
    });
  }

  /** False, and nothing reserved, when there is no room now. */
  tryReserve(bytes: number): boolean {
    if (!this.#fits(bytes)) return false;
    this.add(bytes);
    return true;
  }

  /** Calls back, once, when it is no longer tight. */
  onceRelaxed(resume: () => void): void {
    this.#paused.add(resume);
  }

  forget(resume: () => void): void {
    this.#paused.delete(resume);
  }

  #fits(bytes: number): boolean {
    return this.#usedBytes + bytes <= this.limitBytes || this.#usedBytes === 0;
  }
}
