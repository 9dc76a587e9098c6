/**
 * The blobs at the version manager where blobs of ours go on. New ones are created ahead. The original's version
 * manager forgets all blobs when it is restarted and gives their ids out anew: what belongs to a former
 * life of it never gets a ticket again, and new blobs count only with ids above all that were ever in use.
 */

import type { BlobId } from '../../blobseer.ts';
import { idKey } from '../../embedded/records.ts';
import type { Store, Table, Transaction } from '../../store.ts';
import { type OwnTicket, type VersionManager, WritableBlob } from '../version-manager.ts';
import type { ClusterState, Life } from './cluster-state.ts';
import { blobsAhead, fastForwardAtOnce } from './limits.ts';
import { isAway, type Patience } from './patience.ts';
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
  readonly versionManager: Pick<VersionManager, 'blobCount' | 'create' | 'publish'>;
  readonly patience: Patience;
  /** Replicas of each page: what new blobs are created with. */
  readonly replication: number;
}

/** Of blobs that nobody uses. */
const anyPageSize = 65_536;

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
    if (home?.epoch !== epoch || home.pageSize !== pageSize) return await this.create(pageSize);
    const blob = WritableBlob.remembered(home.blobId, pageSize);
    return { blob, epoch, lastVersion: home.lastVersion };
  }

  recorded(blobId: BlobId): ReturnType<typeof decodeHome> | undefined {
    const bytes = this.#parts.homes.get(idKey(blobId));
    return bytes && decodeHome(bytes);
  }

  /** A blob that nobody else has. */
  async create(pageSize: number): Promise<Home> {
    const { store, cluster } = this.#parts;
    const ahead = this.#ahead.get(pageSize) ?? [];
    this.#ahead.set(pageSize, ahead);
    store.refresh();
    const { epoch } = cluster.life();
    let home = ahead.shift();
    while (home !== undefined && home.epoch !== epoch) home = ahead.shift();
    if (ahead.length < blobsAhead / 2) this.#refillSoon(pageSize, ahead);
    if (home !== undefined) return home;
    const [first, ...others] = await this.#createSome(pageSize, 1);
    ahead.push(...others);
    return first!;
  }

  #refillSoon(pageSize: number, ahead: Home[]): void {
    if (this.#refilling.has(pageSize)) return;
    this.#refilling.add(pageSize);
    void this.#createSome(pageSize, blobsAhead - ahead.length)
      .then((homes) => ahead.push(...homes))
      .catch(() => undefined) // whoever needs one hears of it
      .finally(() => this.#refilling.delete(pageSize));
  }

  /**
   * Passes the ids of before as soon as the version manager has begun anew, whether anybody writes or not: another
   * client that gets one of them writes its nodes over those of versions that are kept.
   */
  async passFormerIds(): Promise<void> {
    const { store, cluster, versionManager } = this.#parts;
    store.refresh();
    const { highestId } = cluster.life();
    try {
      if (highestId === 0 || (await versionManager.blobCount()) >= highestId) return;
      await this.#createSome(anyPageSize, 1);
    } catch (error) {
      if (!isAway(error)) throw error; // it is asked again soon
    }
  }

  /** At least one. */
  async #createSome(pageSize: number, wanted: number): Promise<Home[]> {
    for (let count = wanted; ; count = Math.max(wanted, fastForwardAtOnce)) {
      const creating = Array.from({ length: count }, () => this.#createOne(pageSize));
      const made = (await Promise.all(creating)).filter((home) => home !== undefined);
      const epoch = made[0]?.epoch;
      if (epoch === undefined) continue;
      const homes = made.filter((home) => home.epoch === epoch);
      const highest = Math.max(...homes.map(({ blob }) => blob.blobId));
      if (await this.#parts.cluster.taken(epoch, highest)) return homes;
    }
  }

  /** Undefined where its id was in use before. */
  async #createOne(pageSize: number): Promise<Home | undefined> {
    const { store, cluster, versionManager, patience, replication } = this.#parts;
    const newBlob = { pageSize, ftInfo: replication };
    let life: Life | undefined;
    // One that was created unheard is one more that nobody uses.
    const blob = await patience.repeat(() => {
      // Read before each call: what is in use by then was created before.
      store.refresh();
      life = cluster.life();
      return versionManager.create(newBlob);
    }, isAway);
    const { epoch, floor, highestId } = life!;
    if (blob.blobId > highestId) return { blob, epoch, lastVersion: 0 };
    if (blob.blobId > floor) await cluster.endLife(epoch);
    return undefined;
  }

  /**
   * Whether a ticket continues what we know of the blob. Where it does not, the version manager was restarted,
   * and the ticket belongs to somebody else's blob of the same id: a node of ours would take the place of one
   * of before.
   */
  continues({ blob, lastVersion }: Home, ticket: TakenTicket): boolean {
    const { version, stableRoot, pending } = ticket;
    if (stableRoot.pageSize !== blob.pageSize) return false;
    if (lastVersion > 0) return continuesAfter(lastVersion, ticket);
    return version === 1 && pending.length === 0 && stableRoot.node.size === 0;
  }

  /** The version manager does not know the blob any more. */
  async lost({ epoch }: Pick<Home, 'epoch'>): Promise<void> {
    await this.#parts.cluster.endLife(epoch);
  }

  /** It has given us a ticket of somebody else's blob, which must not wait for us. No node of it may be written. */
  async strayed(home: Pick<Home, 'epoch'>, { interval }: TakenTicket): Promise<void> {
    await this.#parts.versionManager.publish(interval).catch(() => false);
    await this.lost(home);
  }

  /** Inside the commit that names a version of it. */
  put(transaction: Transaction, blobId: BlobId, home: Home, version: number): void {
    const before = this.recorded(blobId);
    const remoteId = home.blob.blobId;
    const isSame = before?.blobId === remoteId && before.epoch === home.epoch;
    const lastVersion = isSame ? Math.max(before.lastVersion, version) : version;
    const { epoch, blob } = home;
    const record = { epoch, blobId: remoteId, lastVersion, pageSize: blob.pageSize };
    transaction.put(this.#parts.homes, idKey(blobId), encodeHome(record));
  }

  /** Inside the commit that removes the blob's last snapshot. */
  remove(transaction: Transaction, blobId: BlobId): void {
    transaction.remove(this.#parts.homes, idKey(blobId));
  }
}

/** A ticket, as far as it tells whose blob it is of. */
export type TakenTicket = Pick<OwnTicket, 'version' | 'interval' | 'stableRoot' | 'pending'>;

/** Whether it can be of the blob that had that version published. */
export function continuesAfter(
  lastVersion: number,
  { version, stableRoot, pending }: TakenTicket,
): boolean {
  const isLastKnown =
    stableRoot.node.version >= lastVersion ||
    pending.some(({ interval }) => interval.version === lastVersion);
  return version > lastVersion && isLastKnown;
}
