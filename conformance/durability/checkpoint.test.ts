/** Checkpoints by the command, of a server that is written to, in a directory and in a bucket. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { isOnBlobSeer } from '../harness/blobseer.ts';
import { emptyBucket } from '../harness/buckets.ts';
import {
  type CommandResult,
  Gateway,
  projectRoot,
  rootCredentials,
  runCommand,
} from '../harness/gateway.ts';
import { send } from '../harness/http.ts';
import { makeClient } from '../harness/target.ts';

const skip =
  isOnBlobSeer && 'pages are elsewhere, and not in it: deploy/checkpoint tests whole deployments';
const pauseMs = 20;
const bucket = 'checkpointed';
const folder = mkdtempSync(path.join(tmpdir(), 'checkpoint-'));
const source = await Gateway.start({ workers: 2 });
const store = await Gateway.start();
const storeClient: S3Client = makeClient(store.endpoint, store.credentials);
await storeClient.send(new CreateBucketCommand({ Bucket: 'backup' }));
const remote = 's3://backup/of/one';
const environment = {
  AWS_ACCESS_KEY_ID: rootCredentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: rootCredentials.secretAccessKey,
  AWS_ENDPOINT_URL: store.endpoint,
};
after(async () => {
  storeClient.destroy();
  await source.remove();
  await store.remove();
  rmSync(folder, { recursive: true });
});

const at = (gateway: Gateway) => ({
  endpoint: gateway.endpoint,
  credentials: gateway.credentials,
  region: 'us-east-1',
});
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

async function checkpoint(...args: readonly string[]): Promise<CommandResult> {
  return await runCommand(['checkpoint', ...args], environment);
}

async function done(...args: readonly string[]): Promise<string> {
  const { status, output } = await checkpoint(...args);
  assert.equal(status, 0, output);
  return output;
}

/** Every object that was acknowledged before, by name; and what is written beside it all the time. */
class Load {
  readonly acknowledged = new Map<string, string>();
  #isDone = false;
  #running: Promise<unknown> = Promise.resolve();

  begin(): void {
    this.#running = Promise.all([0, 1, 2].map((writer) => this.#write(writer)));
  }

  async #write(writer: number): Promise<void> {
    for (let round = 0; !this.#isDone; round += 1) {
      const body = randomBytes(round % 4 === 0 ? 200_000 : 2000);
      const key = `${writer}/${round}`;
      const answer = await send(at(source), { method: 'PUT', path: `/${bucket}/${key}`, body });
      assert.equal(answer.status, 200, answer.text);
      this.acknowledged.set(key, sha256(body));
      await delay(pauseMs); // it is all read back
    }
  }

  async end(): Promise<void> {
    this.#isDone = true;
    await this.#running;
  }
}

async function assertServes(directory: string, objects: ReadonlyMap<string, string>) {
  const restored = await Gateway.start({ dataDirectory: directory });
  try {
    for (const [key, expected] of objects) {
      const answer = await send(at(restored), { path: `/${bucket}/${key}` });
      assert.equal(answer.status, 200, `${key}: ${answer.text}`);
      assert.equal(sha256(answer.body), expected, key);
    }
    const body = randomBytes(300_000);
    const put = await send(at(restored), { method: 'PUT', path: `/${bucket}/new`, body });
    assert.equal(put.status, 200, put.text);
    const checked = await restored.check();
    assert.equal(checked.status, 0, checked.output);
  } finally {
    await restored.remove();
  }
}

test('what was acknowledged before a checkpoint is in it, wherever it is kept', {
  skip,
}, async () => {
  const made = await send(at(source), { method: 'PUT', path: `/${bucket}` });
  assert.equal(made.status, 200, made.text);
  const load = new Load();
  load.begin();
  const data = ['--data', source.dataDirectory];
  const local = path.join(folder, 'place');
  const kept = new Map<string, ReadonlyMap<string, string>>();
  for (const place of [local, remote]) {
    for (let count = 0; count < 2; count += 1) {
      while (load.acknowledged.size < 20) await delay(pauseMs);
      kept.set(place, new Map(load.acknowledged));
      await done('create', ...data, '--to', place);
    }
  }
  await load.end();
  for (const place of [local, remote]) {
    assert.match(await done('list', '--from', place), /^epoch .*\n1 .*embedded.*\n2 /m);
    assert.match(await done('verify', '--from', place), /checkpoint 2 is whole/);
    const target = path.join(folder, `restored-${place.length}`);
    await done('restore', '--from', place, '--to', target);
    await assertServes(target, kept.get(place)!);
  }
  const unpacked = ['--work', path.join(folder, 'work')];
  assert.match(await done('verify', '--from', remote, '--epoch', '1', ...unpacked), /1 is whole/);
  for (const place of [local, remote]) {
    await done('delete', '--from', place, '--epoch', '1');
    assert.match(await done('verify', '--from', place), /checkpoint 2 is whole/);
    await done('delete', '--from', place, '--epoch', '2');
    assert.match(await done('list', '--from', place), /no checkpoints/);
  }
  // Nothing is left in the bucket: it can be emptied and deleted with nothing in it.
  const left = await send(at(store), { path: '/backup?list-type=2' });
  assert.doesNotMatch(left.text, /<Key>/);
});

test('a schedule makes checkpoints and keeps the newest, until it is told to end', {
  skip,
}, async () => {
  const place = path.join(folder, 'scheduled');
  const program = path.join(projectRoot, 'bin', 'blobseer-s3.js');
  const child: ChildProcess = spawn(
    process.execPath,
    [
      ...[program, 'checkpoint', 'schedule', '--data', source.dataDirectory, '--to', place],
      ...['--every', '1s', '--keep', '2'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  const fourth = new Promise<void>((resolve) => {
    child.stdout!.on('data', (bytes: Buffer) => {
      output += bytes.toString();
      if (output.includes('checkpoint 4:')) resolve();
    });
  });
  await Promise.race([fourth, once(child, 'exit')]);
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');
  assert.equal(child.exitCode, 0, output);
  const listed = JSON.parse(await done('list', '--from', place, '--json')) as { epoch: number }[];
  const epochs = listed.map(({ epoch }) => epoch);
  assert.equal(epochs.length, 2);
  assert.ok(epochs.every((epoch) => epoch >= 3));
  assert.match(await done('verify', '--from', place), /is whole/);
});

test('a bucket is locked while a checkpoint is made there', { skip }, async () => {
  const lock = { method: 'PUT', path: '/backup/of/one/lock', body: 'another' };
  assert.equal((await send(at(store), lock)).status, 200);
  const { status, output } = await checkpoint(
    ...['create', '--data', source.dataDirectory, '--to', remote],
  );
  assert.equal(status, 1);
  assert.match(output, /another program works on/);
  await emptyBucket(storeClient, 'backup');
});

test('a command runs while everything is held; when it fails there is no checkpoint', {
  skip,
}, async () => {
  const place = path.join(folder, 'while');
  const to = ['--data', source.dataDirectory, '--to', place];
  const failed = await checkpoint('create', ...to, '--while', 'exit 3');
  assert.equal(failed.status, 1);
  assert.match(failed.output, /"exit 3" ended with exit status 3/);
  assert.match(await done('list', '--from', place), /no checkpoints/);
  const listing = `ls ${place}/checkpoints/*`;
  const output = await done('create', ...to, '--while', listing);
  assert.match(output, /\ndatabase\n|^database$/m);
  assert.doesNotMatch(output, /manifest\.json/);
  assert.match(await done('verify', '--from', place), /is whole/);
});

test('what makes no sense is said, with exit status 2', { skip }, async () => {
  for (const [args, words] of [
    [['creat'], /unknown action "creat", did you mean "create"/],
    [['create', '--data', source.dataDirectory], /--to PLACE is needed/],
    [['schedule', '--to', folder, '--every', 'often'], /--every must be a time/],
    [['delete', '--from', folder], /--epoch N is needed/],
    [['create', '--to', folder, '--deployment', 'nowhere.yaml'], /cannot read .*nowhere\.yaml/],
    [['create', '--to', folder, '--data', path.join(folder, 'nothing')], /there is no store/],
  ] as const) {
    const { status, output } = await checkpoint(...args);
    assert.equal(status, 2, output);
    assert.match(output, words);
  }
});
