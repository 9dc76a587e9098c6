/**
 * What an operator fears, on a deployment as an operator makes it (`deploy up`): members are killed under
 * load, and nobody starts anything again but the supervisor. Reads go on, whoever is gone; writes go on, but
 * for those that need a version manager: they are refused in S3's words, and an SDK's next attempt succeeds.
 */
import assert from 'node:assert/strict';
import type { S3Client } from '@aws-sdk/client-s3';
import { chooseSeed, SeededRandom } from '../durability/seeded-random.ts';
import type { Deployment, MemberState } from '../harness/deployment.ts';
import { makeClient } from '../harness/target.ts';
import type { Failure } from './client.ts';
import { Load } from './load.ts';
import { Witness } from './witness.ts';

/** Acknowledged writes that are waited for: before each event, during it and after it. */
const writes = 12;
/** The SDK's own. */
const sdkAttempts = 3;
const refusals = ['ServiceUnavailable', 'SlowDown'];
/** Nobody writes without it. */
const indispensable = 'version-manager';

type Log = (line: string) => void;

export class Scenarios {
  readonly #random: SeededRandom;
  readonly #log: Log;
  readonly #load: Load;
  readonly #witness: Witness;
  #deployment: Deployment;

  private constructor(deployment: Deployment, load: Load, random: SeededRandom, log: Log) {
    this.#deployment = deployment;
    this.#load = load;
    this.#random = random;
    this.#log = log;
    this.#witness = new Witness(load);
  }

  static async open(deployment: Deployment, log: Log): Promise<Scenarios> {
    const seed = chooseSeed();
    log(`seed ${seed}`);
    const random = new SeededRandom(seed);
    const load = await Load.open({
      target: deployment,
      seed,
      random,
      clients: 4,
      keysPerClient: 2,
      log,
    });
    return new Scenarios(deployment, load, random, log);
  }

  close(): void {
    this.#load.close();
  }

  /** One member of the role, by chance, is killed; and again, while the supervisor does not get to it. */
  async memberDies(role: string): Promise<void> {
    const member = this.#random.pick(await this.#deployment.membersOf(role));
    const { name } = member;
    await this.#load.during(() => this.#written(), [this.#witness.work]);
    const next = this.#witness.count;
    const failuresBefore = this.#load.failures().length;
    const failures = (): Failure[] => this.#load.failures().slice(failuresBefore);

    let seconds = () => Number.NaN;
    let now = member;
    await this.#load.during(async () => {
      await this.#deployment.kill(member);
      seconds = this.#load.secondsToWrite();
      [now] = await Promise.all([this.#deployment.untilBack(member), this.#written()]);
    }, [this.#witness.work]);
    await this.#staysDown(now);
    await this.#load.during(() => this.#written(), [this.#witness.work]);
    await this.#isWhole(`after ${name} was killed`, next);

    for (const { kind, message } of failures()) this.#log(`failed ${kind}: ${message}`);
    const told = failures().map(({ message }) => message);
    assert.equal(failures().filter(({ kind }) => kind === 'read').length, 0, told.join('; '));
    if (role !== indispensable) assert.deepEqual(told, []);
    this.#log(`${name}: ${seconds()} s from the kill to the first write`);
  }

  /** Supervisor and members are killed in one moment; one command brings all of it back. */
  async everythingDies(): Promise<void> {
    await this.#load.during(() => this.#written(), [this.#witness.work]);
    const next = this.#witness.count;
    let seconds = () => Number.NaN;
    // Clients are at work when it happens, and fail until it is over.
    await this.#load.during(async () => {
      await this.#deployment.killEverything();
      seconds = this.#load.secondsToWrite();
      await this.#deployment.deploy('start');
      await this.#written();
    }, [this.#witness.work]);
    await this.#isWhole('after everything was killed', next);
    this.#log(`everything: ${seconds()} s from the kill to the first write`);
  }

  /**
   * Stopped with a checkpoint while clients are at work, gone, and begun again from that checkpoint as the
   * deployment of the same or of another file.
   */
  async wholeReturns(to: Deployment, place: string): Promise<void> {
    const from = this.#deployment;
    await this.#load.during(() => this.#written(), [this.#witness.work]);
    const next = this.#witness.count;
    let seconds = () => Number.NaN;
    await this.#load.during(async () => {
      await from.deploy('stop', '--checkpoint', '--to', place);
      seconds = this.#load.secondsToWrite();
      await from.deleteData();
      await to.deploy('start', '--from', place);
      this.#deployment = to;
      // What is under way is cut off by it, and may be committed after what is acknowledged next.
      if (to !== from) this.#load.moveTo(to);
      await this.#written();
    }, [this.#witness.work]);
    const where = to === from ? 'at the same addresses' : 'at other addresses';
    await this.#isWhole(`after all of it came back ${where}`, next);
    this.#log(`${where}: ${seconds()} s from the end of the stop to the first write`);
  }

  /** Every page and every reference. */
  async check(): Promise<void> {
    await this.#load.check('at the end');
  }

  /** What can be served without it is, for as long as it is away. */
  async #staysDown(member: MemberState): Promise<void> {
    const { name, role } = member;
    const back = async (): Promise<void> => {
      this.#deployment.letSupervisorGo();
      await this.#deployment.untilBack(member);
    };
    try {
      await this.#deployment.killForLong(member);
      await this.#load.verify(`while ${name} is down`);
      if (role === indispensable) {
        await this.#isRefusedAndRetried(back);
      } else {
        await this.#load.during(() => this.#written(), [this.#witness.work]);
        await back();
      }
    } finally {
      this.#deployment.letSupervisorGo();
    }
  }

  /** A write is refused while the member is down, which it is until then; the SDK's next attempt finds it back. */
  async #isRefusedAndRetried(back: () => Promise<void>): Promise<void> {
    const { endpoint, credentials } = this.#deployment;
    const s3 = makeClient(endpoint, credentials, { maxAttempts: sdkAttempts });
    const attempts = watchAttempts(s3, back);
    await this.#witness.write(s3);
    s3.destroy();
    const [first, ...others] = attempts;
    assert.equal(first?.status, 503, `${first?.error}`);
    assert.ok(refusals.includes(first.error ?? ''), first.error);
    assert.equal(others.at(-1)?.error, undefined, 'the last one succeeded');
    this.#log(`a write was refused after ${first.seconds} s: ${first.error}`);
  }

  async #isWhole(when: string, next: number): Promise<void> {
    await this.#load.verify(when);
    await this.#witness.verify();
    await this.#witness.lookUp(next, (...which) => this.#deployment.locate(...which));
  }

  #written(): Promise<void> {
    return this.#load.untilWritten(writes);
  }
}

interface Attempt {
  readonly seconds: number;
  /** Undefined where it succeeded. */
  readonly error: string | undefined;
  readonly status: number | undefined;
}

/** Each attempt of the SDK's own retries, as it ends; `meanwhile` is waited for between the first and the second. */
function watchAttempts(s3: S3Client, meanwhile: () => Promise<void>): readonly Attempt[] {
  const attempts: Attempt[] = [];
  s3.middlewareStack.add(
    (next) => async (args) => {
      if (attempts.length === 1) await meanwhile();
      const atMs = performance.now();
      const ended = (error?: Error & { $metadata?: { httpStatusCode?: number } }) => {
        const seconds = Math.round(performance.now() - atMs) / 1000;
        attempts.push({ seconds, error: error?.name, status: error?.$metadata?.httpStatusCode });
      };
      try {
        const result = await next(args);
        ended();
        return result;
      } catch (error) {
        ended(error as Error);
        throw error;
      }
    },
    // Within the step of the retries, behind them.
    { step: 'finalizeRequest', priority: 'low' },
  );
  return attempts;
}
