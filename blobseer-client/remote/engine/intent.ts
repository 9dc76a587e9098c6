/**
 * The intent of a write: a durable row that says, before a provider gets the first page of it, that this
 * provider may have some, and whose blob a ticket may be taken of. The commit that publishes the write removes
 * it; what a dead process left is released by what it says.
 */
import type { BlobId } from '../../blobseer.ts';
import { BlobSeerError } from '../../errors.ts';
import type { Store, Table, Transaction } from '../../store.ts';
import { type Address, addressText } from '../remote-error.ts';
import type { ProviderNumbers } from './provider-numbers.ts';
import { encodeIntent, intentKey } from './records.ts';

export interface IntentParts {
  readonly store: Store;
  readonly intents: Table;
  readonly numbers: ProviderNumbers;
  readonly instanceId: number;
}

export class Intent {
  readonly #parts: IntentParts;
  readonly #writeId: number;
  readonly #blobId: BlobId;
  readonly #addresses = new Map<string, Address>();
  /** The names that are durable. */
  #written: ReadonlySet<string> = new Set();
  #writing: Promise<void> | undefined;

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

  /** All that may have pages. */
  get addresses(): Address[] {
    return [...this.#addresses.values()];
  }

  async #write(): Promise<void> {
    const { store, numbers } = this.#parts;
    const written = new Set(this.#addresses.keys());
    const addresses = this.addresses;
    await store.commit((transaction) => {
      const providers = addresses.map((address) => numbers.numberFor(transaction, address));
      const value = encodeIntent({ blobId: this.#blobId, providers });
      transaction.put(this.#parts.intents, this.#key(), value);
    });
    this.#written = written;
  }

  /**
   * Inside the commit that publishes. Throws `stopped` where the row is gone: somebody took this process for
   * dead, and releases what it wrote.
   */
  fulfil(transaction: Transaction): void {
    if (this.#addresses.size === 0) return;
    if (transaction.remove(this.#parts.intents, this.#key())) return;
    throw new BlobSeerError('stopped', `instance ${this.#parts.instanceId} was declared dead`);
  }

  /** Inside the commit that hands what was written over for release. */
  drop(transaction: Transaction): void {
    transaction.remove(this.#parts.intents, this.#key());
  }

  #key(): Buffer {
    return intentKey(this.#parts.instanceId, this.#writeId);
  }
}
