/**
 * Blobs at the version manager with a version that may never be published: closed one by one, so that
 * later ones become visible to others. Our own version manager sees to that itself; the original does not.
 */
import { BlobSeerError } from '../../errors.ts';
import type { Row, Store, Transaction } from '../../store.ts';
import type { Address } from '../remote-error.ts';
import { planRepair, type RepairPlan, type RepairVersions, repair } from '../repair.ts';
import type { Transport } from '../transport.ts';
import type { RepairTools } from '../unchanged-version.ts';
import type { ClusterState } from './cluster-state.ts';
import { continuesAfter, type Homes } from './homes.ts';
import { type RemoteTimings, releasesAtOnce } from './limits.ts';
import { decodeRepair, encodeRepair, type HomeRecord, type RepairRecord } from './records.ts';
import type { RemoteTables } from './tables.ts';

export interface RepairsParts {
  readonly store: Store;
  readonly tables: RemoteTables;
  readonly cluster: ClusterState;
  readonly homes: Homes;
  readonly versions: RepairVersions;
  readonly tools: RepairTools;
  readonly transport: Pick<Transport, 'isEntity'>;
  readonly versionManager: Address;
  readonly timings: RemoteTimings;
  /** A clock that only rises. */
  readonly nowMs: () => number;
}

/** The blob, in which life of the version manager, and what we know to be published of it. */
type Abandoned = Pick<HomeRecord, 'blobId' | 'epoch' | 'lastVersion'>;

export class Repairs {
  readonly #parts: RepairsParts;
  #retryAtMs = 0;
  /** The blob whose repair failed last: others have their turn first. */
  #failedAt: number | undefined;

  constructor(parts: RepairsParts) {
    this.#parts = parts;
  }

  async add(abandoned: Abandoned): Promise<void> {
    await this.#parts.store.commit((transaction) => this.put(transaction, abandoned));
  }

  /** Inside a commit. */
  put(transaction: Transaction, { blobId, epoch, lastVersion }: Abandoned): void {
    const { repairs } = this.#parts.tables;
    const key = keyOf(blobId);
    const before = repairs.get(key);
    if (before !== undefined && decodeRepair(before).epoch === epoch) return;
    transaction.put(repairs, key, encodeRepair({ epoch, lastVersion, plan: null }));
  }

  /** True when there may be more. */
  async slice(): Promise<boolean> {
    const { store, tables, cluster, transport, versionManager, timings, nowMs } = this.#parts;
    store.refresh();
    const rows = this.#rows();
    if (rows.length === 0 || this.#retryAtMs > nowMs()) return false;
    this.#retryAtMs = nowMs() + timings.retryMs;
    const seesToItself = await transport.isEntity(versionManager);
    for (const { key, value } of rows) {
      const blobId = key.readUInt32BE();
      this.#failedAt = blobId;
      const record = decodeRepair(value);
      // A version manager that was restarted has forgotten what it waited for.
      if (!seesToItself && record.epoch === cluster.life().epoch) {
        await this.#repair(blobId, record);
      }
      await store.commit((transaction) => transaction.remove(tables.repairs, key));
    }
    this.#failedAt = undefined;
    this.#retryAtMs = 0;
    return rows.length === releasesAtOnce;
  }

  /** Those behind the one that failed last, and from the beginning when there are none. */
  #rows(): Row[] {
    const { repairs } = this.#parts.tables;
    if (this.#failedAt !== undefined) {
      const rows = repairs.range({ start: keyOf(this.#failedAt + 1), limit: releasesAtOnce });
      if (rows.length > 0) return rows;
    }
    return repairs.range({ limit: releasesAtOnce });
  }

  async #repair(blobId: number, record: RepairRecord): Promise<void> {
    const { store, tables, versions, tools } = this.#parts;
    const plan = record.plan ?? (await this.#plan(blobId, record));
    if (plan === undefined) return;
    await store.commit((transaction) =>
      transaction.put(tables.repairs, keyOf(blobId), encodeRepair({ ...record, plan })),
    );
    try {
      await repair(plan, versions, tools);
    } catch (error) {
      // The version manager was restarted: there is nothing to repair any more.
      if (!(error instanceof BlobSeerError && error.kind === 'not-found')) throw error;
    }
  }

  /** Undefined where the version manager has none, or another's, by that id. */
  async #plan(
    blobId: number,
    { epoch, lastVersion }: RepairRecord,
  ): Promise<RepairPlan | undefined> {
    const { homes, versions } = this.#parts;
    const plan = await planRepair(versions, blobId);
    if (plan === undefined) return undefined;
    const { interval } = plan.versions.at(-1)!;
    const pending = plan.versions.slice(0, -1);
    const ticket = { version: interval.version, interval, stableRoot: plan.stableRoot, pending };
    if (continuesAfter(lastVersion, ticket)) return plan;
    await homes.strayed({ epoch }, ticket);
    return undefined;
  }
}

function keyOf(blobId: number): Buffer {
  const key = Buffer.allocUnsafe(4);
  key.writeUInt32BE(blobId);
  return key;
}
