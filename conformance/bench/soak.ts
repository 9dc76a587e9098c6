/**
 * The soak: a mixed load at a bounded pace on what is stored and bounded too, for an hour. Memory, file descriptors, disk
 * and latency have to be flat once it has begun; every byte that is read is compared.
 *
 *   npm run bench:soak -- [--minutes 60] [--rate 75] [--workers 1] [--interval 5] [--warmup MINUTES]
 *                         [--out DIRECTORY] [--page-size BYTES]
 *
 * Writes soak.json, soak.svg and soak.md. Exit status 1 where a request failed, an answer was wrong, or `blobseer-s3
 * check` found something at the end.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Gateway } from '../harness/gateway.ts';
import { machine } from './results.ts';
import { SoakClient } from './soak-client.ts';
import { fullSizes, SoakLoad, type SoakSizes } from './soak-load.ts';
import { type SoakResults, soakChart, soakSummary } from './soak-report.ts';
import { type Sample, sampleDisk, sampleProcesses } from './soak-samples.ts';
import { cpuSeconds } from './usage.ts';

export interface SoakOptions {
  readonly minutes: number;
  /** Operations begun in a second. */
  readonly rate: number;
  readonly workers: number;
  /** Of `serve`. */
  readonly args: readonly string[];
  readonly intervalSeconds: number;
  readonly warmupSeconds: number;
  readonly sizes: SoakSizes;
  readonly tell: (line: string) => void;
}

/** Operations a second that keep two cores of 2026 a quarter busy, the load's own work among it. */
const defaultRate = '75';
/** A tenth of the run, unless told otherwise: caches fill, the database finds its size. */
const warmupShare = 0.1;
/** Operations in flight: what is due beyond that waits, and is late. */
const maxInFlight = 32;

export async function soak(options: SoakOptions): Promise<SoakResults> {
  const { minutes, rate, warmupSeconds, tell } = options;
  const region = 'us-east-1';
  const gateway = await Gateway.start({
    workers: options.workers,
    args: ['--log-level', 'warn', ...options.args],
  });
  try {
    const { endpoint, credentials } = gateway;
    const client = new SoakClient({ endpoint, credentials, region });
    const load = new SoakLoad(client, options.sizes);
    tell('writing every key once');
    await load.prepare();
    client.takeWindow();
    const samples: Sample[] = [];
    const pace = new Pace(rate, minutes * 60_000);
    const working = pace.run(() => load.operate());
    await sampling(gateway, client, pace, options.intervalSeconds, (sample) => {
      samples.push(sample);
      tell(line(sample));
    });
    await working;
    client.close();
    await gateway.stop();
    tell('checking what is stored');
    const check = await gateway.check();
    return {
      machine: machine(),
      node: process.version,
      date: new Date().toISOString(),
      command: `npm run bench:soak -- ${process.argv.slice(2).join(' ')}`.trim(),
      ...{ minutes, rate, warmupSeconds, samples },
      failures: client.failures,
      failureTexts: client.failureTexts,
      check: { status: check.status, output: check.output },
    };
  } finally {
    await gateway.remove();
  }
}

/** Begins an operation whenever one is due, whether or not those before it have ended. */
class Pace {
  readonly #periodMs: number;
  readonly #durationMs: number;
  readonly #running = new Set<Promise<void>>();
  isOver = false;
  /** How long after its time the last operation began. */
  behindSeconds = 0;

  constructor(rate: number, durationMs: number) {
    this.#periodMs = 1000 / rate;
    this.#durationMs = durationMs;
  }

  async run(operate: () => Promise<void>): Promise<void> {
    const beganMs = performance.now();
    for (let dueMs = 0; dueMs < this.#durationMs; dueMs += this.#periodMs) {
      const aheadMs = beganMs + dueMs - performance.now();
      if (aheadMs > 0) await delay(aheadMs);
      while (this.#running.size >= maxInFlight) await Promise.race(this.#running);
      this.behindSeconds = Math.max(0, performance.now() - beganMs - dueMs) / 1000;
      const running = operate().finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
    await Promise.all(this.#running);
    this.isOver = true;
  }
}

async function sampling(
  gateway: Gateway,
  client: SoakClient,
  pace: Pace,
  intervalSeconds: number,
  take: (sample: Sample) => void,
): Promise<void> {
  const beganMs = performance.now();
  let lastMs = beganMs;
  let gatewaySeconds = cpuSeconds([gateway.pid]);
  let own = process.cpuUsage();
  for (;;) {
    await delay(intervalSeconds * 1000);
    if (pace.isOver) break; // the last one would be of a part of its time
    const nowMs = performance.now();
    const between = (nowMs - lastMs) / 1000;
    const { user, system } = process.cpuUsage(own);
    const gatewayNow = cpuSeconds([gateway.pid]);
    const gatewayCpu = (gatewayNow - gatewaySeconds) / between;
    lastMs = nowMs;
    gatewaySeconds = gatewayNow;
    own = process.cpuUsage();
    take({
      seconds: (nowMs - beganMs) / 1000,
      processes: sampleProcesses(gateway.pid),
      gatewayCpu,
      loadCpu: (user + system) / 1e6 / between,
      loadAverage: loadavg()[0] ?? 0,
      behindSeconds: pace.behindSeconds,
      operations: client.takeWindow(),
      ...(await sampleDisk(gateway.dataDirectory)),
    });
  }
}

function line(sample: Sample): string {
  const { seconds, processes, diskMiB, gatewayCpu, loadCpu, behindSeconds, operations } = sample;
  const windows = Object.values(operations);
  const sum = (field: 'count' | 'failures') =>
    windows.reduce((total, window) => total + window[field], 0);
  const anonymous = processes.reduce((most, each) => Math.max(most, each.anonymousMiB), 0);
  return [
    `${seconds.toFixed(0)} s: ${sum('count')} requests, ${sum('failures')} failed`,
    `RssAnon ${anonymous.toFixed(0)} MiB, disk ${diskMiB.toFixed(0)} MiB`,
    `cpu ${gatewayCpu.toFixed(2)} + load ${loadCpu.toFixed(2)}, behind ${behindSeconds.toFixed(1)} s`,
  ].join(', ');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '60' },
      rate: { type: 'string', default: defaultRate },
      workers: { type: 'string', default: '1' },
      interval: { type: 'string', default: '5' },
      warmup: { type: 'string' },
      'page-size': { type: 'string', default: 'auto' },
      out: { type: 'string', default: 'bench-results' },
    },
  });
  const minutes = Number(values.minutes);
  const warmupMinutes = values.warmup === undefined ? minutes * warmupShare : Number(values.warmup);
  const results = await soak({
    minutes,
    rate: Number(values.rate),
    workers: Number(values.workers),
    args: ['--page-size', values['page-size']],
    intervalSeconds: Number(values.interval),
    warmupSeconds: warmupMinutes * 60,
    sizes: fullSizes,
    tell: (text) => process.stderr.write(`${text}\n`),
  });
  mkdirSync(values.out, { recursive: true });
  const write = (name: string, text: string) => writeFileSync(path.join(values.out, name), text);
  write('soak.json', `${JSON.stringify(results, undefined, 1)}\n`);
  write('soak.svg', soakChart(results));
  const about = `${results.date}, ${results.machine}, Node ${results.node}\n\n    ${results.command}\n`;
  write('soak.md', `${about}\n${soakSummary(results)}\n`);
  process.stdout.write(`${[soakSummary(results), ...results.failureTexts].join('\n')}\n`);
  if (results.check.status !== 0) process.stdout.write(results.check.output);
  process.exitCode = results.failures === 0 && results.check.status === 0 ? 0 : 1;
}

if (process.argv[1] === import.meta.filename) await main();
