/** What a piece of work is, and what all of them are made with. */
import type { Measurement, Pace } from './measure.ts';
import { oneRequest, type RequestPlan } from './requests.ts';
import type { Server } from './servers.ts';
import { meter, type Usage } from './usage.ts';
import { type Answer, Connection } from './wire.ts';

export const kibibyte = 1024;
export const mebibyte = 1024 ** 2;

export const bucket = 'bench';

export interface Scale {
  readonly pace: Pace;
  /** Whether each turn begins on a quiet machine. */
  readonly settles: boolean;
  /** Objects that small reads choose from. */
  readonly smallObjects: number;
  /** Requests made beforehand for work that uses each once, while a server's rate is not known. */
  readonly onceRequests: number;
  /** Of the multipart upload, and of the object that ranges are read from. */
  readonly largeBytes: number;
  readonly partBytes: number;
  /** Numbers of keys that are listed. */
  readonly listedKeys: readonly number[];
  /** Numbers of versions of one key, which a listing starts amid, or has to pass. */
  readonly versionCounts: readonly number[];
  /** Numbers of deleted keys that a listing has to pass. */
  readonly deletedKeys: readonly number[];
  /** From so many objects on a server that can be filled without HTTP is. */
  readonly directFrom: number;
  /** Numbers of parts that are completed and copied. */
  readonly partCounts: readonly number[];
  readonly connections: readonly number[];
}

export interface Turn {
  readonly connections: number;
  /** 0 is the first that counts; `warmRound` comes before. */
  readonly round: number;
  /** Operations a second that the server made in the round that does not count; undefined in that. */
  readonly rate: number | undefined;
}

/** Whoever runs first would be measured while its code is compiled: everybody does the work once. */
export const warmRound = -1;

/** Prepared once per server, measured once per round. */
export interface Workload {
  readonly name: string;
  readonly connections: readonly number[];
  /** Which servers can do it; all by default. */
  readonly suits?: (server: Server) => boolean;
  /** No round is thrown away: what is measured is not time. */
  readonly isCold?: boolean;
  prepare(server: Server): Promise<void>;
  measure(server: Server, turn: Turn): Promise<Measurement>;
}

export const knowsS3 = (server: Server) => server.isS3;

export interface Timed {
  /** Of one operation, or of several in the mean. */
  readonly ms: number;
  /** 1 unless it says so. */
  readonly operations?: number;
  readonly bytes?: number;
  /** What else was found, by name with unit. */
  readonly extra?: Readonly<Record<string, number>>;
}

/** A work that is timed by who does it. */
export function measurementOfOne(timed: Timed, usage?: Usage): Measurement {
  const { ms, bytes = 0, operations = 1, extra } = timed;
  return {
    requests: operations,
    opsPerSecond: 1000 / ms,
    mebibytesPerSecond: bytes / mebibyte / (ms / 1000),
    ...{ p50: ms, p99: ms, p999: ms, failures: 0 },
    cpuMsPerOp: usage && (usage.cpuSeconds * 1000) / operations,
    peakMiB: usage?.peakMiB,
    ...(extra === undefined ? {} : { extra }),
  };
}

/** The same, with the server metered meanwhile. */
export async function measureOne(server: Server, work: () => Promise<Timed>): Promise<Measurement> {
  const stop = server.pids.length === 0 ? undefined : meter(server.pids);
  const timed = await work();
  return measurementOfOne(timed, stop?.());
}

type Asked = Pick<RequestPlan, 'method' | 'headers'>;

export async function request(
  server: Server,
  plan: Asked,
  path: string,
  body?: Buffer,
): Promise<Answer> {
  const connection = new Connection(server.target.endpoint);
  try {
    return await connection.exchange(oneRequest(server.target, plan, path, body));
  } finally {
    connection.close();
  }
}

/** Throws for another status. */
export async function expect(
  server: Server,
  plan: Asked,
  path: string,
  status: number,
  body?: Buffer,
): Promise<Answer> {
  const answer = await request(server, plan, path, body);
  if (answer.status === status) return answer;
  throw new Error(
    `${server.name}: ${plan.method} ${path}: ${answer.headers}\n${answer.body?.toString() ?? ''}`,
  );
}

/** A server that does not know buckets answers a PUT of one too. */
export async function makeBucket(server: Server, name: string = bucket): Promise<void> {
  await expect(server, { method: 'PUT' }, `/${name}`, 200);
}

export async function enableVersions(server: Server, name: string): Promise<void> {
  const enabled = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  await request(server, { method: 'PUT' }, `/${name}?versioning`, Buffer.from(enabled));
}
