/**
 * The version manager as its client sees it. What the original takes and then never recovers from
 * cannot be asked for here: a ticket needs a WritableBlob, a clone needs a source that was written.
 */
import { BlobSeerError } from '../errors.ts';
import { type Address, RemoteError } from './remote-error.ts';
import type { CallOptions, Transport } from './transport.ts';
import {
  type Call,
  getArchiveVersion,
  type NewBlob,
  status,
  versionManagerCalls,
} from './wire/messages.ts';
import type { PendingVersion, Root, Segment } from './wire/records.ts';

/**
 * A blob that may be given tickets. On others the original's version manager doubles 0 for ever, at the
 * first ticket: blobs of page size 0, and clones of blobs that were never written.
 */
export class WritableBlob {
  readonly blobId: number;
  readonly pageSize: number;

  private constructor(blobId: number, pageSize: number) {
    this.blobId = blobId;
    this.pageSize = pageSize;
  }

  /** From what GETROOT says of it. Throws `invalid-argument` for a blob that a ticket would hang. */
  static of(blobId: number, root: Root): WritableBlob {
    if (root.node.size === 0 && root.node.blobId !== blobId) {
      throw new BlobSeerError('invalid-argument', `blob ${blobId} is a clone of an empty blob`);
    }
    return WritableBlob.remembered(blobId, root.pageSize);
  }

  /** A blob that this program created, or found writable, some time ago. */
  static remembered(blobId: number, pageSize: number): WritableBlob {
    if (!(Number.isInteger(blobId) && blobId >= 1)) {
      throw new BlobSeerError('invalid-argument', `no blob id: ${blobId}`);
    }
    if (!(Number.isSafeInteger(pageSize) && pageSize >= 1)) {
      throw new BlobSeerError('invalid-argument', `blob ${blobId} has pages of ${pageSize} bytes`);
    }
    return new WritableBlob(blobId, pageSize);
  }
}

/** A version that its taker must publish, or others of the blob never become visible. */
export interface OwnTicket {
  readonly version: number;
  /** Where the bytes go; of an append it is decided by the ticket. */
  readonly interval: Segment;
  /** The root that the version will have; its node must exist before it is published. */
  readonly root: Root;
  /** The other versions of the blob that are not visible yet, by rising version. */
  readonly pending: readonly PendingVersion[];
  /** The newest visible version. */
  readonly stableRoot: Root;
}

export class VersionManager {
  readonly #transport: Transport;
  readonly #address: Address;

  constructor(transport: Transport, address: Address) {
    this.#transport = transport;
    this.#address = address;
  }

  /** A new blob, and its id. After an error of which `mayHaveRun` holds, one may exist all the same. */
  async create(blob: NewBlob, options?: CallOptions): Promise<WritableBlob> {
    const root = await this.#call(versionManagerCalls.create, blob, options);
    const { node, pageSize } = root;
    if (node.blobId === 0 || node.size !== 0 || pageSize !== blob.pageSize) {
      throw this.#corrupt(`a new blob that is not as asked for: ${JSON.stringify(root)}`);
    }
    return WritableBlob.of(node.blobId, root);
  }

  /** The newest visible version; undefined when there is no such blob. Of a clone, see `node`. */
  async newestRoot(blobId: number, options?: CallOptions): Promise<Root | undefined> {
    const root = await this.#call(versionManagerCalls.getRoot, { blobId, version: 0 }, options);
    return root.node.blobId === 0 ? undefined : root;
  }

  /**
   * A version that the blob itself wrote; undefined when it is not visible. (Asked for a version that it
   * does not know, the version manager answers with the newest one; of a clone that was not written
   * to, with the source's.)
   */
  async publishedRoot(
    blobId: number,
    version: number,
    options?: CallOptions,
  ): Promise<Root | undefined> {
    if (!(version >= 1)) throw new BlobSeerError('invalid-argument', `no version: ${version}`);
    const root = await this.#call(versionManagerCalls.getRoot, { blobId, version }, options);
    return root.node.blobId === blobId && root.node.version === version ? root : undefined;
  }

  /** Blobs ever created, the highest id. A number lower than before tells of a restart. */
  blobCount(options?: CallOptions): Promise<number> {
    return this.#call(versionManagerCalls.getObjectCount, undefined, options);
  }

  /** The version of Boost's archives that this deployment writes. */
  archiveVersion(options?: CallOptions): Promise<number> {
    return this.#call(getArchiveVersion, undefined, options);
  }

  /**
   * The next version of the blob, for `size` bytes at `offset`. Take it last: once it is taken the version
   * must be published. Throws `not-found` for an unknown blob (the version manager may have lost it); after an
   * error of which `mayHaveRun` holds, a ticket may be out that nobody knows of.
   */
  writeTicket(
    blob: WritableBlob,
    offset: number,
    size: number,
    options?: CallOptions,
  ): Promise<OwnTicket> {
    return this.#ticket(blob, offset, size, false, options);
  }

  /** As `writeTicket`, at the end that the version manager knows of. */
  appendTicket(blob: WritableBlob, size: number, options?: CallOptions): Promise<OwnTicket> {
    return this.#ticket(blob, 0, size, true, options);
  }

  /**
   * Makes a version visible once all lower ones are. Its nodes must be written. True: it is now, or
   * was already complete and waits; false: it is not pending, be it visible or unknown.
   */
  async publish(version: Segment, options?: CallOptions): Promise<boolean> {
    try {
      await this.#call(versionManagerCalls.publish, version, options);
      return true;
    } catch (error) {
      if (error instanceof RemoteError && error.status === status.unknown) return false;
      throw error;
    }
  }

  /**
   * A new blob that starts as a version of another (0: the newest). Its root is the source's: node ids
   * stay those of the blob that wrote them. Throws `not-found`, and `invalid-argument` for a source that was
   * never written: the first ticket of such a clone would hang the original for good.
   */
  async clone(
    blobId: number,
    version: number,
    options?: CallOptions,
  ): Promise<{ blob: WritableBlob; root: Root }> {
    const source = { blobId, version };
    const root = await this.#call(versionManagerCalls.getRoot, source, options);
    if (root.node.blobId === 0) throw new BlobSeerError('not-found', `no blob ${blobId}`);
    if (root.node.size === 0) {
      throw new BlobSeerError('invalid-argument', `blob ${blobId} was never written`);
    }
    const made = await this.#call(versionManagerCalls.clone, source, options);
    // Version managers may be restarted between two calls.
    if (made.node.blobId === 0) throw new BlobSeerError('not-found', `no blob ${blobId}`);
    if (made.node.size === 0) throw this.#corrupt(`a clone of blob ${blobId} without a tree`);
    const cloned = await this.newestRoot(made.node.blobId, options);
    if (cloned === undefined) throw this.#corrupt(`clone ${made.node.blobId} is unknown`);
    return { blob: WritableBlob.of(made.node.blobId, cloned), root: cloned };
  }

  async #ticket(
    { blobId }: WritableBlob,
    offset: number,
    size: number,
    isAppend: boolean,
    options?: CallOptions,
  ): Promise<OwnTicket> {
    const interval = { blobId, version: 0, offset, size };
    const request = { interval, isAppend };
    const ticket = await this.#call(versionManagerCalls.getTicket, request, options);
    const own = ticket.pending.at(-1);
    if (
      own === undefined ||
      own.interval.blobId !== blobId ||
      own.interval.version === 0 ||
      own.interval.size !== size ||
      (!isAppend && own.interval.offset !== offset) ||
      own.root.node.version !== own.interval.version ||
      own.root.node.size !== ticket.rootSize ||
      own.interval.offset + size > ticket.rootSize
    ) {
      throw this.#corrupt(`a ticket for blob ${blobId} that is not as asked for`);
    }
    return {
      version: own.interval.version,
      interval: own.interval,
      root: own.root,
      pending: ticket.pending.slice(0, -1),
      stableRoot: ticket.stableRoot,
    };
  }

  #call<Request, Answer>(
    call: Call<Request, Answer>,
    request: Request,
    options?: CallOptions,
  ): Promise<Answer> {
    return this.#transport.call(this.#address, call, request, options);
  }

  #corrupt(what: string): RemoteError {
    return new RemoteError('corrupt', `the version manager answered ${what}`, { mayHaveRun: true });
  }
}
