/**
 * The crash test: clients write without pause while the server, or single workers of it, are killed
 * with SIGKILL at random moments. Every acknowledged write must be there after each restart, every
 * acknowledged delete must stay, nothing half-written may be seen, `check` must be clean, and when
 * all is deleted the space must come back.
 *
 * Runs small in the suite (crash.test.ts), and by hand as hard as one likes:
 *   node dist/conformance/durability/crash.js --kills 50 --worker-kills 200 [--seed N] [--writers N] [--blobseer]
 */
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BlobSeer } from '../harness/blobseer.ts';
import { clearBucket, emptyBucket } from '../harness/buckets.ts';
import { Gateway } from '../harness/gateway.ts';
import { type Endpoint, type RawRequest, send } from '../harness/http.ts';
import { killProcess } from '../harness/processes.ts';
import { makeClient } from '../harness/target.ts';
import { Contents } from './contents.ts';
import { chooseSeed, SeededRandom } from './seeded-random.ts';
import { type ServerUnderTest, Writer } from './writer.ts';

export interface CrashOptions {
  /** Kills of the whole server. */
  readonly kills: number;
  /** Kills of single workers of a running server. */
  readonly workerKills: number;
  readonly seed: number;
  readonly writers?: number;
  /** The pages are in a BlobSeer of entities, started for it, instead of the data directory. */
  readonly onBlobSeer?: boolean;
  readonly log?: (line: string) => void;
}

export interface CrashReport {
  readonly kills: number;
  readonly workerKills: number;
  readonly acknowledged: number;
  readonly unanswered: number;
}

const plainBucket = 'crash-plain';
const versionedBucket = 'crash-versioned';
const keysPerWriter = 8;
const workersCount = 3;
/** That blobs are made with. */
const pageSizes = 3;
const standstillTimeoutMs = 60_000;
const workerReturnTimeoutMs = 30_000;
const sweepTimeoutMs = 120_000;

export async function crash(options: CrashOptions): Promise<CrashReport> {
  const began = performance.now();
  const { log: print = () => {} } = options;
  const log = (line: string) =>
    print(`${((performance.now() - began) / 1000).toFixed(1)} s: ${line}`);
  log(`seed ${options.seed}`);
  const random = new SeededRandom(options.seed);
  const contents = new Contents(options.seed);
  const blobseer = options.onBlobSeer === true ? await BlobSeer.start() : undefined;
  const env = blobseer?.environment ?? {};
  const gateway = await Gateway.start({ workers: workersCount, env });
  try {
    const run = new CrashRun({ ...options, log }, { gateway, blobseer, random, contents });
    const report = await run.run();
    await gateway.remove();
    return report;
  } catch (error) {
    gateway.killNow();
    const where = `seed ${options.seed}, data directory kept: ${gateway.dataDirectory}`;
    throw new Error(`${(error as Error).message} (${where})`, { cause: error });
  } finally {
    await blobseer?.remove();
  }
}

interface CrashParts {
  readonly gateway: Gateway;
  readonly blobseer: BlobSeer | undefined;
  readonly random: SeededRandom;
  readonly contents: Contents;
}

class CrashRun implements ServerUnderTest {
  readonly #options: CrashOptions;
  readonly #gateway: Gateway;
  readonly #blobseer: BlobSeer | undefined;
  readonly #random: SeededRandom;
  readonly #writers: Writer[];
  readonly #log: (line: string) => void;
  kills = 0;
  /** What a writer found wrong. */
  #failed: unknown;

  constructor(options: CrashOptions, { gateway, blobseer, random, contents }: CrashParts) {
    this.#options = options;
    this.#gateway = gateway;
    this.#blobseer = blobseer;
    this.#random = random;
    this.#log = options.log ?? (() => {});
    this.#writers = Array.from({ length: options.writers ?? 6 }, (_, index) => {
      const isVersioned = index % 2 === 1;
      return new Writer({
        server: this,
        contents,
        random: random.fork(),
        name: `writer ${index}`,
        bucket: isVersioned ? versionedBucket : plainBucket,
        isVersioned,
        keyCount: keysPerWriter,
      });
    });
  }

  /** The port changes with every start: the endpoint is looked up for every request. */
  send(request: RawRequest) {
    const { endpoint, credentials } = this.#gateway;
    const target: Endpoint = { endpoint, credentials, region: 'us-east-1' };
    return send(target, request);
  }

  async run(): Promise<CrashReport> {
    await this.#createBuckets();
    for (let round = 1; round <= this.#options.kills; round += 1) {
      await this.#whileWriting(() => this.#killServer(round));
      await Promise.all(this.#writers.map((writer) => writer.verifyAll()));
      this.#log(`kill ${round}/${this.#options.kills}: ${this.#total()}`);
    }
    if (this.#options.workerKills > 0) {
      await this.#whileWriting(() => this.#killWorkers());
      await Promise.all(this.#writers.map((writer) => writer.verifyAll()));
    }
    this.#log(`all kills done: ${this.#total()}`);
    await this.#checkIsClean('after the kills');
    this.#log('check is clean');
    await this.#gateway.start();
    await Promise.all(this.#writers.map((writer) => writer.verifyAll()));
    this.#log('everything is there');
    await this.#spaceReturns();
    this.#log('all space has come back');
    const { acknowledged, unanswered } = this.#sums();
    return {
      kills: this.#options.kills,
      workerKills: this.#options.workerKills,
      acknowledged,
      unanswered,
    };
  }

  async #createBuckets(): Promise<void> {
    for (const bucket of [plainBucket, versionedBucket]) {
      const answer = await this.send({ method: 'PUT', path: `/${bucket}` });
      assert.equal(answer.status, 200, answer.text);
    }
    const answer = await this.send({
      method: 'PUT',
      path: `/${versionedBucket}?versioning`,
      body: '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
    });
    assert.equal(answer.status, 200, answer.text);
  }

  /** Runs `disturb` while all writers write; the first failure of anyone ends it. */
  async #whileWriting(disturb: () => Promise<void>): Promise<void> {
    const ending = new AbortController();
    const writing = Promise.all(this.#writers.map((writer) => writer.run(ending.signal)));
    writing.catch((error: unknown) => {
      this.#failed = error;
      ending.abort();
    });
    // Writers wait for a server that does not come back: what went wrong with it is to be told first.
    await disturb().catch((error: unknown) => {
      ending.abort();
      throw error;
    });
    ending.abort();
    await writing;
  }

  async #killServer(round: number): Promise<void> {
    await this.#untilWritten(this.#random.integer(1, 60));
    await delay(this.#random.integer(0, 50));
    // Now and then only the primary: its workers must not go on serving a directory they lost.
    await (round % 3 === 0 ? this.#gateway.killPrimary() : this.#gateway.kill());
    await this.#gateway.start();
    this.kills += 1;
    await this.#untilWritten(1);
  }

  async #killWorkers(): Promise<void> {
    for (let round = 1; round <= this.#options.workerKills; round += 1) {
      if (this.#failed !== undefined) return;
      await this.#untilWritten(this.#random.integer(1, 30));
      await delay(this.#random.integer(0, 50));
      killProcess(this.#random.pick(await this.#workers(2)));
      this.kills += 1;
      if (round % 20 === 0) {
        this.#log(`worker kill ${round}/${this.#options.workerKills}: ${this.#total()}`);
      }
    }
    await this.#workers(workersCount);
  }

  /** Waits for so many more acknowledged writes: every kill hits a server at work. */
  async #untilWritten(count: number): Promise<void> {
    const goal = this.#sums().acknowledged + count;
    const deadline = Date.now() + standstillTimeoutMs;
    while (this.#sums().acknowledged < goal && this.#failed === undefined) {
      if (Date.now() > deadline) throw new Error(`the server stands still: ${this.#total()}`);
      await delay(5);
    }
  }

  /** Waits until at least so many workers run. (The supervisor lets those wait that die young.) */
  async #workers(least: number): Promise<number[]> {
    const deadline = Date.now() + workerReturnTimeoutMs;
    for (;;) {
      const workers = this.#gateway.workers();
      if (workers.length >= least) return workers;
      if (Date.now() > deadline) throw new Error('a killed worker was not replaced');
      await delay(10);
    }
  }

  async #checkIsClean(when: string): Promise<void> {
    assert.equal(await this.#gateway.stop(), 0, 'exit status after SIGTERM');
    const { status, output } = await this.#gateway.check();
    assert.equal(status, 0, `check ${when}: ${output}`);
  }

  /** Deletes everything, and waits until the page files are gone, and what a BlobSeer had of it. */
  async #spaceReturns(): Promise<void> {
    const client = makeClient(this.#gateway.endpoint, this.#gateway.credentials);
    for (const bucket of [plainBucket, versionedBucket]) {
      await clearBucket(client, bucket);
      await emptyBucket(client, bucket);
    }
    client.destroy();
    this.#log('all is deleted');
    const deadline = Date.now() + sweepTimeoutMs;
    for (;;) {
      const left = pageFiles(this.#gateway.dataDirectory);
      if (left.length === 0) break;
      if (Date.now() > deadline) {
        assert.fail(
          `${left.length} page files are left after the sweep: ${left.slice(0, 5).join()}`,
        );
      }
      await delay(200);
    }
    await this.#providersAreEmpty();
    await this.#checkIsClean('after all was deleted');
  }

  /**
   * The version manager keeps what it closed versions with whose writers died with a ticket in their hands: a
   * page of zeros of each size, and nodes.
   */
  async #providersAreEmpty(): Promise<void> {
    if (this.#blobseer === undefined) return;
    const pages = this.#blobseer.replication * pageSizes;
    await this.#blobseer.untilLeft({ pages, nodes: Number.POSITIVE_INFINITY });
  }

  #sums() {
    return {
      acknowledged: this.#writers.reduce((sum, writer) => sum + writer.acknowledged, 0),
      unanswered: this.#writers.reduce((sum, writer) => sum + writer.unanswered, 0),
    };
  }

  #total(): string {
    const { acknowledged, unanswered } = this.#sums();
    return `${acknowledged} writes acknowledged, ${unanswered} not answered`;
  }
}

/** Every file under a folder `pages`: the pages that are too large to lie in LMDB. */
function pageFiles(dataDirectory: string): string[] {
  return readdirSync(dataDirectory, { recursive: true })
    .map(String)
    .filter((name) => name.split(path.sep).slice(0, -1).includes('pages'))
    .filter((name) =>
      statSync(path.join(dataDirectory, name), { throwIfNoEntry: false })?.isFile(),
    );
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '50' },
      'worker-kills': { type: 'string', default: '200' },
      seed: { type: 'string' },
      writers: { type: 'string', default: '6' },
      blobseer: { type: 'boolean', default: false },
    },
  });
  const report = await crash({
    kills: Number(values.kills),
    workerKills: Number(values['worker-kills']),
    seed: chooseSeed(values.seed),
    writers: Number(values.writers),
    onBlobSeer: values.blobseer,
    log: (line) => console.log(line),
  });
  console.log(JSON.stringify(report));
}
