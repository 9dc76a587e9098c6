/**
 * Holds of checkpoints that are being made: rows, so that every process sees them and they outlive a crash. While one
 * stands, nothing outside the tables is given back: no page file is unlinked, no other machine is told to
 * release anything. In the tables all goes on; a checkpoint has its own view of them. A hold costs one
 * row, whatever there is to hold. One whose maker is not heard of any more falls by itself.
 */
import { BlobSeerError } from '../errors.ts';
import type { Store, Table, Transaction } from '../store.ts';
import { idKey } from './records.ts';

const beatEveryMs = 20_000;
/** A maker that says nothing for so long is taken for dead. */
const silenceMs = 300_000;
const heardBytes = 8;

export interface HoldRow {
  readonly id: number;
  readonly heardMs: number;
  /** Who holds, in words: later ones of the same maker know what a crash of it has left. */
  readonly holder: string;
}

export class Holds {
  private readonly store: Store;
  private readonly table: Table;
  private readonly nowMs: () => number;

  constructor(store: Store, nowMs: () => number) {
    this.store = store;
    this.table = store.table('holds');
    this.nowMs = nowMs;
  }

  /** As of the last refresh of the store. */
  stand(): boolean {
    return this.table.keys({ limit: 1 }).length > 0;
  }

  list(): HoldRow[] {
    return this.table.range({ limit: 10_000 }).map(({ key, value }) => ({
      id: key.readUIntBE(0, 6),
      heardMs: value.readDoubleBE(0),
      holder: value.toString('utf8', heardBytes),
    }));
  }

  /** Inside a commit. */
  put(transaction: Transaction, id: number, holder: string): void {
    const heard = Buffer.allocUnsafe(heardBytes);
    heard.writeDoubleBE(this.nowMs());
    transaction.put(this.table, idKey(id), Buffer.concat([heard, Buffer.from(holder)]));
  }

  /** Inside a commit, where no maker can be alive. */
  clear(transaction: Transaction): void {
    for (const { id } of this.list()) transaction.remove(this.table, idKey(id));
  }

  /** Keeps it standing until it is ended. */
  keep(id: number, holder: string): Hold {
    const timer = setInterval(() => {
      // Who is told in vain learns it from `confirm`.
      void this.beat(id, holder).catch(() => undefined);
    }, beatEveryMs);
    timer.unref();
    return {
      confirm: () => this.beat(id, holder),
      release: async () => {
        clearInterval(timer);
        await this.remove([id]);
      },
    };
  }

  private async beat(id: number, holder: string): Promise<void> {
    await this.store.commit((transaction) => {
      if (!this.table.has(idKey(id))) {
        throw new BlobSeerError('conflict', 'the hold of this checkpoint has fallen meanwhile');
      }
      this.put(transaction, id, holder);
    });
  }

  /** Those that a dead maker left. */
  async releaseOf(holder: string): Promise<void> {
    this.store.refresh();
    await this.remove(
      this.list()
        .filter((row) => row.holder === holder)
        .map(({ id }) => id),
    );
  }

  /** Those of makers that are not heard of any more. */
  async releaseSilent(): Promise<void> {
    this.store.refresh();
    const nowMs = this.nowMs();
    await this.remove(
      this.list()
        .filter(({ heardMs }) => nowMs - heardMs > silenceMs)
        .map(({ id }) => id),
    );
  }

  private async remove(ids: readonly number[]): Promise<void> {
    if (ids.length === 0) return;
    await this.store.commit((transaction) => {
      for (const id of ids) transaction.remove(this.table, idKey(id));
    });
  }
}

export interface Hold {
  /** Throws `conflict` when it has fallen: what it held may be gone. */
  confirm(): Promise<void>;
  release(): Promise<void>;
}
