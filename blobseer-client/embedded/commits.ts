/**
 * The commits of one process, on their way through LMDB. Those that wait for its write lock together share a
 * transaction and its flush. A throw inside a transaction of `lmdb` leaves its puts in place, so work runs in child
 * transactions, which can be undone. A child is not cheap: it takes three megabytes, gives them back, and copies
 * every page that it touches. So repeatable work that waits side by side shares one: when some of it
 * throws, all of it is undone, and each runs again in a child of its own.
 */
import type { BlobSeerError } from '../errors.ts';
import type { Table, Transaction } from '../store.ts';

/** What of LMDB is used. */
export interface CommitStore {
  /** Calls back once it may write; resolves when what was written is durable. */
  transaction(write: () => void): Promise<unknown>;
  /** Inside that: a throw undoes its writes. */
  childTransaction(write: () => void): unknown;
  put(table: Table, key: Uint8Array, value: Uint8Array): void;
  remove(table: Table, key: Uint8Array): boolean;
  /** The number of the last commit. */
  sequence(): number;
  putSequence(sequence: number): void;
  /** Before the first of `count` commits that share a flush. */
  onBegin(count: number): void;
  /** After a failure nothing more is acknowledged. The error to throw. */
  stop(cause: unknown): BlobSeerError;
  /** That error, once there was a failure. */
  failure(): BlobSeerError | undefined;
}

type Work = (transaction: Transaction) => unknown;

export class Commits {
  private readonly store: CommitStore;
  private waiting: PendingCommit[] = [];
  private isRunning = false;

  constructor(store: CommitStore) {
    this.store = store;
  }

  /** Resolves when it is durable. */
  add<T>(work: (transaction: Transaction) => T, isRepeatable: boolean): Promise<T> {
    return new Promise<unknown>((resolve, reject) => {
      this.waiting.push(new PendingCommit(this.store, work, isRepeatable, resolve, reject));
      // What work itself commits comes behind it, in the same transaction.
      if (this.waiting.length === 1 && !this.isRunning) void this.commitWaiting();
    }) as Promise<T>;
  }

  private async commitWaiting(): Promise<void> {
    let run: readonly PendingCommit[] | undefined;
    try {
      await this.store.transaction(() => {
        run = this.runWaiting();
      });
      if (run === undefined) throw new Error('a transaction ended that had not begun');
      // The flush of one before it may have failed: its pages are gone, and this one was built on them.
      const failure = this.store.failure();
      if (failure !== undefined) throw failure;
      for (const commit of run) commit.durable();
    } catch (error) {
      const stopped = this.store.stop(error);
      for (const commit of run ?? this.taken()) commit.stopped(stopped);
    }
  }

  private taken(): PendingCommit[] {
    const taken = this.waiting;
    this.waiting = [];
    return taken;
  }

  /** Inside the transaction, which must see no throw. */
  private runWaiting(): readonly PendingCommit[] {
    const all: PendingCommit[] = [];
    this.isRunning = true;
    this.store.onBegin(this.waiting.length);
    while (this.waiting.length > 0) {
      const batch = this.taken();
      for (let at = 0; at < batch.length; ) {
        const end = endOfGroup(batch, at);
        this.run(batch.slice(at, end));
        at = end;
      }
      all.push(...batch);
    }
    this.isRunning = false;
    return all;
  }

  private run(group: readonly PendingCommit[]): void {
    if (group.length > 1 && this.runInChild(group) === undefined) return;
    for (const commit of group) {
      if (this.store.failure() !== undefined) return; // all of them are told
      const failure = this.runInChild([commit]);
      if (failure !== undefined) commit.fail(failure.error);
    }
  }

  /** What was thrown, where all of it was undone. */
  private runInChild(group: readonly PendingCommit[]): { readonly error: unknown } | undefined {
    let isThrownByWork = false;
    try {
      this.store.childTransaction(() => {
        const before = this.store.sequence();
        let sequence = before;
        for (const commit of group) {
          isThrownByWork = true;
          if (commit.run(sequence + 1)) sequence += 1;
          isThrownByWork = false;
        }
        if (sequence > before) this.store.putSequence(sequence);
      });
      return undefined;
    } catch (error) {
      return { error: isThrownByWork ? error : this.store.stop(error) };
    }
  }
}

/** Behind the one at `at` and those that may share a child with it. */
function endOfGroup(batch: readonly PendingCommit[], at: number): number {
  let end = at + 1;
  if (batch[at]!.isRepeatable) while (end < batch.length && batch[end]!.isRepeatable) end += 1;
  return end;
}

class PendingCommit {
  readonly isRepeatable: boolean;
  private readonly store: CommitStore;
  private readonly work: Work;
  private readonly resolve: (result: unknown) => void;
  private readonly reject: (error: unknown) => void;
  /** Of the run that stands. */
  private transaction: OpenTransaction | undefined;
  private result: unknown;
  private failure: { readonly error: unknown } | undefined;

  constructor(
    store: CommitStore,
    work: Work,
    isRepeatable: boolean,
    resolve: (result: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.store = store;
    this.work = work;
    this.isRepeatable = isRepeatable;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** False where it failed without having written anything. Throws what it throws where it must be undone. */
  run(sequence: number): boolean {
    const transaction = new OpenTransaction(this.store, sequence);
    this.failure = undefined;
    try {
      this.result = this.work(transaction);
    } catch (error) {
      if (transaction.hasWritten) throw error;
      this.fail(error);
      return false;
    }
    this.transaction = transaction;
    return true;
  }

  fail(error: unknown): void {
    this.transaction = undefined;
    this.failure = { error };
  }

  durable(): void {
    this.transaction?.kept();
    if (this.failure === undefined) this.resolve(this.result);
    else this.reject(this.failure.error);
  }

  /** Nobody knows whether a commit whose flush failed will be found after a restart. */
  stopped(error: BlobSeerError): void {
    this.transaction?.kept();
    this.reject(this.failure === undefined ? error : this.failure.error);
  }
}

class OpenTransaction implements Transaction {
  readonly sequence: number;
  hasWritten = false;
  private readonly store: CommitStore;
  private whenKept: (() => void)[] | undefined;

  constructor(store: CommitStore, sequence: number) {
    this.store = store;
    this.sequence = sequence;
  }

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.hasWritten = true;
    this.store.put(table, key, value);
  }

  remove(table: Table, key: Uint8Array): boolean {
    this.hasWritten = true;
    return this.store.remove(table, key);
  }

  onKept(done: () => void): void {
    if (this.whenKept === undefined) this.whenKept = [done];
    else this.whenKept.push(done);
  }

  kept(): void {
    for (const done of this.whenKept ?? []) done();
  }
}
