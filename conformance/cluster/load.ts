/**
 * The load under which entities are killed: some clients with buckets of their own, who work while something
 * happens, and afterwards read all they have written. The same whoever started the BlobSeer.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { Contents } from '../durability/contents.ts';
import type { SeededRandom } from '../durability/seeded-random.ts';
import { clearBucket, emptyBucket } from '../harness/buckets.ts';
import type { CommandResult, Credentials } from '../harness/gateway.ts';
import { send } from '../harness/http.ts';
import { makeClient } from '../harness/target.ts';
import { Client, type Failure } from './client.ts';

/** The gateway that is worked with. */
export interface LoadTarget {
  readonly endpoint: string;
  readonly credentials: Credentials;
  /** `blobseer-s3 check` on what it keeps. */
  check(): Promise<CommandResult>;
}

export interface LoadOptions {
  readonly target: LoadTarget;
  readonly seed: number;
  readonly random: SeededRandom;
  readonly clients: number;
  readonly keysPerClient: number;
  readonly log: (line: string) => void;
}

/** Runs until the signal; rejects where something is wrong. */
export type Work = (signal: AbortSignal) => Promise<void>;

export const plainBucket = 'kills-plain';
export const versionedBucket = 'kills-versioned';
/** The SDK's own number of attempts. */
const maxAttempts = 3;
const standstillTimeoutMs = 120_000;
const settleTimeoutMs = 120_000;

export class Load {
  readonly #options: LoadOptions;
  #target: LoadTarget;
  #s3: S3Client;
  readonly #clients: readonly Client[];
  #onStored: (beganMs: number) => void = () => undefined;

  private constructor(options: LoadOptions) {
    this.#options = options;
    const { target, seed, random, clients, keysPerClient } = options;
    this.#target = target;
    this.#s3 = clientOf(target);
    const contents = new Contents(seed);
    const s3 = (): S3Client => this.#s3;
    this.#clients = Array.from({ length: clients }, (_, index) => {
      const isVersioned = index % 2 === 1;
      return new Client({
        get s3() {
          return s3();
        },
        contents,
        random: random.fork(),
        name: `client ${index}`,
        bucket: isVersioned ? versionedBucket : plainBucket,
        isVersioned,
        keyCount: keysPerClient,
        onStored: (beganMs) => this.#onStored(beganMs),
      });
    });
  }

  static async open(options: LoadOptions): Promise<Load> {
    const load = new Load(options);
    await load.#createBuckets();
    return load;
  }

  /** Of the gateway that is worked with now. */
  get s3(): S3Client {
    return this.#s3;
  }

  /** From now on clients find their objects there. */
  moveTo(target: LoadTarget): void {
    this.#s3.destroy();
    this.#target = target;
    this.#s3 = clientOf(target);
  }

  close(): void {
    this.#s3.destroy();
  }

  /** Ends `work` while all clients are at work; the first that reads what was not written ends it. */
  async during(work: () => Promise<void>, others: readonly Work[] = []): Promise<void> {
    const ending = new AbortController();
    const clients = this.#clients.map(
      (client): Work =>
        (signal) =>
          client.run(signal),
    );
    const running = Promise.all([...clients, ...others].map((run) => run(ending.signal)));
    try {
      await Promise.race([work(), running]);
    } finally {
      ending.abort();
      await running;
    }
  }

  /** Seconds from now to the first acknowledgement of a write of bytes that was begun after now, once there is one. */
  secondsToWrite(): () => number {
    const atMs = performance.now();
    let seconds = Number.NaN;
    this.#onStored = (beganMs) => {
      if (beganMs < atMs || !Number.isNaN(seconds)) return;
      seconds = Math.round(performance.now() - atMs) / 1000;
    };
    return () => seconds;
  }

  async untilWritten(count: number): Promise<void> {
    const goal = this.sums().writes + count;
    const deadline = Date.now() + standstillTimeoutMs;
    while (this.sums().writes < goal) {
      if (Date.now() > deadline) throw new Error(`writes stand still: ${this.#latestFailure()}`);
      await delay(20);
    }
  }

  /** Everything that was acknowledged is read, in every version. */
  async verify(when: string): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.verifyAll()));
    this.#options.log(`everything is there ${when}`);
  }

  /** What a provider missed is told to it when it is back, and what nobody needs is released: not at once. */
  async check(when: string, mayMiss: (problem: string) => boolean = () => false): Promise<void> {
    const deadline = Date.now() + settleTimeoutMs;
    for (;;) {
      const { status, output } = await this.#target.check();
      assert.ok(status === 0 || status === 1, `check ${when}: ${output}`);
      const problems = problemsIn(output);
      const others = problems.filter((problem) => !mayMiss(problem));
      if (others.length === 0) {
        this.#options.log(`check ${when}: ${problems.length} problems are named, as they may be`);
        return;
      }
      if (Date.now() > deadline) assert.fail(`check ${when}: ${output}`);
      await delay(1000);
    }
  }

  sums(): { readonly writes: number; readonly reads: number } {
    return {
      writes: this.#clients.reduce((sum, client) => sum + client.writes, 0),
      reads: this.#clients.reduce((sum, client) => sum + client.reads, 0),
    };
  }

  /** What failed so far in spite of the SDK's retries. */
  failures(): Failure[] {
    return this.#clients.flatMap((client) => client.failures);
  }

  /** All objects and buckets go. */
  async clear(): Promise<void> {
    const { endpoint, credentials } = this.#target;
    const s3 = makeClient(endpoint, credentials);
    for (const bucket of [plainBucket, versionedBucket]) {
      await clearBucket(s3, bucket);
      await emptyBucket(s3, bucket);
    }
    s3.destroy();
  }

  async #createBuckets(): Promise<void> {
    const { endpoint, credentials } = this.#target;
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

  #latestFailure(): string {
    return this.failures().at(-1)?.message ?? 'nothing failed';
  }
}

const clientOf = ({ endpoint, credentials }: LoadTarget): S3Client =>
  makeClient(endpoint, credentials, { maxAttempts });

/** The lines of a report that are neither counts nor the verdict. */
function problemsIn(output: string): string[] {
  const lines = output.split('\n').filter((line) => line !== '');
  const counts = lines.findIndex((line) => line.startsWith('problems'));
  return lines.slice(counts + 1, -1);
}
