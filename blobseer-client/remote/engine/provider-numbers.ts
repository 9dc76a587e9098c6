/**
 * Numbers for the addresses of data providers: what records name, so that a page's place takes two bytes,
 * and a provider that moves is one row to change.
 */
import { BlobSeerError } from '../../errors.ts';
import type { Store, Table, Transaction } from '../../store.ts';
import { type Address, addressOf, addressText } from '../remote-error.ts';

const maxProviders = 65_535;

export class ProviderNumbers {
  readonly #store: Store;
  readonly #table: Table;
  /** As they were seen last, some perhaps in a commit that was undone. */
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
    // The commit in which it was given may have been undone, and others have given it to another address.
    if (known !== undefined && this.#table.get(keyOf(known))?.toString() === text) return known;
    const number = this.#find(text) ?? this.#give(transaction, text);
    this.#numbers.set(text, number);
    return number;
  }

  /** Throws `corrupt` for a number that was never given. */
  address(number: number): Address {
    const known = this.#addresses.get(number);
    if (known !== undefined) return known;
    this.#store.refresh();
    const text = this.#table.get(keyOf(number))?.toString();
    if (text === undefined) throw new BlobSeerError('corrupt', `no data provider ${number}`);
    const address = addressOf(text);
    this.#addresses.set(number, address);
    return address;
  }

  #find(text: string): number | undefined {
    for (const { key, value } of this.#table.range({ limit: maxProviders })) {
      if (value.toString() === text) return key.readUInt16BE();
    }
    return undefined;
  }

  #give(transaction: Transaction, text: string): number {
    const [last] = this.#table.keys({ reverse: true, limit: 1 });
    const number = (last?.readUInt16BE() ?? 0) + 1;
    if (number > maxProviders) throw new BlobSeerError('no-space', 'too many data providers');
    transaction.put(this.#table, keyOf(number), Buffer.from(text));
    return number;
  }
}

function keyOf(number: number): Buffer {
  const key = Buffer.allocUnsafe(2);
  key.writeUInt16BE(number);
  return key;
}
