/**
 * The write path: a source of bytes becomes pages, those that the base already has are left out, and
 * one commit later a snapshot. Nothing here is visible or irrevocable before `publish`.
 *
 * A page is compared by CRC32C and length first and then by its bytes: never by a hash alone, or two
 * tenants could make two different pages pass for one.
 */
import { crc32c } from '@node-rs/crc32';
import type { BlobId, ByteSource, SnapshotRef, StagedWrite } from './blobseer.ts';
import { BlobSeerError } from './errors.ts';
import { treeFanOut } from './limits.ts';
import type {
  ChangedPage,
  Leaves,
  NewSnapshot,
  PageAddress,
  PageReader,
  PageWriter,
  PreparedSnapshot,
  Roles,
  SnapshotHead,
} from './roles.ts';
import type { Transaction } from './store.ts';

/** Leaves of the base are looked up by whole leaf blocks. */
const baseLeavesAtOnce = treeFanOut;
const smallPieceBytes = 4096;
const jointBytes = 32 * 1024;

export interface WritePlan<Tree> {
  readonly blobId: BlobId;
  /** Its number was taken for this write. */
  readonly isNewBlob: boolean;
  readonly pageSize: number;
  readonly base: { readonly ref: SnapshotRef; readonly head: SnapshotHead<Tree> } | undefined;
  /** Absent for a replacement. */
  readonly weaveAt: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The bytes of a base's page that a woven write begins or ends in the middle of. */
type ReadRange = (offset: number, length: number) => AsyncIterable<Uint8Array>;

export class Staging<Tree> implements StagedWrite {
  private readonly roles: Roles<Tree>;
  private readonly plan: WritePlan<Tree>;
  private readonly onEnd: () => void;
  private readonly writeId: number;
  private readonly writer: PageWriter;
  /** Opened for the first page that is compared: small objects are compared with nothing. */
  private reader: PageReader | undefined;
  private readonly changed: [number, PageAddress][] = [];
  /** Pages of the base that are worth comparing with. */
  private basePages: number;
  private baseLeaves: Leaves = [];
  private baseLeavesFirst = 0;
  private sharedPages = 0;
  private state: 'open' | 'sealed' | 'published' | 'aborted' = 'open';
  private prepared: PreparedSnapshot | undefined;
  private sealing: Promise<void> | undefined;

  /** The page being collected. */
  private pageIndex: number;
  private pieces: Uint8Array[] = [];
  private pageLength = 0;
  private pageCrc = 0;
  private comparesPage: PageAddress | undefined;

  sourceBytes = 0;
  size = 0;

  /** `onEnd` is called when it is published, or aborted and nothing is left of it. */
  constructor(roles: Roles<Tree>, plan: WritePlan<Tree>, onEnd: () => void) {
    this.roles = roles;
    this.plan = plan;
    this.onEnd = onEnd;
    this.writeId = roles.providerManager.newId();
    this.writer = roles.providerManager.place(this.writeId, plan.pageSize, plan.blobId);
    this.pageIndex = Math.floor((plan.weaveAt ?? 0) / plan.pageSize);
    this.basePages = Math.ceil((plan.base?.head.size ?? 0) / plan.pageSize);
  }

  get storedBytes(): number {
    return this.writer.storedBytes;
  }

  /** Takes the whole source in. */
  async fill(source: ByteSource, readBase: ReadRange): Promise<void> {
    const { weaveAt } = this.plan;
    const beginning = this.beginPage();
    if (beginning !== undefined) await beginning;
    if (weaveAt === undefined) {
      await this.takeSource(source);
      this.size = this.sourceBytes;
    } else {
      await this.weave(source, weaveAt, readBase);
    }
    const ending = this.pageLength > 0 ? this.endPage() : undefined;
    if (ending !== undefined) await ending;
  }

  private async weave(source: ByteSource, at: number, readBase: ReadRange): Promise<void> {
    const { pageSize } = this.plan;
    const before = this.plan.base?.head.size ?? 0;
    this.size = before;
    await this.takeSource(source, () => this.takeHead(at, before, readBase));
    if (this.sourceBytes === 0) return; // nothing was written, so nothing grows
    const end = at + this.sourceBytes;
    const pageEnd = Math.min(before, Math.ceil(end / pageSize) * pageSize);
    if (end < pageEnd) {
      for await (const piece of readBase(end, pageEnd - end)) await this.take(piece);
    }
    this.size = Math.max(before, end);
  }

  /** What stands before `at` in its page: the base's bytes, then zeros. */
  private async takeHead(at: number, before: number, readBase: ReadRange): Promise<void> {
    const pageStart = at - (at % this.plan.pageSize);
    const kept = Math.max(0, Math.min(at, before) - pageStart);
    if (kept > 0) for await (const piece of readBase(pageStart, kept)) await this.take(piece);
    if (pageStart + kept < at) await this.take(Buffer.alloc(at - pageStart - kept));
  }

  private async takeSource(source: ByteSource, onFirst?: () => Promise<void>): Promise<void> {
    if (Array.isArray(source)) {
      // What stands in memory as a list is as large as it gets.
      for (const piece of source) {
        const taking = this.takeNext(piece, onFirst);
        if (taking !== undefined) await taking;
      }
    } else {
      for await (const piece of joined(source)) await this.takeNext(piece, onFirst);
    }
  }

  /** Undefined where there is nothing to wait for. */
  private takeNext(piece: Uint8Array, onFirst?: () => Promise<void>): Promise<void> | undefined {
    this.plan.signal?.throwIfAborted();
    if (this.sourceBytes === 0 && onFirst !== undefined) return this.takeFirst(piece, onFirst);
    this.sourceBytes += piece.length;
    return this.take(piece);
  }

  private async takeFirst(piece: Uint8Array, onFirst: () => Promise<void>): Promise<void> {
    await onFirst();
    this.sourceBytes += piece.length;
    await this.take(piece);
  }

  /** Undefined where there is nothing to wait for. */
  private take(piece: Uint8Array): Promise<void> | undefined {
    if (piece.length === 0) return undefined;
    const room = this.plan.pageSize - this.pageLength;
    return piece.length < room ? this.takePart(piece) : this.takeParts(piece);
  }

  private async takeParts(piece: Uint8Array): Promise<void> {
    let rest = piece;
    while (rest.length > 0) {
      const room = this.plan.pageSize - this.pageLength;
      const part = rest.length <= room ? rest : rest.subarray(0, room);
      rest = rest.subarray(part.length);
      const taking = this.takePart(part);
      if (taking !== undefined) await taking;
      if (this.pageLength < this.plan.pageSize) continue;
      const ending = this.endPage();
      if (ending !== undefined) await ending;
    }
  }

  /** All of it belongs to the page being collected. Undefined where there is nothing to wait for. */
  private takePart(part: Uint8Array): Promise<void> | undefined {
    this.pageCrc = crc32c(part, this.pageCrc);
    this.pageLength += part.length;
    if (this.comparesPage === undefined) return this.writer.write(part);
    this.pieces.push(part);
    return undefined;
  }

  /** Undefined where there is nothing to wait for. */
  private beginPage(): Promise<void> | undefined {
    this.pieces = [];
    this.pageLength = 0;
    this.pageCrc = 0;
    this.comparesPage = undefined;
    const { base } = this.plan;
    if (base === undefined || this.pageIndex >= this.basePages) return undefined;
    return this.findCompared(base.head);
  }

  private async findCompared(base: SnapshotHead<Tree>): Promise<void> {
    const at = this.pageIndex - this.baseLeavesFirst;
    if (at < 0 || at >= this.baseLeaves.length) await this.loadBaseLeaves(base);
    this.comparesPage = this.baseLeaves[this.pageIndex - this.baseLeavesFirst] ?? undefined;
  }

  private async loadBaseLeaves(head: SnapshotHead<Tree>): Promise<void> {
    const first = this.pageIndex - (this.pageIndex % baseLeavesAtOnce);
    const count = Math.min(baseLeavesAtOnce, this.basePages - first);
    try {
      this.baseLeaves = await this.roles.metadataProvider.leaves(head, first, count);
      this.baseLeavesFirst = first;
    } catch (error) {
      this.giveUpComparing(error);
    }
  }

  /** What cannot be read is not shared: a write does not fail because of what it replaces. */
  private giveUpComparing(error: unknown): void {
    const isLost =
      error instanceof BlobSeerError && (error.kind === 'unavailable' || error.kind === 'corrupt');
    if (!isLost) throw error;
    this.basePages = 0;
    this.baseLeaves = [];
  }

  /** Undefined where there is nothing to wait for. */
  private endPage(): Promise<void> | undefined {
    if (this.comparesPage !== undefined) return this.endCompared(this.comparesPage);
    this.endWritten();
    this.pageIndex++;
    return this.beginPage();
  }

  private async endCompared(page: PageAddress): Promise<void> {
    if (await this.equals(page)) {
      this.sharedPages++;
    } else {
      for (const piece of this.pieces) await this.writer.write(piece);
      this.endWritten();
    }
    this.pageIndex++;
    await this.beginPage();
  }

  /** The page's bytes are with the writer. */
  private endWritten(): void {
    const { pageCrc: crc, pageLength: length, writeId } = this;
    const index = this.writer.endPage(crc);
    this.changed.push([this.pageIndex, { writeId, index, crc, length, inFile: false }]);
  }

  private async equals(page: PageAddress): Promise<boolean> {
    if (page.crc !== this.pageCrc || page.length !== this.pageLength) return false;
    this.reader ??= this.roles.dataProvider.openReader();
    let stored: Buffer;
    try {
      stored = await this.reader.read([page]);
    } catch (error) {
      this.giveUpComparing(error);
      return false;
    }
    const isEqual = this.isCollected(stored);
    this.reader.reuse(stored);
    return isEqual;
  }

  private isCollected(stored: Buffer): boolean {
    let at = 0;
    for (const piece of this.pieces) {
      if (stored.compare(piece, 0, piece.length, at, at + piece.length) !== 0) return false;
      at += piece.length;
    }
    return true;
  }

  async seal(): Promise<void> {
    if (this.state !== 'open') throw wrongState('seal', this.state);
    this.sealing ??= this.prepare();
    try {
      await this.sealing;
    } finally {
      this.sealing = undefined;
    }
    // It may have been aborted meanwhile.
    if (this.state !== 'open') throw wrongState('seal', this.state);
    this.state = 'sealed';
  }

  /** Waits only where there is something to wait for: a small write has nothing. */
  private async prepare(): Promise<void> {
    if (this.reader !== undefined) await this.reader.close();
    const sealing = this.writer.seal();
    if (sealing !== undefined) await sealing;
    const preparing = this.roles.versionManager.prepare(this.snapshot());
    this.prepared = preparing instanceof Promise ? await preparing : preparing;
  }

  /** Inside the commit. A commit that is undone leaves the write sealed. */
  publish(transaction: Transaction, blobId: BlobId = this.plan.blobId): SnapshotRef {
    if (this.prepared === undefined || this.state !== 'sealed') {
      throw wrongState('publish', this.state);
    }
    this.writer.commit(transaction);
    return this.roles.versionManager.publish(transaction, this.prepared, blobId);
  }

  /** The commit is durable: the pages are no longer this write's to free. */
  published(): void {
    this.state = 'published';
    this.writer.committed();
    this.onEnd();
  }

  private snapshot(): NewSnapshot {
    const { plan, size, writeId, writer } = this;
    const changed: ChangedPage[] = this.changed.map(([index, page]) => [
      index,
      writer.placed(page),
    ]);
    const keepsOthers = plan.weaveAt !== undefined && (plan.base?.head.size ?? 0) > 0;
    const base = this.sharedPages > 0 || keepsOthers ? plan.base?.ref : undefined;
    const { pageSize, blobId, isNewBlob } = plan;
    return { writeId, size, pageSize, base, blobId, isNewBlob, changed };
  }

  async abort(): Promise<void> {
    if (this.state === 'published' || this.state === 'aborted') return;
    this.state = 'aborted';
    await this.sealing?.catch(() => undefined);
    await this.reader?.close();
    if (this.prepared !== undefined) await this.roles.versionManager.abandon(this.prepared);
    await this.writer.abort();
    this.onEnd();
  }
}

/**
 * Small pieces that follow each other are copied together: held one by one until their page is
 * written, each would take some hundred bytes of memory, and what its buffer was cut from.
 */
export async function* joined(source: ByteSource): AsyncGenerator<Uint8Array, void, undefined> {
  let joint: Buffer | undefined;
  let used = 0;
  let wasSmall = false;
  for await (const piece of source) {
    if (piece.length === 0) continue;
    const isSmall = piece.length < smallPieceBytes;
    if (joint !== undefined && (!isSmall || used + piece.length > joint.length)) {
      yield joint.subarray(0, used);
      joint = undefined;
    }
    if (isSmall && wasSmall) {
      if (joint === undefined) {
        joint = Buffer.allocUnsafeSlow(jointBytes);
        used = 0;
      }
      joint.set(piece, used);
      used += piece.length;
    } else {
      yield piece;
    }
    wasSmall = isSmall;
  }
  if (joint !== undefined) yield joint.subarray(0, used);
}

function wrongState(what: string, state: string): BlobSeerError {
  return new BlobSeerError('invalid-argument', `cannot ${what} a write that is ${state}`);
}
