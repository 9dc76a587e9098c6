/**
 * Verifies the records of snapshots against each other and against those who hold them: what every
 * engine's check begins with. Damage that is met is reported, never thrown.
 */
import type { SnapshotRef } from '../blobseer.ts';
import { BlobSeerError } from '../errors.ts';
import type { Row, Store, Table } from '../store.ts';
import {
  decodeBlob,
  decodeGrave,
  decodeSnapshotKey,
  type SnapshotRecord,
  snapshotKey,
} from './records.ts';
import { blobKey, childKey, firstVersion, type Snapshots, snapshotName } from './snapshots.ts';
import type { SnapshotTables } from './tables.ts';

/** Past this many, problems are only counted. */
const maxProblemsListed = 1000;
export const rowsAtOnce = 500;

export interface Reference {
  /** Who holds it, in words for the report. */
  readonly owner: string;
  readonly snapshot: SnapshotRef;
}

/** In words for the report. */
export interface Problem {
  readonly problem: string;
}

export interface CheckOptions {
  /**
   * Every reference that the owner of the blobs holds (the gateway's versions and parts), and what it finds wrong
   * among its own records.
   */
  readonly references: Iterable<Reference | Problem>;
  /** Pages read, of so many. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface CheckReport {
  readonly problems: readonly string[];
  /** With those that are not listed. */
  readonly problemCount: number;
  readonly snapshots: number;
  readonly blocks: number;
  readonly pages: number;
  readonly pageBytes: number;
}

export class SnapshotCheck<Tree> {
  protected readonly store: Store;
  protected snapshots = 0;
  private readonly snapshotTables: SnapshotTables;
  private readonly records: Snapshots<Tree>;
  private readonly problems: string[] = [];
  private readonly damage = new Set<string>();
  private problemCount = 0;

  constructor(store: Store, tables: SnapshotTables, records: Snapshots<Tree>) {
    this.store = store;
    this.snapshotTables = tables;
    this.records = records;
  }

  protected found(): Pick<CheckReport, 'problems' | 'problemCount' | 'snapshots'> {
    const { problems, problemCount, snapshots } = this;
    return { problems, problemCount, snapshots };
  }

  protected report(problem: string): void {
    this.problemCount++;
    if (this.problems.length < maxProblemsListed) this.problems.push(problem);
  }

  /** Without an await: all in one view. `look` is called with every record that can be read. */
  protected checkSnapshots(
    references: Iterable<Reference | Problem>,
    look: (ref: SnapshotRef, record: SnapshotRecord<Tree>) => void,
  ): void {
    const expected = this.countReferences(references);
    const perBlob = new Map<number, number>();
    for (const row of this.rows(this.snapshotTables.snapshots)) {
      const ref = decodeSnapshotKey(row.key);
      if (ref.version === 0) continue;
      this.snapshots++;
      perBlob.set(ref.blobId, (perBlob.get(ref.blobId) ?? 0) + 1);
      const record = this.decoded(row, snapshotName(ref), (bytes) => this.records.decode(bytes));
      if (record === undefined) continue;
      this.checkSnapshot(ref, record, expected);
      look(ref, record);
    }
    for (const [key, count] of expected) {
      const ref = decodeSnapshotKey(Buffer.from(key, 'latin1'));
      this.report(`${snapshotName(ref)} is referenced ${count} times and does not exist`);
    }
    this.checkBlobs(perBlob);
  }

  private countReferences(references: Iterable<Reference | Problem>): Map<string, number> {
    const expected = new Map<string, number>();
    const add = (ref: SnapshotRef): void => {
      const key = snapshotKey(ref).toString('latin1');
      expected.set(key, (expected.get(key) ?? 0) + 1);
    };
    try {
      for (const found of references) {
        if ('problem' in found) {
          this.report(found.problem);
          continue;
        }
        const { owner, snapshot } = found;
        if (!this.snapshotTables.snapshots.has(snapshotKey(snapshot))) {
          this.report(`${owner} needs ${snapshotName(snapshot)}, which does not exist`);
        }
        add(snapshot);
      }
    } catch (error) {
      this.reportDamage(error); // what it hides is reported as references too many
    }
    for (const row of this.rows(this.snapshotTables.graves)) {
      for (const ref of this.decoded(row, 'a grave', decodeGrave)?.refs ?? []) add(ref);
    }
    return expected;
  }

  private checkSnapshot(
    ref: SnapshotRef,
    { references, parent }: SnapshotRecord<Tree>,
    expected: Map<string, number>,
  ): void {
    const key = snapshotKey(ref).toString('latin1');
    const wanted = expected.get(key) ?? 0;
    expected.delete(key);
    if (references !== wanted) {
      this.report(`${snapshotName(ref)} counts ${references} references, has ${wanted}`);
    }
    if (parent === undefined) return;
    const { snapshots, children } = this.snapshotTables;
    if (!snapshots.has(snapshotKey(parent))) {
      this.report(`${snapshotName(ref)} shares pages with ${snapshotName(parent)}, which is gone`);
    }
    if (!children.has(childKey(parent, ref))) {
      this.report(`${snapshotName(ref)} is missing among the children of its parent`);
    }
  }

  private checkBlobs(perBlob: ReadonlyMap<number, number>): void {
    for (const [blobId, found] of perBlob) {
      const [row] = this.rowsOf(this.snapshotTables.snapshots, [blobKey(blobId)]);
      const recorded =
        row === undefined ? this.unrecorded(blobId) : decodeBlob(row.value).snapshots;
      if (recorded !== found) {
        this.report(`blob ${blobId} records ${recorded} snapshots, has ${found}`);
      }
    }
  }

  /** A blob that has its first version only needs no record. */
  private unrecorded(blobId: number): 1 | 'no' {
    const first = snapshotKey({ blobId, version: firstVersion });
    return this.snapshotTables.snapshots.has(first) ? 1 : 'no';
  }

  /** All rows of a table, a batch at a time; damaged ones are reported and left out. */
  protected *rows(table: Table): Generator<Row> {
    for (let start: Buffer | undefined; ; ) {
      const keys = table.keys({ ...(start && { start }), limit: rowsAtOnce });
      for (const key of keys) {
        const [row] = this.rowsOf(table, [key]);
        if (row !== undefined) yield row;
        else if (!table.has(key)) this.report(`a key of table ${table.name} is listed, not found`);
      }
      const next = behind(keys, start);
      if (next === undefined) return;
      start = next;
    }
  }

  protected rowsOf(table: Table, keys: readonly Buffer[]): Row[] {
    const rows: Row[] = [];
    for (const key of keys) {
      try {
        const value = table.get(key);
        if (value !== undefined) rows.push({ key, value });
      } catch (error) {
        this.reportDamage(error);
      }
    }
    return rows;
  }

  /** Damage of records is met more than once; it counts once. */
  protected reportDamage(error: unknown): void {
    if (!(error instanceof BlobSeerError)) throw error;
    if (this.damage.has(error.message)) return;
    this.damage.add(error.message);
    this.report(error.message);
  }

  protected decoded<T>(row: Row, name: string, decode: (bytes: Buffer) => T): T | undefined {
    try {
      return decode(row.value);
    } catch (error) {
      this.report(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}

/**
 * Where a walk goes on behind a batch that began at `start`; undefined behind the last, and where keys do not rise, as
 * damaged ones may: it would begin again with what it has had.
 */
export function behind(keys: readonly Buffer[], start: Buffer | undefined): Buffer | undefined {
  const [first] = keys;
  const last = keys.at(-1);
  if (first === undefined || last === undefined || last.compare(first) < 0) return undefined;
  if (start !== undefined && last.compare(start) < 0) return undefined;
  return Buffer.concat([last, Buffer.alloc(1)]);
}
