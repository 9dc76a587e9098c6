/**
 * Measures what the model is calculated from, in a few minutes, and prints it as JSON:
 *
 *   npm run --silent build && node dist/conformance/bench/constants.js > conformance/bench/model-constants.json
 *   node dist/conformance/bench/model.js --write
 *
 * Processor time per operation is that of a fixed number of requests, by role, divided by their number: it means
 * something on a busy machine too, while rates do not.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { BlobSeer } from '../harness/blobseer.ts';
import { Gateway } from '../harness/gateway.ts';
import { measureLoad, type Pace } from './measure.ts';
import type {
  Alone,
  Constants,
  Demand,
  Demands,
  OperationName,
  RoleName,
} from './model-constants.ts';
import type { RequestPlan } from './requests.ts';
import { machine, median } from './results.ts';
import { running, type Server } from './servers.ts';
import { cpuSeconds, mainThreadSeconds, writtenBytes } from './usage.ts';
import { bucket, makeBucket } from './workload.ts';

/** How much is done for each figure. */
export interface ConstantsScale {
  readonly smallRequests: number;
  readonly largeRequests: number;
  readonly aloneRequests: number;
  readonly syncs: number;
}

export const fullConstants: ConstantsScale = {
  ...{ smallRequests: 2000, largeRequests: 24, aloneRequests: 300, syncs: 200 },
};
/** Only to see that everything runs. */
export const tinyConstants: ConstantsScale = {
  ...{ smallRequests: 40, largeRequests: 2, aloneRequests: 5, syncs: 5 },
};

const kibibyte = 1024;
const mebibyte = 1024 ** 2;
const smallBytes = 4 * kibibyte;
const largeBytes = 16 * mebibyte;
const connections = { small: 32, large: 4 };
const diskPieces = 16;
const diskPieceBytes = 8 * mebibyte;
const digestRounds = 5;
/** Until the work is done: the requests are given, not the time. */
const pace: Pace = { warmupMs: 0, durationMs: 600_000 };

type Pids = ReadonlyMap<RoleName, readonly number[]>;

export async function measureConstants(scale: ConstantsScale): Promise<Constants> {
  return {
    machine: machine(),
    node: process.version,
    date: new Date().toISOString(),
    loadAverage: loadavg()[0] ?? 0,
    ...(await diskProbe(scale.syncs)),
    digestMiBPerSecond: {
      md5: digestRate((bytes) => createHash('md5').update(bytes).digest()),
      sha256: digestRate((bytes) => createHash('sha256').update(bytes).digest()),
      crc32c: digestRate((bytes) => crc32c(bytes)),
    },
    embedded: await measureEmbedded(scale),
    cluster: await onClusters(scale),
  };
}

export function measureEmbedded(scale: ConstantsScale): Promise<Constants['embedded']> {
  return onGateway({}, new Map(), scale);
}

async function onClusters(scale: ConstantsScale): Promise<Constants['cluster']> {
  const [once, twice] = [await onCluster(1, scale), await onCluster(2, scale)];
  return { alone: twice.alone, unreplicated: once.demands, replicatedTwice: twice.demands };
}

async function onCluster(replication: number, scale: ConstantsScale) {
  const blobseer = await BlobSeer.start({ metadataProviders: 2, dataProviders: 2, replication });
  const pids = new Map<RoleName, number[]>();
  for (const { role, pid } of blobseer.entities) pids.set(role, [...(pids.get(role) ?? []), pid]);
  try {
    return await onGateway(blobseer.environment, pids, scale);
  } finally {
    await blobseer.remove();
  }
}

async function onGateway(
  env: Readonly<Record<string, string>>,
  entities: Pids,
  scale: ConstantsScale,
): Promise<{ readonly alone: Alone; readonly demands: Demands }> {
  const gateway = await Gateway.start({ env, args: ['--log-level', 'warn'] });
  try {
    const { endpoint, credentials, pid } = gateway;
    const target = { endpoint, credentials, region: 'us-east-1' };
    const server = await running('gateway', target, [pid]).start();
    await makeBucket(server);
    const pids: Pids = new Map([...entities, ['gateway', [pid]]]);
    const { smallRequests, largeRequests } = scale;
    const small = await demandsOf(server, pids, smallBytes, smallRequests, connections.small);
    const large = await demandsOf(server, pids, largeBytes, largeRequests, connections.large);
    const demands: Record<OperationName, Readonly<Record<string, Demand>>> = {
      ...{ 'put-4k': small.put, 'get-4k': small.get },
      ...{ 'put-16m': large.put, 'get-16m': large.get },
    };
    return { alone: await aloneOn(server, scale.aloneRequests), demands };
  } finally {
    await gateway.remove();
  }
}

/** Each is done once before: code is compiled then, blobs and providers are in stock. */
async function demandsOf(
  server: Server,
  pids: Pids,
  bodyBytes: number,
  numbers: number,
  count: number,
): Promise<{ put: Record<string, Demand>; get: Record<string, Demand> }> {
  const put = (name: string): RequestPlan => ({
    ...{ method: 'PUT', path: `/${bucket}/${bodyBytes}-${name}-{n}`, bodyBytes, status: 200 },
    ...{ numbers, order: 'once', bodiesDiffer: true },
  });
  const { path: read } = put('measured');
  const get: RequestPlan = { method: 'GET', path: read, numbers, order: 'once', status: 200 };
  await run(server, put('before'), count);
  const putDemands = await metered(pids, numbers, () => run(server, put('measured'), count));
  await run(server, get, count);
  return { put: putDemands, get: await metered(pids, numbers, () => run(server, get, count)) };
}

async function aloneOn(server: Server, numbers: number): Promise<Alone> {
  const path = `/${bucket}/alone-{n}`;
  const once = { path, numbers, order: 'once', status: 200 } as const;
  const put = await run(server, { ...once, method: 'PUT', bodyBytes: smallBytes }, 1);
  const get = await run(server, { ...once, method: 'GET' }, 1);
  return { putMs: rounded(put.p50), getMs: rounded(get.p50) };
}

async function run(server: Server, plan: RequestPlan, count: number) {
  const measured = await measureLoad(server, plan, count, pace);
  if (measured.failures > 0) throw new Error(`failed: ${measured.firstFailure}`);
  return measured;
}

async function metered(
  pids: Pids,
  count: number,
  work: () => Promise<unknown>,
): Promise<Record<string, Demand>> {
  const spent = () => [...pids].map(([role, ids]) => [role, takenBy(ids)] as const);
  const before = new Map(spent());
  await work();
  const each = (after: number, was: number | undefined) => rounded((after - (was ?? 0)) / count);
  const demands = spent().map(([role, after]): [string, Demand] => {
    const was = before.get(role);
    return [
      role,
      {
        cpuMs: each(after.cpuMs, was?.cpuMs),
        mainMs: each(after.mainMs, was?.mainMs),
        writtenKiB: each(after.writtenKiB, was?.writtenKiB),
      },
    ];
  });
  return Object.fromEntries(demands);
}

/** Since they began. */
function takenBy(pids: readonly number[]): Demand {
  return {
    cpuMs: cpuSeconds(pids) * 1000,
    mainMs: mainThreadSeconds(pids) * 1000,
    writtenKiB: writtenBytes(pids) / kibibyte,
  };
}

async function diskProbe(syncs: number): Promise<Pick<Constants, 'syncMs' | 'diskMiBPerSecond'>> {
  const folder = mkdtempSync(path.join(tmpdir(), 'constants-'));
  const file = await open(path.join(folder, 'probe'), 'w');
  const appendMs = async (bytes: Buffer) => {
    const beganMs = performance.now();
    await file.write(bytes);
    await file.datasync();
    return performance.now() - beganMs;
  };
  try {
    const small = randomBytes(smallBytes);
    const syncsMs: number[] = [];
    for (let n = 0; n < syncs; n += 1) syncsMs.push(await appendMs(small));
    const large = randomBytes(diskPieceBytes);
    const piecesMs: number[] = [];
    for (let n = 0; n < diskPieces; n += 1) piecesMs.push(await appendMs(large));
    const rate = diskPieceBytes / mebibyte / (median(piecesMs) / 1000);
    return { syncMs: rounded(median(syncsMs)), diskMiBPerSecond: Math.round(rate) };
  } finally {
    await file.close();
    rmSync(folder, { recursive: true });
  }
}

/** MiB in a second of this thread. */
function digestRate(digest: (bytes: Buffer) => unknown): number {
  const bytes = randomBytes(largeBytes);
  const roundsMs = Array.from({ length: digestRounds }, () => {
    const began = process.cpuUsage();
    digest(bytes);
    const { user, system } = process.cpuUsage(began);
    return (user + system) / 1000;
  });
  return Math.round(largeBytes / mebibyte / (median(roundsMs) / 1000));
}

const rounded = (value: number): number => Number(value.toPrecision(3));

if (process.argv[1] === import.meta.filename) {
  const constants = await measureConstants(fullConstants);
  process.stdout.write(`${JSON.stringify(constants, undefined, 2)}\n`);
}
