/**
 * The one place that opens LMDB, and the Store port over it. What `lmdb` 3.5.6 does and does not
 * promise decides the shape of this file:
 *
 * - `overlappingSync: false`, in every process. With the default, killing one of several processes
 *   lost commits that others had acknowledged.
 * - A write counts as durable when its own transaction's promise resolves. `flushed` is not used: it
 *   can resolve early when another put of the same tick failed.
 * - A throw inside `transaction()` leaves its puts in place, so all work runs in a synchronous
 *   `childTransaction` inside it (commits.ts); commits of one moment still share one flush.
 * - A failed flush is final: the kernel has dropped the dirty pages, a later sync would lie. The
 *   environment stops and tells its owner, which ends the deployment.
 * - No read transaction or cursor survives an await: ranges are read whole, within a limit.
 *
 * LMDB has no checksums. Every value carries the CRC32C of its key and itself, so that a damaged
 * record is an error and never a wrong answer (pages have theirs in the tree, and are spared it).
 */
import { type Database, type Transaction as LmdbView, open, type RootDatabase } from 'lmdb';
import { BlobSeerError } from '../errors.ts';
import type { PackedRows } from '../packed-rows.ts';
import type { RangeQuery, Repeating, Row, Store, Table, Transaction } from '../store.ts';
import { Commits } from './commits.ts';
import { crc32c, crcBytes, sumAt } from './crc32c.ts';
import { DatabaseCut } from './database-cut.ts';
import { prepareDatabaseFile } from './database-file.ts';
import { Headroom } from './headroom.ts';
import { translateIoError } from './io-errors.ts';
import { PackedRange } from './packed-range.ts';
import { unseal } from './sealed-rows.ts';
import { Slab } from './slab.ts';
import type { PageTable } from './tables.ts';

/** Address space, not disk: the file grows with its contents. */
const mapBytes = 2 ** 40;
const maxTables = 64;
/** One reader slot per thread that reads; workers, tools and their restarts. */
const maxReaders = 1024;
/** Where more of this process wait at once they share a sync, and headroom gains nothing. */
const fewCommits = 4;

type BytesDatabase = Database<Buffer, Uint8Array>;

/** What `getStats()` of `lmdb` asks, without its walk over all free pages; its types leave it out. */
interface LmdbNumbers {
  readonly env: {
    info(): { readonly lastPageNumber: number };
    stat(): { readonly pageSize: number };
  };
}

/** Which its types leave out. */
interface LmdbStatus {
  readonly status: string;
}

const sequenceKey = Buffer.from('sequence');

export interface EnvironmentOptions {
  /** The LMDB file. */
  readonly file: string;
  /** Called once, when a flush has failed and nothing more may be acknowledged. */
  readonly onStopped?: (error: BlobSeerError) => void;
  /** See EngineOptions. */
  readonly requestsInProgress?: (() => number) | undefined;
}

class LmdbTable implements PageTable {
  readonly name: string;
  private readonly database: BytesDatabase;
  private readonly packing: PackedRange;
  private readonly isSealed: boolean;

  constructor(root: RootDatabase<Buffer, Uint8Array>, name: string, isSealed: boolean) {
    this.name = name;
    this.database = root.openDB<Buffer, Uint8Array>(name, {
      encoding: 'binary',
      keyEncoding: 'binary',
    });
    this.packing = new PackedRange(root, name);
    this.isSealed = isSealed;
  }

  get(key: Uint8Array): Buffer | undefined {
    // `getBinary` makes an array of its own for each value, which costs more than finding it. This one
    // gives a larger buffer, the same at every call, whose length says how much of it is the value.
    const shared = this.database.getBinaryFast(key);
    if (shared === undefined) return undefined;
    return this.opened(key, shared);
  }

  getAgain(key: Uint8Array, known: Buffer): Buffer | undefined {
    const shared = this.database.getBinaryFast(key);
    if (shared === undefined) return undefined;
    // What was read and found undamaged once needs no sum to be found the same.
    return isSame(shared, known, this.lengthIn(shared)) ? known : this.opened(key, shared);
  }

  getBefore(key: Uint8Array, tail: Uint8Array): Buffer | undefined {
    const shared = this.database.getBinaryFast(key);
    if (shared === undefined) return undefined;
    if (this.isSealed) return Buffer.concat([this.opened(key, shared), tail]);
    const { length } = shared;
    const joined = slab.take(length + tail.length);
    joined.set(shared.subarray(0, length));
    joined.set(tail, length);
    return joined;
  }

  /** As it was at a cut that is still held. */
  rangeAt(view: LmdbView, query: RangeQuery): Row[] {
    const options = rangeOptions(query);
    options.transaction = view;
    return this.rows(options, query.limit);
  }

  has(key: Uint8Array): boolean {
    return this.database.doesExist(key);
  }

  range(query: RangeQuery): Row[] {
    return this.rows(rangeOptions(query), query.limit);
  }

  private rows(options: LmdbRange, limit: number): Row[] {
    if (limit <= 0) return [];
    const rows: Row[] = [];
    for (const { key: found, value } of this.database.getRange(options)) {
      rows.push({ key: copyOf(found, found.length), value: this.opened(found, value) });
    }
    return rows;
  }

  packed(query: RangeQuery, rows: PackedRows): void {
    this.packing.read(rangeOptions(query), rows);
    if (rows.count > 0 && isDisordered(query, rows)) {
      throw new BlobSeerError('corrupt', `the keys of table ${this.name} are out of order`);
    }
    if (!this.isSealed) return;
    const damaged = unseal(rows);
    if (damaged !== undefined) throw this.damaged(rows.key(damaged));
  }

  keys(query: RangeQuery): Buffer[] {
    if (query.limit <= 0) return [];
    const keys: Buffer[] = [];
    for (const key of this.database.getKeys(rangeOptions(query)))
      keys.push(copyOf(key, key.length));
    return keys;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.database.putSync(key, this.sealed(key, value));
  }

  remove(key: Uint8Array): boolean {
    return this.database.removeSync(key);
  }

  private sealed(key: Uint8Array, value: Uint8Array): Buffer {
    if (!this.isSealed) return asBuffer(value);
    const { length } = value;
    const stored = Buffer.allocUnsafe(length + crcBytes);
    stored.set(value);
    stored.writeUInt32LE(crc32c(value, 0, length, crc32c(key, 0, key.length)), length);
    return stored;
  }

  private lengthIn(stored: Uint8Array): number {
    return this.isSealed ? stored.length - crcBytes : stored.length;
  }

  /** The value in what is stored, which may change afterwards: a copy. */
  private opened(key: Uint8Array, stored: Uint8Array): Buffer {
    const length = this.lengthIn(stored);
    if (!this.isSealed) return copyInto(slab.take(length), stored, length);
    const isWhole =
      length >= 0 &&
      sumAt(stored, length) === crc32c(stored, 0, length, crc32c(key, 0, key.length));
    if (!isWhole) throw this.damaged(key);
    return copyOf(stored, length);
  }

  private damaged(key: Uint8Array): BlobSeerError {
    const name = Buffer.from(key).toString('hex');
    return new BlobSeerError('corrupt', `record ${name} of table ${this.name} is damaged`);
  }
}

/** Below this a loop copies faster than a call. */
const longCopyBytes = 64;

/**
 * The first `length` bytes, in memory outside V8's heap. What `lmdb` gives lies on it where it is small, and
 * every native call on such an array, `toString` among them, would have to move it first.
 */
function copyOf(bytes: Uint8Array, length: number): Buffer {
  return copyInto(Buffer.allocUnsafe(length), bytes, length);
}

function copyInto(copy: Buffer, bytes: Uint8Array, length: number): Buffer {
  if (length < longCopyBytes) for (let at = 0; at < length; at += 1) copy[at] = bytes[at]!;
  else copy.set(bytes.subarray(0, length));
  return copy;
}

/** For pages, whose table alone is not sealed. */
const slab = new Slab();

/** Whether `known` is the first `length` bytes. */
function isSame(bytes: Uint8Array, known: Uint8Array, length: number): boolean {
  if (length !== known.length) return false;
  for (let at = 0; at < length; at += 1) if (bytes[at] !== known[at]) return false;
  return true;
}

/**
 * Pages of LMDB that lead to others are under no sum. One that is damaged may lead back to rows that were seen
 * already, and a walk that goes on behind the last of them would never end.
 */
function isDisordered({ start, reverse }: RangeQuery, rows: PackedRows): boolean {
  if (reverse === true || start === undefined) return false;
  const first = rows.key(0);
  return Buffer.compare(first, start) < 0 || Buffer.compare(rows.key(rows.count - 1), first) < 0;
}

type LmdbRange = Parameters<BytesDatabase['getRange']>[0] & object;

/**
 * `lmdb` walks backwards from an inclusive `start`; our ranges are [start, end) both ways. Set field by
 * field: V8 gives an object that is spread into another a shape of its own each time. `lmdb` asks
 * whether there is a `start`, so one that is undefined is no field.
 */
function rangeOptions({ start, end, limit, reverse }: RangeQuery): LmdbRange {
  const range: LmdbRange = { limit };
  if (reverse === true) {
    range.reverse = true;
    if (end !== undefined) {
      range.start = end;
      range.exclusiveStart = true;
    }
    if (start !== undefined) {
      range.end = start;
      range.inclusiveEnd = true;
    }
    return range;
  }
  if (start !== undefined) range.start = start;
  if (end !== undefined) range.end = end;
  return range;
}

function openRoot(file: string): RootDatabase<Buffer, Uint8Array> {
  return open<Buffer, Uint8Array>({
    path: file,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    mapSize: mapBytes,
    maxDbs: maxTables,
    maxReaders,
    overlappingSync: false,
  });
}

function makeRoot(file: string): void {
  const root = openRoot(file);
  void root.close();
  // Opened again by another name it would be taken for the same one, with a lock file that is gone.
  const { status } = root as unknown as LmdbStatus;
  if (status !== 'closed') throw new Error('LMDB did not close its new file at once');
}

export class Environment implements Store {
  private readonly file: string;
  private readonly root: RootDatabase<Buffer, Uint8Array>;
  private readonly meta: LmdbTable;
  private readonly headroom: Headroom;
  private readonly tables = new Map<string, LmdbTable>();
  private readonly onStopped: ((error: BlobSeerError) => void) | undefined;
  /** By a failure, or because it was closed. */
  private stoppedBy: BlobSeerError | undefined;
  private failure: BlobSeerError | undefined;
  private readonly commits: Commits;

  constructor(options: EnvironmentOptions) {
    this.file = options.file;
    this.onStopped = options.onStopped;
    try {
      prepareDatabaseFile({ file: options.file, make: makeRoot });
      this.root = openRoot(options.file);
    } catch (error) {
      throw translateIoError(error, `cannot open ${options.file}`);
    }
    this.commits = this.openCommits(options.requestsInProgress);
    this.meta = this.table('meta');
    const { env } = this.root as unknown as LmdbNumbers;
    const { pageSize } = env.stat();
    this.headroom = new Headroom(options.file, () => (env.info().lastPageNumber + 1) * pageSize);
  }

  /** `isSealed: false` for values that are verified otherwise. The same at every opening. */
  table(name: string, options: { readonly isSealed?: boolean } = {}): LmdbTable {
    let table = this.tables.get(name);
    if (table === undefined) {
      table = new LmdbTable(this.root, name, options.isSealed ?? true);
      this.tables.set(name, table);
    }
    return table;
  }

  commit<T>(work: (transaction: Transaction) => T, repeating?: Repeating): Promise<T> {
    if (this.stoppedBy !== undefined) return Promise.reject(this.stoppedBy);
    return this.commits.add(work, repeating === 'repeatable');
  }

  private openCommits(requestsInProgress: () => number = () => Number.POSITIVE_INFINITY): Commits {
    return new Commits({
      transaction: (write) => this.root.transaction(write),
      transactionHere: (write) => this.root.transactionSync(write),
      isAllIdle: (waiting) => waiting >= requestsInProgress(),
      childTransaction: (write) => this.root.childTransaction(write),
      put: (table, key, value) => lmdbTable(table).put(key, value),
      remove: (table, key) => lmdbTable(table).remove(key),
      sequence: () => this.readSequence(),
      putSequence: (sequence) => {
        const value = Buffer.allocUnsafe(8);
        value.writeDoubleBE(sequence);
        this.meta.put(sequenceKey, value);
      },
      onBegin: (count) => {
        if (count <= fewCommits) this.headroom.extend();
      },
      stop: (cause) => this.stop(cause),
      failure: () => this.failure,
    });
  }

  /**
   * Everything as of one commit; the one that comes next is `work`. Writers wait no longer than for any other
   * small commit, however much there is. Release it soon.
   */
  async cut(work: (transaction: Transaction) => void): Promise<DatabaseCut> {
    let cut: DatabaseCut | undefined;
    try {
      await this.commit((transaction) => {
        cut = new DatabaseCut(
          this.file,
          () => {
            this.root.resetReadTxn(); // the view must begin now, while nobody else can commit
            return this.root.useReadTransaction();
          },
          (view) => {
            const [row] = this.meta.rangeAt(view, { start: sequenceKey, limit: 1 });
            return sequenceIn(row?.key.equals(sequenceKey) ? row.value : undefined);
          },
        );
        work(transaction);
      });
    } catch (error) {
      cut?.release();
      throw error;
    }
    if (cut === undefined) throw new BlobSeerError('stopped', 'a commit ended without a result');
    return cut;
  }

  refresh(): void {
    this.root.resetReadTxn();
  }

  sequence(): number {
    return this.readSequence();
  }

  private readSequence(): number {
    return sequenceIn(this.meta.get(sequenceKey));
  }

  /** Ends all acknowledging, in this process; the owner ends the others. Returns the error to throw. */
  stop(cause: unknown): BlobSeerError {
    if (this.stoppedBy !== undefined) return this.stoppedBy;
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.failure = new BlobSeerError('stopped', `storage has stopped: ${reason}`, { cause });
    this.stoppedBy = this.failure;
    this.onStopped?.(this.failure);
    return this.failure;
  }

  throwIfStopped(): void {
    if (this.stoppedBy !== undefined) throw this.stoppedBy;
  }

  async close(): Promise<void> {
    this.commits.hurry();
    this.stoppedBy ??= new BlobSeerError('stopped', 'storage is closed');
    await this.root.close();
    this.headroom.close();
  }
}

const sequenceIn = (value: Buffer | undefined): number => value?.readDoubleBE() ?? 0;

function lmdbTable(table: Table): LmdbTable {
  if (table instanceof LmdbTable) return table;
  throw new BlobSeerError('invalid-argument', `table ${table.name} is of another store`);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
