/** A running entity: state, role, server, and for a data provider its reports. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../../blobseer-client/embedded/environment.ts';
import type { BlobSeerError } from '../../blobseer-client/errors.ts';
import { ProviderManager as ProviderManagerClient } from '../../blobseer-client/remote/provider-manager.ts';
import { type Address, addressText } from '../../blobseer-client/remote/remote-error.ts';
import type { Security } from '../../blobseer-client/remote/security.ts';
import { Transport } from '../../blobseer-client/remote/transport.ts';
import { defaultArchiveVersion } from '../../blobseer-client/remote/wire/archive.ts';
import type { Statistics } from '../../blobseer-client/remote/wire/messages.ts';
import { aboutMethods } from './about.ts';
import { DataProvider } from './data-provider.ts';
import { type LeaseSettings, watchTickets } from './leases.ts';
import { MemoryBudget } from './memory-budget.ts';
import { MetadataProvider } from './metadata-provider.ts';
import type { EntityLog, Method } from './method.ts';
import { segmentsFolder } from './page-segments.ts';
import { PageStore } from './page-store.ts';
import { ProviderManager } from './provider-manager.ts';
import { RpcServer } from './server.ts';
import type { EntityRole } from './settings.ts';
import { openState } from './state.ts';
import { VersionManager } from './version-manager.ts';

/** Of requests and answers under way: each half holds a page of the largest size, and what stands beside it. */
const memoryBytes = 576 * 2 ** 20;
const reportIntervalMs = 1000;
/** A report that is not taken by then is left for the next. */
const reportDeadlineMs = 3000;
/** Of a call that closes an abandoned version. */
const repairDeadlineMs = 10_000;
const privateDirectory = 0o700;
const nowMs = (): number => performance.now();

export interface EntityOptions {
  readonly role: EntityRole;
  /** Of the program. */
  readonly version: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** It must exist, and be this entity's alone. */
  readonly directory: string;
  /** Of data and metadata providers. */
  readonly spaceBytes: number;
  /** Of data providers. */
  readonly providerManager: Address | undefined;
  /** Of data providers: the name by which clients find it; undefined: the address that it reports from. */
  readonly advertisedHost?: string | undefined;
  /** Of version managers; undefined where nobody says where metadata goes. */
  readonly leases: LeaseSettings | undefined;
  /** Without, everything is plain. */
  readonly security: Security | undefined;
  readonly log: EntityLog;
  /** Called once, when nothing more can be made durable: the program should end. */
  readonly onStopped: (error: BlobSeerError) => void;
}

export interface Entity {
  readonly port: number;
  /** Answers what was asked, for so long at most, and closes its state. */
  close(drainMs: number): Promise<void>;
}

interface Role {
  readonly methods: readonly Method[];
  /** How it fares, beside what holds for every entity. */
  statistics?(): Statistics | Promise<Statistics>;
  /** What it does beside answering, once it is reachable; resolves with what ends that. */
  readonly begin?: (server: RpcServer) => () => Promise<void>;
  readonly close?: () => Promise<void>;
}

export async function startEntity(options: EntityOptions): Promise<Entity> {
  const { directory, role: name, version, host, port, security, log, onStopped } = options;
  const state = await openState({ directory, role: name, onStopped });
  const memory = new MemoryBudget(memoryBytes);
  try {
    const role = await roleOf(options, state, memory);
    const startedAtMs = performance.now();
    const about = aboutMethods({
      role: name,
      version,
      archiveVersion: defaultArchiveVersion,
      statistics: async () => ({
        uptimeSeconds: Math.round((performance.now() - startedAtMs) / 1000),
        memoryBytes: process.memoryUsage.rss(),
        bufferedBytes: memory.usedBytes,
        ...server.numbers,
        ...(await role.statistics?.()),
      }),
    });
    const methods = [...role.methods, ...about];
    const server = await RpcServer.listen({ host, port, methods, memory, security, log });
    const end = role.begin?.(server);
    return {
      port: server.port,
      async close(drainMs) {
        await end?.();
        await server.close(drainMs);
        await role.close?.();
        await state.close();
      },
    };
  } catch (error) {
    await state.close();
    throw error;
  }
}

async function roleOf(
  options: EntityOptions,
  state: Environment,
  memory: MemoryBudget,
): Promise<Role> {
  const { log, spaceBytes } = options;
  const archiveVersion = defaultArchiveVersion;
  switch (options.role) {
    case 'version-manager':
      return versionManager(options, state);
    case 'provider-manager':
      return new ProviderManager({ state, archiveVersion, log, nowMs });
    case 'metadata-provider':
      return new MetadataProvider({ state, memory, spaceBytes, nowMs });
    case 'data-provider':
      return await dataProvider(options, state, memory);
  }
}

function versionManager({ leases, security, log }: EntityOptions, state: Environment): Role {
  const versions = new VersionManager({ state, archiveVersion: defaultArchiveVersion, nowMs });
  const transport = new Transport({ deadlineMs: repairDeadlineMs, security });
  return {
    methods: versions.methods,
    statistics: () => versions.statistics(),
    begin: () => watchTickets(versions, leases, { state, transport, log, nowMs }),
    close: () => Promise.resolve(transport.close()),
  };
}

async function dataProvider(
  options: EntityOptions,
  state: Environment,
  memory: MemoryBudget,
): Promise<Role> {
  const { directory, spaceBytes, log } = options;
  const folder = path.join(directory, segmentsFolder);
  mkdirSync(folder, { recursive: true, mode: privateDirectory });
  const pages = await PageStore.open({
    state,
    directory: folder,
    spaceBytes,
    memory,
    onFailed: (err) => log.warn({ err }, 'pages were damaged, or room was not given back'),
  });
  const provider = new DataProvider(pages, memory, nowMs);
  return {
    methods: provider.methods,
    statistics: () => provider.statistics(),
    begin: (server) => reporting(provider, server, options),
    close: () => pages.close(),
  };
}

/**
 * Tells the provider manager every second that this provider is there. The log hears of changes only.
 * Where a report comes from is where clients will look for the provider, so it must come from where that listens.
 */
function reporting(
  provider: DataProvider,
  { port, address: localAddress }: RpcServer,
  { providerManager: manager, advertisedHost, security, log }: EntityOptions,
): () => Promise<void> {
  if (manager === undefined) return () => Promise.resolve();
  const transport = new Transport({ deadlineMs: reportDeadlineMs, localAddress, security });
  const client = new ProviderManagerClient(transport, manager);
  const stopped = new AbortController();
  let isKnown: boolean | undefined;
  const report = async (): Promise<void> => {
    const at = addressText(manager);
    try {
      const said = await provider.report(`${port}`);
      if (advertisedHost === undefined) await client.report(said);
      else await client.reportAs(advertisedHost, said);
      if (isKnown !== true) log.info({ providerManager: at }, 'known to the provider manager');
      isKnown = true;
    } catch (err) {
      if (isKnown !== false && !stopped.signal.aborted) {
        log.warn({ providerManager: at, err }, 'the provider manager takes no report; trying on');
      }
      isKnown = false;
    }
  };
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await report();
      await sleep(reportIntervalMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return async () => {
    stopped.abort();
    transport.close();
    await running;
  };
}
