/**
 * The processes on one data directory. Each has a number (an instance) and publishes, while it has
 * anything to say, a lower bound of the commit sequence that its running reads may still need.
 * Only what died before the least bound of all living instances may be reclaimed. A process number
 * of the operating system says nothing in a container, so who is alive is told by the supervisor
 * (server processes) or by a heartbeat (tools).
 */
import type { ReadLease } from '../blobseer.ts';
import { BlobSeerError } from '../errors.ts';
import type { Store, Table, Transaction } from '../store.ts';
import { deathOf, idKey } from './records.ts';

export type InstanceKind = 'server' | 'tool';

/** How often bounds are published. Reclaim lags behind deletes by about this. */
export const publishEveryMs = 1000;
/** A tool that has not been heard of for so long is taken for dead: `check` scans without a pause. */
const toolSilenceMs = 1_800_000;
const toolHeartbeatMs = 30_000;
const kindCode: Record<InstanceKind, number> = { server: 0, tool: 1 };

export interface InstanceRow {
  readonly id: number;
  readonly kind: InstanceKind;
  readonly bound: number;
  readonly heardMs: number;
}

/** All rows; there are as many as processes. */
export function listInstances(table: Table): InstanceRow[] {
  return table.range({ limit: 10_000 }).map(({ key, value }) => ({
    id: key.readUIntBE(0, 6),
    kind: value.readUInt8(0) === kindCode.tool ? 'tool' : 'server',
    bound: value.readDoubleBE(1),
    heardMs: value.readDoubleBE(9),
  }));
}

export function isSilentTool(row: InstanceRow, nowMs: number): boolean {
  return row.kind === 'tool' && nowMs - row.heardMs > toolSilenceMs;
}

/** Reads that began when `sequence` was the newest commit known: counted, since every GET is one. */
interface Readers {
  readonly sequence: number;
  count: number;
}

class Lease implements ReadLease {
  private readers: Readers | undefined;

  constructor(readers: Readers) {
    this.readers = readers;
    readers.count += 1;
  }

  release(): void {
    if (this.readers !== undefined) this.readers.count -= 1;
    this.readers = undefined;
  }
}

export class Instance {
  readonly id: number;
  private readonly kind: InstanceKind;
  private readonly store: Store;
  private readonly table: Table;
  private readonly graves: Table;
  private readonly nowMs: () => number;
  /** Oldest first. */
  private readers: Readers[] = [];
  private readonly key: Buffer;
  private lastSeen = 0;
  private published = -1;
  private publishedMs = 0;

  constructor(store: Store, id: number, kind: InstanceKind, nowMs: () => number) {
    this.id = id;
    this.kind = kind;
    this.store = store;
    this.table = store.table('instances');
    this.graves = store.table('graves');
    this.nowMs = nowMs;
    this.key = idKey(id);
  }

  async register(): Promise<void> {
    await this.store.commit((transaction) => {
      this.lastSeen = transaction.sequence;
      this.write(transaction, transaction.sequence);
      this.published = transaction.sequence;
    });
  }

  /**
   * A lease counts from the newest commit that this process knew of, which is at or before what the
   * read is going to see: a lower bound, at no cost.
   */
  lease(): ReadLease {
    let newest = this.readers.at(-1);
    if (newest?.sequence !== this.lastSeen) {
      newest = { sequence: this.lastSeen, count: 0 };
      this.readers.push(newest);
    }
    return new Lease(newest);
  }

  /** The oldest commit that a read of this process may need, as of now. */
  bound(): number {
    this.store.refresh();
    this.lastSeen = this.store.sequence();
    this.readers = this.readers.filter(({ count }) => count > 0);
    let bound = this.lastSeen;
    for (const { sequence } of this.readers) bound = Math.min(bound, sequence);
    return bound;
  }

  /** Publishes the bound where a grave waits for it. A quiet directory sees no writes. */
  async publish(): Promise<void> {
    const bound = this.bound();
    const [newest] = this.graves.keys({ reverse: true, limit: 1 });
    const awaited = newest !== undefined && deathOf(newest) >= this.published;
    const quiet = !awaited || bound <= this.published;
    const beating = this.kind === 'tool' && this.nowMs() - this.publishedMs >= toolHeartbeatMs;
    if (quiet && !beating) return;
    await this.store.commit((transaction) => {
      this.checkAlive();
      this.write(transaction, bound);
    });
    this.published = bound;
  }

  /** Inside a commit: that nobody has declared this process dead, so that its leases held so far. */
  checkAlive(): void {
    if (!this.table.has(this.key)) {
      throw new BlobSeerError('stopped', `instance ${this.id} was declared dead`);
    }
  }

  async unregister(): Promise<void> {
    await this.store.commit((transaction) => {
      transaction.remove(this.table, this.key);
    });
  }

  private write(transaction: Transaction, bound: number): void {
    const value = Buffer.allocUnsafe(17);
    this.publishedMs = this.nowMs();
    value.writeUInt8(kindCode[this.kind], 0);
    value.writeDoubleBE(bound, 1);
    value.writeDoubleBE(this.publishedMs, 9);
    transaction.put(this.table, this.key, value);
  }
}
