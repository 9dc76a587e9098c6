/** The results of a run as data: what is written as JSON, summarised, and compared. */
import { cpus, release, totalmem } from 'node:os';
import type { Measurement } from './measure.ts';

export interface Row {
  readonly workload: string;
  readonly connections: number;
  readonly server: string;
  /** One per round, in order. */
  readonly rounds: readonly Measurement[];
}

export interface Results {
  readonly machine: string;
  readonly node: string;
  /** ISO 8601. */
  readonly date: string;
  readonly command: string;
  readonly rows: readonly Row[];
}

export function machine(): string {
  const [first] = cpus();
  const gibibytes = Math.round(totalmem() / 1024 ** 3);
  return `${cpus().length} cores (${first?.model.trim() ?? 'unknown'}), ${gibibytes} GiB, Linux ${release()}`;
}

/** Throws for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) throw new RangeError('the median of nothing');
  const lower = sorted[middle - 1] ?? upper;
  return sorted.length % 2 === 1 ? upper : (lower + upper) / 2;
}

/** The round in the middle by rate, of those that had no failure; undefined where none is left. */
export function typical({ rounds }: Row): Measurement | undefined {
  const good = rounds
    .filter(({ failures, requests }) => failures === 0 && requests > 0)
    .sort((a, b) => a.opsPerSecond - b.opsPerSecond);
  return good[Math.floor((good.length - 1) / 2)];
}

/**
 * How many times as many operations a second `row` made as `other`, as the median over the rounds:
 * what happened to the machine in one round happened to both. NaN where either failed.
 */
export function ratio(row: Row, other: Row): number {
  const ratios: number[] = [];
  for (const [index, mine] of row.rounds.entries()) {
    const theirs = other.rounds[index];
    if (theirs === undefined || mine.failures + theirs.failures > 0) continue;
    ratios.push(mine.opsPerSecond / theirs.opsPerSecond);
  }
  return ratios.length === 0 ? Number.NaN : median(ratios);
}

export function rowsOf(results: Results, workload: string, connections: number): Row[] {
  return results.rows.filter((row) => row.workload === workload && row.connections === connections);
}

/** Workload and connections, in the order of the run. */
export function works(results: Results): (readonly [string, number])[] {
  const seen = new Map<string, readonly [string, number]>();
  for (const { workload, connections } of results.rows) {
    seen.set(`${workload} ${connections}`, [workload, connections]);
  }
  return [...seen.values()];
}

/** Markdown: a line per work, a column per server, and the first server's ratio to each other. */
export function summary(results: Results): string {
  const servers = [...new Set(results.rows.map(({ server }) => server))];
  const [first = '', ...others] = servers;
  const head = ['work', 'connections', ...servers, ...others.map((name) => `${first} / ${name}`)];
  const lines = works(results).map(([workload, connections]) => {
    const rows = rowsOf(results, workload, connections);
    const rowOf = (name: string) => rows.find(({ server }) => server === name);
    const mine = rowOf(first);
    const ratios = others.map((name) => {
      const row = rowOf(name);
      return mine === undefined || row === undefined ? '' : shown(ratio(mine, row), 2);
    });
    const cells = servers.map((name) => cell(rowOf(name)));
    return [workload, String(connections), ...cells, ...ratios];
  });
  return markdown(head, lines);
}

export function markdown(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const table = [head, head.map(() => '---'), ...lines];
  return table.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function cell(row: Row | undefined): string {
  if (row === undefined) return '';
  const found = typical(row);
  if (found === undefined) return 'failed';
  const rate =
    found.mebibytesPerSecond >= 100
      ? `${shown(found.mebibytesPerSecond, 0)} MiB/s`
      : `${shown(found.opsPerSecond, found.opsPerSecond < 10 ? 2 : 0)}/s`;
  const extra = Object.entries(found.extra ?? {}).map(
    ([name, value]) => `${name} ${shown(value, 2)}`,
  );
  const cpu = found.cpuMsPerOp === undefined ? [] : [`cpu ${shown(found.cpuMsPerOp, 2)} ms`];
  return [
    rate,
    `p50 ${shown(found.p50, 2)}`,
    `p99 ${shown(found.p99, 2)} ms`,
    ...cpu,
    ...extra,
  ].join(', ');
}

function shown(value: number, digits: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(digits);
}

/** Two runs side by side: the ratio of each server's rates. Runs at other times differ by the machine. */
export function comparison(before: Results, after: Results): string {
  const lines = after.rows.flatMap((row) => {
    const old = before.rows.find(
      ({ workload, connections, server }) =>
        workload === row.workload && connections === row.connections && server === row.server,
    );
    const [was, is] = [old && typical(old), typical(row)];
    if (was === undefined || is === undefined) return [];
    return [
      [
        ...[row.workload, String(row.connections), row.server],
        shown(is.opsPerSecond / was.opsPerSecond, 2),
        shown(is.p99 / was.p99, 2),
        shown((is.cpuMsPerOp ?? Number.NaN) / (was.cpuMsPerOp ?? Number.NaN), 2),
      ],
    ];
  });
  const head = ['work', 'connections', 'server', 'rate', 'p99', 'cpu per operation'];
  return markdown(head, lines);
}
