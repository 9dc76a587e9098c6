/**
 * A whole deployment as real processes, written to all the time: what was acknowledged before a checkpoint comes back,
 * and everything that was after a stop with one, at other addresses and at the same; writes go on.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { programFile } from '../local/command.ts';
import { layoutOf } from '../local/layout.ts';
import { freePortRange } from '../local/testing/ports.ts';

const Bucket = 'kept';
const folder = mkdtempSync(path.join(tmpdir(), 'deployment-checkpoint-'));
const place = path.join(folder, 'place');
const files: string[] = [];
after(async () => {
  for (const file of files) await blobseer('deploy', 'down', file);
  rmSync(folder, { recursive: true });
});

interface Said {
  readonly status: number | null;
  readonly output: string;
}

async function blobseer(...args: readonly string[]): Promise<Said> {
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

async function succeeds(...args: readonly string[]): Promise<string> {
  const { status, output } = await blobseer(...args);
  assert.equal(status, 0, `${args.join(' ')}: ${output}`);
  return output;
}

interface Lab {
  readonly file: string;
  readonly directory: string;
  readonly client: S3Client;
}

/** On ports of its own; `metadata`: how many metadata providers. */
async function describeLab(name: string, metadata = 2): Promise<string> {
  const port = await freePortRange(8);
  const file = path.join(folder, `${name}.yaml`);
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
  files.push(file);
  return file;
}

function labOf(file: string): Lab {
  const directory = file.replace(/\.yaml$/, '-data');
  const layout = layoutOf(directory);
  const secretIn = (name: string): string => readFileSync(name, 'utf8').trimEnd();
  const port = /gateway: (\d+)/.exec(readFileSync(file, 'utf8'))![1];
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: {
      accessKeyId: secretIn(layout.accessKey),
      secretAccessKey: secretIn(layout.secretKey),
    },
  });
  return { file, directory, client };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Writes versions of a few keys all the time, and knows which were acknowledged, by key and version id. */
class Load {
  readonly acknowledged = new Map<string, string>();
  readonly #client: S3Client;
  #isDone = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(client: S3Client) {
    this.#client = client;
  }

  begin(): void {
    this.#running = Promise.all([0, 1, 2].map((writer) => this.#write(writer)));
  }

  async #write(writer: number): Promise<void> {
    for (let round = 0; !this.#isDone; round += 1) {
      const Body = randomBytes(round % 3 === 0 ? 700_000 : 3000);
      const Key = `${writer}/${round % 4}`;
      try {
        const put = new PutObjectCommand({ Bucket, Key, Body });
        const { VersionId } = await this.#client.send(put);
        this.acknowledged.set(`${Key} ${VersionId}`, sha256(Body));
      } catch (error) {
        if (!this.#isDone) throw error; // at its end the gateway is stopped
      }
      await delay(20);
    }
  }

  async until(count: number): Promise<void> {
    while (this.acknowledged.size < count) await delay(20);
  }

  end(): void {
    this.#isDone = true;
  }

  ended(): Promise<unknown> {
    return this.#running;
  }
}

async function assertHolds({ client }: Lab, objects: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, expected] of objects) {
    const [Key, VersionId] = name.split(' ');
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, VersionId }));
    assert.equal(sha256(await Body!.transformToByteArray()), expected, name);
  }
}

/** New versions of old keys, and new keys: nothing of before is in their way. */
async function assertWritable(lab: Lab): Promise<Map<string, string>> {
  const written = new Map<string, string>();
  for (const Key of ['0/0', '1/1', '2/2', 'new/0', 'new/1']) {
    const Body = randomBytes(600_000);
    const { VersionId } = await lab.client.send(new PutObjectCommand({ Bucket, Key, Body }));
    written.set(`${Key} ${VersionId}`, sha256(Body));
  }
  await assertHolds(lab, written);
  return written;
}

async function assertSound({ directory }: Lab): Promise<void> {
  const gateway = path.join(directory, 'gateway-1');
  await succeeds('check', '--config', path.join(gateway, 'gateway.yaml'));
}

test('a deployment comes back from a checkpoint, elsewhere and where it was', async () => {
  const file = await describeLab('first');
  await succeeds('deploy', 'up', file);
  const first = labOf(file);
  await first.client.send(new CreateBucketCommand({ Bucket }));
  await first.client.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  const load = new Load(first.client);
  load.begin();

  // Beside the load.
  await load.until(12);
  const beforeFirst = new Map(load.acknowledged);
  const to = ['--to', place];
  await succeeds('checkpoint', 'create', '--deployment', file, ...to);
  await load.until(beforeFirst.size + 6);
  await succeeds('checkpoint', 'create', '--deployment', file, ...to);
  assert.match(await succeeds('checkpoint', 'list', '--from', place), /\n1 .*lab .*\n2 .*lab /);
  assert.match(await succeeds('checkpoint', 'verify', '--from', place), /2 of lab is whole/);
  assert.match(await succeeds('deploy', 'status', first.file, '--json'), /"lastCheckpoint": "20/);

  // With the stop all that was ever acknowledged is in it.
  load.end();
  await succeeds('deploy', 'stop', file, '--checkpoint', '--to', place);
  await load.ended();
  first.client.destroy();

  const elsewhere = await describeLab('second');
  await succeeds('deploy', 'start', elsewhere, '--from', place);
  const second = labOf(elsewhere);
  await assertHolds(second, load.acknowledged);
  const written = await assertWritable(second);
  await assertSound(second);
  await succeeds('deploy', 'stop', elsewhere);
  await succeeds('deploy', 'start', elsewhere);
  await assertHolds(second, written);
  second.client.destroy();
  await succeeds('deploy', 'down', elsewhere);

  // All is lost but the checkpoints; an older one is wanted.
  rmSync(first.directory, { recursive: true });
  await succeeds('deploy', 'start', file, '--from', place, '--epoch', '1');
  const again = labOf(file);
  await assertHolds(again, beforeFirst);
  await assertWritable(again);
  await assertSound(again);
  again.client.destroy();

  // One that runs has its data.
  const running = await blobseer('deploy', 'start', file, '--from', place);
  assert.equal(running.status, 1);
  assert.match(running.output, /is up already: it has its data/);
  await succeeds('deploy', 'down', file);
  const full = await blobseer('deploy', 'start', file, '--from', place);
  assert.equal(full.status, 1);
  assert.match(full.output, /has data in .*nothing is restored over it/);

  await succeeds('checkpoint', 'delete', '--from', place, '--epoch', '1');
  assert.match(await succeeds('checkpoint', 'verify', '--from', place), /is whole/);
});

test('a member whose disk died comes back from an older checkpoint, and nothing is lost', async () => {
  const file = await describeLab('disks');
  const kept = path.join(folder, 'kept');
  await succeeds('deploy', 'up', file);
  const lab = labOf(file);
  await lab.client.send(new CreateBucketCommand({ Bucket }));
  await lab.client.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  const load = new Load(lab.client);
  load.begin();
  await load.until(10);
  await succeeds('checkpoint', 'create', '--deployment', file, '--to', kept);
  await load.until(load.acknowledged.size + 10);
  load.end();
  await load.ended();
  const all = new Map(load.acknowledged);
  for (const member of ['data-provider-1', 'metadata-provider-2', 'version-manager-1']) {
    await succeeds('deploy', 'stop', file);
    const data = path.join(lab.directory, member, 'data');
    rmSync(data, { recursive: true });
    const from = ['--from', path.join(kept, 'members', member)];
    await succeeds('checkpoint', 'restore', ...from, '--to', data);
    await succeeds('deploy', 'start', file);
    await assertHolds(lab, all);
    for (const [name, expected] of await assertWritable(lab)) all.set(name, expected);
  }
  await assertHolds(lab, all);
  lab.client.destroy();
  await succeeds('deploy', 'down', file);
});

test('a deployment that the checkpoint does not fit is refused, and nothing is written', async () => {
  const file = await describeLab('third', 3);
  const { status, output } = await blobseer('deploy', 'start', file, '--from', place);
  assert.equal(status, 1);
  assert.match(output, /does not fit: metadata is on metadata-provider-1, metadata-provider-2, in/);
  const data = path.join(file.replace(/\.yaml$/, '-data'), 'gateway-1', 'data');
  assert.ok(!existsSync(data));
});
