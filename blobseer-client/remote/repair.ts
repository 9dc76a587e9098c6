/**
 * Repair of abandoned tickets on a version manager that does not see to it itself, as the original: a
 * version that is never published keeps all later ones of its blob from becoming visible.
 *
 * Who repairs takes a ticket too, since only tickets tell what is pending, and closes the versions below it,
 * lowest first. PUBLISH is the fence, so it comes before the nodes: the lowest pending version is
 * published by its writer or by us, and whoever comes second is told so and keeps its hands off (a writer
 * takes the same pages to a new blob). Nodes have fixed names and the last one written stays: a repairer
 * that wrote without asking would take away what a slow writer was told is stored.
 *
 * Between fence and nodes a version is visible that cannot be read. So the plan is to be kept durably
 * before `repair` is called, and forgotten when it has resolved. Until then it may be called again, by
 * any process, and as often as need be.
 */
import { isDeepStrictEqual } from 'node:util';
import { BlobSeerError } from '../errors.ts';
import type { CallOptions } from './transport.ts';
import { fillUnchanged, isWhole, type RepairTools, writeUnchanged } from './unchanged-version.ts';
import { type VersionManager, WritableBlob } from './version-manager.ts';
import type { PendingVersion, Root } from './wire/records.ts';

/** Plain data, to be kept as JSON. */
export interface RepairPlan {
  readonly blobId: number;
  /** The newest visible version when the ticket was taken. */
  readonly stableRoot: Root;
  /** Those that were pending, by rising version; the last one is the repairer's own. */
  readonly versions: readonly PendingVersion[];
}

export type RepairVersions = Pick<
  VersionManager,
  'appendTicket' | 'newestRoot' | 'publish' | 'publishedRoot' | 'writeTicket'
>;

/**
 * Takes the ticket. Undefined for a blob that the version manager does not know. If the plan is lost before
 * it is carried out, the ticket is one more that is abandoned, and the next plan closes it with the others.
 */
export async function planRepair(
  versions: RepairVersions,
  blobId: number,
  options?: CallOptions,
): Promise<RepairPlan | undefined> {
  const newest = await versions.newestRoot(blobId, options);
  if (newest === undefined) return undefined;
  const blob = WritableBlob.of(blobId, newest);
  // A byte that is there leaves alone where the next append goes. Where none is, that place would be
  // set back to it, and appends would overwrite each other: a page at the end does no harm.
  const { interval, root, pending, stableRoot } =
    newest.currentSize > 0
      ? await versions.writeTicket(blob, 0, 1, options)
      : await versions.appendTicket(blob, newest.pageSize, options);
  const own = { interval, root, isCompleted: false };
  return { blobId, stableRoot, versions: [...pending, own] };
}

/**
 * Closes what is abandoned among the plan's versions. Writers that live, however slow, lose nothing.
 * Throws `not-found` when the version manager no longer knows the blob as the plan does (it was
 * restarted, and forgot): such a plan has no use any more. All other errors: try again later.
 */
export async function repair(
  plan: RepairPlan,
  versions: RepairVersions,
  tools: RepairTools,
  options?: CallOptions,
): Promise<void> {
  const { blobId, stableRoot } = plan;
  const own = plan.versions.at(-1)!;
  const roots = [stableRoot, ...plan.versions.map(({ root }) => root)];
  const newest = await versions.newestRoot(blobId, options);
  if (!roots.some((root) => isDeepStrictEqual(root, newest))) {
    await checkVisible(own, versions, options);
  }
  let previous = stableRoot.node;
  for (const pending of plan.versions) {
    const { interval, root, isCompleted } = pending;
    let isOurs = false;
    if (pending !== own && !isCompleted) {
      isOurs = await versions.publish(interval, options);
      await checkVisible(pending, versions, options);
    }
    if (isOurs) {
      await writeUnchanged(pending, previous, tools, options);
    } else if (!(await isWhole(root.node, tools.metadata, options))) {
      // Our own; or a repairer was cut short: no writer publishes before its nodes are there.
      await fillUnchanged(pending, previous, tools, options);
    }
    if (pending === own) await versions.publish(interval, options);
    previous = root.node;
  }
}

/** A version manager that was restarted empty gives ids and versions out anew: nodes of others would be lost. */
async function checkVisible(
  { root }: PendingVersion,
  versions: RepairVersions,
  options?: CallOptions,
): Promise<void> {
  const { blobId, version } = root.node;
  const visible = await versions.publishedRoot(blobId, version, options);
  if (isDeepStrictEqual(visible, root)) return;
  const what = `version ${version} of blob ${blobId} is not the one that is to be repaired`;
  throw new BlobSeerError('not-found', what);
}
