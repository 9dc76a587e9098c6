/**
 * The version manager and the metadata provider of the embedded engine: ticket, tree and publishing are
 * one step of one transaction, so there is never a ticket that waits to be published.
 */
import type { Run } from '../algorithms/liveness.ts';
import { buildTree, leavesOf, runSync } from '../algorithms/segment-tree.ts';
import type { BlobId, SnapshotRef } from '../blobseer.ts';
import { BlobSeerError } from '../errors.ts';
import { maxBlocksPerPublish, treeFanOut } from '../limits.ts';
import type {
  Leaves,
  MetadataProvider,
  NewSnapshot,
  PageAddress,
  PreparedSnapshot,
  SnapshotHead,
  VersionManager,
} from '../roles.ts';
import type { Transaction } from '../store.ts';
import { unitKey } from './records.ts';
import { joinUnits, pageRuns, Snapshots } from './snapshots.ts';
import type { Tables } from './tables.ts';
import {
  type BlockRef,
  decodeBlock,
  encodeBlock,
  type PageBlock,
  type PageTree,
  pageTreeCodec,
} from './tree-records.ts';

export class EmbeddedVersionManager
  extends Snapshots<PageTree>
  implements VersionManager<PageTree>, MetadataProvider<PageTree>
{
  private readonly blockTable: Tables['blocks'];

  constructor(tables: Tables) {
    super(tables, pageTreeCodec);
    this.blockTable = tables.blocks;
  }

  /** Blocks of trees, for the algorithms. */
  readonly blocks = (refs: readonly BlockRef[]): PageBlock[] =>
    refs.map((ref) => {
      const bytes = this.blockTable.get(unitKey(ref.writeId, ref.index));
      if (bytes === undefined) {
        throw new BlobSeerError(
          'corrupt',
          `tree block ${ref.index} of write ${ref.writeId} is missing`,
        );
      }
      return decodeBlock(bytes);
    });

  leaves({ tree }: SnapshotHead<PageTree>, first: number, count: number): Leaves {
    // Of one page is every small object: there is nothing to walk.
    if (tree.pageCount === 1 && first === 0 && count === 1) return [tree.leaf];
    return runSync(leavesOf<PageAddress, BlockRef>(treeFanOut, tree, first, count), this.blocks);
  }

  prepare(draft: NewSnapshot): PreparedSnapshot {
    return { draft };
  }

  abandon(): void {
    // Nothing was done outside the commit.
  }

  /** Takes the blob's next ticket, builds the tree and publishes. One reference, the caller's. */
  publish(transaction: Transaction, { draft }: PreparedSnapshot, blobId: BlobId): SnapshotRef {
    const base = draft.base && this.heldBase(draft.base);
    const { tree, blockRuns } = this.writeTree(transaction, draft, base?.tree);
    return this.add(transaction, draft, blobId, tree, pageRuns(draft.changed).concat(blockRuns));
  }

  private writeTree(
    transaction: Transaction,
    draft: NewSnapshot,
    base: PageTree | undefined,
  ): { tree: PageTree; blockRuns: Run[] } {
    let blockCount = 0;
    const newRef = (): BlockRef => ({ writeId: draft.writeId, index: blockCount++ });
    const { changed } = draft;
    const pageCount = Math.ceil(draft.size / draft.pageSize);
    const { tree, blocks } = runSync(
      buildTree<PageAddress, BlockRef>({ fanOut: treeFanOut, base, changed, pageCount, newRef }),
      this.blocks,
    );
    if (blocks.length > maxBlocksPerPublish) {
      throw new BlobSeerError(
        'invalid-argument',
        `one write may touch ${maxBlocksPerPublish * treeFanOut} pages at most: take larger pages`,
      );
    }
    for (const { ref, block } of blocks) {
      transaction.put(this.blockTable, unitKey(ref.writeId, ref.index), encodeBlock(block));
    }
    const units = blocks.map(({ level, index: slot, ref }) => {
      const { writeId, index } = ref;
      return { level, slot, writeId, index, inFile: false };
    });
    return { tree, blockRuns: joinUnits(units) };
  }
}
