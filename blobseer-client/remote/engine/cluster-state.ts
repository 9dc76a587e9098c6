/**
 * What holds for the whole directory: which BlobSeer it belongs to, how its pages are named, and what is
 * known of the version manager's life. A metadata key's place depends on the list of metadata providers
 * and on its order: a directory is never served with another one.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { BlobSeerError } from '../../errors.ts';
import type { Store, Table, Transaction } from '../../store.ts';
import { type Address, addressText } from '../remote-error.ts';
import { writeTagBytes } from './page-names.ts';

/** Of a new directory: random, so that no two have the same; far from 2^48. */
export const randomFirstId = (): number => randomInt(2 ** 24, 2 ** 46);

const keys = {
  gateways: Buffer.from('gateways'),
  writeTag: Buffer.from('write-tag'),
  archiveVersion: Buffer.from('archive-version'),
  life: Buffer.from('version-manager'),
};

/** One life of a version manager: the original forgets everything when it is restarted. */
export interface Life {
  /** Counts them. */
  readonly epoch: number;
  /** The highest id of a blob that was in use when this life began: those up to it are given out a second time. */
  readonly floor: number;
  /** The highest id of a blob that is in use, or was: nodes may be named after it. */
  readonly highestId: number;
}

export interface ClusterOptions {
  readonly gateways: readonly Address[];
  /** Of metadata. */
  readonly replication: number;
}

export class ClusterState {
  readonly #store: Store;
  readonly #table: Table;

  constructor(store: Store, table: Table) {
    this.#store = store;
    this.#table = table;
  }

  /**
   * Checks that the directory belongs to this BlobSeer; a new one does from now on. `askArchiveVersion` is
   * called once in the life of a directory. Throws `invalid-argument`.
   */
  async open(
    options: ClusterOptions,
    askArchiveVersion: () => Promise<number>,
  ): Promise<{ archiveVersion: number; writeTag: Buffer }> {
    const wanted = describe(options);
    if (!this.#table.has(keys.gateways)) {
      const archiveVersion = Buffer.alloc(2);
      archiveVersion.writeUInt16BE(await askArchiveVersion());
      await this.#store.commit((transaction) => {
        if (this.#table.has(keys.gateways)) return;
        transaction.put(this.#table, keys.gateways, Buffer.from(wanted));
        transaction.put(this.#table, keys.archiveVersion, archiveVersion);
        transaction.put(this.#table, keys.writeTag, randomBytes(writeTagBytes));
      });
      this.#store.refresh();
    }
    const found = this.#table.get(keys.gateways)?.toString();
    if (found !== wanted) {
      throw new BlobSeerError(
        'invalid-argument',
        `metadata of this data directory lies on ${found}, not on ${wanted}: the list and its order must stay`,
      );
    }
    const writeTag = this.#table.get(keys.writeTag);
    const archiveVersion = this.#table.get(keys.archiveVersion)?.readUInt16BE();
    if (writeTag === undefined || archiveVersion === undefined) {
      throw new BlobSeerError('corrupt', 'the data directory does not say how its pages are named');
    }
    return { writeTag, archiveVersion };
  }

  life(): Life {
    const bytes = this.#table.get(keys.life);
    if (bytes === undefined) return { epoch: 1, floor: 0, highestId: 0 };
    return {
      epoch: bytes.readUInt32BE(0),
      floor: bytes.readUInt32BE(4),
      highestId: bytes.readUInt32BE(8),
    };
  }

  /**
   * Before the first use of new blobs of that life, whose ids are not above this one: what is named after them
   * by then is never named after others. False where the life has ended meanwhile.
   */
  async taken(epoch: number, blobId: number): Promise<boolean> {
    return await this.#store.commit((transaction) => {
      const life = this.life();
      if (life.epoch !== epoch) return false;
      if (blobId > life.highestId) this.#put(transaction, { ...life, highestId: blobId });
      return true;
    });
  }

  /** The version manager of that epoch has forgotten what it knew: a new life begins, once for all processes. */
  async endLife(epoch: number): Promise<void> {
    await this.#store.commit((transaction) => {
      const { epoch: current, highestId } = this.life();
      if (current !== epoch) return;
      this.#put(transaction, { epoch: epoch + 1, floor: highestId, highestId });
    });
    this.#store.refresh();
  }

  #put(transaction: Transaction, { epoch, floor, highestId }: Life): void {
    const bytes = Buffer.allocUnsafe(12);
    bytes.writeUInt32BE(epoch, 0);
    bytes.writeUInt32BE(floor, 4);
    bytes.writeUInt32BE(highestId, 8);
    transaction.put(this.#table, keys.life, bytes);
  }
}

/** Inside a commit, after a restore: metadata providers are where these texts HOST:PORT say, in the same order. */
export function moveGateways(
  transaction: Transaction,
  table: Table,
  moves: ReadonlyMap<string, string>,
): void {
  const text = table.get(keys.gateways)?.toString() ?? '';
  const [, list, rest] = /^(.*) (\(\d+ times\))$/.exec(text) ?? [];
  if (list === undefined) return;
  const moved = list.split(', ').map((address) => moves.get(address) ?? address);
  transaction.put(table, keys.gateways, Buffer.from(`${moved.join(', ')} ${rest}`));
}

function describe({ gateways, replication }: ClusterOptions): string {
  return `${gateways.map(addressText).join(', ')} (${replication} times)`;
}
