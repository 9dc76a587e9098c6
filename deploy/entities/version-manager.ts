/**
 * The version manager: gives out tickets and makes versions visible in their order. All of its state
 * is on disk before an answer that rests on it: a version number is never given out twice, and what was published
 * stays published. The rules are the original's (which keeps all this in memory), its hazards are not:
 * tickets that would never end its search for a root's size are refused as bad arguments, and versions that
 * are never published can be taken over (see leases.ts).
 */
import type { Environment } from '../../blobseer-client/embedded/environment.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import {
  type NewBlob,
  type TicketRequest,
  type VersionName,
  versionManagerCalls,
} from '../../blobseer-client/remote/wire/messages.ts';
import {
  decodeRoot,
  hole,
  type PendingVersion,
  type Root,
  type Segment,
  type Ticket,
} from '../../blobseer-client/remote/wire/records.ts';
import type { Transaction } from '../../blobseer-client/store.ts';
import { type Method, methodOf } from './method.ts';
import { OpenTickets, type OpenVersion } from './open-tickets.ts';
import { Counter, type EntityTable } from './state.ts';
import {
  type BlobState,
  decodeBlob,
  decodePending,
  encodeBlob,
  encodePending,
  encodeRootRecord,
  keyOf,
  stage,
  staged,
  versionOfKey,
} from './version-records.ts';

/** Roots double up to it: sizes stay exact numbers. */
const maxBlobBytes = 2 ** 52;
/** A ticket lists all of them; more would not fit what clients take. */
const maxPending = 100_000;
const maxId = 2 ** 32 - 1;
const noRoot: Root = { node: hole, pageSize: 0, currentSize: 0, ftInfo: 0 };

const scannedAtOnce = 10_000;

export interface VersionManagerOptions {
  readonly state: Environment;
  readonly archiveVersion: number;
  /** A clock that only rises. */
  readonly nowMs: () => number;
}

/** A version that is no longer its writer's, and the root node of the one before. */
export interface TakenOver {
  readonly version: PendingVersion;
  readonly previous: Segment;
}

export class VersionManager {
  readonly methods: readonly Method[];
  readonly tickets: OpenTickets;
  readonly #state: Environment;
  readonly #blobs: EntityTable;
  readonly #roots: EntityTable;
  readonly #pending: EntityTable;
  readonly #lastId: Counter;
  readonly #published: Counter;
  readonly #takenOver: Counter;

  constructor({ state, archiveVersion, nowMs }: VersionManagerOptions) {
    this.#state = state;
    this.#blobs = state.table('blobs');
    this.#roots = state.table('roots');
    this.#pending = state.table('pending');
    const counters = state.table('counters');
    this.#lastId = new Counter(counters, 'last-id');
    this.#published = new Counter(counters, 'published');
    this.#takenOver = new Counter(counters, 'taken-over');
    this.tickets = new OpenTickets(nowMs);
    this.#remember();
    const { create, getRoot, getTicket, publish, getObjectCount, clone } = versionManagerCalls;
    this.methods = [
      methodOf(create, archiveVersion, (request) => {
        create.check(request);
        return this.#create(request);
      }),
      methodOf(getRoot, archiveVersion, (request) => this.#getRoot(request)),
      methodOf(getTicket, archiveVersion, (request) => {
        if (!request.isAppend) getTicket.check(request);
        return this.#getTicket(request);
      }),
      methodOf(publish, archiveVersion, (interval) => this.#publish(interval)),
      methodOf(getObjectCount, archiveVersion, () => {
        this.#state.refresh();
        return this.#lastId.value;
      }),
      methodOf(clone, archiveVersion, (request) => this.#clone(request)),
    ];
  }

  #create({ pageSize, ftInfo }: NewBlob): Promise<Root> {
    return this.#state.commit((transaction) => {
      const blobId = this.#nextId(transaction);
      const node = { blobId, version: 0, offset: 0, size: 0 };
      const root = { node, pageSize, currentSize: 0, ftInfo };
      this.#putRoot(transaction, blobId, 0, root);
      const blob = { nextVersion: 1, maxSize: pageSize, progressSize: 0, roots: 1 };
      this.#putBlob(transaction, blobId, blob);
      return root;
    });
  }

  /** All zero for an unknown blob. */
  #getRoot({ blobId, version }: VersionName): Root {
    this.#state.refresh();
    const blob = this.#blob(blobId);
    return blob === undefined ? noRoot : this.#root(blobId, blob, version);
  }

  /** All zero for an unknown blob. */
  #clone({ blobId, version }: VersionName): Promise<Root> {
    return this.#state.commit((transaction) => {
      const source = this.#blob(blobId);
      if (source === undefined) return noRoot;
      const root = this.#root(blobId, source, version);
      const cloneId = this.#nextId(transaction);
      this.#putRoot(transaction, cloneId, 0, root);
      this.#putBlob(transaction, cloneId, {
        nextVersion: 1,
        // A source that was never written has no size to double.
        maxSize: Math.max(root.node.size, root.pageSize),
        progressSize: root.currentSize,
        roots: 1,
      });
      return { ...root, node: { ...root.node, blobId: cloneId } };
    });
  }

  #getTicket({ interval: { blobId, offset, size }, isAppend }: TicketRequest): Promise<Ticket> {
    return this.#state.commit((transaction) => {
      const blob = this.#blob(blobId);
      if (blob === undefined) throw unknown(`no blob ${blobId}`);
      const start = isAppend ? blob.progressSize : offset;
      const end = start + size;
      if (size === 0 || end > maxBlobBytes) {
        throw new BlobSeerError('invalid-argument', `no ticket for ${size} bytes at ${start}`);
      }
      const { nextVersion: version } = blob;
      const others = this.#pendingOf(blobId);
      if (version > maxId || others.length >= maxPending) {
        throw new BlobSeerError('no-space', `no more tickets for blob ${blobId}`);
      }
      let { maxSize } = blob;
      while (end > maxSize) maxSize *= 2;
      const stableRoot = this.#root(blobId, blob, 0);
      const grows = end > stableRoot.currentSize;
      const own: PendingVersion = {
        interval: { blobId, version, offset: start, size },
        root: {
          ...stableRoot,
          node: { blobId, version, offset: 0, size: maxSize },
          currentSize: grows ? end : stableRoot.currentSize,
        },
        isCompleted: false,
      };
      transaction.put(this.#pending, keyOf(blobId, version), encodePending(own));
      this.#putBlob(transaction, blobId, {
        nextVersion: version + 1,
        maxSize,
        // As the original has it: pending versions that reach further do not count.
        progressSize: grows ? end : blob.progressSize,
        roots: blob.roots,
      });
      this.tickets.opened({ blobId, version });
      return { pending: [...others, own], stableRoot, rootSize: maxSize };
    });
  }

  /** Not of a version that was taken over: that is no longer the writer's. */
  #publish({ blobId, version }: Segment): Promise<void> {
    return this.#state.commit((transaction) => {
      const stored = this.#pending.get(keyOf(blobId, version));
      if (stored === undefined || stored[0] === stage.takenOver) {
        throw unknown(`version ${version} of blob ${blobId} is not pending`);
      }
      this.#complete(transaction, { blobId, version }, stored);
    });
  }

  /**
   * Takes the lowest pending version from its writer, for good. Undefined when it is visible by now. Then
   * its nodes are to be written, and `publishTakenOver` is to be called.
   */
  takeOver({ blobId, version }: OpenVersion): Promise<TakenOver | undefined> {
    return this.#state.commit((transaction) => {
      const blob = this.#blob(blobId);
      const key = keyOf(blobId, version);
      const stored = this.#pending.get(key);
      if (stored === undefined || blob?.roots !== version) return undefined;
      if (stored[0] !== stage.takenOver) {
        transaction.put(this.#pending, key, staged(stored, stage.takenOver));
        this.#takenOver.set(transaction, this.#takenOver.value + 1);
        this.tickets.takenOver(blobId);
      }
      const previous = this.#root(blobId, blob, 0).node;
      return { version: decodePending(stored, { blobId, version }), previous };
    });
  }

  /** Publishes a version that was taken over. */
  publishTakenOver({ blobId, version }: OpenVersion): Promise<void> {
    return this.#state.commit((transaction) => {
      const stored = this.#pending.get(keyOf(blobId, version));
      if (stored?.[0] === stage.takenOver) {
        this.#complete(transaction, { blobId, version }, stored);
      }
    });
  }

  statistics() {
    this.#state.refresh();
    return {
      blobs: this.#lastId.value,
      versions: this.#published.value,
      pending: this.tickets.count,
      oldestPendingMs: Math.round(this.tickets.oldestAgeMs),
      takenOver: this.#takenOver.value,
    };
  }

  /** Flags the version; then all flagged ones up to the first that is not become visible. */
  #complete(transaction: Transaction, { blobId, version }: OpenVersion, stored: Buffer): void {
    transaction.put(this.#pending, keyOf(blobId, version), staged(stored, stage.complete));
    const blob = this.#blob(blobId);
    if (blob === undefined) throw new BlobSeerError('corrupt', `blob ${blobId} is not there`);
    let { roots } = blob;
    for (;;) {
      // Versions become roots in their order: the next one is the lowest that is pending.
      const next = keyOf(blobId, roots);
      const lowest = this.#pending.get(next);
      if (lowest === undefined || lowest[0] !== stage.complete) break;
      this.#putRoot(
        transaction,
        blobId,
        roots,
        decodePending(lowest, { blobId, version: roots }).root,
      );
      transaction.remove(this.#pending, next);
      roots++;
    }
    if (roots === blob.roots) return;
    this.#putBlob(transaction, blobId, { ...blob, roots });
    this.#published.set(transaction, this.#published.value + roots - blob.roots);
    for (let index = blob.roots; index < roots; index++) this.tickets.closed(blobId);
  }

  /** What was pending when the program ended. */
  #remember(): void {
    let start = Buffer.alloc(0);
    for (;;) {
      const rows = this.#pending.range({ start, limit: scannedAtOnce });
      for (const { key, value } of rows) {
        const version = versionOfKey(key);
        this.tickets.opened(version);
        if (value[0] === stage.takenOver) this.tickets.takenOver(version.blobId);
      }
      if (rows.length < scannedAtOnce) return;
      start = Buffer.concat([rows.at(-1)!.key, Buffer.of(0)]);
    }
  }

  #nextId(transaction: Transaction): number {
    const id = this.#lastId.value + 1;
    if (id > maxId) throw new BlobSeerError('no-space', 'no more ids of blobs');
    this.#lastId.set(transaction, id);
    return id;
  }

  #blob(blobId: number): BlobState | undefined {
    const bytes = this.#blobs.get(keyOf(blobId, 0));
    return bytes && decodeBlob(bytes);
  }

  #putBlob(transaction: Transaction, blobId: number, blob: BlobState): void {
    transaction.put(this.#blobs, keyOf(blobId, 0), encodeBlob(blob));
  }

  /** Version 0, and any that is not published, stands for the newest one. */
  #root(blobId: number, { roots }: BlobState, version: number): Root {
    const index = version === 0 || version >= roots ? roots - 1 : version;
    const bytes = this.#roots.get(keyOf(blobId, index));
    if (bytes === undefined) {
      throw new BlobSeerError('corrupt', `root ${index} of blob ${blobId} is not there`);
    }
    return decodeRoot(bytes);
  }

  #putRoot(transaction: Transaction, blobId: number, version: number, root: Root): void {
    transaction.put(this.#roots, keyOf(blobId, version), encodeRootRecord(root));
  }

  #pendingOf(blobId: number): PendingVersion[] {
    const rows = this.#pending.range({
      start: keyOf(blobId, 0),
      end: keyOf(blobId + 1, 0),
      limit: maxPending,
    });
    return rows.map(({ key, value }) => decodePending(value, versionOfKey(key)));
  }
}

const unknown = (message: string): BlobSeerError => new BlobSeerError('not-found', message);
