/** Tables row by row, for `check`: what is damaged is told, once, and passed over. */
import { BlobSeerError, type Problem, type Row, type Table } from '../../blobseer-client/index.ts';
import { NamespaceError } from './errors.ts';

const batchRows = 500;

/** A row whose value cannot be read. */
interface DamagedRow {
  readonly key: Buffer;
  readonly damage: string;
}

/** One inspection. Without an await between its steps, all rows are of one view. */
export class RowByRow {
  private readonly told = new Set<string>();

  /**
   * What `inspect` finds in each row. A row that cannot be read is found too, and so is a damaged record that
   * `inspect` comes to, which ends its search in that row. `nameOf` says in words whose row it is.
   */
  *of<Found>(
    table: Table,
    nameOf: (key: Buffer) => string,
    inspect: (row: Row) => Iterable<Found>,
  ): Iterable<Found | Problem> {
    for (const row of rowsOf(table)) {
      if ('damage' in row) {
        yield* this.once(row.damage, nameOr(nameOf, table, row.key));
        continue;
      }
      try {
        yield* inspect(row);
      } catch (error) {
        const damage = damageIn(error);
        if (damage === undefined) throw error;
        const name = nameOr(nameOf, table, row.key);
        // Of these alone the message does not say which record it is.
        if (error instanceof RangeError) yield { problem: `${name}: ${damage}` };
        else yield* this.once(damage, name);
      }
    }
  }

  /** Nothing where the same was told before: many rows may need one that is damaged. */
  *once(problem: string, name?: string): Iterable<Problem> {
    if (this.told.has(problem)) return;
    this.told.add(problem);
    yield { problem: name === undefined ? problem : `${name}: ${problem}` };
  }
}

/** All keys of a table, those of damaged rows too. */
export function* keysOf(table: Table): Iterable<Buffer> {
  for (const { key } of walk((range) => table.keys(range).map((key) => ({ key })))) yield key;
}

function* rowsOf(table: Table): Iterable<Row | DamagedRow> {
  let before: Buffer | undefined;
  for (const row of walk((range) => batch(table, range))) {
    // A damaged key may stand anywhere, and who searches for it does not find it: nor what is behind it.
    if (before !== undefined && row.key.compare(before) <= 0) {
      yield { key: row.key, damage: `the keys of table ${table.name} are out of order` };
    }
    yield row;
    before = row.key;
  }
}

interface Batch {
  readonly start?: Buffer;
  readonly limit: number;
}

/** Ends where the last key of a batch is none to go on from: the walk would begin again with what it has had. */
function* walk<Keyed extends { readonly key: Buffer }>(
  read: (range: Batch) => Keyed[],
): Iterable<Keyed> {
  let start: Buffer | undefined;
  for (;;) {
    const rows = read({ ...(start && { start }), limit: batchRows });
    // The bound itself comes again: the key behind it may be longer than a table allows.
    yield* start !== undefined && rows[0]?.key.equals(start) ? rows.slice(1) : rows;
    const first = rows[0]?.key;
    const last = rows.at(-1)?.key;
    if (first === undefined || last === undefined || rows.length < batchRows) return;
    if (last.compare(first) <= 0 || (start !== undefined && last.compare(start) <= 0)) return;
    start = last;
  }
}

function batch(table: Table, range: Batch): (Row | DamagedRow)[] {
  try {
    return table.range(range);
  } catch (error) {
    if (damageIn(error) === undefined) throw error;
  }
  // One by one, to see which it is.
  return table.keys(range).map((key) => {
    try {
      const value = table.get(key);
      if (value !== undefined) return { key, value };
      return { key, damage: `record ${key.toString('hex')} of table ${table.name} is not found` };
    } catch (error) {
      const damage = damageIn(error);
      if (damage === undefined) throw error;
      return { key, damage };
    }
  });
}

function nameOr(nameOf: (key: Buffer) => string, table: Table, key: Buffer): string {
  try {
    return nameOf(key);
  } catch {
    return `row ${key.toString('hex')} of table ${table.name}`;
  }
}

/** What a damaged record does to its reader, in words; undefined for any other error. */
function damageIn(error: unknown): string | undefined {
  if (error instanceof RangeError) return error.message; // shorter than anything is that was written
  const isOurs = error instanceof BlobSeerError || error instanceof NamespaceError;
  return isOurs && error.kind === 'corrupt' ? error.message : undefined;
}
