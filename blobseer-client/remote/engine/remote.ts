/**
 * The remote engine: a BlobSeer whose roles are programs on other machines, the original's or our entities.
 * The gateway's store keeps what only its owner can know: which snapshots there are, who needs them, and
 * the roots of their trees. So nothing has to be asked before a read, and a version manager that forgot
 * everything takes nothing away.
 */

import type { SnapshotRef } from '../../blobseer.ts';
import { openDirectory } from '../../embedded/directory.ts';
import { nodeDisk } from '../../embedded/disk.ts';
import { Holds } from '../../embedded/holds.ts';
import { Reclaim } from '../../embedded/reclaim.ts';
import type { CheckOptions, CheckReport } from '../../embedded/snapshot-check.ts';
import { Engine, type EngineOptions, type EngineParts } from '../../engine.ts';
import { fixedPageSizes, remotePageSizes } from '../../page-sizes.ts';
import { Cluster } from '../cluster.ts';
import type { Deployment } from '../deployment.ts';
import type { Address } from '../remote-error.ts';
import { repairToolsOf } from '../zero-page.ts';
import { bury } from './burial.ts';
import { ByteBudget } from './byte-budget.ts';
import { RemoteCheck, type RemoteCheckParts } from './check.ts';
import { Closings } from './closings.ts';
import { ClusterState, randomFirstId } from './cluster-state.ts';
import { DeferredCalls } from './deferred-calls.ts';
import { Homes } from './homes.ts';
import { maxBytesUnderWay, type RemoteTimings, remoteReadLimits, remoteTimings } from './limits.ts';
import { PageNames } from './page-names.ts';
import { RemotePageReader } from './page-reader.ts';
import { PageStores } from './page-stores.ts';
import { RemotePageWriter } from './page-writer.ts';
import { isAway, Patience } from './patience.ts';
import { Placements } from './placements.ts';
import { ProviderNumbers } from './provider-numbers.ts';
import { ProviderPool } from './provider-pool.ts';
import type { RemoteTree } from './records.ts';
import { Releases } from './releases.ts';
import { Repairs } from './repairs.ts';
import { openRemoteTables } from './tables.ts';
import { TreeReader } from './tree-reader.ts';
import { RemoteVersionManager, visibleSlots } from './version-manager.ts';

export interface RemoteOptions extends EngineOptions {
  readonly deployment: Deployment;
  /** Data providers that keep each page. */
  readonly replication: number;
  /** Where they are to differ from the default. */
  readonly timings?: Partial<RemoteTimings>;
}

export async function openRemote(options: RemoteOptions): Promise<RemoteBlobSeer> {
  const { deployment } = options;
  const timings = { ...remoteTimings, ...options.timings };
  const opened = await openDirectory({
    ...options,
    disk: nodeDisk,
    kind: 'remote',
    firstId: randomFirstId(),
  });
  const { environment, instance } = opened;
  try {
    const tables = openRemoteTables(environment);
    const cluster = new ClusterState(environment, tables.cluster);
    const { archiveVersion, writeTag } = await cluster.open(deployment, () =>
      askArchiveVersion(deployment, timings),
    );
    const { slowMs, suspectMs, callDeadlineMs: deadlineMs } = timings;
    const metadata = { slowMs, suspectMs };
    const clients = new Cluster(deployment, { archiveVersion, deadlineMs, metadata });
    const parts = partsOf(options, { ...opened, tables, cluster, clients, writeTag, timings });
    return new RemoteBlobSeer(options, parts, clients);
  } catch (error) {
    await instance.unregister().catch(() => undefined);
    await environment.close();
    throw error;
  }
}

async function askArchiveVersion(deployment: Deployment, timings: RemoteTimings): Promise<number> {
  const { callDeadlineMs: deadlineMs } = timings;
  const { transport, versionManager } = new Cluster(deployment, { deadlineMs });
  try {
    return await new Patience(timings).repeat(() => versionManager.archiveVersion(), isAway);
  } finally {
    transport.close();
  }
}

interface Opened extends Awaited<ReturnType<typeof openDirectory>> {
  readonly tables: ReturnType<typeof openRemoteTables>;
  readonly cluster: ClusterState;
  readonly clients: Cluster;
  readonly writeTag: Buffer;
  readonly timings: RemoteTimings;
}

interface RemoteParts {
  readonly parts: EngineParts<RemoteTree>;
  readonly check: RemoteCheckParts;
}

function partsOf(
  { deployment, replication, pageSize, nowMs: wallClockMs = Date.now }: RemoteOptions,
  { environment: store, ids, instance, tables, cluster, clients, writeTag, timings }: Opened,
): RemoteParts {
  const nowMs = () => performance.now();
  const { gateways } = deployment;
  const refresh = (): void => store.refresh();
  const holds = new Holds(store, wallClockMs);
  const { transport, versionManager: client, dataProviders, metadata } = clients;
  const manager = clients.providerManager;
  const patience = new Patience(timings);
  const numbers = new ProviderNumbers(store, tables.providers);
  const placements = new Placements(tables.writes, numbers, new PageNames(writeTag));
  const report = async (failed: Address): Promise<void> => {
    if (await transport.isEntity(deployment.providerManager)) await manager.reportFailed(failed);
  };
  const pool = new ProviderPool({ manager, report, replication, timings, nowMs });
  const stores = new PageStores(pool, dataProviders, timings);
  const trees = new TreeReader(metadata, placements, refresh);
  const releases = new Releases({ store, tables, placements, numbers, metadata });
  const deferred = new DeferredCalls({
    store,
    tables,
    holds,
    numbers,
    dataProviders,
    metadata,
    transport,
    gateways,
    timings,
    nowMs,
  });
  const homes = new Homes({
    store,
    homes: tables.homes,
    cluster,
    versionManager: client,
    patience,
    replication,
  });
  const repairs = new Repairs({
    store,
    tables,
    cluster,
    homes,
    versions: client,
    tools: {
      ...repairToolsOf({ metadata, providerManager: manager, dataProviders }),
      // Of versions that were released, or that a provider lost: those after them must not wait for them.
      onMissing: () => undefined,
    },
    transport,
    versionManager: deployment.versionManager,
    timings,
    nowMs,
  });
  const closings = new Closings({
    store,
    tables,
    cluster,
    client,
    metadata,
    names: placements.names,
    releases,
    gateways,
    transport,
    versionManager: deployment.versionManager,
    timings,
    nowMs,
  });
  const versions = new RemoteVersionManager({
    store,
    tables,
    homes,
    placements,
    metadata,
    trees,
    client,
    patience,
    releases,
    repairs,
    closings,
  });
  const reclaim = new Reclaim({
    store,
    tables,
    versions,
    visibleSlots,
    free: (transaction, runs) => releases.free(transaction, runs),
    onBlobGone: (transaction, blobId) => homes.remove(transaction, blobId),
  });
  const budget = new ByteBudget(maxBytesUnderWay);
  const { intents } = tables;
  const writerParts = {
    store,
    tables,
    intents,
    numbers,
    placements,
    stores,
    budget,
    releases,
    instance,
  };
  /** Our own version manager forgets nothing. */
  const passFormerIds = async (): Promise<boolean> => {
    const seesToItself = await transport.isEntity(deployment.versionManager).catch(() => true);
    if (!seesToItself) await homes.passFormerIds();
    return false;
  };
  const parts: EngineParts<RemoteTree> = {
    environment: store,
    tables,
    ids,
    instance,
    holds,
    pageSizes: pageSize === undefined ? remotePageSizes : fixedPageSizes(pageSize),
    roles: {
      versionManager: versions,
      metadataProvider: trees,
      dataProvider: {
        readLimits: () => remoteReadLimits,
        openReader: () => new RemotePageReader(placements, stores, refresh),
      },
      providerManager: {
        newId: () => ids.take(),
        place: (writeId, pageSize, blobId) =>
          new RemotePageWriter(writerParts, writeId, pageSize, blobId),
      },
    },
    cleaning: {
      bury: (instanceId) =>
        bury({ store, tables, placements, homes, releases, repairs, closings }, instanceId),
      reclaim: (bound) => reclaim.slice(bound),
      steps: [
        passFormerIds,
        () => closings.slice(),
        () => releases.spell(),
        (isStopping) => deferred.slice(isStopping),
        () => repairs.slice(),
      ],
    },
  };
  const check = { store, tables, versions, placements, trees, dataProviders };
  return { parts, check };
}

/** Where a snapshot is in BlobSeer's own terms: what one of its clients needs to read the same bytes. */
export interface Coordinates {
  /** For `getRoot`, and in the names of tree nodes. */
  readonly blobId: number;
  readonly version: number;
  readonly pageSize: number;
  /** Bytes; the version manager may know of more. */
  readonly size: number;
}

export class RemoteBlobSeer extends Engine<RemoteTree> {
  readonly #clients: Cluster;
  readonly #check: RemoteCheckParts;

  constructor(options: RemoteOptions, { parts, check }: RemoteParts, clients: Cluster) {
    super(options, parts);
    this.#clients = clients;
    this.#check = check;
  }

  /** Undefined for a snapshot without bytes: it is in no blob there. Throws `not-found`. */
  locate(ref: SnapshotRef): Coordinates | undefined {
    const { size, pageSize, tree } = this.heldHead(ref);
    if (tree.root === undefined) return undefined;
    const { blobId, version } = tree.root;
    return { blobId, version, pageSize, size };
  }

  /** Walks everything and verifies every page, copy and reference; see check.ts. */
  check(options: CheckOptions): Promise<CheckReport> {
    return this.underLease(() => new RemoteCheck(this.#check).run(options));
  }

  /** What runs beside requests is not waited for where it waits for other machines. */
  override async close(): Promise<void> {
    const closing = super.close();
    this.#clients.close();
    await closing;
  }
}
