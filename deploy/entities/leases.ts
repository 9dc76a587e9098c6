/**
 * Leases of tickets: a version that is not published in time is taken over, so that nobody who dies, or loses
 * its way, keeps a blob as it is. In this order, each step durable before the next:
 *
 * 1. The fence: from now on its writer's PUBLISH is answered that there is no such version.
 * 2. Nodes that change nothing, so that versions which point into this one read right.
 * 3. It is published, and with it what waited for it.
 *
 * What is fenced is finished also after a restart. Blobs are independent of each other; in one, only the
 * lowest version can be taken over: its nodes stand on those of the version before, which are there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../../blobseer-client/embedded/environment.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { DataProviders } from '../../blobseer-client/remote/data-provider.ts';
import {
  type MetadataOptions,
  MetadataProviders,
} from '../../blobseer-client/remote/metadata-providers.ts';
import { ProviderManager } from '../../blobseer-client/remote/provider-manager.ts';
import type { Address } from '../../blobseer-client/remote/remote-error.ts';
import type { Transport } from '../../blobseer-client/remote/transport.ts';
import {
  type RepairTools,
  writeUnchanged,
} from '../../blobseer-client/remote/unchanged-version.ts';
import type { Segment } from '../../blobseer-client/remote/wire/records.ts';
import { repairToolsOf } from '../../blobseer-client/remote/zero-page.ts';
import type { EntityLog } from './method.ts';
import type { TakenOver, VersionManager } from './version-manager.ts';
import { ZeroPages } from './zero-pages.ts';

/** Where the nodes of versions that are taken over go. */
export interface LeaseSettings {
  /** 0: tickets have no end, as in the original. */
  readonly leaseMs: number;
  readonly metadata: MetadataOptions;
  readonly providerManager: Address;
}

const checkIntervalMs = 1000;
const maxBlobsAtOnce = 4;
const firstRetryMs = 1000;
const maxRetryMs = 30_000;

interface Failing {
  readonly delayMs: number;
  readonly retryAtMs: number;
}

export interface TicketLeasesOptions {
  readonly versions: Pick<VersionManager, 'tickets' | 'takeOver' | 'publishTakenOver'>;
  readonly tools: RepairTools;
  readonly leaseMs: number;
  readonly log: EntityLog;
  /** A clock that only rises. */
  readonly nowMs: () => number;
}

export class TicketLeases {
  readonly #versions: TicketLeasesOptions['versions'];
  readonly #tools: RepairTools;
  readonly #leaseMs: number;
  readonly #log: EntityLog;
  readonly #nowMs: () => number;
  /** By blob. */
  readonly #failing = new Map<number, Failing>();
  #isHindered = false;

  constructor({ versions, tools, leaseMs, log, nowMs }: TicketLeasesOptions) {
    this.#versions = versions;
    this.#tools = tools;
    this.#leaseMs = leaseMs === 0 ? Number.POSITIVE_INFINITY : leaseMs;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** Closes what is abandoned now; what fails is tried again by later checks. */
  async check(signal?: AbortSignal): Promise<void> {
    const abandoned = [...this.#versions.tickets.abandoned(this.#leaseMs)].values();
    const lane = async (): Promise<void> => {
      for (const { blobId } of abandoned) {
        if (signal?.aborted) return;
        if (this.#nowMs() >= (this.#failing.get(blobId)?.retryAtMs ?? 0)) {
          await this.#closeAll(blobId, signal);
        }
      }
    };
    await Promise.all(Array.from({ length: maxBlobsAtOnce }, lane));
  }

  async #closeAll(blobId: number, signal?: AbortSignal): Promise<void> {
    try {
      for (;;) {
        const open = this.#versions.tickets.abandonedOf(blobId, this.#leaseMs);
        const taken = open && (await this.#versions.takeOver(open));
        if (taken === undefined) break;
        const missingNodes = await this.#write(taken, signal);
        await this.#versions.publishTakenOver(open!);
        const closed = { ...open, ...(missingNodes > 0 && { missingNodes }) };
        this.#log.info(closed, 'a version that was not published in time was closed unchanged');
      }
    } catch (error) {
      if (!signal?.aborted) this.#failed(blobId, error);
      return;
    }
    this.#failing.delete(blobId);
    if (this.#isHindered) this.#log.info({}, 'abandoned versions can be closed again');
    this.#isHindered = false;
  }

  /** Resolves to how many nodes of older versions are missing: their blob must not wait for them for ever. */
  async #write({ version, previous }: TakenOver, signal?: AbortSignal): Promise<number> {
    const missing = new Set<string>();
    const onMissing = (segment: Segment) => missing.add(JSON.stringify(segment));
    await writeUnchanged(version, previous, { ...this.#tools, onMissing }, { signal });
    return missing.size;
  }

  #failed(blobId: number, err: unknown): void {
    const before = this.#failing.get(blobId);
    const delayMs = before ? Math.min(maxRetryMs, 2 * before.delayMs) : firstRetryMs;
    this.#failing.set(blobId, { delayMs, retryAtMs: this.#nowMs() + delayMs });
    // Damage is the blob's own trouble, all else is everybody's and is said once.
    if (err instanceof BlobSeerError && err.kind === 'corrupt') {
      if (before === undefined) {
        this.#log.error({ blobId, err }, 'an abandoned version stands on a damaged one; trying on');
      }
      return;
    }
    if (!this.#isHindered) {
      this.#log.warn({ blobId, err }, 'an abandoned version cannot be closed yet; trying on');
    }
    this.#isHindered = true;
  }
}

interface WatchParts {
  readonly state: Environment;
  readonly transport: Transport;
  readonly log: EntityLog;
  readonly nowMs: () => number;
}

/** Checks every second; resolves with what ends that. */
export function watchTickets(
  versions: VersionManager,
  settings: LeaseSettings | undefined,
  { state, transport, log, nowMs }: WatchParts,
): () => Promise<void> {
  if (settings === undefined) {
    log.warn({}, 'tickets have no lease: the configuration names no metadata providers (dht)');
    return () => Promise.resolve();
  }
  const { leaseMs, metadata, providerManager } = settings;
  log.info({ leaseMs }, leaseMs === 0 ? 'tickets have no lease' : 'tickets have a lease');
  const stores = repairToolsOf({
    metadata: new MetadataProviders(transport, metadata),
    providerManager: new ProviderManager(transport, providerManager),
    dataProviders: new DataProviders(transport),
  });
  const zeroPages = new ZeroPages(state, stores);
  const tools: RepairTools = {
    ...stores,
    storeZeroPage: (pageSize, replicas, options) => zeroPages.key(pageSize, replicas, options),
  };
  const leases = new TicketLeases({ versions, tools, leaseMs, log, nowMs });
  const stopped = new AbortController();
  const { signal } = stopped;
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await leases.check(signal);
      await sleep(checkIntervalMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const running = run();
  return async () => {
    stopped.abort();
    await running;
  };
}
