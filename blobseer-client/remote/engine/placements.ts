/** On which providers pages are: of writes that were committed, and of this process's own on their way. */
import { idKey, pageName } from '../../embedded/records.ts';
import { BlobSeerError } from '../../errors.ts';
import type { PageAddress } from '../../roles.ts';
import type { Table } from '../../store.ts';
import type { Address } from '../remote-error.ts';
import type { Intent } from './intent.ts';
import type { PageName, PageNames } from './page-names.ts';
import type { ProviderNumbers } from './provider-numbers.ts';
import { decodeWrite, type WriteRecord } from './records.ts';

/** A write whose pages are stored, before the commit that gives its providers numbers. */
export interface PlacedWrite extends Omit<WriteRecord, 'stretches'> {
  readonly stretches: readonly (readonly Address[])[];
}

export class Placements {
  readonly names: PageNames;
  readonly #writes: Table;
  readonly #numbers: ProviderNumbers;
  readonly #own = new Map<number, PlacedWrite>();
  readonly #intents = new Map<number, Intent>();

  constructor(writes: Table, numbers: ProviderNumbers, names: PageNames) {
    this.#writes = writes;
    this.#numbers = numbers;
    this.names = names;
  }

  /** All pages of a write of this process are stored. */
  placed(writeId: number, write: PlacedWrite, intent: Intent): void {
    this.#own.set(writeId, write);
    this.#intents.set(writeId, intent);
  }

  /** Of a write on its way. */
  intent(writeId: number): Intent | undefined {
    return this.#intents.get(writeId);
  }

  /** It was committed, or is being undone. */
  ended(writeId: number): void {
    this.#own.delete(writeId);
    this.#intents.delete(writeId);
  }

  write(writeId: number): PlacedWrite | undefined {
    const own = this.#own.get(writeId);
    if (own !== undefined) return own;
    const bytes = this.#writes.get(idKey(writeId));
    if (bytes === undefined) return undefined;
    const record = decodeWrite(bytes);
    return {
      ...record,
      stretches: record.stretches.map((stretch) =>
        stretch.map((number) => this.#numbers.address(number)),
      ),
    };
  }

  /** Throws `corrupt` where nothing is known of the write. */
  writeOf(page: Pick<PageName, 'writeId' | 'index'>): PlacedWrite {
    const write = this.write(page.writeId);
    if (write === undefined || page.index >= write.pageCount) {
      throw new BlobSeerError('corrupt', `${pageName(page)} has no place`);
    }
    return write;
  }

  /** The addresses of pages that a tree names by their keys. Throws `corrupt` for what is none of ours. */
  addresses(keys: readonly (Buffer | null)[]): (PageAddress | null)[] {
    const writes = new Map<number, PlacedWrite>();
    return keys.map((key) => {
      if (key === null) return null;
      const name = this.names.pageOf(key);
      if (name === undefined) {
        throw new BlobSeerError('corrupt', `page ${key.toString('hex')} is not one of ours`);
      }
      const write = writes.get(name.writeId) ?? this.writeOf(name);
      writes.set(name.writeId, write);
      return { ...name, length: lengthIn(write, name.index), inFile: true };
    });
  }
}

export function lengthIn(write: Omit<WriteRecord, 'stretches'>, index: number): number {
  return index === write.pageCount - 1 ? write.lastPageBytes : write.pageSize;
}

/** The providers of a page of a write. */
export function providersIn(write: PlacedWrite, index: number): readonly Address[] {
  return write.stretches[Math.floor(index / write.stretchPages)] ?? [];
}
