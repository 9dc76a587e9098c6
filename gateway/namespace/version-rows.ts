/**
 * Where the rows of versions lie: that of the current version in its entry, as long as it is an object's and
 * small, all others in the table of versions. So an object that has one version is one record, which a
 * look-up finds at once, and to replace it writes that record alone. A row moves to the table when a newer version
 * comes in front of it; one that becomes current again stays there, and its entry names it.
 *
 * To whoever walks them, all of them are one table in the order of their keys: bucket, key, newest first.
 */
import { PackedRows, type Row, type Transaction } from '../../blobseer-client/index.ts';
import { NamespaceError } from './errors.ts';
import { birthBytes, endOfKey, rowKeysOf, tailOf, withTail } from './keys.ts';
import { MergedRows, type RowRange } from './merged-rows.ts';
import type { Owners } from './owners.ts';
import type { Tables } from './tables.ts';
import { decodeEntry, headEntry, wholeEntry } from './version-records.ts';

/**
 * Largest row that lies in an entry: one with the usual headers and some of its own. What is larger would slow
 * down the listings, which read the entries and want none of it.
 */
export const maxRowBytesInEntry = 384;

/** A key of a bucket, as the rows know it. */
export interface Place {
  readonly bucketId: number;
  readonly key: string;
  readonly entryRow: Buffer;
  /** What the row keys of its versions begin with. */
  readonly prefix: Buffer;
}

/** Undefined where no such key can be stored. */
export function placeOf(bucketId: number, key: string): Place | undefined {
  const rows = rowKeysOf(bucketId, key);
  return rows && { bucketId, key, entryRow: rows.entryRow, prefix: rows.prefix };
}

export interface VersionRow {
  readonly birth: Buffer;
  readonly value: Buffer;
  readonly isInEntry: boolean;
}

export class VersionRows {
  private readonly tables: Pick<Tables, 'entries' | 'versions'>;
  private readonly owners: Owners;
  private readonly rowBytesInEntry: number;
  private readonly merged: MergedRows;

  constructor(
    tables: Pick<Tables, 'entries' | 'versions'>,
    owners: Owners,
    rowBytesInEntry: number,
  ) {
    this.tables = tables;
    this.owners = owners;
    this.rowBytesInEntry = rowBytesInEntry;
    this.merged = new MergedRows(tables);
  }

  /** That of the current version where it is an object; undefined where it is a delete marker, or there is none. */
  currentObject(place: Place): VersionRow | undefined {
    const entry = this.tables.entries.get(place.entryRow);
    if (entry === undefined) return undefined;
    const { birth, row } = decodeEntry(entry);
    if (row !== undefined) return { birth, value: row, isInEntry: true };
    const value = this.tables.versions.get(withTail(place.prefix, birth));
    if (value === undefined) throw new NamespaceError('corrupt', 'an entry names no version');
    return { birth, value, isInEntry: false };
  }

  /** Of those that have a row in the table: the newest where the key has no entry. */
  firstInTable({ prefix }: Place): VersionRow | undefined {
    const range = { start: prefix, end: endOfKey(prefix), limit: 1 };
    const row = this.tables.versions.range(range)[0];
    return row && { birth: tailOf(row.key, birthBytes), value: row.value, isInEntry: false };
  }

  at(place: Place, birth: Buffer): VersionRow | undefined {
    const entry = this.tables.entries.get(place.entryRow);
    const current = entry && decodeEntry(entry);
    if (current?.row !== undefined && current.birth.equals(birth)) {
      return { birth, value: current.row, isInEntry: true };
    }
    const value = this.tables.versions.get(withTail(place.prefix, birth));
    return value && { birth, value, isInEntry: false };
  }

  /** The row of the version that is the current one from now on, an object; in its entry where it is small. */
  putObject(transaction: Transaction, place: Place, birth: Buffer, value: Buffer): void {
    const { entries, versions } = this.tables;
    if (value.length <= this.rowBytesInEntry) {
      transaction.put(entries, place.entryRow, wholeEntry(value, birth));
      return;
    }
    transaction.put(versions, withTail(place.prefix, birth), value);
    transaction.put(entries, place.entryRow, headEntry(value, birth, this.owners));
  }

  /** The same of a delete marker. */
  putMarker(transaction: Transaction, place: Place, birth: Buffer, value: Buffer): void {
    const { entries, versions } = this.tables;
    transaction.put(versions, withTail(place.prefix, birth), value);
    transaction.remove(entries, place.entryRow);
  }

  /** Before a version is put in front of one that stays: the entry will be the new one's, or gone. */
  stepBack(transaction: Transaction, place: Place, row: VersionRow): void {
    if (!row.isInEntry) return;
    transaction.put(this.tables.versions, withTail(place.prefix, row.birth), row.value);
  }

  /** After the current version was removed: `row`, or nothing, is in its place. */
  putEntry(transaction: Transaction, place: Place, row: VersionRow | undefined): void {
    const { entries } = this.tables;
    if (row === undefined) transaction.remove(entries, place.entryRow);
    else transaction.put(entries, place.entryRow, headEntry(row.value, row.birth, this.owners));
  }

  /** Changes what no listing answers: tags, ACL. */
  amend(transaction: Transaction, place: Place, row: VersionRow, value: Buffer): void {
    if (row.isInEntry) this.putObject(transaction, place, row.birth, value);
    else transaction.put(this.tables.versions, withTail(place.prefix, row.birth), value);
  }

  /** Nothing where the row lies in its entry: that the caller replaces or removes. */
  removeFromTable(transaction: Transaction, place: Place, row: VersionRow): void {
    if (!row.isInEntry) transaction.remove(this.tables.versions, withTail(place.prefix, row.birth));
  }

  // --- walks

  packed(range: RowRange, rows: PackedRows): void {
    this.merged.packed(range, rows);
  }

  range(range: RowRange): Row[] {
    const rows = new PackedRows();
    this.merged.packed(range, rows);
    return Array.from({ length: rows.count }, (_, row) => ({
      key: rows.key(row),
      value: rows.value(row),
    }));
  }

  /** Whether there is one in [start, end). */
  hasSome(start: Buffer, end: Buffer): boolean {
    return this.range({ start, end, limit: 1 }).length > 0;
  }
}
