/**
 * A BlobSeer over the four roles, whoever plays them: leases, staging, publishing and reading, with
 * the records in a store that several processes may share. The engines differ in their roles.
 */
import type {
  BlobId,
  BlobSeer,
  ByteRange,
  ByteSource,
  ReadLease,
  ReadOptions,
  SnapshotInfo,
  SnapshotRef,
  StagedWrite,
  StageOptions,
} from './blobseer.ts';
import type { Environment } from './embedded/environment.ts';
import type { Holds } from './embedded/holds.ts';
import type { Ids } from './embedded/ids.ts';
import { type Instance, listInstances, publishEveryMs } from './embedded/instances.ts';
import { type Cleaning, Maintenance } from './embedded/maintenance.ts';
import { snapshotName } from './embedded/snapshots.ts';
import type { SnapshotTables } from './embedded/tables.ts';
import { BlobSeerError } from './errors.ts';
import { checkPageSize, type PageSizes } from './page-sizes.ts';
import { checkRange, readInline, readRange } from './read-path.ts';
import type { Roles, SnapshotHead } from './roles.ts';
import type { Store, Transaction } from './store.ts';
import { Staging, type WritePlan } from './write-path.ts';

/**
 * - `alone`: the one server process of the directory; it cleans up too.
 * - `supervisor`: cleans up and serves nothing; its workers serve.
 * - `worker`: serves.
 * - `tool`: looks or changes something while others may serve.
 *
 * Whoever opens as `alone` or `supervisor` holds the directory's lock: all other server processes
 * that it finds registered are dead.
 */
export type EngineRole = 'alone' | 'supervisor' | 'worker' | 'tool';

export interface EngineOptions {
  readonly directory: string;
  readonly role: EngineRole;
  /** Storage has failed in a way that only a restart may heal: end every process of the directory. */
  readonly onStopped?: (error: BlobSeerError) => void;
  /**
   * Told this process's number before it is registered: a worker tells it on to the supervisor, which
   * can then report it dead however early it was killed.
   */
  readonly onInstance?: (instanceId: number) => void;
  /** Something went wrong in the background; it will be tried again. */
  readonly onError?: (error: unknown) => void;
  readonly nowMs?: () => number;
  /**
   * How much this process has taken up and not answered. Where all of it waits for one commit, that is made without leaving
   * the thread, which is blocked until it is flushed. Default: never.
   */
  readonly requestsInProgress?: () => number;
  /** Of all new blobs; otherwise each gets what suits its first write. */
  readonly pageSize?: number | undefined;
  /** The background work runs so often; 0: only when `maintain` asks for it. */
  readonly maintainEveryMs?: number;
}

export interface EngineParts<Tree> {
  readonly environment: Environment;
  readonly tables: SnapshotTables;
  readonly ids: Ids;
  readonly instance: Instance;
  readonly holds: Holds;
  readonly roles: Roles<Tree>;
  readonly pageSizes: PageSizes;
  /** Given to the process that cleans up. */
  readonly cleaning: Cleaning;
}

export class Engine<Tree> implements BlobSeer {
  readonly store: Store;
  /** The four roles by themselves. */
  readonly roles: Roles<Tree>;
  private readonly parts: EngineParts<Tree>;
  private readonly dead = new Set<number>();
  private readonly maintenance: Maintenance;
  private readonly stagings = new Set<Staging<Tree>>();

  constructor(options: EngineOptions, parts: EngineParts<Tree>) {
    const { role, onError, nowMs, maintainEveryMs = publishEveryMs } = options;
    const { tables, instance } = parts;
    this.parts = parts;
    this.roles = parts.roles;
    this.store = parts.environment;
    const cleans = role === 'alone' || role === 'supervisor';
    this.maintenance = new Maintenance({
      tables,
      instance,
      holds: parts.holds,
      nowMs: nowMs ?? Date.now,
      onError: onError ?? (() => undefined),
      cleaning: cleans ? parts.cleaning : undefined,
      dead: this.dead,
    });
    if (maintainEveryMs > 0) this.maintenance.start(maintainEveryMs);
    if (cleans) {
      for (const id of this.serversOfBefore()) this.dead.add(id);
      void this.maintenance.pass();
    }
  }

  /** This process's number: what the supervisor names when the process has died. */
  get instanceId(): number {
    return this.parts.instance.id;
  }

  /** For the supervisor: a worker has ended. Frees what it held and what it left. */
  async instanceDied(instanceId: number): Promise<void> {
    this.dead.add(instanceId);
    await this.parts.cleaning.bury(instanceId);
    this.dead.delete(instanceId);
  }

  private serversOfBefore(): number[] {
    return listInstances(this.parts.tables.instances)
      .filter(({ id, kind }) => kind === 'server' && id < this.instanceId) // ids rise
      .map(({ id }) => id);
  }

  /** One pass of the background work, now. Tests and `close` use it; a timer does otherwise. */
  maintain(): Promise<void> {
    return this.maintenance.pass();
  }

  beginRead(): ReadLease {
    return this.parts.instance.lease();
  }

  async stage(source: ByteSource, options: StageOptions = {}): Promise<StagedWrite> {
    this.parts.environment.throwIfStopped();
    const lease = this.parts.instance.lease();
    try {
      const ended = (): void => void this.stagings.delete(staging);
      const staging: Staging<Tree> = new Staging(this.roles, this.plan(options), ended);
      this.stagings.add(staging);
      try {
        await staging.fill(source, (offset, length) => this.readBase(options, offset, length));
      } catch (error) {
        await staging.abort();
        throw error;
      }
      return staging;
    } finally {
      lease.release();
    }
  }

  private readBase({ base, signal }: StageOptions, offset: number, length: number) {
    if (base === undefined) throw new BlobSeerError('invalid-argument', 'there is no base');
    return this.read(base, { offset, length }, { signal });
  }

  private plan(options: StageOptions): WritePlan<Tree> {
    const { weaveAt, signal, sizeHint } = options;
    const { pageSizes, ids } = this.parts;
    if (options.pageSize !== undefined) checkPageSize(options.pageSize);
    if (weaveAt !== undefined && !(Number.isSafeInteger(weaveAt) && weaveAt >= 0)) {
      throw new BlobSeerError('invalid-argument', `there is no offset ${weaveAt}`);
    }
    const base = options.base && { ref: options.base, head: this.heldHead(options.base) };
    const blobId = options.blobId ?? base?.ref.blobId;
    const existing = base?.head.pageSize ?? (blobId && this.roles.versionManager.pageSize(blobId));
    const isNew = blobId === undefined || existing === undefined;
    // A replacement of a very different size class goes on in a blob with fitting pages.
    const moves =
      !isNew &&
      weaveAt === undefined &&
      sizeHint !== undefined &&
      !pageSizes.fits(existing, sizeHint);
    if (isNew || moves) {
      const pageSize = options.pageSize ?? pageSizes.choose(sizeHint);
      const isNewBlob = moves || blobId === undefined;
      const newId = isNewBlob ? ids.take() : blobId;
      return { blobId: newId, isNewBlob, pageSize, base: undefined, weaveAt, signal };
    }
    return { blobId, isNewBlob: false, pageSize: existing, base, weaveAt, signal };
  }

  publish(transaction: Transaction, staged: StagedWrite, blobId?: BlobId): SnapshotRef {
    if (!(staged instanceof Staging)) {
      throw new BlobSeerError('invalid-argument', 'a write that was staged elsewhere');
    }
    this.parts.instance.checkAlive();
    const ref = staged.publish(transaction, blobId);
    // Nobody knows whether a commit whose flush failed will be found after a restart: its pages stay
    // then, too. The sweep of the next start removes them if it is not.
    transaction.onKept(() => staged.published());
    return ref;
  }

  createBlob(
    transaction: Transaction,
    pageSize: number = this.parts.pageSizes.choose(undefined),
  ): BlobId {
    checkPageSize(pageSize);
    const blobId = this.parts.ids.take();
    this.roles.versionManager.createBlob(transaction, blobId, pageSize);
    return blobId;
  }

  newBlobId(): BlobId {
    return this.parts.ids.take();
  }

  versions(blobId: BlobId, after: number, limit: number): SnapshotRef[] {
    return this.roles.versionManager.versions(blobId, after, limit);
  }

  latest(blobId: BlobId): SnapshotRef | undefined {
    return this.roles.versionManager.latest(blobId);
  }

  snapshot(ref: SnapshotRef): SnapshotInfo | undefined {
    const head = this.roles.versionManager.head(ref);
    if (head === undefined || head.references === 0) return undefined;
    return { blobId: ref.blobId, version: ref.version, size: head.size, pageSize: head.pageSize };
  }

  read(
    ref: SnapshotRef,
    range: ByteRange,
    options: ReadOptions = {},
  ): AsyncIterableIterator<Buffer> {
    const head = this.heldHead(ref);
    checkRange(head, range);
    return readRange(this.roles, head, range, options);
  }

  readInline(ref: SnapshotRef, range: ByteRange): Buffer | undefined {
    const head = this.heldHead(ref);
    checkRange(head, range);
    return readInline(this.roles, head, range);
  }

  /** A snapshot whose references are all buried may still be read by those who hold a lease. */
  protected heldHead(ref: SnapshotRef): SnapshotHead<Tree> {
    const head = this.roles.versionManager.head(ref);
    if (head === undefined || head.references === 0) {
      throw new BlobSeerError('not-found', `there is no ${snapshotName(ref)}`);
    }
    return head;
  }

  retain(transaction: Transaction, ref: SnapshotRef): void {
    this.roles.versionManager.retain(transaction, ref);
  }

  bury(transaction: Transaction, refs: readonly SnapshotRef[], record?: Uint8Array): void {
    this.roles.versionManager.bury(transaction, refs, record);
  }

  /** Runs `work` while nothing that can be seen now is reclaimed, by any process. */
  protected async underLease<T>(work: () => Promise<T>): Promise<T> {
    const { instance } = this.parts;
    const lease = instance.lease();
    try {
      await instance.publish();
      return await work();
    } finally {
      lease.release();
    }
  }

  async close(): Promise<void> {
    const { instance, environment } = this.parts;
    await this.maintenance.stop();
    // A write that was staged and not ended may have left pages: the row stays, for the sweep.
    if (this.stagings.size === 0) await instance.unregister().catch(() => undefined);
    await environment.close();
  }
}
