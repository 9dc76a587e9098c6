/**
 * The fuzz test of the S3 surface: histories of requests, most of them signed as they should be and
 * changed in some place, against a gateway of its own. Nothing may crash, hang, answer 5xx (but 501
 * NotImplemented) or without a request id, grow without bound, or leave anything behind.
 *
 * A history is made by fast-check from a seed, and shrunk when it fails. At full size:
 *   npm run fuzz                                   (100,000 requests, a new seed)
 *   npm run fuzz -- --requests 20000 --seed 7      (again: a finding names its seed)
 */
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { chooseSeed, SeededRandom } from '../durability/seeded-random.ts';
import { type Credentials, Gateway, runCommand } from '../harness/gateway.ts';
import { send } from '../harness/http.ts';
import { anonymousBytes } from '../harness/processes.ts';
import { plan } from './changes.ts';
import { assertNothingLeft } from './cleanup.ts';
import type { Where } from './encode.ts';
import { History } from './history.ts';
import { poolBytes } from './ingredients.ts';
import type { Tally } from './judge.ts';
import { ServerLog } from './server-log.ts';
import { Finding } from './wire.ts';

export interface FuzzOptions {
  readonly requests: number;
  readonly seed: number;
  /** Histories that run at once. */
  readonly lanes?: number;
  /** Worker processes of the gateway. */
  readonly workers?: number;
  readonly log?: (line: string) => void;
}

export interface FuzzReport {
  readonly seed: number;
  readonly requests: number;
  readonly histories: number;
  readonly verified: number;
  /** Answers by status and error code. */
  readonly answers: Readonly<Record<string, number>>;
  /** Answers below 400, by operation, as the gateway's log has them. */
  readonly served: Readonly<Record<string, number>>;
  /** The most anonymous memory in the first and in the last third of the run. */
  readonly firstMiB: number;
  readonly lastMiB: number;
}

const domain = 's3.fuzz.test';
const region = 'us-east-1';
const other: Credentials = {
  accessKeyId: 'FUZZOTHERFUZZOTHER00',
  secretAccessKey: 'other-secret-0123456789-abcdefghijklmnop',
};
const mebibyte = 1024 * 1024;
/** 6 MiB: a part copied from it may stand in front of another. */
const largeBytes = 6 * mebibyte;
const largestHistory = 120;
/** A history that fails is tried again in parts, so often at most. */
const shrinkLimit = 400;
/** What memory may grow by between the thirds: caches fill, the collector waits. */
const growthMiB = 96;

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { seed, lanes = 2 } = options;
  // Everything that a header can reach is open: old signatures, and headers of a proxy.
  const gateway = await Gateway.start({
    workers: options.workers ?? 1,
    args: ['--domain', domain, '--sigv2', '--trusted-proxy', '127.0.0.1', '--public-host', 'x'],
  });
  try {
    const run = new Run(gateway, options);
    await run.prepare();
    const random = new SeededRandom(seed);
    const seeds = Array.from({ length: lanes }, () => random.integer(0, 2 ** 31 - 1));
    await Promise.all(seeds.map((each, lane) => run.lane(lane, each)));
    return await run.finish();
  } finally {
    await gateway.remove();
  }
}

class Run {
  readonly #gateway: Gateway;
  readonly #options: FuzzOptions;
  readonly #where: Where;
  readonly #tally: Tally = new Map();
  readonly #log: ServerLog;
  readonly #memory: { readonly requests: number; readonly mebibytes: number }[] = [];
  readonly #pid: number;
  #requests = 0;
  #verified = 0;
  #histories = 0;
  #hasFailed = false;

  constructor(gateway: Gateway, options: FuzzOptions) {
    this.#gateway = gateway;
    this.#options = options;
    this.#pid = gateway.pid;
    this.#log = new ServerLog(gateway.logFile);
    const random = new SeededRandom(options.seed);
    const pool = Buffer.alloc(poolBytes);
    for (let at = 0; at < poolBytes; at += 4)
      pool.writeUInt32LE(random.integer(0, 2 ** 32 - 1), at);
    const { port, credentials: root } = gateway;
    this.#where = { port, domain, root, other, region, pool };
  }

  async prepare(): Promise<void> {
    const added = await runCommand(
      [
        'user',
        'add',
        'other',
        '--access-key',
        other.accessKeyId,
        '--data',
        this.#gateway.dataDirectory,
      ],
      { BLOBSEER_S3_USER_SECRET: other.secretAccessKey },
    );
    assert.equal(added.status, 0, added.output);
    const { endpoint, credentials } = this.#gateway;
    const target = { endpoint, credentials, region };
    for (const [path, body] of [
      ['/fuzz-large', Buffer.alloc(0)],
      ['/fuzz-large/large', this.#where.pool.subarray(0, largeBytes)],
    ] as const) {
      const answer = await send(target, { method: 'PUT', path, body });
      assert.equal(answer.status, 200, answer.text);
    }
  }

  /** Histories one after another until all lanes together have sent enough. */
  async lane(lane: number, seed: number): Promise<void> {
    for (let round = 0; this.#requests < this.#options.requests && !this.#hasFailed; round += 1) {
      let attempts = 0;
      let failed = false;
      const property = fc.asyncProperty(
        fc.array(plan, { minLength: 1, maxLength: largestHistory, size: 'max' }),
        async (plans) => {
          if (failed && attempts > shrinkLimit) return;
          attempts += 1;
          const buckets = [0, 1, 2].map((index) => `fuzz-${lane}-${round}-${attempts}-${index}`);
          const history = new History(this.#where, buckets, this.#tally);
          try {
            await history.run(plans);
            this.#log.assertQuiet();
            assert.ok(this.#isAlive(), 'the gateway has ended');
          } catch (error) {
            failed = true;
            throw error instanceof Error ? error : new Error(String(error));
          } finally {
            this.#requests += history.requests;
            this.#verified += history.verified;
            this.#histories += 1;
            this.#sample();
          }
        },
      );
      const details = await fc.check(property, { seed: seed + round, numRuns: 1 });
      if (details.failed) {
        this.#hasFailed = true;
        const cause = details.errorInstance;
        const reason = cause instanceof Error ? `${cause.message}` : String(cause);
        throw new Finding(
          `seed ${this.#options.seed}, lane ${lane}, round ${round}: ${reason}\n` +
            `after ${details.numShrinks} shrinks: ${fc.stringify(details.counterexample).slice(0, 20_000)}\n` +
            `the log ends: ${this.#gateway.log().slice(-3000)}`,
        );
      }
    }
  }

  async finish(): Promise<FuzzReport> {
    const { firstMiB, lastMiB } = this.#thirds();
    const served = this.#log.served();
    await assertNothingLeft(this.#gateway, region, [this.#where.root, other]);
    this.#log.assertQuiet();
    const report: FuzzReport = {
      seed: this.#options.seed,
      requests: this.#requests,
      histories: this.#histories,
      verified: this.#verified,
      answers: Object.fromEntries([...this.#tally].sort(([a], [b]) => (a < b ? -1 : 1))),
      served,
      firstMiB,
      lastMiB,
    };
    assert.ok(
      lastMiB <= firstMiB + growthMiB,
      `anonymous memory grew from ${firstMiB} to ${lastMiB} MiB`,
    );
    return report;
  }

  #isAlive(): boolean {
    try {
      process.kill(this.#pid, 0);
      return true;
    } catch {
      return false;
    }
  }

  #sample(): void {
    if (!this.#isAlive()) return;
    const pids = [this.#gateway.pid, ...this.#gateway.workers()];
    const mebibytes = Math.round(Math.max(...pids.map(anonymousBytes)) / mebibyte);
    this.#memory.push({ requests: this.#requests, mebibytes });
    if (this.#histories % 50 === 0) {
      this.#options.log?.(
        `${this.#requests} requests, ${this.#histories} histories, ${mebibytes} MiB`,
      );
    }
  }

  #thirds() {
    const most = (from: number, to: number) => {
      const within = this.#memory.filter(
        ({ requests }) => requests > from * this.#requests && requests <= to * this.#requests,
      );
      return Math.max(0, ...within.map(({ mebibytes }) => mebibytes));
    };
    return { firstMiB: most(0, 1 / 3), lastMiB: most(2 / 3, 1) };
  }
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '100000' },
      seed: { type: 'string' },
      lanes: { type: 'string', default: '3' },
      workers: { type: 'string', default: '1' },
    },
  });
  const began = performance.now();
  const report = await fuzz({
    requests: Number(values.requests),
    seed: chooseSeed(values.seed),
    lanes: Number(values.lanes),
    workers: Number(values.workers),
    log: (line) => console.log(line),
  });
  console.log(JSON.stringify(report, null, 1));
  console.log(`${Math.round((performance.now() - began) / 1000)} s`);
}
