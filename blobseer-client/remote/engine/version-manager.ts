/**
 * Versions of blobs at BlobSeer's version manager, with their records in the gateway's store. All that can
 * fail comes before the ticket: pages are stored and verified. From the ticket on a version has to be published,
 * or those after it never become visible to others; ours read by the roots in their records, and need
 * nobody's permission. The tree of a version depends on the one that it was compared with, on its
 * pages and on the root's size, never on what others write meanwhile.
 */
import { levelCounts } from '../../algorithms/geometry.ts';
import type { Run } from '../../algorithms/liveness.ts';
import type { BlobId, SnapshotRef } from '../../blobseer.ts';
import { idKey, type SnapshotRecord } from '../../embedded/records.ts';
import { joinUnits, pageRuns, Snapshots } from '../../embedded/snapshots.ts';
import { BlobSeerError } from '../../errors.ts';
import type {
  NewSnapshot,
  PageAddress,
  PreparedSnapshot,
  SnapshotHead,
  VersionManager,
} from '../../roles.ts';
import type { Store, Transaction } from '../../store.ts';
import type { MetadataProviders, MissedRecords, PageRecord } from '../metadata-providers.ts';
import { RemoteError } from '../remote-error.ts';
import type { OwnTicket, VersionManager as VersionManagerClient } from '../version-manager.ts';
import type { Segment } from '../wire/records.ts';
import { treeOver } from '../wire/tree.ts';
import type { Closings } from './closings.ts';
import type { Home, Homes } from './homes.ts';
import { maxRecordedLeaves, maxTickets } from './limits.ts';
import { type Patience, wasNotReached } from './patience.ts';
import { type Placements, providersIn } from './placements.ts';
import { encodeTicket, type RemoteTree, remoteTreeCodec, type TakenVersion } from './records.ts';
import type { Releases } from './releases.ts';
import type { Repairs } from './repairs.ts';
import type { RemoteTables } from './tables.ts';
import type { TreeReader } from './tree-reader.ts';

export interface RemoteVersionManagerParts {
  readonly store: Store;
  readonly tables: RemoteTables;
  readonly homes: Homes;
  readonly placements: Placements;
  readonly metadata: MetadataProviders;
  readonly trees: TreeReader;
  readonly client: Pick<VersionManagerClient, 'publish' | 'writeTicket'>;
  readonly patience: Patience;
  readonly releases: Releases;
  readonly repairs: Repairs;
  readonly closings: Closings;
}

interface WrittenTree {
  readonly nodes: readonly Segment[];
  readonly missed: readonly MissedRecords[];
}

/** A version that is published there, and in no record of ours yet. */
interface Published extends WrittenTree {
  readonly home: Home;
  readonly version: number;
  readonly root: Segment;
}

interface PreparedVersion extends PreparedSnapshot {
  readonly tree: RemoteTree;
  /** Undefined where no page differs from the base: such a snapshot has its tree. */
  readonly published: Published | undefined;
}

export class RemoteVersionManager
  extends Snapshots<RemoteTree>
  implements VersionManager<RemoteTree>
{
  readonly #parts: RemoteVersionManagerParts;
  readonly #prepared = new WeakMap<PreparedSnapshot, PreparedVersion>();

  constructor(parts: RemoteVersionManagerParts) {
    super(parts.tables, remoteTreeCodec);
    this.#parts = parts;
  }

  async prepare(draft: NewSnapshot): Promise<PreparedSnapshot> {
    const base = draft.base && this.heldBase(draft.base);
    const leaves = await this.#leavesOf(draft, base);
    const published = draft.changed.length > 0 ? await this.#publish(draft, base) : undefined;
    const root = published?.root ?? (draft.size > 0 ? base?.tree.root : undefined);
    const prepared = { draft, published, tree: { root, leaves } };
    this.#prepared.set(prepared, prepared);
    return prepared;
  }

  /** Of a snapshot of few pages. */
  async #leavesOf(
    { size, pageSize, changed }: NewSnapshot,
    base: SnapshotHead<RemoteTree> | undefined,
  ): Promise<readonly (PageAddress | null)[] | undefined> {
    const count = Math.ceil(size / pageSize);
    if (count > maxRecordedLeaves) return undefined;
    const leaves = new Array<PageAddress | null>(count).fill(null);
    if (base !== undefined) {
      const kept = Math.min(count, Math.ceil(base.size / pageSize));
      const found = await this.#parts.trees.leaves(base, 0, kept);
      for (const [index, leaf] of found.entries()) leaves[index] = leaf;
    }
    for (const [index, page] of changed) leaves[index] = page;
    return leaves;
  }

  /** Takes tickets until one of them is published as ours. */
  async #publish(
    draft: NewSnapshot,
    base: SnapshotHead<RemoteTree> | undefined,
  ): Promise<Published> {
    const { homes } = this.#parts;
    let home = await homes.of(draft.blobId, draft.pageSize);
    for (let attempt = 1; ; attempt++) {
      const published = await this.#publishIn(home, draft, base);
      if (published !== undefined) return published;
      if (attempt === maxTickets) {
        throw new BlobSeerError('unavailable', `no version of blob ${draft.blobId} gets published`);
      }
      home = await homes.create(draft.pageSize);
    }
  }

  /** Undefined where the version came to nothing: the same pages go to another blob. */
  async #publishIn(
    home: Home,
    draft: NewSnapshot,
    base: SnapshotHead<RemoteTree> | undefined,
  ): Promise<Published | undefined> {
    const ticket = await this.#ticket(home, draft.size);
    if (ticket === undefined) return undefined;
    const { version, interval, root } = ticket;
    const taken = { epoch: home.epoch, blobId: home.blob.blobId, version };
    let written: WrittenTree;
    try {
      await this.#parts.placements.intent(draft.writeId)?.take(taken);
      written = await this.#writeTree(draft, base, ticket);
    } catch (error) {
      await this.#close(taken, home);
      throw error;
    }
    try {
      if (await this.#parts.client.publish(interval)) {
        return { ...written, home, version, root: root.node };
      }
    } catch {
      // Whatever has happened: only the answer that it is published makes it ours.
    }
    await this.#close(taken, home);
    return undefined;
  }

  /** A version that no record of ours will name: others must not wait for it, and its nodes go. */
  async #close(taken: TakenVersion, home: Home): Promise<void> {
    const { store, closings } = this.#parts;
    await store.commit((transaction) => closings.put(transaction, taken));
    await this.#abandoned(home);
  }

  /** A version of it may be out that nobody publishes. In a new blob nobody else has any. */
  async #abandoned({ blob, epoch, lastVersion }: Home): Promise<void> {
    if (lastVersion === 0) return;
    await this.#parts.repairs.add({ blobId: blob.blobId, epoch, lastVersion });
  }

  /** Undefined where there is none for this write in that blob. */
  async #ticket(home: Home, size: number): Promise<OwnTicket | undefined> {
    const { client, homes, patience } = this.#parts;
    let ticket: OwnTicket;
    try {
      ticket = await patience.repeat(() => client.writeTicket(home.blob, 0, size), wasNotReached);
    } catch (error) {
      if (error instanceof BlobSeerError && error.kind === 'not-found') {
        await homes.lost(home);
        return undefined;
      }
      if (!(error instanceof RemoteError && error.mayHaveRun)) throw error;
      // A ticket may be out that nobody knows of.
      await this.#abandoned(home);
      return undefined;
    }
    if (homes.continues(home, ticket)) return ticket;
    await homes.strayed(home, ticket);
    return undefined;
  }

  async #writeTree(
    draft: NewSnapshot,
    base: SnapshotHead<RemoteTree> | undefined,
    { version, interval, root }: OwnTicket,
  ): Promise<WrittenTree> {
    const { metadata, placements } = this.#parts;
    const { pageSize } = draft;
    const pages: PageRecord[] = [];
    const changed = draft.changed.map(([index, page]): [number, Buffer | null] => {
      if (page === null) return [index, null];
      const key = placements.names.keyOf(page);
      pages.push({ key, providers: providersIn(placements.writeOf(page), page.index) });
      return [index, key];
    });
    const nodes = await metadata.run(
      treeOver({
        own: { blobId: interval.blobId, version },
        pageSize,
        rootSize: root.node.size,
        pageCount: Math.ceil(draft.size / pageSize),
        base: base?.tree.root && {
          root: base.tree.root,
          pageCount: Math.ceil(base.size / pageSize),
        },
        changed,
      }),
    );
    const missed = await metadata.put({ nodes, pages });
    return { nodes: nodes.map(({ segment }) => segment), missed };
  }

  publish(transaction: Transaction, prepared: PreparedSnapshot, blobId: BlobId): SnapshotRef {
    const { draft, tree, published } = this.#own(prepared);
    if (draft.base !== undefined) this.heldBase(draft.base);
    if (published === undefined) return this.add(transaction, draft, blobId, tree, []);
    const { homes, releases } = this.#parts;
    const runs = [...pageRuns(draft.changed), ...innerNodeRuns(draft, published.nodes)];
    const live = runs.reduce((sum, { count }) => sum + count, 0);
    const ticket = { blobId: published.home.blob.blobId, version: published.version, live };
    transaction.put(this.#parts.tables.tickets, idKey(draft.writeId), encodeTicket(ticket));
    homes.put(transaction, blobId, published.home, published.version);
    for (const { gateway, pairs } of published.missed) {
      const host = { kind: 'gateway', number: gateway } as const;
      releases.defer(transaction, host, { call: 'put', items: pairs.flat() });
    }
    return this.add(transaction, draft, blobId, tree, runs);
  }

  /**
   * The nodes go; the version stays visible at the version manager, and nobody is told of it. (Lists of pages
   * go with the pages.)
   */
  async abandon(prepared: PreparedSnapshot): Promise<void> {
    const { published } = this.#own(prepared);
    if (published === undefined) return;
    const { store, releases } = this.#parts;
    await store.commit((transaction) => releases.deferMetadata(transaction, published.nodes, []));
  }

  #own(prepared: PreparedSnapshot): PreparedVersion {
    const own = this.#prepared.get(prepared);
    if (own !== undefined) return own;
    throw new BlobSeerError('invalid-argument', 'a version that was prepared elsewhere');
  }
}

/** BlobSeer's segment trees on the wire are binary. */
const fanOut = 2;

/**
 * Slots per level that a snapshot sees of those it shares with. A snapshot that differs from its base in no page
 * has the base's root, which may lie above what its own pages need, with the nodes on the way down.
 */
export function visibleSlots({
  visiblePages,
  pageSize,
  tree,
}: Pick<SnapshotRecord<RemoteTree>, 'visiblePages' | 'pageSize' | 'tree'>): number[] {
  const slots = levelCounts(visiblePages, fanOut);
  const height = tree.root === undefined ? 0 : Math.log2(tree.root.size / pageSize);
  while (slots.length <= height) slots.push(1);
  return slots;
}

function innerNodeRuns({ writeId, pageSize }: NewSnapshot, nodes: readonly Segment[]): Run[] {
  const units = nodes
    .filter(({ size }) => size > pageSize)
    .map(({ offset, size }) => {
      const slot = offset / size;
      return { level: Math.log2(size / pageSize), slot, writeId, index: slot, inFile: true };
    });
  units.sort((left, right) => left.level - right.level || left.slot - right.slot);
  return joinUnits(units);
}
