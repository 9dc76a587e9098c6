/** One measurement: a load process against one server, and what the server took meanwhile. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { LoadJob, LoadMessage, LoadResult } from './load.ts';
import { runLoad } from './load.ts';
import type { RequestPlan } from './requests.ts';
import type { Server } from './servers.ts';
import { meter, type Usage } from './usage.ts';

export interface Measurement {
  readonly requests: number;
  readonly opsPerSecond: number;
  readonly mebibytesPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly failures: number;
  readonly firstFailure?: string | undefined;
  /** Undefined for a server whose processes are not known. */
  readonly cpuMsPerOp?: number | undefined;
  readonly peakMiB?: number | undefined;
  /** Of a core, taken by the load generator. Near 1 it is what is measured. */
  readonly generatorShare?: number | undefined;
  /** What only this work measures, by name with unit. */
  readonly extra?: Readonly<Record<string, number>>;
}

export interface Pace {
  readonly warmupMs: number;
  readonly durationMs: number;
}

const loadProgram = path.join(import.meta.dirname, 'load.js');
/** The most a timer takes; nothing here runs as long. */
const longestMs = 2 ** 31 - 1;
/** Of the time that was asked for. */
const shortShare = 0.9;
const fillConnections = 64;
/** Requests made at a time: a million of them would take a gigabyte. */
const fillSlice = 10_000;

export async function measureLoad(
  server: Server,
  plan: RequestPlan,
  connections: number,
  pace: Pace,
): Promise<Measurement> {
  const job: LoadJob = { target: server.target, plan, connections, ...pace };
  // Linux shares the processors between sessions before processes (sched_autogroup): a server in the
  // generator's own session, as some are, would have another share than one in a session of its own.
  const child = fork(loadProgram, {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  let stop: (() => Usage) | undefined;
  let ended: { readonly result: LoadResult; readonly usage: Usage | undefined } | undefined;
  child.on('message', (message: LoadMessage) => {
    if (message.kind === 'began') stop = server.pids.length === 0 ? undefined : meter(server.pids);
    else ended = { result: message.result, usage: stop?.() };
  });
  child.send(job);
  await exited;
  if (ended === undefined) throw new Error('the load generator ended without a result');
  const measurement = measurementOf(ended.result, ended.usage);
  const { seconds } = ended.result;
  // All requests were used before the time was over: said, as it may be too short a time.
  if (seconds * 1000 >= shortShare * pace.durationMs) return measurement;
  return { ...measurement, extra: { seconds } };
}

export function measurementOf(result: LoadResult, usage: Usage | undefined): Measurement {
  const { requests, seconds, bytes, p50, p99, p999, failures, firstFailure } = result;
  return {
    requests,
    opsPerSecond: requests / seconds,
    mebibytesPerSecond: bytes / seconds / 1024 ** 2,
    ...{ p50, p99, p999, failures, firstFailure },
    cpuMsPerOp: usage && requests > 0 ? (usage.cpuSeconds * 1000) / requests : undefined,
    peakMiB: usage?.peakMiB,
    generatorShare: result.cpuSeconds / seconds,
  };
}

/** Sends a plan's requests once each, as fast as it goes. Throws for the first that fails. */
export async function fill(server: Server, plan: Omit<RequestPlan, 'order'>): Promise<void> {
  for (let start = 0; start < plan.numbers; start += fillSlice) {
    const numbers = Math.min(fillSlice, plan.numbers - start);
    const first = (plan.first ?? 0) + start;
    const result = await runLoad(
      {
        target: server.target,
        plan: { ...plan, numbers, first, order: 'once' },
        connections: fillConnections,
        warmupMs: 0,
        durationMs: longestMs,
      },
      () => {},
    );
    if (result.failures > 0) throw new Error(`filling failed: ${result.firstFailure}`);
  }
}
