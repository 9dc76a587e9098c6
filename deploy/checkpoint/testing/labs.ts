/** Whole deployments as real processes, clients that write to them all the time, and what those were told. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { programFile } from '../../local/command.ts';
import { layoutOf } from '../../local/layout.ts';
import { freePortRange } from '../../local/testing/ports.ts';

const Bucket = 'kept';

interface Said {
  readonly status: number | null;
  readonly output: string;
}

export async function blobseer(...args: readonly string[]): Promise<Said> {
  const child = spawn(process.execPath, [programFile, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      output += bytes.toString();
    });
  }
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, output };
}

export async function succeeds(...args: readonly string[]): Promise<string> {
  const { status, output } = await blobseer(...args);
  assert.equal(status, 0, `${args.join(' ')}: ${output}`);
  return output;
}

/** Deployments of one test, below one folder. */
export class Labs {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'deployment-checkpoint-'));
  readonly #files: string[] = [];

  /** The file of one, on ports of its own; `metadata`: how many metadata providers. */
  async describe(name: string, metadata = 2): Promise<string> {
    const port = await freePortRange(8);
    const file = path.join(this.folder, `${name}.yaml`);
    writeFileSync(
      file,
      `name: lab
storage: ${name}-data
space: { dataProvider: 1GiB, metadataProvider: 1GiB }
ports:
  versionManager: ${port}
  providerManager: ${port + 1}
  metadataProvider: ${port + 2}
  dataProvider: ${port + 3}
  gateway: ${port + 6}
roles:
  metadataProviders: { count: ${metadata} }
  dataProviders: { count: 2 }
  gateways: { count: 1 }
`,
    );
    this.#files.push(file);
    return file;
  }

  async remove(): Promise<void> {
    for (const file of this.#files) await blobseer('deploy', 'down', file);
    rmSync(this.folder, { recursive: true });
  }
}

/** One that was started. */
export class Lab {
  readonly directory: string;
  readonly #client: S3Client;

  constructor(file: string) {
    this.directory = file.replace(/\.yaml$/, '-data');
    const layout = layoutOf(this.directory);
    const secretIn = (name: string): string => readFileSync(name, 'utf8').trimEnd();
    const port = /gateway: (\d+)/.exec(readFileSync(file, 'utf8'))![1];
    this.#client = new S3Client({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: {
        accessKeyId: secretIn(layout.accessKey),
        secretAccessKey: secretIn(layout.secretKey),
      },
    });
  }

  async createBucket(): Promise<void> {
    await this.#client.send(new CreateBucketCommand({ Bucket }));
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await this.#client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  }

  /** Resolves with the name of what was acknowledged, key and version id, and its SHA-256. */
  async put(Key: string, Body: Buffer): Promise<readonly [name: string, sha256: string]> {
    const { VersionId } = await this.#client.send(new PutObjectCommand({ Bucket, Key, Body }));
    return [`${Key} ${VersionId}`, sha256(Body)];
  }

  async assertHolds(objects: ReadonlyMap<string, string>): Promise<void> {
    for (const [name, expected] of objects) {
      const [Key, VersionId] = name.split(' ');
      const { Body } = await this.#client.send(new GetObjectCommand({ Bucket, Key, VersionId }));
      assert.equal(sha256(await Body!.transformToByteArray()), expected, name);
    }
  }

  /** New versions of old keys, and new keys: nothing of before is in their way. */
  async assertWritable(): Promise<ReadonlyMap<string, string>> {
    const written = new Map<string, string>();
    for (const key of ['0/0', '1/1', '2/2', 'new/0', 'new/1']) {
      const [name, digest] = await this.put(key, randomBytes(600_000));
      written.set(name, digest);
    }
    await this.assertHolds(written);
    return written;
  }

  async assertSound(): Promise<void> {
    const gateway = path.join(this.directory, 'gateway-1');
    await succeeds('check', '--config', path.join(gateway, 'gateway.yaml'));
  }

  close(): void {
    this.#client.destroy();
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Writes versions of a few keys all the time, and knows which were acknowledged. */
export class Load {
  readonly acknowledged = new Map<string, string>();
  readonly #lab: Lab;
  readonly #running: Promise<unknown>;
  #isDone = false;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#running = Promise.all([0, 1, 2].map((writer) => this.#write(writer)));
    this.#running.catch(() => undefined); // `ended` tells
  }

  async #write(writer: number): Promise<void> {
    for (let round = 0; !this.#isDone; round += 1) {
      const body = randomBytes(round % 3 === 0 ? 700_000 : 3000);
      try {
        const [name, digest] = await this.#lab.put(`${writer}/${round % 4}`, body);
        this.acknowledged.set(name, digest);
      } catch (error) {
        if (!this.#isDone) throw error; // at its end the gateway is stopped
      }
      await delay(100); // it is all read back
    }
  }

  async until(count: number): Promise<void> {
    while (this.acknowledged.size < count) {
      await Promise.race([delay(20), this.#running]);
    }
  }

  end(): void {
    this.#isDone = true;
  }

  ended(): Promise<unknown> {
    return this.#running;
  }
}
