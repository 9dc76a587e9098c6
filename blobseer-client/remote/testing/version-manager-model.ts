/** The original's version manager as a model: what it answers, not how it does it. */
import type { Root, Segment, Ticket } from '../wire/records.ts';
import { hole } from '../wire/records.ts';

interface BlobState {
  readonly roots: Root[];
  readonly pending: Map<number, { interval: Segment; root: Root; isCompleted: boolean }>;
  nextTicket: number;
  maxSize: number;
  progressSize: number;
}

const noRoot: Root = { node: hole, pageSize: 0, currentSize: 0, ftInfo: 0 };

export class VersionManagerModel {
  readonly #blobs = new Map<number, BlobState>();

  get count(): number {
    return this.#blobs.size;
  }

  create(pageSize: number, ftInfo: number): Root {
    const blobId = this.count + 1;
    const node = { blobId, version: 0, offset: 0, size: 0 };
    const root = { node, pageSize, currentSize: 0, ftInfo };
    this.#add(blobId, root, pageSize, 0);
    return root;
  }

  clone(blobId: number, version: number): Root {
    const root = this.root(blobId, version);
    if (!this.#blobs.has(blobId)) return root;
    const cloneId = this.count + 1;
    this.#add(cloneId, root, root.node.size, root.currentSize);
    return { ...root, node: { ...root.node, blobId: cloneId } };
  }

  #add(blobId: number, root: Root, maxSize: number, progressSize: number): void {
    const pending = new Map();
    this.#blobs.set(blobId, { roots: [root], pending, nextTicket: 1, maxSize, progressSize });
  }

  root(blobId: number, version: number): Root {
    const roots = this.#blobs.get(blobId)?.roots;
    if (roots === undefined) return noRoot;
    return roots[version === 0 ? roots.length - 1 : Math.min(version, roots.length - 1)]!;
  }

  /** Undefined for an unknown blob. */
  ticket(blobId: number, range: { offset: number; size: number }, isAppend: boolean) {
    const blob = this.#blobs.get(blobId);
    if (blob === undefined) return undefined;
    const offset = isAppend ? blob.progressSize : range.offset;
    const end = offset + range.size;
    while (end > blob.maxSize) blob.maxSize *= 2;
    const version = blob.nextTicket++;
    const stableRoot = blob.roots.at(-1)!;
    const currentSize = Math.max(stableRoot.currentSize, end);
    if (end > stableRoot.currentSize) blob.progressSize = end;
    const node = { blobId, version, offset: 0, size: blob.maxSize };
    blob.pending.set(version, {
      interval: { blobId, version, offset, size: range.size },
      root: { ...stableRoot, node, currentSize },
      isCompleted: false,
    });
    const pending = [...blob.pending.values()].map((entry) => ({ ...entry }));
    return { pending, stableRoot, rootSize: blob.maxSize } satisfies Ticket;
  }

  /** Versions that are not visible. */
  pending(blobId: number): number[] {
    return [...(this.#blobs.get(blobId)?.pending.keys() ?? [])];
  }

  publish(blobId: number, version: number): boolean {
    const blob = this.#blobs.get(blobId);
    const published = blob?.pending.get(version);
    if (blob === undefined || published === undefined) return false;
    published.isCompleted = true;
    for (const [lowest, { root, isCompleted }] of blob.pending) {
      if (!isCompleted) break;
      blob.roots.push(root);
      blob.pending.delete(lowest);
    }
    return true;
  }
}
