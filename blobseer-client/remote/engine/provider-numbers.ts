/**
 * Numbers for the addresses of data providers: what records name, so that a page's place takes two bytes,
 * and a provider that moves is one row to change.
 */
import { BlobSeerError } from '../../errors.ts';
import type { Store, Table, Transaction } from '../../store.ts';
import { type Address, addressText } from '../remote-error.ts';

const maxProviders = 65_535;

export class ProviderNumbers {
  readonly #store: Store;
  readonly #table: Table;
  readonly #numbers = new Map<string, number>();
  readonly #addresses = new Map<number, Address>();

  constructor(store: Store, table: Table) {
    this.#store = store;
    this.#table = table;
  }

  /** Inside a commit: the number of an address, given to it now where it has none. */
  numberFor(transaction: Transaction, address: Address): number {
    const text = addressText(address);
    const known = this.#numbers.get(text);
    // A number remembered from a commit that was undone is not in the table.
    if (known !== undefined && this.#table.has(keyOf(known))) return known;
    this.#load();
    const found = this.#numbers.get(text);
    if (found !== undefined) return found;
    const [last] = this.#table.keys({ reverse: true, limit: 1 });
    const number = (last?.readUInt16BE() ?? 0) + 1;
    if (number > maxProviders) throw new BlobSeerError('no-space', 'too many data providers');
    transaction.put(this.#table, keyOf(number), Buffer.from(text));
    this.#remember(number, text);
    return number;
  }

  /** Throws `corrupt` for a number that was never given. */
  address(number: number): Address {
    const known = this.#addresses.get(number);
    if (known !== undefined) return known;
    this.#store.refresh();
    this.#load();
    const found = this.#addresses.get(number);
    if (found === undefined) throw new BlobSeerError('corrupt', `no data provider ${number}`);
    return found;
  }

  #load(): void {
    this.#numbers.clear();
    for (const { key, value } of this.#table.range({ limit: maxProviders })) {
      this.#remember(key.readUInt16BE(), value.toString());
    }
  }

  #remember(number: number, text: string): void {
    const colon = text.lastIndexOf(':');
    const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
    this.#numbers.set(text, number);
    this.#addresses.set(number, { host, port: Number(text.slice(colon + 1)) });
  }
}

function keyOf(number: number): Buffer {
  const key = Buffer.allocUnsafe(2);
  key.writeUInt16BE(number);
  return key;
}
