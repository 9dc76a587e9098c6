/**
 * One of BlobSeer's roles as an operator runs it: a process of its own over a directory of its own. Nothing
 * of its source is imported; it is known by its command line, its port and its exit status.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { program } from './gateway.ts';
import { atEnd, exitOf } from './processes.ts';
import { type Statistics, statisticsOf } from './statistics.ts';

export type Role = 'version-manager' | 'provider-manager' | 'metadata-provider' | 'data-provider';

export interface EntityOptions {
  readonly role: Role;
  /** Unique within a BlobSeer. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** For its data and its log. */
  readonly folder: string;
  readonly configFile: string;
}

const startTimeoutMs = 60_000;
const pollMs = 20;

const running = new Set<Entity>();
atEnd(() => {
  for (const entity of running) entity.killNow();
});

export class Entity {
  readonly role: Role;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly #configFile: string;
  #child: ChildProcess | undefined;

  constructor({ role, name, host, port, folder, configFile }: EntityOptions) {
    this.role = role;
    this.name = name;
    this.host = host;
    this.port = port;
    this.dataDirectory = path.join(folder, name);
    this.logFile = path.join(folder, `${name}.log`);
    this.#configFile = configFile;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} is not running`);
    return pid;
  }

  /** Starts it (again) over what it has stored, and resolves when it listens. */
  async start(): Promise<void> {
    const before = this.#startsLogged();
    const child = this.#spawn();
    const deadline = Date.now() + startTimeoutMs;
    while (this.#startsLogged() === before) {
      const hasEnded = child.exitCode !== null || child.signalCode !== null;
      if (hasEnded || Date.now() > deadline) {
        this.killNow();
        throw new Error(`${this.name} did not start:\n${this.log().slice(-4000)}`);
      }
      await delay(pollMs);
    }
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM; resolves with its exit status. */
  async stop(): Promise<number | null> {
    return await this.#end('SIGTERM');
  }

  /** It hangs: whatever is sent to it is accepted by the kernel, and not answered. */
  suspend(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Without waiting; for the end of a test process. */
  killNow(): void {
    this.#child?.kill('SIGKILL');
    running.delete(this);
    this.#child = undefined;
  }

  statistics(): Promise<Statistics> {
    return statisticsOf(this.host, this.port);
  }

  log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  #startsLogged(): number {
    return this.log().split(' listens on ').length;
  }

  #spawn(): ChildProcess {
    const output = openSync(this.logFile, 'a');
    const { role, host, port, dataDirectory } = this;
    const at = ['--listen', host, '--port', String(port), '--data', dataDirectory];
    const child = spawn(
      process.execPath,
      [program, 'entity', role, '--config', this.#configFile, ...at],
      { stdio: ['ignore', output, output] },
    );
    closeSync(output);
    this.#child = child;
    running.add(this);
    return child;
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    child.kill(signal);
    const status = await exitOf(child);
    running.delete(this);
    this.#child = undefined;
    return status;
  }
}
