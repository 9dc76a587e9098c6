/** What samples of a soak say: for each curve its last quarter against its first, and charts of all. */
import { type Line, lineChart } from './line-chart.ts';
import { median } from './results.ts';
import type { KindWindow } from './soak-client.ts';
import type { ProcessSample, Sample } from './soak-samples.ts';

export interface SoakResults {
  readonly machine: string;
  readonly node: string;
  /** ISO 8601. */
  readonly date: string;
  readonly command: string;
  readonly minutes: number;
  /** What comes before is not compared. */
  readonly warmupSeconds: number;
  /** Operations begun in a second. */
  readonly rate: number;
  readonly failures: number;
  readonly failureTexts: readonly string[];
  /** What `blobseer-s3 check` said at the end, and its exit status. */
  readonly check: { readonly status: number | null; readonly output: string };
  readonly samples: readonly Sample[];
}

export interface Slope {
  readonly name: string;
  /** Medians of the first and of the last quarter after the warm-up. */
  readonly first: number;
  readonly last: number;
  readonly ratio: number;
}

/** A value is undefined where a sample says nothing of it. */
type Curve = readonly [name: string, value: (sample: Sample) => number | undefined];

const minutesOf = ({ seconds }: Sample): number => seconds / 60;

function kindsOf(samples: readonly Sample[]): string[] {
  return [...new Set(samples.flatMap(({ operations }) => Object.keys(operations)))].sort();
}

function latency(samples: readonly Sample[], percentile: 'p50' | 'p99'): Curve[] {
  return kindsOf(samples).map((kind) => [
    kind,
    ({ operations }) => {
      const window: KindWindow | undefined = operations[kind];
      return window === undefined || window.count === 0 ? undefined : window[percentile];
    },
  ]);
}

function processCurves(
  samples: readonly Sample[],
  field: 'anonymousMiB' | 'residentMiB' | 'descriptors',
): Curve[] {
  const names = new Set(samples.flatMap(({ processes }) => processes.map(({ name }) => name)));
  return [...names].map((name) => [
    name,
    ({ processes }) => processes.find((each: ProcessSample) => each.name === name)?.[field],
  ]);
}

function operationsOf({ operations }: Sample): number {
  return Object.values(operations).reduce((sum, { count }) => sum + count, 0);
}

/** Answered in a second, since the sample before. */
function rateOf(samples: readonly Sample[]): (sample: Sample) => number {
  const befores = new Map(samples.map((sample, index) => [sample, samples[index - 1]]));
  return (sample) => operationsOf(sample) / (sample.seconds - (befores.get(sample)?.seconds ?? 0));
}

function cpuPerRequest(samples: readonly Sample[]): Curve[1] {
  const rate = rateOf(samples);
  return (sample) =>
    operationsOf(sample) === 0 ? undefined : (sample.gatewayCpu * 1000) / rate(sample);
}

const prefixed = (prefix: string, curves: readonly Curve[]): Curve[] =>
  curves.map(([name, value]) => [`${prefix} ${name}`, value]);

function allCurves(samples: readonly Sample[]): Curve[] {
  return [
    ...prefixed('RssAnon (MiB)', processCurves(samples, 'anonymousMiB')),
    ...prefixed('RSS (MiB)', processCurves(samples, 'residentMiB')),
    ...prefixed('open files', processCurves(samples, 'descriptors')),
    ['disk (MiB)', ({ diskMiB }) => diskMiB],
    ['LMDB file (MiB)', ({ databaseMiB }) => databaseMiB],
    ['CPU of the gateway per request (ms)', cpuPerRequest(samples)],
    // Where it rises, latencies do that are the load's own.
    ['CPU of the load (of a core)', ({ loadCpu }) => loadCpu],
    ['load average of the machine', ({ loadAverage }) => loadAverage],
    ...prefixed('p50 (ms)', latency(samples, 'p50')),
    ...prefixed('p99 (ms)', latency(samples, 'p99')),
  ];
}

/** Curves with too few samples for two quarters are left out. */
export function slopes({
  samples,
  warmupSeconds,
}: Pick<SoakResults, 'samples' | 'warmupSeconds'>): Slope[] {
  const counted = samples.filter(({ seconds }) => seconds > warmupSeconds);
  const quarter = Math.floor(counted.length / 4);
  const found: Slope[] = [];
  for (const [name, value] of allCurves(samples)) {
    const known = (part: readonly Sample[]) =>
      part.map(value).filter((each): each is number => each !== undefined);
    const before = known(counted.slice(0, quarter));
    const after = known(counted.slice(counted.length - quarter));
    if (before.length === 0 || after.length === 0) continue;
    const [first, last] = [median(before), median(after)];
    found.push({ name, first, last, ratio: first === last ? 1 : last / first });
  }
  return found;
}

export function soakSummary(results: SoakResults): string {
  const { samples, failures, check } = results;
  const operations = samples.reduce((sum, sample) => sum + operationsOf(sample), 0);
  const behind = samples.reduce((most, { behindSeconds }) => Math.max(most, behindSeconds), 0);
  const head = ['', 'first quarter', 'last quarter', 'ratio'];
  const lines = slopes(results).map(({ name, first, last, ratio }) => [
    ...[name, first.toPrecision(4), last.toPrecision(4), ratio.toFixed(2)],
  ]);
  const table = [head, ['---', '---:', '---:', '---:'], ...lines];
  return [
    `${operations} requests in ${results.minutes} minutes (${results.rate} operations/s, at most ${behind.toFixed(1)} s behind), ${failures} failed or were answered wrong; check: exit status ${check.status}.`,
    '',
    ...table.map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n');
}

export function soakChart(results: SoakResults): string {
  const { samples } = results;
  const lines = (curves: readonly Curve[]): Line[] =>
    curves.map(([name, value]) => ({
      name,
      points: samples.flatMap((sample): (readonly [number, number])[] => {
        const y = value(sample);
        return y === undefined ? [] : [[minutesOf(sample), y]];
      }),
    }));
  const panel = (title: string, unit: string, curves: readonly Curve[], base?: number) => ({
    title,
    x: { label: 'minutes' },
    y: base === undefined ? { label: unit } : { label: unit, base },
    lines: lines(curves),
  });
  return lineChart(
    [
      panel('Memory', 'MiB', [
        ...prefixed('RssAnon', processCurves(samples, 'anonymousMiB')),
        ...prefixed('RSS', processCurves(samples, 'residentMiB')),
      ]),
      panel('Open file descriptors', '', processCurves(samples, 'descriptors')),
      panel('Disk', 'MiB', [
        ['data directory', ({ diskMiB }) => diskMiB],
        ['LMDB file', ({ databaseMiB }) => databaseMiB],
      ]),
      panel('CPU', 'seconds per second', [
        ['gateway', ({ gatewayCpu }) => gatewayCpu],
        ['load', ({ loadCpu }) => loadCpu],
      ]),
      panel('Latency, median', 'ms', latency(samples, 'p50'), 10),
      panel('Latency, p99', 'ms', latency(samples, 'p99'), 10),
      panel('Requests', '1/s', [
        ['answered', rateOf(samples)],
        ['failed', ({ operations }) => failuresOf(operations)],
      ]),
      panel('The machine', '', [
        ['load average', ({ loadAverage }) => loadAverage],
        ['behind the pace (s)', ({ behindSeconds }) => behindSeconds],
      ]),
    ],
    2,
  );
}

function failuresOf(operations: Sample['operations']): number {
  return Object.values(operations).reduce((sum, { failures }) => sum + failures, 0);
}
