/**
 * What one gateway, and many over a BlobSeer of entities, can reach, what saturates first, and what a next step would
 * buy: tables, calculated from model-constants.json. MODEL.md says what they mean and what is left out.
 *
 *   node dist/conformance/bench/model.js            prints the tables
 *   node dist/conformance/bench/model.js --write    puts them into MODEL.md
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../harness/gateway.ts';
import {
  type Assumptions,
  type Bound,
  type Cluster,
  commitMsOf,
  demandAt,
  lowest,
  manyGateways,
  mebibytesOf,
  oneGateway,
  ordered,
} from './bottlenecks.ts';
import {
  type Constants,
  type Demand,
  type OperationName,
  operations,
  type RoleName,
  roles,
} from './model-constants.ts';

/** 10 Gbit/s, less headers; the others are what machines of a cluster and busy clients are like. */
export const assumptions: Assumptions = { cores: 8, nicMiBPerSecond: 1100, connections: 256 };

const exampleCluster: Cluster = {
  ...{ gateways: 8, workers: 4, versionManagers: 1 },
  ...{ metadataProviders: 4, dataProviders: 8, replication: 2 },
};
const workerCounts = [1, 2, 4, 8];
const gatewayCounts = [1, 2, 4, 8, 16];

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [head, head.map(() => '---'), ...rows].map(line).join('\n');
}

const threeDigits = (value: number): string => String(Number(value.toPrecision(3)));

function throughput(name: OperationName, { perSecond }: Bound): string {
  if (!name.endsWith('m')) return `${threeDigits(perSecond)}/s`;
  return `${threeDigits(perSecond * mebibytesOf[name])} MiB/s`;
}

/** Throughput, what saturates first, and what would next. */
function cells(name: OperationName, bounds: readonly Bound[]): string[] {
  const [first, second] = ordered(bounds);
  if (first === undefined || second === undefined) throw new RangeError('too few bounds');
  const next = `${second.resource} (${(second.perSecond / first.perSecond).toFixed(1)}x)`;
  return [throughput(name, first), first.resource, next];
}

function machineTable(constants: Constants): string {
  const { embedded, cluster, digestMiBPerSecond: digests } = constants;
  const rate = (value: number) => `${value} MiB/s`;
  const latencies = ({ putMs, getMs }: Constants['embedded']['alone']) =>
    `${putMs} ms, ${getMs} ms`;
  return table(
    ['constant', 'value'],
    [
      ['append of 4 KiB and fdatasync', `${constants.syncMs} ms`],
      ['appends of 8 MiB, each with fdatasync', rate(constants.diskMiBPerSecond)],
      ['MD5, SHA-256, CRC32C, one thread', Object.values(digests).map(rate).join(', ')],
      ['PUT, GET of 4 KiB, one connection, embedded', latencies(embedded.alone)],
      ['so a commit takes', `${threeDigits(commitMsOf(constants))} ms`],
      ['PUT, GET of 4 KiB, one connection, on a BlobSeer, two replicas', latencies(cluster.alone)],
    ],
  );
}

function demandsTable({ embedded, cluster }: Constants): string {
  const shapes = [
    ['embedded', embedded.demands],
    ['BlobSeer, one replica', cluster.unreplicated],
    ['BlobSeer, two replicas', cluster.replicatedTwice],
  ] as const;
  const cell = ({ cpuMs, mainMs, writtenKiB }: Demand) => `${cpuMs}; ${mainMs}; ${writtenKiB}`;
  const rows = shapes.flatMap(([shape, demands]) =>
    roles.flatMap((role) => {
      const found = operations.map((name) => demands[name][role]);
      const known = found.filter((each) => each !== undefined);
      return known.length === 0 ? [] : [[`${shape}: ${role}`, ...known.map(cell)]];
    }),
  );
  return table(['CPU ms; of them on main threads; KiB written', ...operations], rows);
}

/** Of one gateway at the limit of its workers: what of the cluster it keeps busy. */
function sharesTable(constants: Constants): string {
  const { workers } = exampleCluster;
  const entities = roles.filter((role) => role !== 'gateway');
  const rows = operations.flatMap((name) =>
    [1, 2].map((replication) => {
      const mainMs = (role: RoleName) => demandAt(constants, name, role, replication).mainMs;
      const share = (role: RoleName) => ((workers * mainMs(role)) / mainMs('gateway')).toFixed(2);
      return [name, String(replication), ...entities.map(share)];
    }),
  );
  return table(['operation', 'replicas', ...entities], rows);
}

/** What would be gained by what is not built. */
function stepsTable(constants: Constants): string {
  const put = 'put-16m';
  const embedded = constants.embedded.demands[put].gateway;
  const md5Ms = (mebibytesOf[put] * 1000) / constants.digestMiBPerSecond.md5;
  const mainMs = Math.max(0, (embedded?.mainMs ?? 0) - md5Ms);
  const withoutMd5: Constants = {
    ...constants,
    embedded: {
      ...constants.embedded,
      demands: {
        ...constants.embedded.demands,
        [put]: { gateway: { cpuMs: 0, writtenKiB: 0, ...embedded, mainMs } },
      },
    },
  };
  const single = (from: Constants) => oneGateway(from, put, 1, assumptions);
  const many = (name: OperationName, change: Partial<Cluster>) =>
    manyGateways(constants, name, { ...exampleCluster, ...change }, assumptions);
  const row = (
    step: string,
    name: OperationName,
    before: readonly Bound[],
    after: readonly Bound[],
  ) => [
    ...[step, name, throughput(name, lowest(before)), throughput(name, lowest(after))],
    lowest(after).resource,
  ];
  return table(
    ['step', 'operation', 'before', 'after', 'saturates first then'],
    [
      row('one worker, MD5 on another thread', put, single(constants), single(withoutMd5)),
      row(
        ...['version managers, four, each for blobs of its own', 'put-4k' as const],
        ...[many('put-4k', {}), many('put-4k', { versionManagers: 4 })],
      ),
      row(
        ...['twice the data providers', 'put-16m' as const],
        ...[many('put-16m', {}), many('put-16m', { dataProviders: 16 })],
      ),
      row(
        ...['twice the data providers', 'get-16m' as const],
        ...[many('get-16m', {}), many('get-16m', { dataProviders: 16 })],
      ),
    ],
  );
}

export function report(constants: Constants): string {
  const rows = (counts: readonly number[], of: (name: OperationName, count: number) => Bound[]) =>
    operations.flatMap((name) =>
      counts.map((count) => [name, String(count), ...cells(name, of(name, count))]),
    );
  const single = rows(workerCounts, (name, count) =>
    oneGateway(constants, name, count, assumptions),
  );
  const many = rows(gatewayCounts, (name, gateways) =>
    manyGateways(constants, name, { ...exampleCluster, gateways }, assumptions),
  );
  const { workers, metadataProviders, dataProviders, replication } = exampleCluster;
  const { machine, node, date, loadAverage } = constants;
  const { cores, nicMiBPerSecond, connections } = assumptions;
  return [
    '### Constants',
    `${machine}, Node ${node}, ${date}; load average before: ${loadAverage.toFixed(1)}.`,
    ...[machineTable(constants), demandsTable(constants)],
    `Supposed: ${cores} cores and ${nicMiBPerSecond} MiB/s of network each way for every machine, ${connections} requests in flight at each gateway.`,
    '### One gateway, embedded',
    table(['operation', 'workers', 'reaches', 'saturates first', 'then'], single),
    '### N gateways on a BlobSeer of entities',
    `${workers} workers each; 1 version manager, 1 provider manager, ${metadataProviders} metadata providers, ${dataProviders} data providers, ${replication} replicas.`,
    table(['operation', 'gateways', 'reach', 'saturates first', 'then'], many),
    '### What one gateway keeps busy',
    `Processes of each role whose main threads a gateway of ${workers} workers fills when its own are full; one divided by it is how many gateways one process bears.`,
    sharesTable(constants),
    '### What a next step would buy',
    `Where it says nothing else: ${exampleCluster.gateways} gateways on the BlobSeer above. None of it is built.`,
    stepsTable(constants),
  ].join('\n\n');
}

const folder = path.join(projectRoot, 'conformance', 'bench');
const documentFile = path.join(folder, 'MODEL.md');
/** What stands between these lines of MODEL.md is written by this program. */
const marks = ['<!-- tables: model.js --write -->', '<!-- end of tables -->'] as const;

export function readConstants(): Constants {
  return JSON.parse(readFileSync(path.join(folder, 'model-constants.json'), 'utf8')) as Constants;
}

export function readDocument(): string {
  return readFileSync(documentFile, 'utf8');
}

/** Throws where a document has no place for them. */
export function withTables(document: string, tables: string): string {
  const [begin, end] = [document.indexOf(marks[0]), document.indexOf(marks[1])];
  if (begin < 0 || end < begin) throw new Error('the document has no place for tables');
  return `${document.slice(0, begin + marks[0].length)}\n\n${tables}\n\n${document.slice(end)}`;
}

if (process.argv[1] === import.meta.filename) {
  const tables = report(readConstants());
  if (process.argv.includes('--write')) {
    writeFileSync(documentFile, withTables(readDocument(), tables));
  } else {
    process.stdout.write(`${tables}\n`);
  }
}
