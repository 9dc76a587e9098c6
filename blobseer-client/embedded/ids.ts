/**
 * Unique numbers for blobs, writes and processes: one counter per directory, from which each process
 * takes ranges, so that an id costs no transaction. Ids of one process rise, which keeps what it
 * writes together in the tables. A range not used up when a process ends is lost: 2^48 are many.
 */
import { BlobSeerError } from '../errors.ts';
import type { Store, Table, Transaction } from '../store.ts';

const rangeSize = 65_536;
/** When fewer are left the next range is fetched in the background. */
const refillBelow = rangeSize / 2;
const counterKey = Buffer.from('next-id');
const idLimit = 2 ** 48;
/** More than a directory gives out between a checkpoint and its loss. */
const restoreStep = 2 ** 38;

/**
 * Inside a commit, in a directory restored from a checkpoint: passes over what was given out after the
 * checkpoint, which must never be given again. The first id that may be given.
 */
export function skipIds(store: Store, transaction: Transaction): number {
  const meta = store.table('meta');
  const next = (meta.get(counterKey)?.readUIntBE(0, 6) ?? 1) + restoreStep;
  if (next >= idLimit - restoreStep) {
    throw new BlobSeerError('no-space', 'the directory was restored too often: ids are used up');
  }
  transaction.put(meta, counterKey, counterValue(next));
  return next;
}

function counterValue(next: number): Buffer {
  const value = Buffer.allocUnsafe(6);
  value.writeUIntBE(next, 0, 6);
  return value;
}

export class Ids {
  private readonly store: Store;
  private readonly meta: Table;
  private readonly firstId: number;
  private next = 0;
  private end = 0;
  private spare: { start: number; end: number } | undefined;
  private refill: Promise<void> | undefined;

  /** `firstId`: where a directory without a counter begins. */
  constructor(store: Store, firstId = 1) {
    this.store = store;
    this.firstId = firstId;
    this.meta = store.table('meta');
  }

  /** Reserves the first range. */
  async open(): Promise<void> {
    await this.reserve();
  }

  take(): number {
    if (this.next === this.end && this.spare !== undefined) {
      this.next = this.spare.start;
      this.end = this.spare.end;
      this.spare = undefined;
    }
    if (this.next === this.end) {
      throw new BlobSeerError('no-space', 'no ids are reserved: the disk may be full');
    }
    if (this.end - this.next <= refillBelow && this.spare === undefined) this.refillSoon();
    return this.next++;
  }

  private refillSoon(): void {
    this.refill ??= this.reserve()
      .catch(() => undefined) // take() says so when it runs dry; the store has told its owner why
      .finally(() => {
        this.refill = undefined;
      });
  }

  private async reserve(): Promise<void> {
    this.spare = await this.store.commit((transaction) => {
      const start = this.meta.get(counterKey)?.readUIntBE(0, 6) ?? this.firstId;
      transaction.put(this.meta, counterKey, counterValue(start + rangeSize));
      return { start, end: start + rangeSize };
    });
  }
}
