/**
 * How many bytes of requests and answers an entity may hold at once, over all connections: half of the
 * limit is for requests, half for answers and what else is read, so that neither waits for the other.
 *
 * Requests cannot be foreseen. Once their half is taken no new one is begun, and those that have begun
 * arrive one at a time: all of them at once would fill any memory, and then none could end.
 */

interface Waiting {
  readonly bytes: number;
  readonly admit: () => void;
}

export class MemoryBudget {
  readonly limitBytes: number;
  #arrivedBytes = 0;
  #reservedBytes = 0;
  readonly #reservations: Waiting[] = [];
  /** New requests, to be called back when it is no longer tight. */
  readonly #paused = new Set<() => void>();
  /** Requests that have begun, in the order in which they will get the turn. */
  readonly #begun = new Set<() => void>();
  #turn: (() => void) | undefined;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#arrivedBytes + this.#reservedBytes;
  }

  /** No new request should be begun, so that those under way can end. */
  get isTight(): boolean {
    return this.#arrivedBytes > this.limitBytes / 2;
  }

  /** More requests than there should ever be: somebody must go. */
  get isExceeded(): boolean {
    return this.#arrivedBytes > this.limitBytes;
  }

  /** Bytes of a request are there. */
  arrive(bytes: number): void {
    this.#arrivedBytes += bytes;
  }

  /** It is answered, or given up. */
  leave(bytes: number): void {
    this.#arrivedBytes -= bytes;
    if (this.isTight) return;
    const resumed = [...this.#begun, ...this.#paused];
    this.#begun.clear();
    this.#paused.clear();
    for (const resume of resumed) resume();
  }

  /** Resolves, in the order asked, once there is room; then `free` must follow. */
  reserve(bytes: number): Promise<void> {
    if (this.#reservations.length === 0 && this.#fits(bytes)) {
      this.#reservedBytes += bytes;
      return Promise.resolve();
    }
    return new Promise((admit) => {
      this.#reservations.push({ bytes, admit });
    });
  }

  /** False, and nothing reserved, when there is no room now. */
  tryReserve(bytes: number): boolean {
    if (!this.#fits(bytes)) return false;
    this.#reservedBytes += bytes;
    return true;
  }

  free(bytes: number): void {
    this.#reservedBytes -= bytes;
    for (;;) {
      const [first] = this.#reservations;
      if (first === undefined || !this.#fits(first.bytes)) break;
      this.#reservations.shift();
      this.#reservedBytes += first.bytes;
      first.admit();
    }
  }

  /** Calls back, once, when it is no longer tight. */
  onceRelaxed(resume: () => void): void {
    this.#paused.add(resume);
  }

  /** While it is tight: whether this request may go on arriving now. If not, it is called back, once. */
  takeTurn(resume: () => void): boolean {
    this.#turn ??= resume;
    if (this.#turn === resume) return true;
    this.#begun.add(resume);
    return false;
  }

  hasTurn(resume: () => void): boolean {
    return this.#turn === resume;
  }

  /** It is answered, or given up: it waits for nothing, and the turn is another's. */
  forget(resume: () => void): void {
    this.#paused.delete(resume);
    this.#begun.delete(resume);
    if (this.#turn !== resume) return;
    const [next] = this.#begun;
    this.#turn = next;
    if (next === undefined) return;
    this.#begun.delete(next);
    next();
  }

  #fits(bytes: number): boolean {
    return this.#reservedBytes + bytes <= this.limitBytes / 2 || this.#reservedBytes === 0;
  }
}
