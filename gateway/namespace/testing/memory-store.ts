/**
 * A store in memory, for tests of what stands on the store port: ordered tables, commits that undo
 * themselves when their work throws, and the limits that the real one has. Nothing is durable.
 */
import {
  maxTableKeyBytes,
  type PackedRows,
  type RangeQuery,
  type Row,
  type Store,
  type Table,
  type Transaction,
} from '../../../blobseer-client/index.ts';

class MemoryTable implements Table {
  readonly name: string;
  private readonly rows: Row[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get(key: Uint8Array): Buffer | undefined {
    const row = this.rows[this.lowerBound(checkKey(key))];
    return row?.key.equals(key) ? Buffer.from(row.value) : undefined;
  }

  getAgain(key: Uint8Array, known: Buffer): Buffer | undefined {
    const value = this.get(key);
    return value?.equals(known) ? known : value;
  }

  has(key: Uint8Array): boolean {
    return this.get(key) !== undefined;
  }

  range(query: RangeQuery): Row[] {
    const from = query.start ? this.lowerBound(checkKey(query.start)) : 0;
    const to = query.end ? this.lowerBound(checkKey(query.end)) : this.rows.length;
    const limit = Math.max(query.limit, 0);
    const rows =
      query.reverse === true
        ? this.rows.slice(Math.max(from, to - limit), Math.max(from, to)).reverse()
        : this.rows.slice(from, Math.min(to, from + limit));
    return rows.map(({ key, value }) => ({ key: Buffer.from(key), value: Buffer.from(value) }));
  }

  packed(query: RangeQuery, rows: PackedRows): void {
    rows.clear();
    for (const { key, value } of this.range(query)) {
      rows.addKey(key, 0, key.length);
      rows.addValue(value, 0, value.length);
    }
  }

  keys(query: RangeQuery): Buffer[] {
    return this.range(query).map(({ key }) => key);
  }

  /** Undefined removes. Returns what was there. */
  set(key: Uint8Array, value: Uint8Array | undefined): Buffer | undefined {
    const at = this.lowerBound(checkKey(key));
    const there = this.rows[at];
    const old = there?.key.equals(key) ? there.value : undefined;
    const replacement = value ? [{ key: Buffer.from(key), value: Buffer.from(value) }] : [];
    this.rows.splice(at, old === undefined ? 0 : 1, ...replacement);
    return old;
  }

  private lowerBound(key: Uint8Array): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Buffer.compare(this.rows[middle]!.key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function checkKey(key: Uint8Array): Uint8Array {
  if (key.length === 0 || key.length > maxTableKeyBytes) {
    throw new RangeError(`a table key of ${key.length} bytes`);
  }
  return key;
}

function asMemoryTable(table: Table): MemoryTable {
  if (!(table instanceof MemoryTable)) throw new TypeError(`table ${table.name} is not of here`);
  return table;
}

export class MemoryStore implements Store {
  private readonly tables = new Map<string, MemoryTable>();
  private lastSequence = 0;

  table(name: string): Table {
    let table = this.tables.get(name);
    if (table === undefined) {
      table = new MemoryTable(name);
      this.tables.set(name, table);
    }
    return table;
  }

  async commit<T>(work: (transaction: Transaction) => T): Promise<T> {
    // Later than the call, as in the real one: a caller must not count on its work having run.
    await Promise.resolve();
    const undo: (() => void)[] = [];
    const whenKept: (() => void)[] = [];
    let isOpen = true;
    const write = (table: Table, key: Uint8Array, value: Uint8Array | undefined): boolean => {
      if (!isOpen) throw new Error('the commit is over');
      const memoryTable = asMemoryTable(table);
      const old = memoryTable.set(key, value);
      const ownKey = Buffer.from(key);
      undo.push(() => memoryTable.set(ownKey, old));
      return old !== undefined;
    };
    const sequence = this.lastSequence + 1;
    try {
      const result = work({
        sequence,
        put: (table, key, value) => void write(table, key, value),
        remove: (table, key) => write(table, key, undefined),
        onKept: (done) => void whenKept.push(done),
      });
      this.lastSequence = sequence;
      for (const done of whenKept) done();
      return result;
    } catch (error) {
      for (const step of undo.reverse()) step();
      throw error;
    } finally {
      isOpen = false;
    }
  }

  refresh(): void {}

  sequence(): number {
    return this.lastSequence;
  }
}
