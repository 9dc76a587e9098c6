/**
 * Several workers on one data directory: this process serves nothing, it accepts connections, gives each to the
 * worker that has the fewest, and watches. A worker that dies is reported to the engine, which frees what it held, and
 * replaced; one whose storage failed takes the whole deployment down, since no process may trust the disk any more.
 *
 * `node:cluster` is no help. Where its workers accept for themselves, whoever answers first gets nearly all
 * connections; where it hands them out in turns, a busy worker gets few, and one that was on its way to a worker
 * that was killed is never closed.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { bind } from './bind.ts';
import { type Config, ConfigError } from './config.ts';
import { storageFailedStatus } from './gateway.ts';
import type { Log } from './log.ts';

export type ToWorker =
  | { readonly kind: 'start'; readonly config: Config }
  /** With its socket: connection `number`, accepted at the address of that place in the configuration. */
  | { readonly kind: 'connection'; readonly number: number; readonly listener: number }
  | { readonly kind: 'stop' };

export type FromWorker =
  /** It listens to messages now; what was sent before is lost. */
  | { readonly kind: 'awake' }
  /** Its number in the engine, told before it is written down there. */
  | { readonly kind: 'instance'; readonly instanceId: number }
  | { readonly kind: 'ready' }
  /** It has the connection of that number; this process need not have it any longer. */
  | { readonly kind: 'taken'; readonly number: number }
  /** It is stopping: the connection of that number is for another worker. */
  | { readonly kind: 'declined'; readonly number: number }
  /** So many of the connections that it took are no more. */
  | { readonly kind: 'closed'; readonly connections: number }
  /** It takes no more connections. */
  | { readonly kind: 'stopping' }
  /** It cannot start, and trying again would not help: the reason, for people. */
  | { readonly kind: 'refused'; readonly reason: string };

const firstRespawnDelayMs = 100;
const maxRespawnDelayMs = 5000;
/** A worker that lived so long did not die of starting. */
const steadyAfterMs = 10_000;
/** Within that a worker takes a connection that was sent to it. */
const defaultTakeTimeoutMs = 10_000;
/** Connections that wait for a worker while there is none. */
const maxHomeless = 1024;
/** Beyond the drain of requests: closing storage. */
const stopGraceMs = 5000;

export interface SupervisorParts {
  readonly config: Config;
  readonly log: Log;
  /** Inherited by the workers, so that the directory stays locked until the last of them is gone. */
  readonly lockDescriptor: number;
  readonly drainMs: number;
  readonly instanceDied: (instanceId: number) => Promise<void>;
  /** What a worker process runs; worker.js by default. */
  readonly program?: string;
  readonly takeTimeoutMs?: number;
}

interface Watched {
  instanceId: number | undefined;
  /** For connections. */
  isReady: boolean;
  isLeaving: boolean;
  connections: number;
  /** Given to it and not taken yet, by number. */
  readonly handed: Map<number, Handed>;
  readonly bornMs: number;
}

interface Accepted {
  readonly socket: Socket;
  /** The place of its address in the configuration. */
  readonly listener: number;
}

interface Handed extends Accepted {
  /** One goes at a time: the others wait in this process. */
  isOnItsWay: boolean;
}

export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #workers = new Map<ChildProcess, Watched>();
  readonly #servers: Server[] = [];
  readonly #homeless: Accepted[] = [];
  readonly #burials = new Set<Promise<void>>();
  #isStopping = false;
  #deathsInARow = 0;
  #lastConnection = 0;
  #onReady: () => void = () => undefined;
  #onFailed: (reason: Error) => void = () => undefined;
  /** Rejects when the deployment cannot go on. */
  readonly failed: Promise<never>;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.failed = new Promise((_, reject) => {
      this.#onFailed = reject;
    });
    // Whoever waits is told; nobody waiting is no fault.
    this.failed.catch(() => undefined);
  }

  /**
   * Starts all workers; resolves with the addresses when every one of them is ready. Throws ConfigError for an
   * address that cannot be had, and an Error where it was stopped meanwhile.
   */
  async start(): Promise<readonly string[]> {
    const { config, log } = this.#parts;
    const ready = new Promise<void>((resolve) => {
      this.#onReady = resolve;
    });
    for (let n = 0; n < config.workers; n += 1) this.#spawn();
    await Promise.race([ready, this.failed]);
    const urls: string[] = [];
    for (const [listener, address] of config.listen.entries()) {
      if (this.#isStopping) throw new Error('stopped before it served');
      // What they send is read by the worker.
      const server = createServer({ pauseOnConnect: true }, (socket) =>
        this.#hand({ socket, listener }),
      );
      this.#servers.push(server);
      urls.push(await bind(server, address, log));
    }
    log.info({ urls }, 'listening');
    return urls;
  }

  /** Ends all workers: gently, then for certain. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#stopAccepting();
    this.#onReady();
    const ended = [...this.#workers.keys()].map((worker) => {
      if (worker.connected) send(worker, { kind: 'stop' });
      return new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    });
    const cut = setTimeout(() => this.kill(), this.#parts.drainMs + stopGraceMs);
    await Promise.all(ended);
    clearTimeout(cut);
    await Promise.all(this.#burials);
  }

  get workerPids(): readonly (number | undefined)[] {
    return [...this.#workers.keys()].map((worker) => worker.pid);
  }

  kill(): void {
    this.#isStopping = true;
    this.#stopAccepting();
    for (const worker of this.#workers.keys()) worker.kill('SIGKILL');
  }

  #stopAccepting(): void {
    for (const server of this.#servers.splice(0)) server.close();
    for (const { socket } of this.#homeless.splice(0)) socket.destroy();
  }

  /** To the worker that has the fewest. */
  #hand({ socket, listener }: Accepted): void {
    let chosen: [ChildProcess, Watched] | undefined;
    for (const entry of this.#workers) {
      const [worker, watched] = entry;
      if (!watched.isReady || !worker.connected) continue;
      if (chosen === undefined || watched.connections < chosen[1].connections) chosen = entry;
    }
    if (chosen === undefined) {
      // All have died and none is back.
      if (this.#isStopping || this.#homeless.length === maxHomeless) socket.destroy();
      else this.#homeless.push({ socket, listener });
      return;
    }
    const [worker, watched] = chosen;
    watched.connections += 1;
    this.#lastConnection += 1;
    const number = this.#lastConnection;
    const handed: Handed = { socket, listener, isOnItsWay: false };
    watched.handed.set(number, handed);
    const message: ToWorker = { kind: 'connection', number, listener };
    // Left to Node (`keepOpen: false`), one that is on its way to a worker that dies is never closed.
    worker.send(message, socket, { keepOpen: true }, (error) => {
      if (error === null) handed.isOnItsWay = true;
    });
    // A worker with too many open files never hears of it.
    const { takeTimeoutMs = defaultTakeTimeoutMs } = this.#parts;
    socket.removeAllListeners('timeout'); // of a worker that declined it
    socket.setTimeout(takeTimeoutMs, () => {
      if (!handed.isOnItsWay || !watched.handed.delete(number)) return;
      watched.connections -= 1;
      socket.destroy();
    });
  }

  /** Undefined where the worker was too late. */
  #answered(watched: Watched, number: number): Handed | undefined {
    const handed = watched.handed.get(number);
    watched.handed.delete(number);
    return handed;
  }

  #spawn(): void {
    const { program, lockDescriptor, log } = this.#parts;
    const worker = fork(program ?? fileURLToPath(new URL('./worker.js', import.meta.url)), [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', lockDescriptor],
      // A debugger's port is this process's.
      execArgv: process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
    });
    const watched: Watched = {
      instanceId: undefined,
      isReady: false,
      isLeaving: false,
      connections: 0,
      handed: new Map(),
      bornMs: performance.now(),
    };
    this.#workers.set(worker, watched);
    worker.on('message', (message: FromWorker) => this.#heard(worker, watched, message));
    worker.once('exit', (status, signal) => this.#ended(worker, watched, status, signal));
    worker.on('error', (err) => {
      log.error({ err }, 'worker cannot be reached');
      // It was never there, and no exit will be told.
      if (worker.pid === undefined) this.#ended(worker, watched, null, null);
    });
  }

  #heard(worker: ChildProcess, watched: Watched, message: FromWorker): void {
    switch (message.kind) {
      case 'awake': {
        // The root user's secret stays here: workers read users from the namespace.
        const config: Config = { ...this.#parts.config, rootCredentials: undefined };
        send(worker, this.#isStopping ? { kind: 'stop' } : { kind: 'start', config });
        break;
      }
      case 'instance':
        watched.instanceId = message.instanceId;
        break;
      case 'refused':
        this.#onFailed(new ConfigError(message.reason));
        break;
      case 'ready':
        if (watched.isLeaving) break;
        watched.isReady = true;
        for (const accepted of this.#homeless.splice(0)) this.#hand(accepted);
        if ([...this.#workers.values()].every(({ isReady }) => isReady)) this.#onReady();
        break;
      case 'taken': {
        const handed = this.#answered(watched, message.number);
        // One that comes late has it all the same.
        if (handed === undefined) watched.connections += 1;
        else handed.socket.destroy();
        break;
      }
      case 'declined': {
        watched.isReady = false;
        const handed = this.#answered(watched, message.number);
        if (handed === undefined) break;
        watched.connections -= 1;
        this.#hand(handed);
        break;
      }
      case 'closed':
        watched.connections -= message.connections;
        break;
      case 'stopping':
        watched.isLeaving = true;
        watched.isReady = false;
        break;
    }
  }

  #ended(
    worker: ChildProcess,
    watched: Watched,
    status: number | null,
    signal: string | null,
  ): void {
    const { log } = this.#parts;
    this.#workers.delete(worker);
    // After a clean end too: a write that was cut off by it may have left something.
    if (watched.instanceId !== undefined) this.#bury(watched.instanceId);
    for (const handed of watched.handed.values()) {
      // It may have read from one that was on its way: nobody else can go on there.
      if (handed.isOnItsWay) handed.socket.destroy();
      else this.#hand(handed);
    }
    watched.handed.clear();
    if (this.#isStopping) return;
    log.error({ workerPid: worker.pid, status, signal }, 'worker ended');
    if (status === storageFailedStatus) {
      this.#onFailed(new Error('storage failed; see the log'));
      return;
    }
    const livedMs = performance.now() - watched.bornMs;
    this.#deathsInARow = livedMs > steadyAfterMs ? 0 : this.#deathsInARow + 1;
    const exponent = Math.max(0, this.#deathsInARow - 1);
    const delayMs = Math.min(maxRespawnDelayMs, firstRespawnDelayMs * 2 ** exponent);
    setTimeout(() => {
      if (!this.#isStopping) this.#spawn();
    }, delayMs);
  }

  #bury(instanceId: number): void {
    const { log, instanceDied } = this.#parts;
    const burial = instanceDied(instanceId)
      .catch((err: unknown) => {
        log.error({ err, instanceId }, 'what a worker left cannot be freed before the next start');
      })
      .finally(() => this.#burials.delete(burial));
    this.#burials.add(burial);
  }
}

function send(worker: ChildProcess, message: ToWorker): void {
  worker.send(message, (error) => {
    // It died meanwhile: its exit tells.
    void error;
  });
}
