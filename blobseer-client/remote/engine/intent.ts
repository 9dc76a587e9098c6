/**
 * The intent of a write: a durable row that says, before a provider gets the first page of it, that this
 * provider may have some, and before the first tree node, after which version it is named. The commit that
 * publishes the write removes it; what a dead process left is released by what it says.
 */
import type { BlobId } from '../../blobseer.ts';
import type { Instance } from '../../embedded/instances.ts';
import { BlobSeerError } from '../../errors.ts';
import type { Store, Table, Transaction } from '../../store.ts';
import { type Address, addressText } from '../remote-error.ts';
import type { ProviderNumbers } from './provider-numbers.ts';
import { encodeIntent, intentKey, type TakenVersion } from './records.ts';

export interface IntentParts {
  readonly store: Store;
  readonly intents: Table;
  readonly numbers: ProviderNumbers;
  readonly instance: Pick<Instance, 'id' | 'checkAlive'>;
}

export class Intent {
  readonly #parts: IntentParts;
  readonly #writeId: number;
  readonly #blobId: BlobId;
  readonly #addresses = new Map<string, Address>();
  /** The names that are durable. */
  #written: ReadonlySet<string> = new Set();
  #writing: Promise<void> | undefined;
  #taken: TakenVersion | undefined;
  #isOver = false;

  constructor(parts: IntentParts, writeId: number, blobId: BlobId) {
    this.#parts = parts;
    this.#writeId = writeId;
    this.#blobId = blobId;
  }

  /** Resolves when the row says that these providers may have pages of the write. */
  async cover(addresses: readonly Address[]): Promise<void> {
    for (const address of addresses) this.#addresses.set(addressText(address), address);
    const names = addresses.map(addressText);
    while (names.some((name) => !this.#written.has(name))) {
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
  }

  /** Resolves when the row says that there may be nodes of this version; those of one before are seen to. */
  async take(taken: TakenVersion): Promise<void> {
    await this.#writing;
    this.#taken = taken;
    await this.#write();
  }

  async #write(): Promise<void> {
    if (this.#isOver) throw new BlobSeerError('invalid-argument', 'the write was given up');
    const { store, numbers, instance } = this.#parts;
    const addresses = [...this.#addresses.values()];
    await store.commit((transaction) => {
      // The rows of one taken for dead were seen to: nobody would look at another one.
      instance.checkAlive();
      const providers = addresses.map((address) => numbers.numberFor(transaction, address));
      const intent = { blobId: this.#blobId, providers, taken: this.#taken };
      transaction.put(this.#parts.intents, this.#key(), encodeIntent(intent));
    });
    this.#written = new Set(addresses.map(addressText));
  }

  /** No more providers are covered: what begins from now on fails. */
  end(): void {
    this.#isOver = true;
  }

  /**
   * Inside the commit that publishes. Throws `stopped` where the row is gone: somebody took this process for
   * dead, and releases what it wrote.
   */
  fulfil(transaction: Transaction): void {
    if (this.#addresses.size === 0) return;
    if (transaction.remove(this.#parts.intents, this.#key())) return;
    throw new BlobSeerError('stopped', `instance ${this.#parts.instance.id} was declared dead`);
  }

  /** Inside the commit that hands what was written over for release. */
  drop(transaction: Transaction): void {
    transaction.remove(this.#parts.intents, this.#key());
  }

  #key(): Buffer {
    return intentKey(this.#parts.instance.id, this.#writeId);
  }
}
