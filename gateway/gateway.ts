/**
 * One serving process: the engine opened, the namespace on it, the pipeline on its listeners. It is
 * the whole program with one worker, and a worker's part with several.
 */

import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Deployment,
  type EngineOptions,
  type OpenedBlobSeer,
  openEmbedded,
  openRemote,
  readDeployment,
} from '../blobseer-client/index.ts';
import { createApp } from './app.ts';
import { systemClock } from './clock.ts';
import { type Config, ConfigError } from './config.ts';
import { defaultLimits } from './limits.ts';
import type { Log } from './log.ts';
import { openNamespace } from './namespace/store-namespace.ts';
import { operations } from './operations/index.ts';
import { newHostId } from './pipeline/context.ts';
import { RequestsInProgress } from './requests-in-progress.ts';
import { type Listener, listen, serveHanded } from './server.ts';
import type { Services } from './services.ts';

/** The exit status of a process whose storage failed (sysexits.h: EX_IOERR): nothing may go on. */
export const storageFailedStatus = 74;

/** Opens the data directory, and the BlobSeer that has its pages. `onFatal` is called when only a restart of everything can help. */
export async function openStorage(
  config: Config,
  role: 'alone' | 'supervisor' | 'worker' | 'tool',
  log: Log,
  onFatal: () => void,
  onInstance: (instanceId: number) => void = () => undefined,
): Promise<{ blobseer: OpenedBlobSeer; services: Services }> {
  const clock = systemClock;
  const requests = new RequestsInProgress();
  const options: EngineOptions = {
    directory: config.dataDirectory,
    role,
    pageSize: config.pageSize,
    onInstance,
    nowMs: () => clock.nowMs(),
    // A supervisor must not be blocked: it accepts the connections of all workers.
    ...(role === 'supervisor' ? {} : { requestsInProgress: () => requests.count }),
    onStopped: (err) => {
      log.fatal({ err }, 'storage failed: nothing more can be acknowledged');
      onFatal();
    },
    onError: (err) => log.error({ err }, 'background work failed; it will be tried again'),
  };
  const { blobseerFile, replication } = config;
  const blobseer =
    blobseerFile === undefined
      ? await openEmbedded(options)
      : await openRemote({ ...options, deployment: deploymentIn(blobseerFile, log), replication });
  const namespace = openNamespace(blobseer, clock);
  return { blobseer, services: { blobseer, namespace, config, clock, requests } };
}

/** Throws ConfigError for a file that is not there or makes no sense. */
function deploymentIn(file: string, log: Log): Deployment {
  let deployment: Deployment;
  try {
    deployment = readDeployment(readFileSync(file, 'utf8'), path.dirname(file));
  } catch (error) {
    throw new ConfigError(`blobseer: ${file}: ${(error as Error).message}`);
  }
  for (const ignored of deployment.ignored) log.info({ file, ignored }, 'a setting has no effect');
  return deployment;
}

/** How long requests may take to notice that their connection was cut. */
const cutRequestsEndMs = 4000;

export interface Gateway {
  /** One per listener. */
  readonly urls: readonly string[];
  /** Stops accepting, lets running requests end within the bound, and leaves storage open. */
  stop(): Promise<void>;
}

/** It accepts connections by itself. */
export async function startGateway(services: Services, log: Log): Promise<Gateway> {
  const { config } = services;
  const { parts, stop } = newGateway(services, log);
  const listeners: Listener[] = [];
  try {
    for (const address of config.listen) {
      listeners.push(await listen(address, config.tls, parts));
    }
  } catch (error) {
    await stop(listeners);
    throw error;
  }
  const urls = listeners.map(({ url }) => url);
  log.info({ urls, hostId: parts.hostId }, 'listening');
  return { urls, stop: () => stop(listeners) };
}

export interface HandedGateway {
  /** A connection that was accepted at one of the addresses of the configuration, which is known by its place there. */
  take(socket: Socket, listener: number): void;
  stop(): Promise<void>;
}

/** It is given its connections; `onClosed` is told of each that is no more. Throws ConfigError for certificates that cannot be used. */
export function startHandedGateway(
  services: Services,
  log: Log,
  onClosed: () => void,
): HandedGateway {
  const { config } = services;
  const { parts, stop } = newGateway(services, log);
  const servers = config.listen.map((address) => serveHanded(address, config.tls, parts, onClosed));
  return {
    take: (socket, listener) => servers[listener]?.take(socket),
    stop: () => stop(servers),
  };
}

function newGateway(services: Services, log: Log) {
  const { clock, requests } = services;
  const limits = defaultLimits;
  const hostId = newHostId(clock);
  let isStopping = false;
  const health = { notReady: () => (isStopping ? 'shutting down' : undefined) };
  const app = createApp({ services, operations, limits, log, hostId, health });
  return {
    parts: { ...app, limits, log, hostId, clock },
    async stop(servers: readonly Pick<Listener, 'close'>[]): Promise<void> {
      isStopping = true;
      await Promise.all(servers.map((server) => server.close(limits.shutdownDrainMs)));
      // A request whose connection was cut still frees its pages: storage must not close before.
      await Promise.race([requests.idle(), delay(cutRequestsEndMs, undefined, { ref: false })]);
    },
  };
}
