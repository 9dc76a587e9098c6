/**
 * A blob as BlobSeer's papers have it: write, append, read any published version, clone. Each call is
 * a commit of its own; the gateway, which commits blobs and namespace together, uses the port itself.
 * Every writer gets its own version; readers never wait for writers.
 */
import type {
  BlobId,
  BlobSeer,
  ByteRange,
  ByteSource,
  SnapshotInfo,
  SnapshotRef,
} from './blobseer.ts';
import { BlobSeerError } from './errors.ts';

export interface WriteOptions {
  readonly signal?: AbortSignal;
}

const versionsAtOnce = 1000;

export class Blob {
  readonly id: BlobId;
  private readonly blobseer: BlobSeer;

  private constructor(blobseer: BlobSeer, id: BlobId) {
    this.blobseer = blobseer;
    this.id = id;
  }

  /** A new, empty blob. Its page size (a power of two) is fixed for ever. */
  static async create(blobseer: BlobSeer, options: { pageSize?: number } = {}): Promise<Blob> {
    const id = await blobseer.store.commit((transaction) =>
      blobseer.createBlob(transaction, options.pageSize),
    );
    return new Blob(blobseer, id);
  }

  static open(blobseer: BlobSeer, id: BlobId): Blob {
    return new Blob(blobseer, id);
  }

  /** The newest snapshot, or undefined for a blob that was never written. */
  latest(): SnapshotInfo | undefined {
    this.blobseer.store.refresh();
    const ref = this.blobseer.latest(this.id);
    return ref && this.blobseer.snapshot(ref);
  }

  /** The snapshot becomes exactly the source's bytes. Returns its version. */
  async write(source: ByteSource, options: WriteOptions = {}): Promise<SnapshotInfo> {
    const lease = this.blobseer.beginRead();
    try {
      this.blobseer.store.refresh();
      const base = this.blobseer.latest(this.id);
      const staged = await this.blobseer.stage(source, {
        ...options,
        blobId: this.id,
        ...(base && { base }),
      });
      return await this.sealAndCommit(staged, () => this.id).then(({ ref }) => this.info(ref));
    } finally {
      lease.release();
    }
  }

  /** The source's bytes follow the newest snapshot's, wherever that ends when their turn comes. */
  append(source: ByteSource, options: WriteOptions = {}): Promise<SnapshotInfo> {
    return this.weave(source, (size) => size, options);
  }

  /** The source's bytes replace those from `offset` on; what lies between end and offset is zeros. */
  writeAt(offset: number, source: ByteSource, options: WriteOptions = {}): Promise<SnapshotInfo> {
    return this.weave(source, () => offset, options);
  }

  /**
   * Stages over the newest snapshot and publishes if it still is the newest. If not, the bytes are
   * parked in a blob of their own and woven again, over the newer one, from there.
   */
  private async weave(
    source: ByteSource,
    offsetIn: (size: number) => number,
    options: WriteOptions,
  ): Promise<SnapshotInfo> {
    let bytes = source;
    let parked: SnapshotRef | undefined;
    for (;;) {
      const lease = this.blobseer.beginRead();
      try {
        this.blobseer.store.refresh();
        const base = this.blobseer.latest(this.id);
        const size = base === undefined ? 0 : this.info(base).size;
        const weaveAt = offsetIn(size);
        const staged = await this.blobseer.stage(bytes, {
          ...options,
          blobId: this.id,
          weaveAt,
          ...(base && { base }),
        });
        const { sourceBytes } = staged;
        const { ref, isPublished } = await this.sealAndCommit(
          staged,
          () => (sameSnapshot(this.blobseer.latest(this.id), base) ? this.id : undefined),
          parked,
        );
        if (isPublished) return this.info(ref);
        parked = ref;
        bytes = this.blobseer.read(ref, { offset: weaveAt, length: sourceBytes }, options);
      } finally {
        lease.release();
      }
    }
  }

  /** Publishes to the blob that `target` names inside the commit; to one of its own for undefined. */
  private async sealAndCommit(
    staged: Awaited<ReturnType<BlobSeer['stage']>>,
    target: () => BlobId | undefined,
    parked?: SnapshotRef,
  ): Promise<{ ref: SnapshotRef; isPublished: boolean }> {
    try {
      await staged.seal();
      return await this.blobseer.store.commit((transaction) => {
        const blobId = target();
        const ref = this.blobseer.publish(transaction, staged, blobId ?? this.blobseer.newBlobId());
        if (parked !== undefined) this.blobseer.bury(transaction, [parked]);
        return { ref, isPublished: blobId !== undefined };
      });
    } catch (error) {
      await staged.abort();
      throw error;
    }
  }

  /** Bytes of a version (the newest when absent), all of it or a range. Throws `not-found`. */
  async *read(
    options: { version?: number; range?: ByteRange; signal?: AbortSignal } = {},
  ): AsyncGenerator<Buffer, void, void> {
    const lease = this.blobseer.beginRead();
    try {
      this.blobseer.store.refresh();
      const info = this.snapshotOf(options.version);
      const range = options.range ?? { offset: 0, length: info.size };
      yield* this.blobseer.read(info, range, { signal: options.signal });
    } finally {
      lease.release();
    }
  }

  /** A new blob whose first snapshot is a snapshot of this one. Moves no data. */
  async clone(version?: number): Promise<Blob> {
    const lease = this.blobseer.beginRead();
    try {
      this.blobseer.store.refresh();
      const base = this.snapshotOf(version);
      const id = this.blobseer.newBlobId();
      const staged = await this.blobseer.stage([], { base, weaveAt: 0, blobId: id });
      await this.sealAndCommit(staged, () => id);
      return new Blob(this.blobseer, id);
    } finally {
      lease.release();
    }
  }

  /** Published versions that are not released, oldest first. */
  *versions(): Generator<SnapshotInfo> {
    for (let after = 0; ; ) {
      this.blobseer.store.refresh();
      const refs = this.blobseer.versions(this.id, after, versionsAtOnce);
      for (const ref of refs) yield this.info(ref);
      const last = refs[refs.length - 1];
      if (last === undefined) return;
      after = last.version;
    }
  }

  /** Gives a version back; pages that no other version shares are freed. Throws `not-found`. */
  async release(version: number): Promise<void> {
    const ref = { blobId: this.id, version };
    await this.blobseer.store.commit((transaction) => {
      this.info(ref);
      this.blobseer.bury(transaction, [ref]);
    });
  }

  private snapshotOf(version: number | undefined): SnapshotInfo {
    if (version !== undefined) return this.info({ blobId: this.id, version });
    const ref = this.blobseer.latest(this.id);
    if (ref === undefined) throw new BlobSeerError('not-found', `blob ${this.id} has no snapshot`);
    return this.info(ref);
  }

  private info(ref: SnapshotRef): SnapshotInfo {
    const info = this.blobseer.snapshot(ref);
    if (info === undefined) {
      throw new BlobSeerError('not-found', `blob ${ref.blobId} has no snapshot ${ref.version}`);
    }
    return info;
  }
}

function sameSnapshot(left: SnapshotRef | undefined, right: SnapshotRef | undefined): boolean {
  return left?.blobId === right?.blobId && left?.version === right?.version;
}
