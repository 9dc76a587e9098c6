/**
 * Versions that we have taken a ticket for, and that no record of ours will ever name. Our own version manager would
 * close them when their lease is over, with nodes that nobody needs: gateways read by the roots in their
 * records. So each is published first, by whoever comes first; from then on nobody writes nodes named
 * after it, and all that are there are released. (The original is repaired, and releases nothing.)
 */
import { idKey } from '../../embedded/records.ts';
import type { Store, Transaction } from '../../store.ts';
import type { MetadataProviders } from '../metadata-providers.ts';
import type { Address } from '../remote-error.ts';
import type { Transport } from '../transport.ts';
import type { VersionManager } from '../version-manager.ts';
import type { ClusterState } from './cluster-state.ts';
import { type RemoteTimings, releasesAtOnce } from './limits.ts';
import type { PageNames } from './page-names.ts';
import { decodeTaken, encodeTaken, type TakenVersion } from './records.ts';
import type { Releases } from './releases.ts';
import type { RemoteTables } from './tables.ts';

export interface ClosingsParts {
  readonly store: Store;
  readonly tables: RemoteTables;
  readonly cluster: ClusterState;
  readonly client: Pick<VersionManager, 'publish' | 'publishedRoot'>;
  readonly metadata: Pick<MetadataProviders, 'versionPrefix'>;
  readonly names: PageNames;
  readonly releases: Releases;
  readonly gateways: readonly Address[];
  readonly transport: Pick<Transport, 'isEntity'>;
  readonly versionManager: Address;
  readonly timings: RemoteTimings;
  /** A clock that only rises. */
  readonly nowMs: () => number;
}

/** Its pages may go to another blob yet. */
const noWrite = 0;

export class Closings {
  readonly #parts: ClosingsParts;
  #retryAtMs = 0;

  constructor(parts: ClosingsParts) {
    this.#parts = parts;
  }

  /** Inside a commit. `deadWriteId`: the write is given up, so that the lists of its pages go too. */
  put(transaction: Transaction, taken: TakenVersion, deadWriteId?: number): void {
    const value = idKey(deadWriteId ?? noWrite);
    transaction.put(this.#parts.tables.closings, encodeTaken(taken), value);
  }

  /** True when there may be more that can be done now. */
  async slice(): Promise<boolean> {
    const { store, tables, transport, versionManager, timings, nowMs } = this.#parts;
    store.refresh();
    const rows = tables.closings.range({ limit: releasesAtOnce });
    if (rows.length === 0 || this.#retryAtMs > nowMs()) return false;
    this.#retryAtMs = nowMs() + timings.retryMs;
    const isEntity = await transport.isEntity(versionManager);
    let isWaiting = false;
    for (const { key, value } of rows) {
      const taken = decodeTaken(key);
      if (isEntity && !(await this.#isOver(taken))) {
        isWaiting = true;
        continue;
      }
      await store.commit((transaction) => {
        if (isEntity) this.#release(transaction, taken, value.readUIntBE(0, 6));
        transaction.remove(tables.closings, key);
      });
    }
    if (isWaiting) return false;
    this.#retryAtMs = 0;
    return rows.length === releasesAtOnce;
  }

  /** Nobody writes nodes of it any more. */
  async #isOver({ epoch, blobId, version }: TakenVersion): Promise<boolean> {
    const { client, cluster } = this.#parts;
    if (epoch !== cluster.life().epoch) return true;
    if (await client.publish({ blobId, version, offset: 0, size: 0 })) return true;
    // Published before, or being closed by the version manager: visible when that is done.
    return (await client.publishedRoot(blobId, version)) !== undefined;
  }

  #release(transaction: Transaction, taken: TakenVersion, writeId: number): void {
    const { gateways, metadata, names, releases } = this.#parts;
    const items = [metadata.versionPrefix(taken)];
    if (writeId !== noWrite) items.push(names.writePrefix(writeId));
    for (const number of gateways.keys()) {
      releases.defer(transaction, { kind: 'gateway', number }, { call: 'release-versions', items });
    }
  }
}
