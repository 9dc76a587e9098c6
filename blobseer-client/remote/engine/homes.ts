/**
 * The blobs at the version manager where blobs of ours go on. New ones are created ahead. The original's version
 * manager forgets all blobs when it is restarted and gives their ids out anew: what belongs to a former
 * life of it never gets a ticket again, and new blobs count only with ids above all that records name.
 */

import type { BlobId } from '../../blobseer.ts';
import { idKey } from '../../embedded/records.ts';
import type { Store, Table, Transaction } from '../../store.ts';
import { type OwnTicket, type VersionManager, WritableBlob } from '../version-manager.ts';
import type { ClusterState } from './cluster-state.ts';
import { blobsAhead, callDeadlineMs, fastForwardAtOnce } from './limits.ts';
import { isAway, patiently } from './patience.ts';
import { decodeHome, encodeHome } from './records.ts';

export interface Home {
  readonly blob: WritableBlob;
  readonly epoch: number;
  /** The highest version that a commit of ours named; 0 for a blob that has just been created. */
  readonly lastVersion: number;
}

export interface HomesParts {
  readonly store: Store;
  readonly homes: Table;
  readonly cluster: ClusterState;
  readonly versionManager: Pick<VersionManager, 'create'>;
  /** Replicas of each page: what new blobs are created with. */
  readonly replication: number;
}

export class Homes {
  readonly #parts: HomesParts;
  /** By page size. */
  readonly #ahead = new Map<number, Home[]>();
  readonly #refilling = new Set<number>();

  constructor(parts: HomesParts) {
    this.#parts = parts;
  }

  /** Where the next version of a blob goes: where it was, or a new blob. */
  async of(blobId: BlobId, pageSize: number): Promise<Home> {
    const { store, cluster } = this.#parts;
    store.refresh();
    const { epoch } = cluster.life();
    const home = this.recorded(blobId);
    if (home === undefined || home.epoch !== epoch) return await this.create(pageSize);
    const blob = WritableBlob.remembered(home.blobId, pageSize);
    return { blob, epoch, lastVersion: home.lastVersion };
  }

  recorded(blobId: BlobId): ReturnType<typeof decodeHome> | undefined {
    const bytes = this.#parts.homes.get(idKey(blobId));
    return bytes && decodeHome(bytes);
  }

  /** A blob that nobody else has. */
  async create(pageSize: number): Promise<Home> {
    const ahead = this.#ahead.get(pageSize) ?? [];
    this.#ahead.set(pageSize, ahead);
    const { epoch } = this.#parts.cluster.life();
    let home = ahead.shift();
    while (home !== undefined && home.epoch !== epoch) home = ahead.shift();
    if (ahead.length < blobsAhead / 2) this.#refillSoon(pageSize, ahead);
    return home ?? (await this.#createNow(pageSize));
  }

  #refillSoon(pageSize: number, ahead: Home[]): void {
    if (this.#refilling.has(pageSize)) return;
    this.#refilling.add(pageSize);
    const refill = async (): Promise<void> => {
      while (ahead.length < blobsAhead) ahead.push(await this.#createNow(pageSize));
    };
    void refill()
      .catch(() => undefined) // whoever needs one hears of it
      .finally(() => this.#refilling.delete(pageSize));
  }

  async #createNow(pageSize: number): Promise<Home> {
    const { store, cluster, versionManager, replication } = this.#parts;
    store.refresh();
    // Read before the call: whatever is recorded by then was created before.
    const { epoch, highestId } = cluster.life();
    const newBlob = { pageSize, ftInfo: replication };
    // One that was created unheard is one more that nobody uses.
    const create = () =>
      patiently(() => versionManager.create(newBlob, { deadlineMs: callDeadlineMs }), isAway);
    const blob = await create();
    if (blob.blobId > highestId) return { blob, epoch, lastVersion: 0 };
    await cluster.endLife(epoch);
    for (;;) {
      const created = await Promise.all(Array.from({ length: fastForwardAtOnce }, create));
      const beyond = created.find(({ blobId }) => blobId > highestId);
      if (beyond !== undefined) {
        return { blob: beyond, epoch: cluster.life().epoch, lastVersion: 0 };
      }
    }
  }

  /**
   * Whether a ticket continues what we know of the blob. Where it does not, the version manager was restarted,
   * and the ticket belongs to somebody else's blob of the same id: a node of ours would take the place of one
   * of before.
   */
  continues({ blob, lastVersion }: Home, { version, stableRoot, pending }: OwnTicket): boolean {
    if (stableRoot.pageSize !== blob.pageSize) return false;
    if (lastVersion === 0) {
      return version === 1 && pending.length === 0 && stableRoot.node.size === 0;
    }
    const isLastKnown =
      stableRoot.node.version >= lastVersion ||
      pending.some(({ interval }) => interval.version === lastVersion);
    return version > lastVersion && isLastKnown;
  }

  /** The version manager does not know the blob any more. */
  async lost({ epoch }: Home): Promise<void> {
    await this.#parts.cluster.endLife(epoch);
  }

  /** Inside the commit that names a version of it. */
  put(transaction: Transaction, blobId: BlobId, home: Home, version: number): void {
    const { homes, cluster } = this.#parts;
    const before = this.recorded(blobId);
    const remoteId = home.blob.blobId;
    const isSame = before?.blobId === remoteId && before.epoch === home.epoch;
    const lastVersion = isSame ? Math.max(before.lastVersion, version) : version;
    const record = { epoch: home.epoch, blobId: remoteId, lastVersion };
    transaction.put(homes, idKey(blobId), encodeHome(record));
    cluster.saw(transaction, remoteId);
  }

  /** Inside the commit that removes the blob's last snapshot. */
  remove(transaction: Transaction, blobId: BlobId): void {
    transaction.remove(this.#parts.homes, idKey(blobId));
  }
}
