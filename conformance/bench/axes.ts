/**
 * The axes of the BlobSeer papers: throughput against the number of clients, for readers, writers and
 * appenders, on one blob and on a blob of each client's own, with pages of several sizes. A gateway per page
 * size; they are measured in turns.
 *
 *   npm run bench:axes -- [--only read,append] [--clients 1,8,32] [--page-sizes 65536,1048576]
 *                    [--rounds 3] [--mebibytes 512] [--workers 1] [--out DIRECTORY] [--tiny]
 *
 * Writes axes.json, axes.md and axes.svg. Neither append nor a write at an offset exists in the gateway's HTTP
 * (x-amz-write-offset-bytes is answered NotImplemented), so the papers' clients are played like this:
 *
 *   read-*       ranges of one object; a key each
 *   write-*      PUT of a whole object over the last one: of one key (a blob whose next snapshots everybody makes); of a key each
 *   rewrite-one  each client its own part of one upload, over and over: the papers' disjoint ranges of one blob
 *   append-*     the next part of one upload, whoever comes; an upload each
 *
 * Each measurement is of the same bytes, shared out among the clients, from the first request to the last answer. Bodies
 * differ in every page: a page that is stored already would be compared and not written.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { bench } from './bench.ts';
import { type Line, lineChart } from './line-chart.ts';
import { type Measurement, measureLoad, type Pace } from './measure.ts';
import type { RequestPlan } from './requests.ts';
import { type Results, typical } from './results.ts';
import { ours, type Server } from './servers.ts';
import { bucket, expect, knowsS3, type Workload } from './workload.ts';
import { tinyScale } from './workloads.ts';

export interface AxesScale {
  readonly clients: readonly number[];
  /** What one request moves. */
  readonly chunkBytes: number;
  /** What one measurement moves, all clients together; a multiple of a chunk for each of them. */
  readonly totalBytes: number;
}

const kibibyte = 1024;
const mebibyte = 1024 ** 2;
const pageSizes = [64 * kibibyte, 256 * kibibyte, mebibyte, 4 * mebibyte];

export const fullAxes: AxesScale = {
  clients: [1, 2, 4, 8, 16, 32],
  chunkBytes: 4 * mebibyte,
  totalBytes: 512 * mebibyte,
};

/** Only to see that everything runs. */
export const tinyAxes: AxesScale = {
  clients: [1, 2],
  chunkBytes: 256 * kibibyte,
  totalBytes: 1 * mebibyte,
};

/** Until the work is done: the bytes are given, not the time. */
const pace: Pace = { warmupMs: 0, durationMs: 600_000 };
const place = `/${bucket}/axes`;

const nothing = () => Promise.resolve();

export function axes(scale: AxesScale): Workload[] {
  const { clients, chunkBytes, totalBytes } = scale;
  const most = Math.max(...clients);
  const requests = { order: 'own', numbers: totalBytes / chunkBytes } as const;
  const get = { ...requests, method: 'GET' } as const;
  const put = {
    ...requests,
    method: 'PUT',
    status: 200,
    bodyBytes: chunkBytes,
    bodiesDiffer: true,
  } as const;
  const workload = (
    name: string,
    prepare: Workload['prepare'],
    measure: (server: Server, count: number) => Promise<Measurement>,
  ): Workload => ({
    ...{ name, connections: clients, suits: knowsS3, prepare },
    measure: (server, { connections }) => measure(server, connections),
  });
  const writing = (name: string, plan: (count: number) => RequestPlan) =>
    workload(name, nothing, (server, count) => measureLoad(server, plan(count), count, pace));
  /** `many`: an upload per client, or one for all. */
  const uploading = (name: string, many: boolean, plan: (ids: readonly string[]) => RequestPlan) =>
    workload(name, nothing, (server, count) =>
      withUploads(server, count, many, (ids) => measureLoad(server, plan(ids), count, pace)),
    );
  return [
    workload(
      'read-one',
      async (server) => {
        const body = Buffer.alloc(totalBytes, 'one blob ');
        await expect(server, { method: 'PUT' }, `${place}-read`, 200, body);
      },
      (server, count) => {
        const plan = { ...get, path: `${place}-read`, rangeBytes: chunkBytes, status: 206 };
        return measureLoad(server, plan, count, pace);
      },
    ),
    workload(
      'read-distinct',
      async (server) => {
        for (const n of upTo(most)) {
          const body = Buffer.alloc(chunkBytes, `blob ${n} `);
          await expect(server, { method: 'PUT' }, `${place}-read-${n}`, 200, body);
        }
      },
      (server, count) => {
        const plan = { ...get, path: `${place}-read-{own}`, own: upTo(count), status: 200 };
        return measureLoad(server, plan, count, pace);
      },
    ),
    writing('write-one', () => ({ ...put, path: `${place}-written` })),
    writing('write-distinct', (count) => ({
      ...{ ...put, path: `${place}-written-{own}`, own: upTo(count) },
    })),
    uploading('rewrite-one', false, (ids) => ({
      ...{ ...put, path: `${place}-upload-{own}` },
      own: ids.map((id, client) => `0?uploadId=${id}&partNumber=${client + 1}`),
    })),
    uploading('append-one', false, (ids) => ({
      ...{ ...put, path: `${place}-upload-0?uploadId=${ids[0]}&partNumber={number}` },
      ...{ first: 1, order: 'once' },
    })),
    uploading('append-distinct', true, (ids) => ({
      ...{ ...put, path: `${place}-upload-{own}&partNumber={number}`, first: 1 },
      own: ids.map((id, client) => `${client}?uploadId=${id}`),
    })),
  ];
}

const upTo = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n));

/**
 * The n-th client's upload is of the key `axes-upload-n`, or all have that of the first. Aborted behind the work:
 * Complete is measured elsewhere.
 */
async function withUploads(
  server: Server,
  clients: number,
  many: boolean,
  work: (ids: readonly string[]) => Promise<Measurement>,
): Promise<Measurement> {
  const uploads = new Map<string, string>();
  for (const n of upTo(many ? clients : 1)) {
    const answer = await expect(server, { method: 'POST' }, `${place}-upload-${n}?uploads`, 200);
    const id = /<UploadId>([^<]+)</.exec(answer.body?.toString() ?? '')?.[1] ?? '';
    uploads.set(n, encodeURIComponent(id));
  }
  const measured = await work(upTo(clients).map((n) => uploads.get(many ? n : '0') ?? ''));
  for (const [n, id] of uploads) {
    await expect(server, { method: 'DELETE' }, `${place}-upload-${n}?uploadId=${id}`, 204);
  }
  return measured;
}

/** By work, then page size (the server's name), then number of clients. Failed ones are absent. */
function measured(results: Results): Map<string, Map<string, Map<number, Measurement>>> {
  const works = new Map<string, Map<string, Map<number, Measurement>>>();
  for (const row of results.rows) {
    const found = typical(row);
    const servers = works.get(row.workload) ?? new Map<string, Map<number, Measurement>>();
    const counts = servers.get(row.server) ?? new Map<number, Measurement>();
    works.set(row.workload, servers.set(row.server, counts));
    if (found !== undefined) counts.set(row.connections, found);
  }
  return works;
}

/** A panel per work: clients and MiB/s, a line per page size. */
export function axesChart(results: Results): string {
  const panels = [...measured(results)].map(([work, servers]) => ({
    title: work,
    x: { label: 'clients', base: 2 },
    y: { label: 'MiB/s, all together' },
    lines: [...servers].map(
      ([name, counts]): Line => ({
        name,
        points: [...counts].map(([count, { mebibytesPerSecond }]) => [count, mebibytesPerSecond]),
      }),
    ),
  }));
  return lineChart(panels, 2);
}

/** A table per work: MiB/s, and the server's CPU milliseconds per MiB. */
export function axesSummary(results: Results): string {
  const tables = [...measured(results)].map(([work, servers]) => {
    const clients = [...new Set([...servers.values()].flatMap((counts) => [...counts.keys()]))];
    const head = [work, ...[...servers.keys()]];
    const lines = clients.map((count) => [
      String(count),
      ...[...servers.values()].map((counts) => cell(counts.get(count))),
    ]);
    return [head, head.map(() => '---:'), ...lines]
      .map((cells) => `| ${cells.join(' | ')} |`)
      .join('\n');
  });
  return tables.join('\n\n');
}

function cell(found: Measurement | undefined): string {
  if (found === undefined) return 'failed';
  const { mebibytesPerSecond, opsPerSecond, cpuMsPerOp = Number.NaN } = found;
  const cpu = (cpuMsPerOp * opsPerSecond) / mebibytesPerSecond;
  return `${mebibytesPerSecond.toFixed(0)} (${cpu.toFixed(1)} ms/MiB)`;
}

function pageServer(workers: number, pageSize: number) {
  const [count, unit] =
    pageSize < mebibyte ? [pageSize / kibibyte, 'KiB'] : [pageSize / mebibyte, 'MiB'];
  return ours(`${count} ${unit} pages`, workers, {
    args: ['--page-size', String(pageSize)],
  });
}

export async function measureAxes(options: {
  readonly scale: AxesScale;
  readonly pageSizes: readonly number[];
  readonly workers: number;
  readonly only: readonly string[];
  readonly rounds: number;
  readonly tell: (line: string) => void;
}): Promise<Results> {
  return await bench({
    ...options,
    scale: tinyScale,
    workloads: axes(options.scale),
    servers: options.pageSizes.map((pageSize) => pageServer(options.workers, pageSize)),
    connections: [],
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      clients: { type: 'string' },
      'page-sizes': { type: 'string' },
      rounds: { type: 'string', default: '3' },
      mebibytes: { type: 'string' },
      workers: { type: 'string', default: '1' },
      out: { type: 'string', default: 'bench-results' },
      tiny: { type: 'boolean', default: false },
    },
  });
  const base = values.tiny ? tinyAxes : fullAxes;
  const numbers = (text: string) => text.split(',').map(Number);
  const totalBytes =
    values.mebibytes === undefined ? base.totalBytes : Number(values.mebibytes) * mebibyte;
  const results = await measureAxes({
    scale: {
      ...base,
      totalBytes,
      clients: values.clients === undefined ? base.clients : numbers(values.clients),
    },
    pageSizes: values['page-sizes'] === undefined ? pageSizes : numbers(values['page-sizes']),
    workers: Number(values.workers),
    only: values.only === '' ? [] : values.only.split(','),
    rounds: Number(values.rounds),
    tell: (text) => process.stderr.write(`${text}\n`),
  });
  mkdirSync(values.out, { recursive: true });
  const write = (name: string, text: string) => writeFileSync(path.join(values.out, name), text);
  write('axes.json', `${JSON.stringify(results, undefined, 2)}\n`);
  write('axes.svg', axesChart(results));
  const about = `${results.date}, ${results.machine}, Node ${results.node}\n\n    ${results.command}\n`;
  write('axes.md', `${about}\n${axesSummary(results)}\n`);
  process.stdout.write(`${axesSummary(results)}\n`);
}

if (process.argv[1] === import.meta.filename) await main();
