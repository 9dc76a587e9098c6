/**
 * The load generator: a process of its own that makes its requests first, then drives one server over
 * some connections, each with one request at a time, and says how it went. It is told its job by
 * its parent and answers with a `LoadResult`.
 */
import { once } from 'node:events';
import type { Endpoint } from '../harness/http.ts';
import { Histogram } from './histogram.ts';
import { makeRequests, type RequestPlan } from './requests.ts';
import { type Answer, Connection, type Exchange } from './wire.ts';

export interface LoadJob {
  readonly target: Endpoint;
  readonly plan: RequestPlan;
  readonly connections: number;
  /** Not counted: connections open, code compiled, caches filled. */
  readonly warmupMs: number;
  readonly durationMs: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly bytes: number;
  /** Latencies in milliseconds, first byte sent to last byte received. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** What the generator itself took: where that comes near to `seconds` it is what is measured. */
  readonly cpuSeconds: number;
  /** Answers with another status than the plan's, connections that broke; none is timed. */
  readonly failures: number;
  readonly firstFailure: string | undefined;
}

/** What the process sends: `began` and `ended` frame the counted part, for who meters the server. */
export type LoadMessage =
  | { readonly kind: 'began' }
  | { readonly kind: 'ended'; readonly result: LoadResult };

/** A server that fails everything would be asked for ever. */
const maxFailures = 100;
const pollMs = 10;

/** Runs a job here; `began` is called when the counted part begins. */
export async function runLoad(job: LoadJob, began: () => void): Promise<LoadResult> {
  const { plan, target } = job;
  const exchanges = makeRequests(target, plan);
  const next = order(plan, exchanges, job.connections);
  const histogram = new Histogram();
  let failures = 0;
  let firstFailure: string | undefined;
  let bytes = 0;
  let isCounted = false;
  let isOver = false;
  // A server that is faster than it was known to be leaves no requests for the time that counts.
  const isLimited = plan.order === 'once' || plan.order === 'own';
  let sent = 0;
  let useHalf: () => void = () => undefined;
  const halfUsed = new Promise<void>((resolve) => {
    useHalf = resolve;
  });
  const fail = (reason: string) => {
    failures += 1;
    firstFailure ??= reason;
    if (failures >= maxFailures) isOver = true;
  };
  const count = (answer: Answer) => {
    if (answer.status !== plan.status) fail(answer.headers);
    else if (isCounted) {
      histogram.record(answer.ms);
      bytes += answer.bytes + (plan.bodyBytes ?? 0);
    }
  };
  const drive = async (client: number) => {
    const connection = new Connection(target.endpoint);
    while (!isOver) {
      const exchange = next(client);
      sent += 1;
      if (isLimited && 2 * sent >= exchanges.length) useHalf();
      if (exchange === undefined) break;
      try {
        count(await connection.exchange(exchange));
      } catch (error) {
        fail(String(error));
      }
    }
    connection.close();
  };
  const driving = Promise.all(
    Array.from({ length: job.connections }, (_, client) => drive(client)),
  );
  const isDone = driving.then(() => true);
  await waitFor(job.warmupMs, Promise.race([driving, halfUsed]));
  isCounted = true;
  began();
  const beganCpu = process.cpuUsage();
  const beganMs = performance.now();
  await waitFor(job.durationMs, driving);
  // A request that takes longer than the whole run is waited for.
  while (histogram.count === 0 && !(await waitFor(pollMs, isDone)));
  if (histogram.count === 0) fail('no request was answered');
  isCounted = false;
  const seconds = (performance.now() - beganMs) / 1000;
  const { user, system } = process.cpuUsage(beganCpu);
  isOver = true;
  await driving;
  return {
    requests: histogram.count,
    seconds,
    bytes,
    p50: histogram.percentileMs(0.5),
    p99: histogram.percentileMs(0.99),
    p999: histogram.percentileMs(0.999),
    max: histogram.maxMs,
    cpuSeconds: (user + system) / 1e6,
    failures,
    firstFailure,
  };
}

/** Less when the work is done before. Resolves with what the work does, or false. */
async function waitFor<T>(ms: number, work: Promise<T>): Promise<T | false> {
  let timer: NodeJS.Timeout | undefined;
  const time = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const first = await Promise.race([time, work]);
  clearTimeout(timer);
  return first;
}

/** What a connection, known by its number, sends next. */
function order(
  plan: RequestPlan,
  exchanges: readonly Exchange[],
  connections: number,
): (client: number) => Exchange | undefined {
  let taken = 0;
  switch (plan.order) {
    case 'once':
      return () => exchanges[taken++];
    case 'cyclic':
      return () => exchanges[taken++ % exchanges.length];
    case 'random':
      return () => exchanges[Math.floor(Math.random() * exchanges.length)];
    case 'own': {
      const rounds = new Uint32Array(connections);
      return (client) => exchanges[client + connections * rounds[client]!++];
    }
  }
}

async function serveParent(): Promise<void> {
  const tell = (message: LoadMessage) => process.send?.(message);
  const [job] = (await once(process, 'message')) as [LoadJob];
  const result = await runLoad(job, () => tell({ kind: 'began' }));
  tell({ kind: 'ended', result });
  process.disconnect();
}

if (process.send !== undefined && process.argv[1] === import.meta.filename) await serveParent();
