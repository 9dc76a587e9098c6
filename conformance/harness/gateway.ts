/**
 * A gateway as a user runs it: a process of its own, on a free port, over a directory of its own.
 * Nothing of its source is imported; it is known by its command line, its ports and its exit status.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './ports.ts';
import { atEnd, childrenOf, exitOf, isAlive, killGroup } from './processes.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface GatewayOptions {
  readonly workers?: number;
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
  /** Further environment; that of a BlobSeer has pages kept there. */
  readonly env?: Readonly<Record<string, string>>;
  /** An existing directory to serve; by default a new one that `remove` deletes. */
  readonly dataDirectory?: string;
  /** PEM files: serve https. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  readonly credentials?: Credentials;
  /** A program to run the gateway under, with its arguments: `strace -D ...`. */
  readonly under?: readonly string[];
}

export interface CommandResult {
  readonly status: number | null;
  /** With what it complained of. */
  readonly output: string;
  readonly stdout: string;
}

export const rootCredentials: Credentials = {
  accessKeyId: 'CONFORMANCEROOTKEY00',
  secretAccessKey: 'conformance/root/secret/0123456789abcdef',
};

const startTimeoutMs = 30_000;
const stopTimeoutMs = 30_000;
const killTimeoutMs = 15_000;

/** The project's folder: the nearest one above this file with a package.json. */
export const projectRoot = findRoot(import.meta.dirname);
export const program = path.join(projectRoot, 'bin', 'blobseer-s3.js');

function findRoot(folder: string): string {
  try {
    readFileSync(path.join(folder, 'package.json'));
    return folder;
  } catch (error) {
    const parent = path.dirname(folder);
    if (parent === folder) throw error;
    return findRoot(parent);
  }
}

/** Runs `blobseer-s3 ARGS` to its end. */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let stdout = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString();
    stdout += bytes.toString();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output, stdout };
}

const running = new Set<Gateway>();
atEnd(() => {
  for (const gateway of running) gateway.killNow();
});

export class Gateway {
  readonly credentials: Credentials;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly #options: GatewayOptions;
  readonly #folder: string;
  #port = 0;
  #child: ChildProcess | undefined;

  private constructor(options: GatewayOptions) {
    this.#options = options;
    this.#folder = mkdtempSync(path.join(tmpdir(), 'blobseer-s3-'));
    this.dataDirectory = options.dataDirectory ?? path.join(this.#folder, 'data');
    this.logFile = path.join(this.#folder, 'server.log');
    this.credentials = options.credentials ?? rootCredentials;
  }

  static async start(options: GatewayOptions = {}): Promise<Gateway> {
    const gateway = new Gateway(options);
    await gateway.start();
    return gateway;
  }

  get port(): number {
    return this.#port;
  }

  get endpoint(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  /** Process id of `serve` (the primary, where there are several workers). */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the gateway is not running');
    return pid;
  }

  /** The worker processes; `serve` itself where it serves alone. */
  workers(): number[] {
    const children = childrenOf(this.pid);
    return children.length > 0 ? children : [this.pid];
  }

  /** Starts it (again) and resolves when it is ready to serve. */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      this.#port = await freePort();
      const child = this.#spawn();
      if (await this.#becomesReady(child)) return;
      const log = this.log();
      // Between finding the port and listening on it somebody else may have taken it.
      if (attempt < 3 && log.includes('EADDRINUSE')) continue;
      this.killNow();
      throw new Error(`the gateway did not become ready:\n${log.slice(-4000)}`);
    }
  }

  /** SIGTERM; resolves with the exit status once it has drained and gone. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    const pid = this.pid;
    child.kill('SIGTERM');
    const timer = setTimeout(() => killGroup(pid), stopTimeoutMs);
    const status = await exitOf(child);
    clearTimeout(timer);
    this.#forget();
    return status;
  }

  /** SIGKILL to the primary and every worker at once, as a power cut ends them. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const all = [this.pid, ...childrenOf(this.pid)];
    killGroup(this.pid);
    await this.#gone(child, all);
  }

  /** SIGKILL to the primary alone: the workers have to notice and to end by themselves. */
  async killPrimary(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const all = [this.pid, ...childrenOf(this.pid)];
    child.kill('SIGKILL');
    await this.#gone(child, all);
  }

  /** Without waiting; for the end of a test process. */
  killNow(): void {
    if (this.#child?.pid !== undefined) killGroup(this.#child.pid);
    this.#forget();
  }

  /** Stops it and deletes what it stored. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** `blobseer-s3 check` on the directory; the gateway must be stopped or checks must allow it. */
  check(): Promise<CommandResult> {
    return runCommand(['check', '--data', this.dataDirectory], this.#options.env);
  }

  #spawn(): ChildProcess {
    const { workers = 1, args = [], env = {}, tls, under = [] } = this.#options;
    const output = openSync(this.logFile, 'a');
    const [command = process.execPath, ...before] = [...under, process.execPath];
    const child = spawn(
      command,
      [
        ...before,
        program,
        'serve',
        ...['--data', this.dataDirectory],
        ...['--listen', this.endpoint.replace(/^http:\/\//, '')],
        ...['--workers', String(workers)],
        ...(tls === undefined ? [] : ['--tls-cert', tls.certFile, '--tls-key', tls.keyFile]),
        ...args,
      ],
      {
        // A group of its own, so that the primary and its workers can be killed in one instant.
        detached: true,
        stdio: ['ignore', output, output],
        env: {
          ...process.env,
          BLOBSEER_S3_ACCESS_KEY: this.credentials.accessKeyId,
          BLOBSEER_S3_SECRET_KEY: this.credentials.secretAccessKey,
          ...env,
        },
      },
    );
    closeSync(output);
    this.#child = child;
    running.add(this);
    return child;
  }

  async #becomesReady(child: ChildProcess): Promise<boolean> {
    const deadline = Date.now() + startTimeoutMs;
    while (child.exitCode === null && child.signalCode === null && Date.now() < deadline) {
      if ((await statusOf(`${this.endpoint}/_/health/ready`)) === 200) return true;
      await delay(20);
    }
    return false;
  }

  async #gone(child: ChildProcess, pids: readonly number[]): Promise<void> {
    await exitOf(child);
    const deadline = Date.now() + killTimeoutMs;
    while (pids.some(isAlive)) {
      if (Date.now() > deadline)
        throw new Error(`still alive after the kill: ${pids.filter(isAlive)}`);
      await delay(5);
    }
    this.#forget();
  }

  #forget(): void {
    running.delete(this);
    this.#child = undefined;
  }
}

/** 0 when nobody answers. */
function statusOf(url: string): Promise<number> {
  return new Promise((resolve) => {
    const get = url.startsWith('https:') ? https.get : http.get;
    const request = get(url, { rejectUnauthorized: false, timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(0));
  });
}
