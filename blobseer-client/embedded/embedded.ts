/**
 * The embedded engine: BlobSeer's four roles in one process over one directory, which several
 * processes may share. `blobseer.mdb` (LMDB) holds everything but the pages of large writes, which
 * lie in `pages/`.
 */
import path from 'node:path';
import type {
  BlobId,
  BlobSeer,
  ByteRange,
  ByteSource,
  ReadLease,
  SnapshotInfo,
  SnapshotRef,
  StagedWrite,
  StageOptions,
} from '../blobseer.ts';
import { BlobSeerError } from '../errors.ts';
import { checkPageSize, choosePageSize, fits } from '../page-sizes.ts';
import { checkRange, readInline, readRange } from '../read-path.ts';
import type { Roles, SnapshotHead } from '../roles.ts';
import type { Store, Transaction } from '../store.ts';
import { Staging, type WritePlan } from '../write-path.ts';
import { Check, type CheckOptions, type CheckReport } from './check.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { Environment } from './environment.ts';
import { checkFormat } from './format.ts';
import { Ids } from './ids.ts';
import { Instance, listInstances } from './instances.ts';
import { translateIoError } from './io-errors.ts';
import { Maintenance } from './maintenance.ts';
import { PageFiles } from './page-files.ts';
import { EmbeddedPageReader } from './page-reader.ts';
import { PageSink } from './page-sink.ts';
import { Reclaim } from './reclaim.ts';
import { Rewrite } from './rewrite.ts';
import { SpaceGuard } from './space.ts';
import { Sweep } from './sweep.ts';
import { openTables, type Tables } from './tables.ts';
import { EmbeddedVersionManager, snapshotName } from './version-manager.ts';

export const databaseFile = 'blobseer.mdb';
export const pagesDirectory = 'pages';

/**
 * - `alone`: the one server process of the directory; it cleans up too.
 * - `supervisor`: cleans up and serves nothing; its workers serve.
 * - `worker`: serves.
 * - `tool`: looks or changes something while others may serve.
 *
 * Whoever opens as `alone` or `supervisor` holds the directory's lock: all other server processes
 * that it finds registered are dead.
 */
export type EmbeddedRole = 'alone' | 'supervisor' | 'worker' | 'tool';

export interface EmbeddedOptions {
  readonly directory: string;
  readonly role: EmbeddedRole;
  /** Storage has failed in a way that only a restart may heal: end every process of the directory. */
  readonly onStopped?: (error: BlobSeerError) => void;
  /**
   * Told this process's number before it is registered: a worker tells it on to the supervisor, which
   * can then report it dead however early it was killed.
   */
  readonly onInstance?: (instanceId: number) => void;
  /** Something went wrong in the background; it will be tried again. */
  readonly onError?: (error: unknown) => void;
  readonly disk?: Disk;
  readonly nowMs?: () => number;
}

export async function openEmbedded(options: EmbeddedOptions): Promise<EmbeddedBlobSeer> {
  const disk = options.disk ?? nodeDisk;
  try {
    await disk.makeDirectory(options.directory);
  } catch (error) {
    throw translateIoError(error, `cannot make the data directory ${options.directory}`);
  }
  const environment = new Environment({
    file: path.join(options.directory, databaseFile),
    ...(options.onStopped && { onStopped: options.onStopped }),
  });
  try {
    // The names of the database and of its directory, before anything in it is acknowledged.
    for (const directory of [options.directory, path.dirname(path.resolve(options.directory))]) {
      await disk.syncDirectory(directory);
    }
    await checkFormat(environment);
    const tables = openTables(environment);
    const ids = new Ids(environment);
    await ids.open();
    const nowMs = options.nowMs ?? Date.now;
    const kind = options.role === 'tool' ? 'tool' : 'server';
    const instance = new Instance(environment, ids.take(), kind, nowMs);
    options.onInstance?.(instance.id);
    await instance.register();
    return new EmbeddedBlobSeer({ ...options, disk, nowMs }, environment, tables, ids, instance);
  } catch (error) {
    await environment.close();
    throw error;
  }
}

export class EmbeddedBlobSeer implements BlobSeer {
  readonly store: Store;
  private readonly environment: Environment;
  private readonly instance: Instance;
  private readonly versions_: EmbeddedVersionManager;
  /** The four roles by themselves: what BlobSeer's entities serve over the network. */
  readonly roles: Roles;
  private readonly ids: Ids;
  private readonly sweep: Sweep;
  private readonly dead = new Set<number>();
  private readonly maintenance: Maintenance;
  private readonly tables: Tables;
  private readonly stagings = new Set<Staging>();
  private readonly publishedBy = new WeakMap<Transaction, Staging[]>();

  constructor(
    options: EmbeddedOptions & { disk: Disk; nowMs: () => number },
    environment: Environment,
    tables: Tables,
    ids: Ids,
    instance: Instance,
  ) {
    const { directory, disk, nowMs, role } = options;
    this.environment = environment;
    this.instance = instance;
    this.tables = tables;
    this.ids = ids;
    this.store = this.observedStore();
    const stop = (cause: unknown): BlobSeerError => environment.stop(cause);
    const pageFiles = new PageFiles(disk, path.join(directory, pagesDirectory), stop);
    const space = new SpaceGuard(disk, directory, nowMs);
    this.versions_ = new EmbeddedVersionManager(tables);
    this.sweep = new Sweep(environment, tables, pageFiles);
    const refresh = (): void => environment.refresh();
    this.roles = {
      versionManager: this.versions_,
      metadataProvider: this.versions_,
      dataProvider: { openReader: () => new EmbeddedPageReader(tables, pageFiles, refresh) },
      providerManager: {
        newId: () => ids.take(),
        place: (writeId, pageSize) => {
          const name = { instance: instance.id, fileId: writeId, generation: 0 };
          return new PageSink({ pageFiles, space, name, pageSize, tables });
        },
      },
    };
    const cleans = role === 'alone' || role === 'supervisor';
    this.maintenance = new Maintenance({
      store: environment,
      tables,
      instance,
      nowMs,
      onError: options.onError ?? (() => undefined),
      ...(cleans && {
        cleaning: {
          reclaim: new Reclaim(environment, tables, this.versions_),
          sweep: this.sweep,
          rewrite: new Rewrite(environment, tables, pageFiles, space, instance.id),
          dead: this.dead,
        },
      }),
    });
    this.maintenance.start();
    if (cleans) {
      for (const id of this.serversOfBefore()) this.dead.add(id);
      void this.maintenance.pass();
    }
  }

  /** This process's number: what the supervisor names when the process has died. */
  get instanceId(): number {
    return this.instance.id;
  }

  /** For the supervisor: a worker has ended. Frees what it held and what it left. */
  async instanceDied(instanceId: number): Promise<void> {
    this.dead.add(instanceId);
    await this.sweep.bury(instanceId);
    this.dead.delete(instanceId);
  }

  private serversOfBefore(): number[] {
    return listInstances(this.tables.instances)
      .filter(({ id, kind }) => kind === 'server' && id < this.instance.id) // ids rise
      .map(({ id }) => id);
  }

  /** One pass of the background work, now. Tests and `close` use it; a timer does otherwise. */
  maintain(): Promise<void> {
    return this.maintenance.pass();
  }

  /** The store, with one addition: writes published by a commit become inert when it is durable. */
  private observedStore(): Store {
    const { environment } = this;
    return {
      table: (name) => environment.table(name),
      refresh: () => environment.refresh(),
      sequence: () => environment.sequence(),
      commit: async (work) => {
        let published: Staging[] | undefined;
        try {
          const result = await environment.commit((transaction) => {
            const value = work(transaction);
            published = this.publishedBy.get(transaction);
            return value;
          });
          this.settle(published);
          return result;
        } catch (error) {
          // Nobody knows whether a commit whose flush failed will be found after a restart: its
          // pages stay. The sweep of the next start removes them if it is not.
          if (error instanceof BlobSeerError && error.kind === 'stopped') this.settle(published);
          throw error;
        }
      },
    };
  }

  private settle(published: readonly Staging[] | undefined): void {
    for (const staging of published ?? []) staging.published();
  }

  beginRead(): ReadLease {
    return this.instance.lease();
  }

  async stage(source: ByteSource, options: StageOptions = {}): Promise<StagedWrite> {
    this.environment.throwIfStopped();
    const lease = this.instance.lease();
    try {
      const ended = (): void => void this.stagings.delete(staging);
      const staging: Staging = new Staging(this.roles, this.plan(options), ended);
      this.stagings.add(staging);
      await this.fill(staging, source, options);
      return staging;
    } finally {
      lease.release();
    }
  }

  private async fill(staging: Staging, source: ByteSource, options: StageOptions): Promise<void> {
    const { base, signal } = options;
    try {
      await staging.fill(source, (offset, length) => {
        if (base === undefined) throw new BlobSeerError('invalid-argument', 'there is no base');
        return this.read(base, { offset, length }, signal);
      });
    } catch (error) {
      await staging.abort();
      throw error;
    }
  }

  private plan(options: StageOptions): WritePlan {
    const { weaveAt, signal, sizeHint } = options;
    if (options.pageSize !== undefined) checkPageSize(options.pageSize);
    if (weaveAt !== undefined && !(Number.isSafeInteger(weaveAt) && weaveAt >= 0)) {
      throw new BlobSeerError('invalid-argument', `there is no offset ${weaveAt}`);
    }
    const base = options.base && { ref: options.base, head: this.heldHead(options.base) };
    const blobId = options.blobId ?? base?.ref.blobId;
    const existing = base?.head.pageSize ?? (blobId && this.versions_.pageSize(blobId));
    const isNew = blobId === undefined || existing === undefined;
    // A replacement of a very different size class goes on in a blob with fitting pages.
    const moves = !isNew && weaveAt === undefined && !fits(existing, sizeHint ?? existing);
    if (isNew || moves) {
      const pageSize = options.pageSize ?? choosePageSize(sizeHint);
      const newId = moves ? this.ids.take() : (blobId ?? this.ids.take());
      return { blobId: newId, pageSize, base: undefined, weaveAt, signal };
    }
    return { blobId, pageSize: existing, base, weaveAt, signal };
  }

  publish(transaction: Transaction, staged: StagedWrite, blobId?: BlobId): SnapshotRef {
    if (!(staged instanceof Staging)) {
      throw new BlobSeerError('invalid-argument', 'a write that was staged elsewhere');
    }
    this.instance.checkAlive();
    const ref = staged.publish(transaction, blobId);
    const published = this.publishedBy.get(transaction);
    if (published === undefined) this.publishedBy.set(transaction, [staged]);
    else published.push(staged);
    return ref;
  }

  createBlob(transaction: Transaction, pageSize: number = choosePageSize(undefined)): BlobId {
    checkPageSize(pageSize);
    const blobId = this.ids.take();
    this.versions_.createBlob(transaction, blobId, pageSize);
    return blobId;
  }

  newBlobId(): BlobId {
    return this.ids.take();
  }

  versions(blobId: BlobId, after: number, limit: number): SnapshotRef[] {
    return this.versions_.versions(blobId, after, limit);
  }

  latest(blobId: BlobId): SnapshotRef | undefined {
    return this.versions_.latest(blobId);
  }

  snapshot(ref: SnapshotRef): SnapshotInfo | undefined {
    const head = this.versions_.head(ref);
    if (head === undefined || head.references === 0) return undefined;
    return { blobId: ref.blobId, version: ref.version, size: head.size, pageSize: head.pageSize };
  }

  read(ref: SnapshotRef, range: ByteRange, signal?: AbortSignal): AsyncIterableIterator<Buffer> {
    const head = this.heldHead(ref);
    checkRange(head, range);
    return readRange(this.roles, head, range, signal);
  }

  readInline(ref: SnapshotRef, range: ByteRange): Buffer | undefined {
    const head = this.heldHead(ref);
    checkRange(head, range);
    return readInline(this.roles, head, range);
  }

  /** A snapshot whose references are all buried may still be read by those who hold a lease. */
  private heldHead(ref: SnapshotRef): SnapshotHead {
    const head = this.versions_.head(ref);
    if (head === undefined || head.references === 0) {
      throw new BlobSeerError('not-found', `there is no ${snapshotName(ref)}`);
    }
    return head;
  }

  retain(transaction: Transaction, ref: SnapshotRef): void {
    this.versions_.retain(transaction, ref);
  }

  bury(transaction: Transaction, refs: readonly SnapshotRef[], record?: Uint8Array): void {
    this.versions_.bury(transaction, refs, record);
  }

  /** Walks everything and verifies every page and reference; see check.ts. */
  async check(options: CheckOptions): Promise<CheckReport> {
    const lease = this.instance.lease();
    await this.instance.publish();
    const reader = this.roles.dataProvider.openReader();
    try {
      return await new Check(this.environment, this.tables, reader).run(options);
    } finally {
      await reader.close();
      lease.release();
    }
  }

  async close(): Promise<void> {
    await this.maintenance.stop();
    // A write that was staged and not ended may have left a file: the row stays, for the sweep.
    if (this.stagings.size === 0) await this.instance.unregister().catch(() => undefined);
    await this.environment.close();
  }
}
