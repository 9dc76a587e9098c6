/**
 * BlobSeer's four roles, as the write path and the read path need them. In the embedded engine they
 * are objects of one process over one directory; in the remote engine they stand for programs on other
 * machines. `Tree` is how an engine names the segment tree of a snapshot.
 */
import type { BlobId, SnapshotRef } from './blobseer.ts';
import type { Transaction } from './store.ts';

/** Where a page is, how long it is, and the CRC32C of its bytes. Pages are numbered within a write. */
export interface PageAddress {
  readonly writeId: number;
  readonly index: number;
  readonly crc: number;
  readonly length: number;
  /** In the write's page file; otherwise in the store itself. */
  readonly inFile: boolean;
  /** Its last bytes, or all of them, where they are kept beside its address. */
  readonly rest?: Uint8Array;
}

/** Pages of a snapshot that follow each other; null for holes. */
export type Leaves = readonly (PageAddress | null)[];

/** What a reader needs to know of a snapshot. */
export interface SnapshotHead<Tree> {
  /** References held on it; 0 once released. */
  readonly references: number;
  readonly size: number;
  readonly pageSize: number;
  /** The snapshot it shares pages with. */
  readonly parent: SnapshotRef | undefined;
  readonly tree: Tree;
}

/** A page that a write changes, or null where it leaves a hole. */
export type ChangedPage = readonly [index: number, page: PageAddress | null];

export interface NewSnapshot {
  readonly writeId: number;
  /** Bytes. */
  readonly size: number;
  readonly pageSize: number;
  /** The snapshot that unlisted pages are shared with. */
  readonly base: SnapshotRef | undefined;
  /** The blob whose next version it becomes. */
  readonly blobId: BlobId;
  /** Nobody else knows its number: there is nothing of it yet. */
  readonly isNewBlob?: boolean;
  readonly changed: readonly ChangedPage[];
}

/** A draft with all that had to be done for it before the commit that publishes it. */
export interface PreparedSnapshot {
  readonly draft: NewSnapshot;
}

/** Knows blobs and their snapshots; hands out tickets. */
export interface VersionManager<Tree> {
  createBlob(transaction: Transaction, blobId: BlobId, pageSize: number): void;
  head(ref: SnapshotRef): SnapshotHead<Tree> | undefined;
  /** Published versions of a blob that are not released, oldest first, above `after`. */
  versions(blobId: BlobId, after: number, limit: number): SnapshotRef[];
  latest(blobId: BlobId): SnapshotRef | undefined;
  /** Page size of a blob; undefined when there is no such blob. */
  pageSize(blobId: BlobId): number | undefined;
  /**
   * What cannot be part of a commit, because it happens on other machines. The pages are durable by now.
   * Throws `conflict` when the base was released meanwhile.
   */
  prepare(draft: NewSnapshot): Promise<PreparedSnapshot> | PreparedSnapshot;
  /** Undoes `prepare`, as far as that can be, where no commit published it. */
  abandon(prepared: PreparedSnapshot): Promise<void> | void;
  /** Makes it the next version of a blob. One reference, the caller's. */
  publish(transaction: Transaction, prepared: PreparedSnapshot, blobId: BlobId): SnapshotRef;
  retain(transaction: Transaction, ref: SnapshotRef): void;
  bury(transaction: Transaction, refs: readonly SnapshotRef[], record?: Uint8Array): void;
}

/** Keeps segment trees. */
export interface MetadataProvider<Tree> {
  /**
   * Pages [first, first + count) of a snapshot, all within one block of `treeFanOut` pages. Throws `corrupt`
   * when a part of the tree is missing.
   */
  leaves(head: SnapshotHead<Tree>, first: number, count: number): Leaves | Promise<Leaves>;
}

/** Decides where a write's pages go. */
export interface ProviderManager {
  /** A fresh number for a write or a blob: never given twice. */
  newId(): number;
  /** Throws `no-space`. `blobId`: the blob that is written to. */
  place(writeId: number, pageSize: number, blobId: BlobId): PageWriter;
}

/** The pages of one write, on their way to the data provider. */
export interface PageWriter {
  /** Bytes taken so far. */
  readonly storedBytes: number;
  /** Bytes of the page being stored. Waits when the disk is slower than the source; undefined: nothing to wait for. */
  write(piece: Uint8Array): Promise<void> | undefined;
  /** Ends the page, whose bytes have that CRC32C; its index within the write. Only the last page may be short. */
  endPage(crc: number): number;
  /** Everything is where it belongs, and durable, or will be with the commit. Undefined: nothing to wait for. */
  seal(): Promise<void> | undefined;
  /** Once it is sealed: where a page has come to be. */
  placed(page: PageAddress): PageAddress;
  /** Inside the publishing commit: the pages become the store's. */
  commit(transaction: Transaction): void;
  /** That commit is durable. */
  committed(): void;
  abort(): Promise<void>;
}

/** Keeps pages. */
export interface DataProvider {
  /** For a stream beside which so many others are being read. */
  readLimits(otherStreams: number): ReadLimits;
  openReader(): PageReader;
}

export interface ReadLimits {
  /** Pages that follow each other in a write are worth reading at once, up to so many bytes. */
  readonly maxRunBytes: number;
  /** Bytes worth fetching ahead of the consumer; at least one read is always under way. */
  readonly readAheadBytes: number;
}

/** Reads pages for one reader; nothing passes whose length or CRC32C is wrong (`corrupt`). */
export interface PageReader {
  /**
   * The bytes of pages that follow each other in one write (their indexes rise by one, and all but the
   * last have one length), as one buffer.
   */
  read(pages: readonly PageAddress[]): Promise<Buffer>;
  /** What `read` gave, at which nobody looks any more: its memory may be read into again. */
  reuse(bytes: Buffer): void;
  /** Pages in the store itself only. */
  readInline(page: PageAddress): Buffer;
  close(): Promise<void>;
}

export interface Roles<Tree> {
  readonly versionManager: VersionManager<Tree>;
  readonly metadataProvider: MetadataProvider<Tree>;
  readonly providerManager: ProviderManager;
  readonly dataProvider: DataProvider;
}
