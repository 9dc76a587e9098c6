/**
 * Blobs at the version manager with a version that may never be published: closed one by one, so that
 * later ones become visible to others. Our own version manager sees to that itself; the original does not.
 */
import { BlobSeerError } from '../../errors.ts';
import type { Store, Transaction } from '../../store.ts';
import type { Address } from '../remote-error.ts';
import { planRepair, type RepairPlan, type RepairVersions, repair } from '../repair.ts';
import type { Transport } from '../transport.ts';
import type { RepairTools } from '../unchanged-version.ts';
import { callDeadlineMs, releaseRetryMs, releasesAtOnce } from './limits.ts';
import type { RemoteTables } from './tables.ts';

export interface RepairsParts {
  readonly store: Store;
  readonly tables: RemoteTables;
  readonly versions: RepairVersions;
  readonly tools: RepairTools;
  readonly transport: Pick<Transport, 'isEntity'>;
  readonly versionManager: Address;
  /** A clock that only rises. */
  readonly nowMs: () => number;
}

const options = { deadlineMs: callDeadlineMs };
const noPlan = 'null';

export class Repairs {
  readonly #parts: RepairsParts;
  #retryAtMs = 0;

  constructor(parts: RepairsParts) {
    this.#parts = parts;
  }

  async add(blobId: number): Promise<void> {
    await this.#parts.store.commit((transaction) => this.put(transaction, blobId));
  }

  /** Inside a commit. */
  put(transaction: Transaction, blobId: number): void {
    const { repairs } = this.#parts.tables;
    const key = keyOf(blobId);
    if (!repairs.has(key)) transaction.put(repairs, key, Buffer.from(noPlan));
  }

  /** True when there may be more. */
  async slice(): Promise<boolean> {
    const { store, tables, transport, versionManager, nowMs } = this.#parts;
    store.refresh();
    const rows = tables.repairs.range({ limit: releasesAtOnce });
    if (rows.length === 0 || this.#retryAtMs > nowMs()) return false;
    this.#retryAtMs = nowMs() + releaseRetryMs;
    const seesToItself = await transport.isEntity(versionManager);
    for (const { key, value } of rows) {
      if (!seesToItself) await this.#repair(key.readUInt32BE(), JSON.parse(value.toString()));
      await store.commit((transaction) => transaction.remove(tables.repairs, key));
    }
    this.#retryAtMs = 0;
    return rows.length === releasesAtOnce;
  }

  async #repair(blobId: number, known: RepairPlan | null): Promise<void> {
    const { store, tables, versions, tools } = this.#parts;
    const plan = known ?? (await planRepair(versions, blobId, options));
    if (plan === undefined) return;
    await store.commit((transaction) =>
      transaction.put(tables.repairs, keyOf(blobId), Buffer.from(JSON.stringify(plan))),
    );
    try {
      await repair(plan, versions, tools, options);
    } catch (error) {
      // The version manager was restarted: there is nothing to repair any more.
      if (!(error instanceof BlobSeerError && error.kind === 'not-found')) throw error;
    }
  }
}

function keyOf(blobId: number): Buffer {
  const key = Buffer.allocUnsafe(4);
  key.writeUInt32BE(blobId);
  return key;
}
