/**
 * The processes of a deployment, found by what they were started with: so none is forgotten, whatever
 * happened to who started it, and no number is taken for a process that has it now.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobSeerError } from '../../blobseer-client/errors.ts';

const pollMs = 50;
/** What is killed is gone as soon as the kernel has the time. */
const killedWithinMs = 10_000;

/** Arguments that follow each other in the command of a process. */
export type Arguments = readonly string[];

/** Numbers of the processes that were started with any of these. */
export function findProcesses(wanted: readonly Arguments[]): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      const all = argumentsOf(name);
      return wanted.some((some) => contains(all, some));
    })
    .map(Number);
}

/** Asks them to end, makes them end when they took too long, and waits until they are gone. */
export async function endProcesses(wanted: readonly Arguments[], graceMs: number): Promise<void> {
  signal(findProcesses(wanted), 'SIGTERM');
  if (await areGone(wanted, graceMs)) return;
  signal(findProcesses(wanted), 'SIGKILL');
  if (await areGone(wanted, killedWithinMs)) return;
  const pids = findProcesses(wanted).join(', ');
  throw new BlobSeerError('unavailable', `processes do not end, not even killed: ${pids}`);
}

/** False when some still run after that time. */
export async function areGone(wanted: readonly Arguments[], withinMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + withinMs;
  while (findProcesses(wanted).length > 0) {
    if (performance.now() > deadlineMs) return false;
    await sleep(pollMs);
  }
  return true;
}

function signal(pids: readonly number[], name: 'SIGTERM' | 'SIGKILL'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      // It has ended by itself.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Empty for those that have ended, or are not ours to look at. */
function argumentsOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

function contains(all: readonly string[], wanted: Arguments): boolean {
  return all.some((_, start) => wanted.every((argument, at) => all[start + at] === argument));
}
