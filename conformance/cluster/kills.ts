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
import { chooseSeed, SeededRandom } from '../durability/seeded-random.ts';
import { BlobSeer } from '../harness/blobseer.ts';
import type { Entity } from '../harness/entity.ts';
import { Gateway } from '../harness/gateway.ts';
import type { Failure } from './client.ts';
import { Load } from './load.ts';

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

export async function kills(options: KillOptions): Promise<KillReport> {
  const began = performance.now();
  const log = (line: string) =>
    options.log?.(`${((performance.now() - began) / 1000).toFixed(1)} s: ${line}`);
  log(`seed ${options.seed}`);
  const blobseer = await BlobSeer.start();
  try {
    const gateway = await Gateway.start({ workers: 2, env: blobseer.environment });
    try {
      const random = new SeededRandom(options.seed);
      const load = await Load.open({
        target: gateway,
        seed: options.seed,
        random,
        clients: 4,
        keysPerClient: 4,
        log,
      });
      const report = await new KillRun({ ...options, log }, blobseer, load, random).run();
      load.close();
      return report;
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
  readonly #load: Load;
  readonly #random: SeededRandom;

  constructor(options: KillOptions, blobseer: BlobSeer, load: Load, random: SeededRandom) {
    this.#options = options;
    this.#blobseer = blobseer;
    this.#load = load;
    this.#random = random;
  }

  async run(): Promise<KillReport> {
    const events: EventReport[] = [];
    for (let round = 0; round < this.#options.rounds; round += 1) {
      for (const event of this.#events()) {
        const report = await this.#happens(event);
        this.#options.log?.(JSON.stringify(report));
        events.push(report);
      }
    }
    await this.#load.clear();
    await this.#blobseer.untilLeft({ pages: 0, nodes: 0 });
    this.#options.log?.('all space has come back');
    const { writes, reads } = this.#load.sums();
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
    const { writes } = this.#options;
    const load = this.#load;
    await load.during(() => load.untilWritten(writes));
    const before = load.sums();
    const failuresBefore = load.failures().length;
    let secondsToWrite = () => Number.NaN;
    await load.during(async () => {
      secondsToWrite = load.secondsToWrite();
      await event.begin();
      await Promise.all([load.untilWritten(writes), delay(event.leastSeconds * 1000)]);
    });
    if (!event.isManager) await load.verify(`while ${event.entity.name} is down`);
    if (event.mayMiss !== undefined) await load.check(event.name, event.mayMiss);
    await event.end();
    await load.during(() => load.untilWritten(writes));
    await load.verify(`after ${event.name}`);
    await load.check(`after ${event.name}`);
    const after = load.sums();
    const failures = load.failures().slice(failuresBefore);
    const count = (kind: Failure['kind']) => failures.filter((one) => one.kind === kind).length;
    for (const { kind, message } of failures) this.#options.log?.(`failed ${kind}: ${message}`);
    const report = {
      event: event.name,
      secondsToWrite: secondsToWrite(),
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
