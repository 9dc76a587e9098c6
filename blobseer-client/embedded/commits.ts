/**
 * The commits of one process, on their way through LMDB. Those that wait for its write lock together share a
 * transaction and its flush, which LMDB's own thread makes. A throw inside such a transaction leaves its puts in
 * place, so work runs in child transactions, which can be undone. A child is not cheap: it takes three megabytes,
 * gives them back, and copies every page that it touches. So repeatable work that waits side by side shares one: when
 * some of it throws, all of it is undone, and each runs again in a child of its own.
 *
 * Where everything that goes on in this process waits for the commit, nobody gains by leaving the thread free: it is
 * made here, flush and all. That spares two changes of threads, a quarter of what a lone small PUT waits for, and
 * the child; and between several processes, the time in which one holds the lock while its thread does other things.
 */
import type { BlobSeerError } from '../errors.ts';
import type { Table, Transaction } from '../store.ts';

/**
 * Where commits block this thread for longer, the disk is slow or another process holds the lock for long: what arrives
 * meanwhile should not wait.
 */
const longBlockMs = 8;
/** Of the last one, in the mean of all. */
const blockWeight = 0.1;
/** What counts of a very long one: it is forgiven alone, and a second one soon after it is not. */
const maxCountedBlockMs = 30;
/** So many commits do not block after that; then it is tried again. */
const unblockedAfterLong = 64;

/** What of LMDB is used. */
export interface CommitStore {
  /** Calls back once it may write; resolves when what was written is durable. */
  transaction(write: () => void): Promise<unknown>;
  /** The same before it returns. A throw undoes its writes. */
  transactionHere(write: () => void): void;
  /** Whether `waiting` commits are all that this process has to do. */
  isAllIdle(waiting: number): boolean;
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
  private readonly nowMs: () => number;
  private waiting: PendingCommit[] = [];
  private isRunning = false;
  /** Transactions that LMDB's thread has, or waits to begin. */
  private elsewhere = 0;
  private unblocked = 0;
  private meanBlockMs = 0;
  /** How many commits there were in the last turn of the event loop, and when it last came to a transaction. */
  private seen = 0;
  private lastSize = 0;

  constructor(store: CommitStore, nowMs: () => number = () => performance.now()) {
    this.store = store;
    this.nowMs = nowMs;
  }

  /** Resolves when it is durable. */
  add<T>(work: (transaction: Transaction) => T, isRepeatable: boolean): Promise<T> {
    return new Promise<unknown>((resolve, reject) => {
      this.waiting.push(new PendingCommit(this.store, work, isRepeatable, resolve, reject));
      // What work itself commits comes behind it.
      if (this.waiting.length === 1 && !this.isRunning) this.begin();
    }) as Promise<T>;
  }

  private begin(): void {
    // Whatever has arrived is taken up first: it may want to commit too.
    if (this.elsewhere === 0 && this.unblocked === 0) setImmediate(() => this.beginHere());
    else void this.commitWaiting();
  }

  /** When nothing may wait for its turn any longer. */
  hurry(): void {
    if (this.waiting.length > 0) void this.commitWaiting();
  }

  private beginHere(): void {
    const { waiting } = this;
    // Gone already, or about to go: LMDB's thread must never wait for one that waits for it.
    if (waiting.length === 0 || this.elsewhere > 0) return;
    const stopped = this.store.failure();
    if (stopped !== undefined) {
      for (const commit of this.taken()) commit.stopped(stopped);
      return;
    }
    // Those that were answered together come again one after the other: they are waited for while they do.
    if (waiting.length > this.seen && waiting.length < this.lastSize) {
      this.seen = waiting.length;
      setImmediate(() => this.beginHere());
      return;
    }
    this.seen = 0;
    this.lastSize = waiting.length;
    const isUndoneWhole = waiting.length === 1 || waiting.every((commit) => commit.isRepeatable);
    if (isUndoneWhole && this.store.isAllIdle(waiting.length)) this.commitHere();
    else void this.commitWaiting();
  }

  private commitHere(): void {
    const group = this.taken();
    const beganMs = this.nowMs();
    let workMs = 0;
    this.isRunning = true;
    const failure = this.runIn(
      (write) =>
        this.store.transactionHere(() => {
          const workBeganMs = this.nowMs();
          try {
            this.store.onBegin(group.length);
            write();
          } finally {
            workMs = this.nowMs() - workBeganMs;
          }
        }),
      group,
    );
    this.isRunning = false;
    // The work runs in this thread wherever the commit is made: it blocks nobody for longer here.
    const blockMs = Math.min(this.nowMs() - beganMs - workMs, maxCountedBlockMs);
    this.meanBlockMs += blockWeight * (blockMs - this.meanBlockMs);
    if (this.meanBlockMs > longBlockMs) this.unblocked = unblockedAfterLong;
    const stopped = this.store.failure();
    if (stopped !== undefined) {
      for (const commit of group) commit.stopped(stopped);
    } else if (failure !== undefined && group.length > 1) {
      for (const commit of group) commit.isRepeatable = false; // each in a child of its own
      this.waiting.unshift(...group);
      void this.commitWaiting();
      return;
    } else {
      if (failure !== undefined) group[0]!.fail(failure.error);
      for (const commit of group) commit.durable();
    }
    if (this.waiting.length > 0) this.begin();
  }

  private async commitWaiting(): Promise<void> {
    let run: readonly PendingCommit[] | undefined;
    this.elsewhere += 1;
    if (this.unblocked > 0) this.unblocked -= 1;
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
    } finally {
      this.elsewhere -= 1;
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
    if (this.store.failure() !== undefined) return; // all of them are told
    const inChild = (write: () => void) => this.store.childTransaction(write);
    if (group.length > 1 && this.runIn(inChild, group) === undefined) return;
    for (const commit of group) {
      if (this.store.failure() !== undefined) return;
      const failure = this.runIn(inChild, [commit]);
      if (failure !== undefined) commit.fail(failure.error);
    }
  }

  /** What was thrown, where all of it was undone. */
  private runIn(
    begin: (write: () => void) => unknown,
    group: readonly PendingCommit[],
  ): { readonly error: unknown } | undefined {
    let isThrownByWork = false;
    try {
      begin(() => {
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
  isRepeatable: boolean;
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
