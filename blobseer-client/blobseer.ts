/**
 * The port to a BlobSeer: what the gateway sees of it. `embedded/` implements it in one process;
 * `remote/` will, over BlobSeer's own RPC.
 */
import type { Store, Transaction } from './store.ts';

export type BlobId = number;

/** Names one published version of a blob. Ids and versions are positive integers below 2^48. */
export interface SnapshotRef {
  readonly blobId: BlobId;
  readonly version: number;
}

export interface SnapshotInfo extends SnapshotRef {
  /** Bytes. */
  readonly size: number;
  readonly pageSize: number;
}

/** Bytes in any number of pieces; pieces are not changed after they were handed over. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export interface StageOptions {
  /**
   * The snapshot to compare with (and, for `weaveAt`, to write into): pages equal to its pages are
   * not stored again. Take a lease (`beginRead`) before you look it up and hold it until the commit.
   */
  readonly base?: SnapshotRef | undefined;
  /**
   * Absent: the new snapshot is a replacement, exactly the bytes of the source.
   * Present: the source's bytes are written over `base` at this offset; all else stays.
   */
  readonly weaveAt?: number | undefined;
  /** The blob to publish to, where it is not the base's: its next snapshot. */
  readonly blobId?: BlobId | undefined;
  /** Bytes to come, where known: chooses the page size of a new blob. */
  readonly sizeHint?: number | undefined;
  /** Overrules the choice of page size for a new blob; a power of two, 4 KiB to 64 MiB. */
  readonly pageSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Pages that are stored and belong to no snapshot yet. Publish it, or abort it. */
export interface StagedWrite {
  /** Size of the snapshot to be, in bytes. */
  readonly size: number;
  /** Bytes that came from the source. */
  readonly sourceBytes: number;
  /** Bytes of pages stored for it: less than `size` where pages are shared with the base. */
  readonly storedBytes: number;
  /** Makes the pages durable. Needed before `publish`; cheap where nothing is in a page file. */
  seal(): Promise<void>;
  /** Frees the pages. Safe to call at any time and twice; after `publish` committed it does nothing. */
  abort(): Promise<void>;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** How to read. */
export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** A piece is looked at only until the next one is asked for: its memory is read into again then. */
  readonly reusesMemory?: boolean;
}

/** A running read: as long as it is held, nothing that could be seen at its start is reclaimed. */
export interface ReadLease {
  /** May be called again, at the end of a stream and by its abort: nothing happens then. */
  release(): void;
}

export interface BlobSeer {
  readonly store: Store;

  /** Cheap (no I/O). Take it before looking up what is to be read; release it in a `finally`. */
  beginRead(): ReadLease;

  /** Stores the source's bytes as pages, with bounded memory. Nothing becomes visible. */
  stage(source: ByteSource, options?: StageOptions): Promise<StagedWrite>;

  /**
   * Inside a commit: takes the ticket, writes the tree and publishes a sealed write. The snapshot
   * starts with one reference, the caller's. The staged write becomes inert once the commit is
   * durable. `blobId` overrules the blob that it was staged for.
   */
  publish(transaction: Transaction, staged: StagedWrite, blobId?: BlobId): SnapshotRef;

  /** A blob without snapshots yet. It lives until its last snapshot is dismantled. */
  createBlob(transaction: Transaction, pageSize?: number): BlobId;

  /** A number for a blob that the next `publish` to it creates. */
  newBlobId(): BlobId;

  /** Versions of a blob that are not released, oldest first, above `after`. */
  versions(blobId: BlobId, after: number, limit: number): SnapshotRef[];

  /** The newest version of a blob that is not released. */
  latest(blobId: BlobId): SnapshotRef | undefined;

  /** Undefined when there is no such snapshot. */
  snapshot(ref: SnapshotRef): SnapshotInfo | undefined;

  /**
   * The bytes of a range of a snapshot, in pieces of at most a page, read ahead within bounds and
   * checked (CRC32C) before they are handed out. The range must lie inside the snapshot.
   * Throws `not-found` or `corrupt`. The caller holds a lease.
   */
  read(ref: SnapshotRef, range: ByteRange, options?: ReadOptions): AsyncIterableIterator<Buffer>;

  /**
   * The same range at once and without a wait, when all of it lies in the store itself (small
   * objects); undefined when it does not, and `read` is to be used.
   */
  readInline(ref: SnapshotRef, range: ByteRange): Buffer | undefined;

  /** One more reference on a snapshot (a copy). Throws `not-found`. */
  retain(transaction: Transaction, ref: SnapshotRef): void;

  /**
   * Gives references back. They are dismantled later, when no running read, in any process, can
   * still need what was visible before this commit; pages that nothing else shares are then freed.
   */
  bury(transaction: Transaction, refs: readonly SnapshotRef[], record?: Uint8Array): void;

  close(): Promise<void>;
}
