/**
 * What was released lately. A call that stores it may have been under way at that time, or is still, from somebody
 * who died or gave it up: stored after its release, nobody would name it ever again. Names of what
 * our clients store are used once only, so that nothing is kept from anybody who still wants it.
 */

/** No call is under way for longer: a connection ends 30 s after its last answer. */
const keepMs = 60_000;
/** Beyond that the oldest are forgotten. */
const maxNames = 2 ** 17;

export class Released {
  readonly #nowMs: () => number;
  /** The names, oldest first, and until when they count. */
  readonly #untilMs = new Map<string, number>();
  /** How many names there are of each length. */
  readonly #lengths = new Map<number, number>();

  /** A clock that only rises. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Whole keys, or what released keys begin with. */
  add(names: readonly Uint8Array[]): void {
    const nowMs = this.#nowMs();
    for (const bytes of names) {
      const name = nameOf(bytes);
      this.#forget(name);
      this.#untilMs.set(name, nowMs + keepMs);
      this.#lengths.set(name.length, (this.#lengths.get(name.length) ?? 0) + 1);
    }
    for (const [name, untilMs] of this.#untilMs) {
      if (untilMs > nowMs && this.#untilMs.size <= maxNames) break;
      this.#forget(name);
    }
  }

  has(key: Uint8Array): boolean {
    if (this.#untilMs.size === 0) return false;
    const name = nameOf(key);
    for (const length of this.#lengths.keys()) {
      if (length > name.length) continue;
      const untilMs = this.#untilMs.get(name.slice(0, length));
      if (untilMs !== undefined && untilMs > this.#nowMs()) return true;
    }
    return false;
  }

  #forget(name: string): void {
    if (!this.#untilMs.delete(name)) return;
    const left = this.#lengths.get(name.length)! - 1;
    if (left > 0) this.#lengths.set(name.length, left);
    else this.#lengths.delete(name.length);
  }
}

const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
