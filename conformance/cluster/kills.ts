/**
 * The kill test of a BlobSeer: under load through a gateway, each of its entities in turn is killed with
 * SIGKILL or hangs (SIGSTOP). A data or metadata provider that is gone, or hangs, is not even noticed by an
 * SDK with its normal retries; a manager that is gone holds up writes, and no reads, until it is back.
 * Nothing that was acknowledged is lost, whatever happens.
 *
 * Runs small in the suite (kills.test.ts), and by hand as hard as one likes:
 *   node dist/conformance/cluster/kills.js --rounds 2 --every --hung-seconds 20 [--writes N] [--seed N]
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { S3Client } from '@aws-sdk/client-s3';
import { Contents } from '../durability/contents.ts';
import { chooseSeed, SeededRandom } from '../durability/seeded-random.ts';
import { BlobSeer } from '../harness/blobseer.ts';
import { clearBucket, emptyBucket } from '../harness/buckets.ts';
import type { Entity } from '../harness/entity.ts';
import { Gateway } from '../harness/gateway.ts';
import { send } from '../harness/http.ts';
import { makeClient } from '../harness/target.ts';
import { Client, type Failure } from './client.ts';

export interface KillOptions {
  readonly seed: number;
  /** How often all of it is gone through. */
  readonly rounds: number;
  /** Every provider has its turn; otherwise one of each kind, by chance. */
  readonly every: boolean;
  /** Acknowledged writes that are waited for, before each event and after it. */
  readonly writes: number;
  /** At least so long does a provider hang, and is a manager away. */
  readonly hungSeconds: number;
  readonly awaySeconds: number;
  readonly log?: (line: string) => void;
}

export interface EventReport {
  readonly event: string;
  /** From the event to the first acknowledgement of a write of bytes that was begun after it. */
  readonly secondsToWrite: number;
  /** From the event until what was down is back and at work again. */
  readonly acknowledged: number;
  readonly reads: number;
  readonly failedWrites: number;
  readonly failedReads: number;
}

export interface KillReport {
  readonly events: readonly EventReport[];
  readonly acknowledged: number;
  readonly reads: number;
}

interface Event {
  readonly name: string;
  readonly entity: Entity;
  readonly begin: () => Promise<void>;
  /** Until then the load goes on. */
  readonly leastSeconds: number;
  readonly end: () => Promise<void>;
  /** Everything is read while it lasts; a manager is back before that. */
  readonly isManager: boolean;
  /** What `check` may find while it lasts; undefined where it is not run. */
  readonly mayMiss: ((problem: string) => boolean) | undefined;
}

const plainBucket = 'kills-plain';
const versionedBucket = 'kills-versioned';
const clientCount = 4;
const keysPerClient = 4;
const standstillTimeoutMs = 120_000;
const settleTimeoutMs = 120_000;

export async function kills(options: KillOptions): Promise<KillReport> {
  const began = performance.now();
  const log = (line: string) =>
    options.log?.(`${((performance.now() - began) / 1000).toFixed(1)} s: ${line}`);
  log(`seed ${options.seed}`);
  const blobseer = await BlobSeer.start();
  try {
    const gateway = await Gateway.start({ workers: 2, env: blobseer.environment });
    try {
      return await new KillRun({ ...options, log }, blobseer, gateway).run();
    } finally {
      await gateway.remove();
    }
  } catch (error) {
    throw new Error(`${(error as Error).message} (seed ${options.seed})`, { cause: error });
  } finally {
    await blobseer.remove();
  }
}

class KillRun {
  readonly #options: KillOptions;
  readonly #blobseer: BlobSeer;
  readonly #gateway: Gateway;
  readonly #random: SeededRandom;
  readonly #s3: S3Client;
  readonly #clients: Client[];
  #onStored: (beganMs: number) => void = () => undefined;

  constructor(options: KillOptions, blobseer: BlobSeer, gateway: Gateway) {
    this.#options = options;
    this.#blobseer = blobseer;
    this.#gateway = gateway;
    this.#random = new SeededRandom(options.seed);
    // The SDK's own number of attempts.
    this.#s3 = makeClient(gateway.endpoint, gateway.credentials, { maxAttempts: 3 });
    const contents = new Contents(options.seed);
    this.#clients = Array.from({ length: clientCount }, (_, index) => {
      const isVersioned = index % 2 === 1;
      return new Client({
        s3: this.#s3,
        contents,
        random: this.#random.fork(),
        name: `client ${index}`,
        bucket: isVersioned ? versionedBucket : plainBucket,
        isVersioned,
        keyCount: keysPerClient,
        onStored: (beganMs) => this.#onStored(beganMs),
      });
    });
  }

  async run(): Promise<KillReport> {
    await this.#createBuckets();
    const events: EventReport[] = [];
    for (let round = 0; round < this.#options.rounds; round += 1) {
      for (const event of this.#events()) {
        const report = await this.#happens(event);
        this.#options.log?.(JSON.stringify(report));
        events.push(report);
      }
    }
    await this.#spaceReturns();
    this.#s3.destroy();
    const { writes, reads } = this.#sums();
    return { events, acknowledged: writes, reads };
  }

  #events(): Event[] {
    const { versionManager, providerManager, metadataProviders, dataProviders } = this.#blobseer;
    const some = (all: readonly Entity[]) => (this.#options.every ? all : [this.#random.pick(all)]);
    const { awaySeconds, hungSeconds } = this.#options;
    const killed = (entity: Entity) => ({
      name: `kill ${entity.name}`,
      entity,
      begin: () => entity.kill(),
      leastSeconds: 0,
      end: () => entity.start(),
      isManager: false,
    });
    const manager = (entity: Entity): Event => ({
      ...killed(entity),
      begin: async () => {
        await entity.kill();
        await delay(awaySeconds * 1000);
        await entity.start();
      },
      end: async () => undefined,
      isManager: true,
      mayMiss: undefined,
    });
    const hung = (entity: Entity): Event => ({
      ...killed(entity),
      name: `hang ${entity.name}`,
      begin: async () => entity.suspend(),
      leastSeconds: hungSeconds,
      end: async () => entity.resume(),
      mayMiss: undefined,
    });
    return [
      ...some(dataProviders).map((entity) => ({
        ...killed(entity),
        // Copies that cannot be looked at; every page has another one.
        mayMiss: (problem: string) => problem.includes(`${entity.host}:${entity.port}`),
      })),
      ...some(metadataProviders).map((entity) => ({ ...killed(entity), mayMiss: () => false })),
      manager(versionManager),
      manager(providerManager),
      ...some(dataProviders).map(hung),
      ...some(metadataProviders).map(hung),
    ];
  }

  async #happens(event: Event): Promise<EventReport> {
    await this.#underLoad(() => this.#untilWritten(this.#options.writes));
    const before = this.#sums();
    const failuresBefore = this.#failures().length;
    let secondsToWrite = Number.NaN;
    await this.#underLoad(async () => {
      const atMs = performance.now();
      this.#onStored = (beganMs) => {
        if (beganMs < atMs || !Number.isNaN(secondsToWrite)) return;
        secondsToWrite = Math.round(performance.now() - atMs) / 1000;
      };
      await event.begin();
      const goal = this.#untilWritten(this.#options.writes);
      await Promise.all([goal, delay(event.leastSeconds * 1000)]);
    });
    if (!event.isManager) await this.#verify(`while ${event.entity.name} is down`);
    if (event.mayMiss !== undefined) await this.#check(event.name, event.mayMiss);
    await event.end();
    await this.#underLoad(() => this.#untilWritten(this.#options.writes));
    await this.#verify(`after ${event.name}`);
    await this.#check(`after ${event.name}`, () => false);
    const after = this.#sums();
    const failures = this.#failures().slice(failuresBefore);
    const count = (kind: Failure['kind']) => failures.filter((one) => one.kind === kind).length;
    for (const { kind, message } of failures) this.#options.log?.(`failed ${kind}: ${message}`);
    const report = {
      event: event.name,
      secondsToWrite,
      acknowledged: after.writes - before.writes,
      reads: after.reads - before.reads,
      failedWrites: count('write'),
      failedReads: count('read'),
    };
    const told = `${event.name}: ${failures.map(({ message }) => message).join('; ')}`;
    assert.equal(report.failedReads, 0, told);
    const holdsUpWrites = event.entity === this.#blobseer.versionManager;
    if (!holdsUpWrites) assert.equal(report.failedWrites, 0, told);
    return report;
  }

  async #createBuckets(): Promise<void> {
    const { endpoint, credentials } = this.#gateway;
    const target = { endpoint, credentials, region: 'us-east-1' };
    for (const bucket of [plainBucket, versionedBucket]) {
      const answer = await send(target, { method: 'PUT', path: `/${bucket}` });
      assert.equal(answer.status, 200, answer.text);
    }
    const answer = await send(target, {
      method: 'PUT',
      path: `/${versionedBucket}?versioning`,
      body: '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
    });
    assert.equal(answer.status, 200, answer.text);
  }

  /** Runs `work` while all clients are at work; the first that reads what was not written ends it. */
  async #underLoad(work: () => Promise<void>): Promise<void> {
    const ending = new AbortController();
    const running = Promise.all(this.#clients.map((client) => client.run(ending.signal)));
    try {
      await Promise.race([work(), running]);
    } finally {
      ending.abort();
      await running;
    }
  }

  async #untilWritten(count: number): Promise<void> {
    const goal = this.#sums().writes + count;
    const deadline = Date.now() + standstillTimeoutMs;
    while (this.#sums().writes < goal) {
      if (Date.now() > deadline) throw new Error(`writes stand still: ${this.#latestFailure()}`);
      await delay(20);
    }
  }

  async #verify(when: string): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.verifyAll()));
    this.#options.log?.(`everything is there ${when}`);
  }

  /** What a provider missed is told to it when it is back, and what nobody needs is released: not at once. */
  async #check(when: string, mayMiss: (problem: string) => boolean): Promise<void> {
    const deadline = Date.now() + settleTimeoutMs;
    for (;;) {
      const { status, output } = await this.#gateway.check();
      assert.ok(status === 0 || status === 1, `check ${when}: ${output}`);
      const problems = problemsIn(output);
      const others = problems.filter((problem) => !mayMiss(problem));
      if (others.length === 0) {
        this.#options.log?.(`check ${when}: ${problems.length} problems are named, as they may be`);
        return;
      }
      if (Date.now() > deadline) assert.fail(`check ${when}: ${output}`);
      await delay(1000);
    }
  }

  async #spaceReturns(): Promise<void> {
    const s3 = makeClient(this.#gateway.endpoint, this.#gateway.credentials);
    for (const bucket of [plainBucket, versionedBucket]) {
      await clearBucket(s3, bucket);
      await emptyBucket(s3, bucket);
    }
    s3.destroy();
    await this.#blobseer.untilLeft({ pages: 0, nodes: 0 });
    this.#options.log?.('all space has come back');
  }

  #sums() {
    return {
      writes: this.#clients.reduce((sum, client) => sum + client.writes, 0),
      reads: this.#clients.reduce((sum, client) => sum + client.reads, 0),
    };
  }

  #failures(): Failure[] {
    return this.#clients.flatMap((client) => client.failures);
  }

  #latestFailure(): string {
    return this.#failures().at(-1)?.message ?? 'nothing failed';
  }
}

/** The lines of a report that are neither counts nor the verdict. */
function problemsIn(output: string): string[] {
  const lines = output.split('\n').filter((line) => line !== '');
  const counts = lines.findIndex((line) => line.startsWith('problems'));
  return lines.slice(counts + 1, -1);
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '1' },
      every: { type: 'boolean', default: false },
      writes: { type: 'string', default: '200' },
      'hung-seconds': { type: 'string', default: '20' },
      'away-seconds': { type: 'string', default: '2' },
      seed: { type: 'string' },
    },
  });
  const report = await kills({
    rounds: Number(values.rounds),
    every: values.every,
    writes: Number(values.writes),
    hungSeconds: Number(values['hung-seconds']),
    awaySeconds: Number(values['away-seconds']),
    seed: chooseSeed(values.seed),
    log: (line) => console.log(line),
  });
  console.log(JSON.stringify(report));
}
