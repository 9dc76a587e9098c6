/**
 * Which pages a snapshot has: from its record where they are few, from the metadata providers otherwise, level
 * by level, a call to each provider for all nodes of a level. Nodes never change, so what was read last
 * is kept.
 */
import { treeFanOut } from '../../limits.ts';
import type { Leaves, MetadataProvider, PageAddress, SnapshotHead } from '../../roles.ts';
import type { MetadataProviders } from '../metadata-providers.ts';
import { pageKeysOf } from '../wire/tree.ts';
import { maxCachedLeafBlocks } from './limits.ts';
import type { Placements } from './placements.ts';
import type { RemoteTree } from './records.ts';

export class TreeReader implements MetadataProvider<RemoteTree> {
  readonly #metadata: MetadataProviders;
  readonly #placements: Placements;
  readonly #refresh: () => void;
  /** The one used last at the end. */
  readonly #blocks = new Map<string, readonly (PageAddress | null)[]>();

  constructor(metadata: MetadataProviders, placements: Placements, refresh: () => void) {
    this.#metadata = metadata;
    this.#placements = placements;
    this.#refresh = refresh;
  }

  leaves(head: SnapshotHead<RemoteTree>, first: number, count: number): Leaves | Promise<Leaves> {
    const { leaves } = head.tree;
    if (leaves !== undefined) return leaves.slice(first, first + count);
    return this.leavesOfTree(head, first, count);
  }

  /** From the metadata providers, whatever the record says. */
  async leavesOfTree(
    head: SnapshotHead<RemoteTree>,
    first: number,
    count: number,
  ): Promise<Leaves> {
    const { root } = head.tree;
    if (root === undefined) return [];
    const blockFirst = first - (first % treeFanOut);
    const pageCount = Math.ceil(head.size / head.pageSize);
    const blockCount = Math.min(treeFanOut, pageCount - blockFirst);
    // A root may be that of several snapshots, which differ in how many of its pages they have.
    const name = `${root.blobId}/${root.version}/${root.size}/${blockFirst}+${blockCount}`;
    let block = this.#blocks.get(name);
    if (block === undefined) {
      const walk = pageKeysOf(root, head.pageSize, blockFirst, blockCount);
      const keys = await this.#metadata.run(walk);
      this.#refresh();
      block = this.#placements.addresses(keys);
    }
    this.#blocks.delete(name);
    this.#blocks.set(name, block);
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= maxCachedLeafBlocks) break;
      this.#blocks.delete(oldest);
    }
    return block.slice(first - blockFirst, first - blockFirst + count);
  }
}
