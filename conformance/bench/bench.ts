/**
 * The benchmark: every server does every work, in turns (A B A B), in one run, so that what the
 * machine does besides hits all alike. Only the ratios mean anything. `--help` says how to call it.
 *
 * A number of keys, versions or deleted keys beyond 100,000 is put into this gateway alone, without HTTP;
 * with --data it is there again in the next run. Everybody does each work once before it counts.
 *
 * Servers: this gateway, a bare node:http server that writes with and without sync (bare.ts), and
 * what is named on the command line. Writes results.json, results.md and results.svg.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chart } from './chart.ts';
import { goalsTable } from './goals-table.ts';
import type { Measurement } from './measure.ts';
import { comparison, machine, type Results, type Row, summary } from './results.ts';
import { rgw } from './rgw.ts';
import { bare, ours, running, type Server, type ServerKind, s3rver } from './servers.ts';
import { settled } from './settled.ts';
import { makeBucket, type Scale, type Workload, warmRound } from './workload.ts';
import { fullScale, tinyScale, workloads } from './workloads.ts';

const ourName = 'blobseer-s3';

const usage = `npm run bench -- [--only put-4k,get-4k] [--connections 1,32] [--rounds 3] [--seconds 5]
                 [--keys 10000,1000000,10000000] [--versions 1000000] [--deleted 100000]
                 [--workers 1] [--data DIRECTORY] [--s3rver PATH/bin/s3rver.js] [--rgw]
                 [--endpoint NAME=URL,ACCESS_KEY,SECRET_KEY[,PID]] [--out DIRECTORY] [--tiny]
npm run bench -- --compare BEFORE.json AFTER.json
`;

export interface BenchOptions {
  readonly scale: Scale;
  /** Default: all that `workloads.ts` has. */
  readonly workloads?: readonly Workload[];
  readonly servers: readonly ServerKind[];
  /** Beginnings of names; empty for all. */
  readonly only: readonly string[];
  /** Empty for all. */
  readonly connections: readonly number[];
  readonly rounds: number;
  readonly tell: (line: string) => void;
  /** All that is known after each work: a run that is broken off has not run for nothing. */
  readonly keep?: (results: Results) => void;
}

export async function bench(options: BenchOptions): Promise<Results> {
  const servers: Server[] = [];
  try {
    for (const kind of options.servers) {
      const server = await kind.start();
      servers.push(server);
      await makeBucket(server);
    }
    const chosen = (options.workloads ?? workloads(options.scale)).filter(
      ({ name }) =>
        options.only.length === 0 || options.only.some((start) => name.startsWith(start)),
    );
    const rows: Row[] = [];
    const results: Results = {
      machine: machine(),
      node: process.version,
      date: new Date().toISOString(),
      command: commandLine(),
      rows,
    };
    for (const workload of chosen) {
      rows.push(...(await allRounds(workload, servers, options)));
      options.keep?.(results);
    }
    return results;
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** As it is given again: `node dist/conformance/bench/bench.js --tiny`. */
function commandLine(): string {
  const [, program = '', ...args] = process.argv;
  return ['node', path.relative(process.cwd(), program), ...args].join(' ');
}

async function allRounds(
  workload: Workload,
  servers: readonly Server[],
  { scale, connections, rounds, tell }: BenchOptions,
): Promise<Row[]> {
  const able = servers.filter((server) => workload.suits?.(server) ?? true);
  const chosen = workload.connections.filter(
    (count) => connections.length === 0 || connections.includes(count),
  );
  if (chosen.length === 0) return [];
  for (const server of able) await workload.prepare(server);
  const rows: Row[] = [];
  for (const count of chosen) {
    const rates = new Map<Server, number>();
    for (const server of workload.isCold ? [] : able) {
      const turn = { connections: count, round: warmRound, rate: undefined };
      const { opsPerSecond } = await workload.measure(server, turn);
      rates.set(server, opsPerSecond);
    }
    const measured = new Map<Server, Measurement[]>(able.map((server) => [server, []]));
    for (let round = 0; round < rounds; round += 1) {
      for (const server of able) {
        if (scale.settles) await settled();
        const rate = rates.get(server);
        const turn = { connections: count, round, rate };
        const found = await workload.measure(server, turn);
        measured.get(server)?.push(found);
        // One that gets faster has more to do in the next round.
        if (rate !== undefined) rates.set(server, Math.max(rate, found.opsPerSecond));
        tell(line(workload.name, count, server.name, found));
      }
    }
    for (const [server, found] of measured) {
      rows.push({
        ...{ workload: workload.name, connections: count, server: server.name, rounds: found },
      });
    }
  }
  return rows;
}

function line(name: string, connections: number, server: string, found: Measurement): string {
  const failed =
    found.failures === 0 ? '' : `, ${found.failures} FAILED: ${found.firstFailure?.split('\r')[0]}`;
  const numbers = [
    `${found.opsPerSecond.toFixed(1)}/s`,
    `${found.mebibytesPerSecond.toFixed(1)} MiB/s`,
    `p50 ${found.p50.toFixed(2)} ms`,
    `p99 ${found.p99.toFixed(2)} ms`,
    `cpu ${found.cpuMsPerOp?.toFixed(3) ?? '-'} ms`,
    `peak ${found.peakMiB?.toFixed(0) ?? '-'} MiB`,
    ...(found.generatorShare === undefined
      ? []
      : [`generator ${(100 * found.generatorShare).toFixed(0)} %`]),
    ...Object.entries(found.extra ?? {}).map(([what, value]) => `${what} ${value.toFixed(2)}`),
  ];
  return `${name} x${connections} ${server}: ${numbers.join(', ')}${failed}`;
}

function endpointKind(text: string): ServerKind {
  const [, name = '', url = '', accessKeyId = '', secretAccessKey = '', pid] =
    /^([^=]+)=([^,]+),([^,]+),([^,]+)(?:,(\d+))?$/.exec(text) ?? [];
  if (url === '') throw new Error(`not NAME=URL,ACCESS_KEY,SECRET_KEY[,PID]: ${text}`);
  const target = {
    endpoint: url,
    credentials: { accessKeyId, secretAccessKey },
    region: 'us-east-1',
  };
  return running(name, target, pid === undefined ? [] : [Number(pid)]);
}

function list(text: string | undefined): string[] {
  return text === undefined || text === '' ? [] : text.split(',');
}

function numbers(text: string | undefined): number[] | undefined {
  return text === undefined ? undefined : list(text).map(Number);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      connections: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string' },
      keys: { type: 'string' },
      versions: { type: 'string' },
      deleted: { type: 'string' },
      data: { type: 'string' },
      workers: { type: 'string', default: '1' },
      s3rver: { type: 'string' },
      rgw: { type: 'boolean', default: false },
      endpoint: { type: 'string', multiple: true, default: [] },
      out: { type: 'string', default: 'bench-results' },
      tiny: { type: 'boolean', default: false },
      compare: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  if (values.compare) {
    const [before = '', after = ''] = positionals;
    const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Results;
    process.stdout.write(`${comparison(read(before), read(after))}\n`);
    return;
  }
  const base = values.tiny ? tinyScale : fullScale;
  const durationMs =
    values.seconds === undefined ? base.pace.durationMs : 1000 * Number(values.seconds);
  mkdirSync(values.out, { recursive: true });
  const write = (name: string, text: string) => writeFileSync(path.join(values.out, name), text);
  const results = await bench({
    scale: {
      ...base,
      pace: { ...base.pace, durationMs },
      listedKeys: numbers(values.keys) ?? base.listedKeys,
      versionCounts: numbers(values.versions) ?? base.versionCounts,
      deletedKeys: numbers(values.deleted) ?? base.deletedKeys,
    },
    servers: [
      ours(ourName, Number(values.workers), { dataDirectory: values.data }),
      bare('bare-synced', true),
      bare('bare', false),
      ...(values.s3rver === undefined ? [] : [s3rver(values.s3rver)]),
      ...(values.rgw ? [rgw()] : []),
      ...values.endpoint.map(endpointKind),
    ],
    only: list(values.only),
    connections: list(values.connections).map(Number),
    rounds: Number(values.rounds),
    tell: (text) => process.stderr.write(`${text}\n`),
    keep: (known) => {
      write('results.json', `${JSON.stringify(known, undefined, 2)}\n`);
      write('results.svg', chart(known));
      const about = `${known.date}, ${known.machine}, Node ${known.node}\n\n    ${known.command}\n`;
      write('results.md', `${about}\n${goalsTable(known, ourName)}\n\n${summary(known)}\n`);
    },
  });
  process.stdout.write(`${summary(results)}\n\n${goalsTable(results, ourName)}\n`);
}

if (process.argv[1] === import.meta.filename) await main();
