/** What a server takes of the machine, as Linux counts it: processor time, memory, disk. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { anonymousBytes, childrenOf } from '../harness/processes.ts';

/** Clock ticks a second in /proc (sysconf(_SC_CLK_TCK)), 100 on every Linux that runs Node. */
const ticksPerSecond = 100;
const samplePeriodMs = 100;

export interface Usage {
  readonly cpuSeconds: number;
  /** The most anonymous memory (RssAnon) that any one of its processes had. */
  readonly peakMiB: number;
}

/** Meters a server and its descendants from now on; call the result for what it took. */
export function meter(pids: readonly number[]): () => Usage {
  const before = cpuSeconds(pids);
  let peakMiB = memoryMiB(pids);
  const sampling = setInterval(() => {
    peakMiB = Math.max(peakMiB, memoryMiB(pids));
  }, samplePeriodMs);
  return () => {
    clearInterval(sampling);
    return {
      cpuSeconds: cpuSeconds(pids) - before,
      peakMiB: Math.max(peakMiB, memoryMiB(pids)),
    };
  };
}

function everybody(pids: readonly number[]): number[] {
  return pids.flatMap((pid) => [pid, ...everybody(childrenOf(pid))]);
}

/** Anonymous memory of the process that has most, now. */
export function memoryMiB(pids: readonly number[]): number {
  const bytes = everybody(pids).map((pid) => unlessGone(() => anonymousBytes(pid)));
  return Math.max(0, ...bytes) / 1024 ** 2;
}

/** Of processes and all their descendants. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of everybody(pids)) {
    ticks += unlessGone(() => ticksIn(`/proc/${pid}/stat`));
  }
  return ticks / ticksPerSecond;
}

/** Of the thread that a process began with: where JavaScript runs. */
export function mainThreadSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => unlessGone(() => ticksIn(`/proc/${pid}/task/${pid}/stat`)));
  return ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond;
}

/** What processes have given to the disk, as the kernel counts it where pages become dirty. */
export function writtenBytes(pids: readonly number[]): number {
  const bytes = pids.map((pid) =>
    unlessGone(() =>
      Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]),
    ),
  );
  return bytes.reduce((sum, each) => sum + each, 0);
}

function ticksIn(statFile: string): number {
  const text = readFileSync(statFile, 'utf8');
  // pid (command) state ...; utime and stime are the 12th and 13th field behind the command.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function unlessGone(read: () => number): number {
  try {
    return read();
  } catch {
    return 0;
  }
}

/** Bytes that a folder's files take on disk: blocks, not lengths, so that holes are free. */
export function diskBytes(folder: string): number {
  let bytes = 0;
  for (const name of readdirSync(folder)) {
    const file = path.join(folder, name);
    let stats: ReturnType<typeof lstatSync>;
    try {
      stats = lstatSync(file);
    } catch {
      continue; // removed meanwhile
    }
    bytes += stats.isDirectory() ? diskBytes(file) : stats.blocks * 512;
  }
  return bytes;
}
