/** What a soak looks at every few seconds, as Linux shows it, and as the load has seen it. */
import { readdirSync, readFileSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { childrenOf } from '../harness/processes.ts';
import type { KindWindow } from './soak-client.ts';

export interface ProcessSample {
  /** `gateway`, and `gateway worker 1` where it has workers. */
  readonly name: string;
  /** Anonymous memory (RssAnon): what is the process's own. */
  readonly anonymousMiB: number;
  /** Resident memory, the mapped database among it. */
  readonly residentMiB: number;
  /** Open file descriptors. */
  readonly descriptors: number;
}

export interface Sample {
  /** Since the load began. */
  readonly seconds: number;
  readonly processes: readonly ProcessSample[];
  /** Of the data directory, in blocks. */
  readonly diskMiB: number;
  /** Of that, LMDB's file. */
  readonly databaseMiB: number;
  /** CPU seconds of the gateway and of the load in each second since the last sample. */
  readonly gatewayCpu: number;
  readonly loadCpu: number;
  /** Of the machine, over the last minute: what else it does shows in latencies. */
  readonly loadAverage: number;
  /** How late operations begin: more than zero where the gateway cannot keep up. */
  readonly behindSeconds: number;
  /** Since the last sample. */
  readonly operations: Readonly<Record<string, KindWindow>>;
}

const mebibyte = 1024 ** 2;
const blockBytes = 512;
const databaseName = 'blobseer.mdb';

export function sampleProcesses(gateway: number): ProcessSample[] {
  const named = [
    ['gateway', gateway] as const,
    ...childrenOf(gateway).map((pid, index) => [`gateway worker ${index + 1}`, pid] as const),
  ];
  return named.map(([name, pid]) => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const mebibytes = (field: string) =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
    return {
      name,
      anonymousMiB: mebibytes('RssAnon'),
      residentMiB: mebibytes('VmRSS'),
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
    };
  });
}

/** Not in one go: the load's own requests would be held up, and show it as latency. */
export async function sampleDisk(
  directory: string,
): Promise<Pick<Sample, 'diskMiB' | 'databaseMiB'>> {
  return {
    diskMiB: (await blocksBelow(directory)) / mebibyte,
    databaseMiB: (await blocksOf(path.join(directory, databaseName))) / mebibyte,
  };
}

async function blocksBelow(folder: string): Promise<number> {
  let bytes = 0;
  // A folder may go away meanwhile.
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const place = path.join(folder, entry.name);
    bytes += entry.isDirectory() ? await blocksBelow(place) : await blocksOf(place);
  }
  return bytes;
}

/** 0 for a file that has gone. */
async function blocksOf(file: string): Promise<number> {
  const stats = await lstat(file).catch(() => undefined);
  return (stats?.blocks ?? 0) * blockBytes;
}
