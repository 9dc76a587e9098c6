/**
 * Which versions are not visible yet, and since when: in memory, since clocks that only rise begin
 * anew with the program. Versions that were open before have a whole lease again then, as their
 * writers could not publish meanwhile.
 */

export interface OpenVersion {
  readonly blobId: number;
  readonly version: number;
}

export class OpenTickets {
  readonly #nowMs: () => number;
  /** By blob; its versions in the order in which they were given out, which is that of their numbers. */
  readonly #blobs = new Map<number, Map<number, number>>();
  readonly #takenOver = new Set<number>();
  #count = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get count(): number {
    return this.#count;
  }

  /** 0 when nothing is open. */
  get oldestAgeMs(): number {
    const nowMs = this.#nowMs();
    let oldestMs = nowMs;
    for (const versions of this.#blobs.values()) {
      oldestMs = Math.min(oldestMs, lowestOf(versions).sinceMs);
    }
    return nowMs - oldestMs;
  }

  /** Versions of a blob must come by rising numbers. */
  opened({ blobId, version }: OpenVersion): void {
    const versions = this.#blobs.get(blobId) ?? new Map<number, number>();
    this.#blobs.set(blobId, versions.set(version, this.#nowMs()));
    this.#count++;
  }

  /** The lowest version of the blob no longer is its writer's. */
  takenOver(blobId: number): void {
    this.#takenOver.add(blobId);
  }

  /** The lowest version of the blob is visible. */
  closed(blobId: number): void {
    const versions = this.#blobs.get(blobId);
    if (versions === undefined) return;
    versions.delete(lowestOf(versions).version);
    this.#takenOver.delete(blobId);
    this.#count--;
    if (versions.size === 0) this.#blobs.delete(blobId);
  }

  /** Lowest versions of their blobs that have been open for so long, or were taken over already. */
  *abandoned(leaseMs: number): Generator<OpenVersion> {
    for (const blobId of this.#blobs.keys()) {
      const one = this.abandonedOf(blobId, leaseMs);
      if (one !== undefined) yield one;
    }
  }

  abandonedOf(blobId: number, leaseMs: number): OpenVersion | undefined {
    const versions = this.#blobs.get(blobId);
    if (versions === undefined) return undefined;
    const { version, sinceMs } = lowestOf(versions);
    const isOver = this.#nowMs() - sinceMs >= leaseMs || this.#takenOver.has(blobId);
    return isOver ? { blobId, version } : undefined;
  }
}

function lowestOf(versions: ReadonlyMap<number, number>): { version: number; sinceMs: number } {
  const [version, sinceMs] = versions.entries().next().value!;
  return { version, sinceMs };
}
