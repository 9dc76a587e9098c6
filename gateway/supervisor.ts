/**
 * Several workers on one data directory: this process serves nothing, it watches. A worker that dies
 * is reported to the engine, which frees what it held, and replaced; one whose storage failed takes
 * the whole deployment down, since no process may trust the disk any more.
 */
import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { type Config, ConfigError } from './config.ts';
import { storageFailedStatus } from './gateway.ts';
import type { Log } from './log.ts';

export type ToWorker =
  | { readonly kind: 'start'; readonly config: Config }
  | { readonly kind: 'stop' };

export type FromWorker =
  /** It listens to messages now; what was sent before is lost. */
  | { readonly kind: 'awake' }
  /** Its number in the engine, told before it is written down there. */
  | { readonly kind: 'instance'; readonly instanceId: number }
  | { readonly kind: 'listening'; readonly urls: readonly string[] }
  /** It cannot start, and trying again would not help: the reason, for people. */
  | { readonly kind: 'refused'; readonly reason: string };

const firstRespawnDelayMs = 100;
const maxRespawnDelayMs = 5000;
/** A worker that lived so long did not die of starting. */
const steadyAfterMs = 10_000;
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
}

interface Watched {
  instanceId: number | undefined;
  isListening: boolean;
  readonly bornMs: number;
}

export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #workers = new Map<Worker, Watched>();
  readonly #burials = new Set<Promise<void>>();
  #isStopping = false;
  #deathsInARow = 0;
  #onStarted: (urls: readonly string[]) => void = () => undefined;
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

  /** Starts all workers; resolves with the addresses when every one of them listens. */
  start(): Promise<readonly string[]> {
    const { config, lockDescriptor, program } = this.#parts;
    // Workers accept for themselves. Node's default hands each connection from the primary to a
    // worker, and one handed to a worker that was just killed is never answered nor closed.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({
      exec: program ?? fileURLToPath(new URL('./worker.js', import.meta.url)),
      args: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', lockDescriptor],
    });
    const started = new Promise<readonly string[]>((resolve) => {
      this.#onStarted = resolve;
    });
    for (let n = 0; n < config.workers; n += 1) this.#spawn();
    return Promise.race([started, this.failed]);
  }

  /** Ends all workers: gently, then for certain. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const ended = [...this.#workers.keys()].map((worker) => {
      if (worker.isConnected()) send(worker, { kind: 'stop' });
      return new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    });
    const cut = setTimeout(() => this.kill(), this.#parts.drainMs + stopGraceMs);
    await Promise.all(ended);
    clearTimeout(cut);
    await Promise.all(this.#burials);
  }

  get workerPids(): readonly (number | undefined)[] {
    return [...this.#workers.keys()].map((worker) => worker.process.pid);
  }

  kill(): void {
    this.#isStopping = true;
    for (const worker of this.#workers.keys()) worker.process.kill('SIGKILL');
  }

  #spawn(): void {
    const worker = cluster.fork();
    const watched: Watched = {
      instanceId: undefined,
      isListening: false,
      bornMs: performance.now(),
    };
    this.#workers.set(worker, watched);
    worker.on('message', (message: FromWorker) => this.#heard(worker, watched, message));
    worker.once('exit', (status, signal) => this.#ended(worker, watched, status, signal));
    worker.on('error', (err) => this.#parts.log.error({ err }, 'worker cannot be reached'));
  }

  #heard(worker: Worker, watched: Watched, message: FromWorker): void {
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
      case 'listening':
        watched.isListening = true;
        if ([...this.#workers.values()].every(({ isListening }) => isListening)) {
          this.#onStarted(message.urls);
        }
        break;
    }
  }

  #ended(worker: Worker, watched: Watched, status: number | null, signal: string | null): void {
    const { log } = this.#parts;
    this.#workers.delete(worker);
    // After a clean end too: a write that was cut off by it may have left something.
    if (watched.instanceId !== undefined) this.#bury(watched.instanceId);
    if (this.#isStopping) return;
    log.error({ workerPid: worker.process.pid, status, signal }, 'worker ended');
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

function send(worker: Worker, message: ToWorker): void {
  worker.send(message, (error) => {
    // It died meanwhile: its exit tells.
    void error;
  });
}
