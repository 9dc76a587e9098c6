/**
 * The version manager: gives out tickets and makes versions visible in their order. All of its state
 * is on disk before an answer that rests on it: a version number is never given out twice, and what was published
 * stays published. The rules are the original's (which keeps all this in memory), its hazards are not:
 * tickets that would never end its search for a root's size are refused as bad arguments.
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
  encodeRoot,
  hole,
  type PendingVersion,
  type Root,
  type Segment,
  type Ticket,
} from '../../blobseer-client/remote/wire/records.ts';
import type { Transaction } from '../../blobseer-client/store.ts';
import { type Method, methodOf } from './method.ts';
import { Counter, type EntityTable } from './state.ts';

/** Roots double up to it: sizes stay exact numbers. */
const maxBlobBytes = 2 ** 52;
/** A ticket lists all of them; more would not fit what clients take. */
const maxPending = 100_000;
const maxId = 2 ** 32 - 1;
/** In records, whatever version answers are written in. */
const recordArchiveVersion = 18;

const noRoot: Root = { node: hole, pageSize: 0, currentSize: 0, ftInfo: 0 };

/** What tickets of a blob are made from. */
interface BlobState {
  readonly nextVersion: number;
  /** Bytes that the next root spans at least. */
  readonly maxSize: number;
  /** Where the next append goes. */
  readonly progressSize: number;
  /** How many roots are published; the first is that of the empty blob, or of a clone's source. */
  readonly roots: number;
}

const fieldBytes = 8;

export interface VersionManagerOptions {
  readonly state: Environment;
  readonly archiveVersion: number;
}

export class VersionManager {
  readonly methods: readonly Method[];
  readonly #state: Environment;
  readonly #blobs: EntityTable;
  readonly #roots: EntityTable;
  readonly #pending: EntityTable;
  readonly #lastId: Counter;

  constructor({ state, archiveVersion }: VersionManagerOptions) {
    this.#state = state;
    this.#blobs = state.table('blobs');
    this.#roots = state.table('roots');
    this.#pending = state.table('pending');
    this.#lastId = new Counter(state.table('counters'), 'last-id');
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
      return { pending: [...others, own], stableRoot, rootSize: maxSize };
    });
  }

  /** Flags the version; then all flagged ones up to the first that is not become visible. */
  #publish({ blobId, version }: Segment): Promise<void> {
    return this.#state.commit((transaction) => {
      const key = keyOf(blobId, version);
      const stored = this.#pending.get(key);
      const blob = this.#blob(blobId);
      if (stored === undefined || blob === undefined) {
        throw unknown(`version ${version} of blob ${blobId} is not pending`);
      }
      const completed = Buffer.from(stored);
      completed[0] = 1;
      transaction.put(this.#pending, key, completed);
      let { roots } = blob;
      for (;;) {
        // Versions become roots in their order: the next one is the lowest that is pending.
        const next = keyOf(blobId, roots);
        const lowest = this.#pending.get(next);
        if (lowest === undefined || lowest[0] !== 1) break;
        this.#putRoot(transaction, blobId, roots, decodePending(lowest, blobId, roots).root);
        transaction.remove(this.#pending, next);
        roots++;
      }
      if (roots > blob.roots) this.#putBlob(transaction, blobId, { ...blob, roots });
    });
  }

  #nextId(transaction: Transaction): number {
    const id = this.#lastId.value + 1;
    if (id > maxId) throw new BlobSeerError('no-space', 'no more ids of blobs');
    this.#lastId.set(transaction, id);
    return id;
  }

  #blob(blobId: number): BlobState | undefined {
    const bytes = this.#blobs.get(keyOf(blobId, 0));
    if (bytes === undefined) return undefined;
    const field = (index: number) => bytes.readDoubleBE(index * fieldBytes);
    return { nextVersion: field(0), maxSize: field(1), progressSize: field(2), roots: field(3) };
  }

  #putBlob(transaction: Transaction, blobId: number, blob: BlobState): void {
    const fields = [blob.nextVersion, blob.maxSize, blob.progressSize, blob.roots];
    const bytes = Buffer.allocUnsafe(fields.length * fieldBytes);
    for (const [index, value] of fields.entries()) bytes.writeDoubleBE(value, index * fieldBytes);
    transaction.put(this.#blobs, keyOf(blobId, 0), bytes);
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
    transaction.put(this.#roots, keyOf(blobId, version), encodeRoot(root, recordArchiveVersion));
  }

  #pendingOf(blobId: number): PendingVersion[] {
    const rows = this.#pending.range({
      start: keyOf(blobId, 0),
      end: keyOf(blobId + 1, 0),
      limit: maxPending,
    });
    return rows.map(({ key, value }) => decodePending(value, blobId, key.readUInt32BE(idBytes)));
  }
}

/** Room for the id after the highest one, where a range ends. */
const idBytes = 6;

function keyOf(blobId: number, version: number): Buffer {
  const key = Buffer.allocUnsafe(idBytes + 4);
  key.writeUIntBE(blobId, 0, idBytes);
  key.writeUInt32BE(version, idBytes);
  return key;
}

const unknown = (message: string): BlobSeerError => new BlobSeerError('not-found', message);

const pendingHeadBytes = 1 + 2 * fieldBytes;

/** Whether it is completed, offset, size, root. */
function encodePending({ interval, root, isCompleted }: PendingVersion): Buffer {
  const head = Buffer.allocUnsafe(pendingHeadBytes);
  head.writeUInt8(isCompleted ? 1 : 0, 0);
  head.writeDoubleBE(interval.offset, 1);
  head.writeDoubleBE(interval.size, 1 + fieldBytes);
  return Buffer.concat([head, encodeRoot(root, recordArchiveVersion)]);
}

function decodePending(bytes: Buffer, blobId: number, version: number): PendingVersion {
  const offset = bytes.readDoubleBE(1);
  const size = bytes.readDoubleBE(1 + fieldBytes);
  return {
    interval: { blobId, version, offset, size },
    root: decodeRoot(bytes.subarray(pendingHeadBytes)),
    isCompleted: bytes[0] === 1,
  };
}
