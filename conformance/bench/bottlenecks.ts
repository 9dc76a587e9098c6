/**
 * Bottleneck analysis: for every resource how many operations a second it bears, given what one operation takes of
 * it. The least of these is the most that all together can do, and its resource saturates first. Pure.
 */
import type { Constants, Demand, OperationName, RoleName } from './model-constants.ts';

/** What is not measured, but supposed. */
export interface Assumptions {
  /** Of every machine; a gateway with its workers, and every entity, has one for itself. */
  readonly cores: number;
  /** Each way. */
  readonly nicMiBPerSecond: number;
  /** Requests in flight at each gateway. */
  readonly connections: number;
}

export interface Bound {
  readonly resource: string;
  /** Operations; Infinity for what an operation does not need. */
  readonly perSecond: number;
}

export interface Cluster {
  readonly gateways: number;
  /** Of each gateway. */
  readonly workers: number;
  /** There is one; more are what-if. */
  readonly versionManagers: number;
  readonly metadataProviders: number;
  readonly dataProviders: number;
  /** Of pages and of metadata. */
  readonly replication: number;
}

/** Durable commits of the gateway's directory, one behind the other, that a PUT waits for. */
export const commitsPerPut = { embedded: 1, cluster: 3 };

export const mebibytesOf: Readonly<Record<OperationName, number>> = {
  ...{ 'put-4k': 4 / 1024, 'get-4k': 4 / 1024, 'put-16m': 16, 'get-16m': 16 },
};

const isPut = (name: OperationName): boolean => name.startsWith('put');
const nothing: Demand = { cpuMs: 0, mainMs: 0, writtenKiB: 0 };
/** Where a busy machine measured a PUT faster than a GET. */
const leastCommitMs = 0.01;

/** Processes of one role, and the machines that they are on. */
interface Station {
  readonly role: string;
  readonly demand: Demand;
  readonly processes: number;
  readonly machines: number;
}

function bearing(
  { role, demand, processes, machines }: Station,
  { cores }: Assumptions,
  { diskMiBPerSecond }: Constants,
): Bound[] {
  const { cpuMs, mainMs, writtenKiB } = demand;
  return [
    { resource: `${role}: main thread`, perSecond: (processes * 1000) / mainMs },
    { resource: `${role}: cores`, perSecond: (machines * cores * 1000) / cpuMs },
    { resource: `${role}: disk`, perSecond: (machines * diskMiBPerSecond * 1024) / writtenKiB },
  ];
}

/**
 * Commits follow each other, workers take turns, and each carries what has come in its worker meanwhile: of C connections at
 * most C / W.
 */
export function commitBound(
  { commitMs, commits }: { readonly commitMs: number; readonly commits: number },
  connections: number,
  workers: number,
): number {
  return ((1000 / commitMs) * Math.max(1, connections / workers)) / commits;
}

/** How long a small PUT waits for its commit: what it takes longer than a GET, alone. */
export function commitMsOf({ embedded }: Constants): number {
  return Math.max(embedded.alone.putMs - embedded.alone.getMs, leastCommitMs);
}

export function oneGateway(
  constants: Constants,
  name: OperationName,
  workers: number,
  assumptions: Assumptions,
): Bound[] {
  const demand = constants.embedded.demands[name].gateway ?? nothing;
  const station = { role: 'gateway', demand, processes: workers, machines: 1 };
  const { nicMiBPerSecond, connections } = assumptions;
  const commit = { commitMs: commitMsOf(constants), commits: commitsPerPut.embedded };
  const bounds = [
    ...bearing(station, assumptions, constants),
    { resource: 'gateway: network', perSecond: nicMiBPerSecond / mebibytesOf[name] },
  ];
  if (!isPut(name)) return bounds;
  const perSecond = commitBound(commit, connections, workers);
  return [...bounds, { resource: 'gateway: commits', perSecond }];
}

/** A straight line through what was measured with one replica and with two. */
export function demandAt(
  { cluster }: Constants,
  name: OperationName,
  role: RoleName,
  replication: number,
): Demand {
  const once = cluster.unreplicated[name][role] ?? nothing;
  const twice = cluster.replicatedTwice[name][role] ?? nothing;
  const at = (field: keyof Demand) =>
    once[field] + (replication - 1) * Math.max(0, twice[field] - once[field]);
  return { cpuMs: at('cpuMs'), mainMs: at('mainMs'), writtenKiB: at('writtenKiB') };
}

export function manyGateways(
  constants: Constants,
  name: OperationName,
  cluster: Cluster,
  assumptions: Assumptions,
): Bound[] {
  const { gateways, workers, replication, versionManagers } = cluster;
  const { metadataProviders, dataProviders } = cluster;
  const { nicMiBPerSecond, connections } = assumptions;
  const station = (role: RoleName, named: string, machines: number, each = 1): Bound[] => {
    const demand = demandAt(constants, name, role, replication);
    const processes = machines * each;
    return bearing({ role: named, demand, processes, machines }, assumptions, constants);
  };
  // What a PUT sends goes out to every replica; what a GET reads comes from one.
  const moved = mebibytesOf[name] * (isPut(name) ? replication : 1);
  const network = (named: string, machines: number): Bound => ({
    resource: `${named}: network`,
    perSecond: (machines * nicMiBPerSecond) / moved,
  });
  const bounds = [
    ...station('gateway', 'gateways', gateways, workers),
    ...station('version-manager', 'version manager', versionManagers),
    ...station('provider-manager', 'provider manager', 1),
    ...station('metadata-provider', 'metadata providers', metadataProviders),
    ...station('data-provider', 'data providers', dataProviders),
    ...[network('gateways', gateways), network('data providers', dataProviders)],
  ];
  if (!isPut(name)) return bounds;
  const commit = { commitMs: commitMsOf(constants), commits: commitsPerPut.cluster };
  const perSecond = gateways * commitBound(commit, connections, workers);
  return [...bounds, { resource: 'gateways: commits', perSecond }];
}

/** Lowest first: the first saturates first, the second is what holds when that has been widened. */
export function ordered(bounds: readonly Bound[]): Bound[] {
  return [...bounds].sort((a, b) => a.perSecond - b.perSecond);
}

export function lowest(bounds: readonly Bound[]): Bound {
  const [first] = ordered(bounds);
  if (first === undefined) throw new RangeError('no bounds');
  return first;
}
