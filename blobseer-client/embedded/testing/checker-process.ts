/** The process that opens the disks (power-cut-checker.ts); another one when it has crashed. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { CheckReply, CheckRequest } from './power-cut-checker.ts';
import { atSignal } from './signals.ts';

const checkerProgram = path.join(import.meta.dirname, 'power-cut-checker.js');
const checkTimeoutMs = 30_000;
/** It has closed everything by then. */
const endTimeoutMs = 5000;

export class Checker {
  private child: ChildProcess | undefined;

  async check(request: CheckRequest): Promise<CheckReply> {
    const child = this.living() ?? this.start();
    const listening = new AbortController();
    const timer = setTimeout(() => child.kill('SIGKILL'), checkTimeoutMs);
    try {
      return await new Promise<CheckReply>((resolve, reject) => {
        const { signal } = listening;
        const on = (event: string, listener: (...args: readonly unknown[]) => void): void => {
          child.once(event, listener);
          signal.addEventListener('abort', () => child.off(event, listener));
        };
        on('message', (reply) => resolve(reply as CheckReply));
        on('exit', (status, by) =>
          resolve({ problem: `the process that opened it ended with ${by ?? status}` }),
        );
        on('error', reject);
        // Where it cannot be sent, the process has ended, and `exit` says so.
        child.send(request, () => {});
      });
    } finally {
      clearTimeout(timer);
      listening.abort();
    }
  }

  async end(): Promise<void> {
    const child = this.living();
    if (child === undefined) return;
    const ended = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), endTimeoutMs);
    child.disconnect();
    await ended;
    clearTimeout(timer);
  }

  /** Not one that has died since the last disk, nor one that is about to: that says nothing of the next disk. */
  private living(): ChildProcess | undefined {
    if (this.child?.connected === true) return this.child;
    this.child?.kill('SIGKILL');
    this.child = undefined;
    return undefined;
  }

  private start(): ChildProcess {
    // What LMDB says of a broken database, the reply says too.
    const child = fork(checkerProgram, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const forget = atSignal(() => child.kill('SIGKILL'));
    child.once('exit', () => {
      forget();
      if (this.child === child) this.child = undefined;
    });
    this.child = child;
    return child;
  }
}
