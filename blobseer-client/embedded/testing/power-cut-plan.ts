/**
 * What the commits of the power-cut test write: chosen by seed, writer and number alone, so that whoever knows which
 * commits there were, in which order, knows every row. Each commit writes its name under its number in the order of
 * all (`order`), so that a data directory says itself which commits it has.
 */

import type { Store, Table, Transaction } from '../../store.ts';
import { SeededRandom } from '../../testing/seeded-random.ts';

export const tableNames = ['order', 'log', 'slots', 'counters', 'undone'] as const;
type TableName = (typeof tableNames)[number];

/** Shared by all writers, and overwritten again and again. */
const slots = 40;
const counters = 8;
/** So far back are the rows that a commit removes: further than commits wait side by side. */
const removalDistance = 20;
const valueLengths = [
  1, 1, 8, 20, 50, 100, 200, 300, 500, 1000, 1978, 2500, 4000, 4096, 6000, 16_000, 60_000,
];

/** Commit `number` of `writer`. */
export interface CommitName {
  readonly writer: number;
  readonly number: number;
}

/** `value` undefined: removed. */
interface PlannedRow {
  readonly table: TableName;
  readonly key: Buffer;
  readonly value: Buffer | undefined;
}

export interface PlannedCommit {
  readonly name: CommitName;
  /** All rows but those that depend on the sequence. */
  readonly rows: readonly PlannedRow[];
  readonly counters: readonly Buffer[];
  readonly isRepeatable: boolean;
}

const nameBytes = ({ writer, number }: CommitName): Buffer => numberBytes(writer, number);

export function nameIn(bytes: Buffer): CommitName {
  return { writer: bytes.readUInt32BE(0), number: bytes.readUInt32BE(4) };
}

export function numberBytes(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * numbers.length);
  for (const [at, number] of numbers.entries()) bytes.writeUInt32BE(number, 4 * at);
  return bytes;
}

export function planCommit(seed: number, name: CommitName): PlannedCommit {
  const { writer, number } = name;
  const random = new SeededRandom(seed, writer, number);
  const value = (): Buffer => random.bytes(random.pick(valueLengths));
  const rows: PlannedRow[] = [{ table: 'log', key: nameBytes(name), value: value() }];
  for (let count = random.integer(0, 2); count > 0; count -= 1) {
    const isRemoved = random.chance(0.2);
    const key = numberBytes(random.integer(0, slots - 1));
    rows.push({ table: 'slots', key, value: isRemoved ? undefined : value() });
  }
  const old = number - removalDistance - random.integer(0, removalDistance);
  if (old > 0 && random.chance(0.6)) {
    rows.push({ table: 'log', key: nameBytes({ writer, number: old }), value: undefined });
  }
  const counted = random.integer(1, 2);
  return {
    name,
    rows,
    counters: Array.from({ length: counted }, () => numberBytes(random.integer(0, counters - 1))),
    isRepeatable: random.chance(0.6),
  };
}

function rowsOf(plan: PlannedCommit, sequence: number): PlannedRow[] {
  const name = nameBytes(plan.name);
  const counted = Buffer.concat([name, numberBytes(sequence)]);
  return [
    ...plan.rows,
    ...plan.counters.map((key) => ({ table: 'counters' as const, key, value: counted })),
    { table: 'order', key: numberBytes(sequence), value: name },
  ];
}

export type Tables = Readonly<Record<TableName, Table>>;

export function openTables(store: Store): Tables {
  const tables = tableNames.map((name) => [name, store.table(name)]);
  return Object.fromEntries(tables) as Tables;
}

/** Inside a commit. */
export function writeCommit(tables: Tables, plan: PlannedCommit, transaction: Transaction): void {
  for (const { table, key, value } of rowsOf(plan, transaction.sequence)) {
    if (value === undefined) transaction.remove(tables[table], key);
    else transaction.put(tables[table], key, value);
  }
}

/** All rows by table and key. */
export type Rows = Map<string, Buffer>;

export const rowName = (table: TableName, key: Buffer): string => `${table} ${key.toString('hex')}`;

/** The rows there are after these commits; the first has the number 1. */
export function rowsAfter(commits: readonly PlannedCommit[]): Rows {
  const all: Rows = new Map();
  for (const [at, plan] of commits.entries()) {
    for (const { table, key, value } of rowsOf(plan, at + 1)) {
      if (value === undefined) all.delete(rowName(table, key));
      else all.set(rowName(table, key), value);
    }
  }
  return all;
}
