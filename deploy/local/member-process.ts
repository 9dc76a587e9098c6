/** One supervised process: started again when it dies, sooner at first, later when it dies again and again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

const privateFile = 0o600;
const firstDelayMs = 100;
const maxDelayMs = 5000;
/** Who lived so long did not die of starting. */
const steadyAfterMs = 10_000;
/** A gateway lets requests end within 30 seconds; closing storage takes a little more. */
const stopGraceMs = 45_000;

export interface ProcessLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface MemberProcessOptions {
  readonly name: string;
  readonly program: string;
  readonly arguments: readonly string[];
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** What it says is appended here. */
  readonly logFile: string;
  readonly log: ProcessLog;
}

export interface ProcessStatus {
  readonly pid: number | undefined;
  readonly uptimeMs: number | undefined;
  /** How often it was started again after it had died. */
  readonly restarts: number;
  /** How it ended the last time, in words. */
  readonly lastEnd: string | undefined;
  /** It is meant to run: if it does not, it soon will. */
  readonly isWanted: boolean;
}

export class MemberProcess {
  readonly #options: MemberProcessOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isWanted = false;
  #bornMs = 0;
  #restarts = 0;
  #deathsInARow = 0;
  #lastEnd: string | undefined;
  #delay: NodeJS.Timeout | undefined;

  constructor(options: MemberProcessOptions) {
    this.#options = options;
  }

  get status(): ProcessStatus {
    return {
      pid: this.#child?.pid,
      uptimeMs: this.#child === undefined ? undefined : performance.now() - this.#bornMs,
      restarts: this.#restarts,
      lastEnd: this.#lastEnd,
      isWanted: this.#isWanted,
    };
  }

  start(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#deathsInARow = 0;
    this.#spawn();
  }

  /** Gently, then for certain; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    clearTimeout(this.#delay);
    const child = this.#child;
    if (child === undefined) return;
    const { name, log } = this.#options;
    child.kill('SIGTERM');
    const cut = setTimeout(() => {
      log.warn({ member: name, graceMs: stopGraceMs }, 'does not end in time; killed');
      child.kill('SIGKILL');
    }, stopGraceMs);
    await this.#ended;
    clearTimeout(cut);
  }

  #spawn(): void {
    const { name, program, workingDirectory, environment, logFile, log } = this.#options;
    const output = openSync(logFile, 'a', privateFile);
    // In a session of its own: Ctrl-C on the supervisor's terminal is for the supervisor.
    const child = spawn(program, this.#options.arguments, {
      cwd: workingDirectory,
      env: environment,
      stdio: ['ignore', output, output],
      detached: true,
    });
    closeSync(output);
    this.#child = child;
    this.#bornMs = performance.now();
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        // A program that cannot be started may tell so twice.
        if (this.#child !== child) return;
        this.#child = undefined;
        this.#lastEnd = how;
        if (this.#isWanted) this.#startAgain();
        resolve();
      };
      child.once('exit', (status, signal) =>
        end(signal === null ? `exit status ${status}` : signal),
      );
      child.once('error', (error) => end(error.message));
    });
    if (child.pid !== undefined) log.info({ member: name, memberPid: child.pid }, 'started');
  }

  #startAgain(): void {
    const { name, log } = this.#options;
    const livedMs = performance.now() - this.#bornMs;
    this.#deathsInARow = livedMs > steadyAfterMs ? 1 : this.#deathsInARow + 1;
    const delayMs = Math.min(maxDelayMs, firstDelayMs * 2 ** (this.#deathsInARow - 1));
    log.error({ member: name, end: this.#lastEnd, delayMs }, 'ended; it will be started again');
    this.#delay = setTimeout(() => {
      this.#restarts++;
      this.#spawn();
    }, delayMs);
  }
}
