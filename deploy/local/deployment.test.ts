/** One file, one command, and an object goes in and comes out: whole deployments as real processes. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Transport } from '../../blobseer-client/remote/transport.ts';
import { entityCalls } from '../../blobseer-client/remote/wire/messages.ts';
import { programFile } from './command.ts';
import { layoutOf } from './layout.ts';
import { findProcesses } from './processes.ts';
import { readRecord } from './record.ts';
import type { DeploymentStatus, MemberStatus } from './status.ts';
import { freePortRange } from './testing/ports.ts';

/** For what takes seconds, on a machine that may have much else to do. */
const patienceMs = 90_000;
const pollMs = 200;
const objectBytes = 3 * 2 ** 20 + 5;

const folder = mkdtempSync(path.join(tmpdir(), 'deployment-'));
const file = path.join(folder, 'lab.yaml');
/** Of one whose members cannot start. */
const taken = path.join(folder, 'taken.yaml');
const directory = path.join(folder, 'lab-data');
const port = await freePortRange(6);
writeFileSync(
  file,
  `name: lab
space: { dataProvider: 1GiB, metadataProvider: 1GiB }
ports:
  versionManager: ${port}
  providerManager: ${port + 1}
  metadataProvider: ${port + 2}
  dataProvider: ${port + 3}
  gateway: ${port + 5}
roles:
  metadataProviders: { count: 2 }
  dataProviders: { count: 2 }
  gateways: { https: true }
`,
);

interface Said {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

async function deploy(...args: readonly string[]): Promise<Said> {
  const child = spawn(process.execPath, [programFile, 'deploy', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk) => {
    output += `${chunk}`;
  });
  child.stderr.on('data', (chunk) => {
    errors += `${chunk}`;
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, output, errors };
}

async function succeeds(...args: readonly string[]): Promise<string> {
  const { status, output, errors } = await deploy(...args);
  assert.equal(status, 0, `deploy ${args.join(' ')}: ${errors}\n${output}`);
  return output;
}

const statusOf = async (): Promise<DeploymentStatus> =>
  JSON.parse(await succeeds('status', file, '--json')) as DeploymentStatus;

async function memberNamed(name: string): Promise<MemberStatus> {
  return (await statusOf()).members.find((member) => member.name === name)!;
}

/** Processes that were started with anything in the directory: supervisor and members. */
function processes(): number[] {
  const members = readRecord(directory)?.members ?? [];
  return findProcesses([
    ['deploy', 'supervise', directory],
    ...members.flatMap(({ name }) => [
      ['--config', path.join(directory, name, 'blobseer.cfg')],
      ['--config', path.join(directory, name, 'gateway.yaml')],
    ]),
  ]);
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while (!(await isTrue())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${patienceMs} ms: ${what}`);
    await sleep(pollMs);
  }
}

after(async () => {
  // Whatever a test that failed left running.
  for (const one of [file, taken].filter((name) => existsSync(name))) await deploy('down', one);
  for (const pid of processes()) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true });
});

const layout = layoutOf(directory);
const secretIn = (name: string): string => readFileSync(name, 'utf8').trimEnd();
const authorityFile = path.join(layout.authority, 'ca.pem');

function clientOf(endpoint = `https://127.0.0.1:${port + 5}`): S3Client {
  const httpsAgent = new Agent({ ca: readFileSync(authorityFile) });
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 20,
    requestHandler: { httpsAgent },
    credentials: {
      accessKeyId: secretIn(layout.accessKey),
      secretAccessKey: secretIn(layout.secretKey),
    },
  });
}

const Bucket = 'photos';
const body = randomBytes(objectBytes);

async function digestOf(key: string, endpoint?: string): Promise<string> {
  const client = clientOf(endpoint);
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: key }));
  const bytes = await Body!.transformToByteArray();
  client.destroy();
  return createHash('sha256').update(bytes).digest('hex');
}

const expected = createHash('sha256').update(body).digest('hex');

test('from nothing to the first object with one command', async () => {
  const said = await succeeds('up', file);
  assert.match(said, /^lab is up\.\n/);
  assert.match(said, new RegExp(`AWS_ENDPOINT_URL=https://127\\.0\\.0\\.1:${port + 5}\n`));
  assert.ok(said.includes(`export AWS_CA_BUNDLE=${authorityFile}\n`));
  for (const secret of [layout.accessKey, layout.secretKey]) {
    assert.ok(!said.includes(secretIn(secret)), 'a secret is not printed');
    assert.equal(statSync(secret).mode & 0o777, 0o600);
  }
  const client = clientOf();
  await client.send(new CreateBucketCommand({ Bucket }));
  await client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: body }));
  client.destroy();
  assert.equal(await digestOf('a'), expected);
});

test('the aws command copies in and out', async (t) => {
  if (spawnSync('aws', ['--version']).status !== 0) return t.skip('there is no aws');
  const source = path.join(folder, 'source');
  const copy = path.join(folder, 'copy');
  writeFileSync(source, body);
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: secretIn(layout.accessKey),
    AWS_SECRET_ACCESS_KEY: secretIn(layout.secretKey),
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_CA_BUNDLE: authorityFile,
  };
  for (const [from, to] of [
    [source, 's3://photos/b'],
    ['s3://photos/b', copy],
  ] as const) {
    const endpoint = `https://127.0.0.1:${port + 5}`;
    const args = ['--endpoint-url', endpoint, 's3', 'cp', '--no-progress', from, to];
    const child = spawn('aws', args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += `${chunk}`;
    });
    const status = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(status, 0, errors);
  }
  assert.ok(readFileSync(copy).equals(body));
});

test('status shows every member at work, and what it holds', async () => {
  const { members, supervisorPid, endpoints, lastCheckpoint } = await statusOf();
  assert.deepEqual(
    members.map(({ name, state, restarts }) => [name, state, restarts]),
    [
      'version-manager-1',
      'provider-manager-1',
      'metadata-provider-1',
      'metadata-provider-2',
      'data-provider-1',
      'data-provider-2',
      'gateway-1',
    ].map((name) => [name, 'running', 0]),
  );
  assert.equal(processes().length, members.length + 1);
  assert.deepEqual(
    processes().toSorted(),
    [supervisorPid, ...members.map(({ pid }) => pid)].toSorted(),
  );
  const [versionManager, , metadata, , data] = members;
  assert.ok(versionManager!.blobs! >= 1);
  assert.ok(metadata!.bytes! > 0);
  // Two copies on two providers: each has all of it.
  assert.ok(data!.pages! >= 1 && data!.bytes! >= objectBytes);
  assert.deepEqual(endpoints, [`https://127.0.0.1:${port + 5}`]);
  assert.equal(lastCheckpoint, undefined);
  const table = await succeeds('status', file);
  assert.match(table, /^ROLE +NAME +ADDRESS +STATE +PID +UPTIME +RESTARTS +BLOBS +PAGES +BYTES$/m);
  assert.match(
    table,
    new RegExp(`^gateway +gateway-1 +127\\.0\\.0\\.1:${port + 5} +running `, 'm'),
  );
});

test('who is not of the deployment gets no answer from its members', async () => {
  const plain = new Transport({ deadlineMs: 5000 });
  try {
    for (const { name, host, port: at, role } of readRecord(directory)!.members) {
      if (role === 'gateway') continue;
      const call = plain.call({ host, port: at }, entityCalls.statistics, undefined);
      await assert.rejects(call, { kind: 'unavailable' }, name);
    }
  } finally {
    plain.close();
  }
});

test('a member that is killed comes back by itself, with all it had', async () => {
  for (const name of ['data-provider-1', 'version-manager-1', 'gateway-1']) {
    const { pid } = await memberNamed(name);
    process.kill(pid!, 'SIGKILL');
    await until(`${name} is back`, async () => {
      const now = await memberNamed(name);
      return now.state === 'running' && now.restarts === 1 && now.pid !== pid;
    });
    assert.equal((await memberNamed(name)).lastEnd, 'SIGKILL');
    assert.equal(await digestOf('a'), expected);
  }
});

test('a member is restarted by name; what is no member is not', async () => {
  const { pid } = await memberNamed('metadata-provider-2');
  await succeeds('restart', file, 'metadata-provider-2');
  const now = await memberNamed('metadata-provider-2');
  assert.equal(now.state, 'running');
  assert.notEqual(now.pid, pid);
  const { status, errors } = await deploy('restart', file, 'metadata-provider-3');
  assert.equal(status, 1);
  assert.match(errors, /no member metadata-provider-3, did you mean "metadata-provider-1"\?/);
  const logged = await succeeds('logs', file, 'metadata-provider-2', '--lines', '1000');
  assert.match(logged, /"msg":"stopped"/);
});

test('"up" while it is up changes nothing', async () => {
  const before = processes();
  assert.match(await succeeds('up', file), /^lab is up already\.\n/);
  assert.deepEqual(processes(), before);
});

test('members outlive a supervisor that is killed, and the next one takes over', async () => {
  const { supervisorPid } = await statusOf();
  process.kill(supervisorPid!, 'SIGKILL');
  await until('the supervisor is gone', async () => (await statusOf()).supervisorPid === undefined);
  assert.ok((await statusOf()).members.every(({ state }) => state === 'orphaned'));
  assert.equal(await digestOf('a'), expected);
  await succeeds('up', file);
  const { members } = await statusOf();
  assert.ok(members.every(({ state }) => state === 'running'));
  assert.equal(processes().length, members.length + 1);
  assert.equal(await digestOf('a'), expected);
});

test('after "down" no process is left, and all data is; "start" brings it back', async () => {
  assert.match(await succeeds('down', file), /^lab is stopped; its data is in /);
  assert.deepEqual(processes(), []);
  assert.ok((await statusOf()).members.every(({ state }) => state === 'stopped'));
  await succeeds('start', file);
  assert.equal(await digestOf('a'), expected);
});

test('a supervisor that was killed does not keep "down" from ending its members', async () => {
  const { supervisorPid } = await statusOf();
  process.kill(supervisorPid!, 'SIGKILL');
  await succeeds('stop', file);
  assert.deepEqual(processes(), []);
});

test('data is deleted for its name only, and no file of others with it', async () => {
  const other = path.join(directory, 'mine.txt');
  writeFileSync(other, 'mine');
  const refused = await deploy('down', file, '--delete-data', 'lab2');
  assert.equal(refused.status, 2);
  assert.match(refused.errors, /--delete-data lab2 does not name the deployment: all data of lab/);
  assert.ok(existsSync(path.join(directory, 'data-provider-1', 'data')));
  assert.match(await succeeds('down', file, '--delete-data', 'lab'), /^lab is gone/);
  assert.equal(readFileSync(other, 'utf8'), 'mine');
  assert.ok(!existsSync(path.join(directory, 'data-provider-1')));
  rmSync(other);
});

const canUnshare =
  process.getuid?.() === 0 && spawnSync('ip', ['netns', 'add', 'blobseer-probe']).status === 0;
if (canUnshare) spawnSync('ip', ['netns', 'del', 'blobseer-probe']);

test('members in network namespaces reach each other, and nothing of them is left', async (t) => {
  if (!canUnshare) return t.skip('network namespaces need root and iproute2');
  await succeeds('up', file, '--network-namespaces');
  const { endpoints, members } = await statusOf();
  assert.ok(members.every(({ host }) => host.startsWith('198.18.')));
  const [endpoint] = endpoints;
  const client = clientOf(endpoint);
  await client.send(new CreateBucketCommand({ Bucket }));
  await client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: body }));
  client.destroy();
  assert.equal(await digestOf('a', endpoint), expected);
  await succeeds('stop', file);
  const left = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
  assert.doesNotMatch(left, new RegExp(`^bs${members[0]!.host.split('.')[2]}-`, 'm'));
  await succeeds('start', file);
  assert.equal(await digestOf('a', endpoint), expected);
  await succeeds('down', file, '--delete-data', 'lab');
});

test('a member that cannot start is named with the reason, and nothing is left running', async () => {
  const text = readFileSync(file, 'utf8').replace('name: lab', 'name: lab\nstorage: taken-data');
  writeFileSync(taken, text.replace(`versionManager: ${port}`, `versionManager: ${port + 1}`));
  const clash = await deploy('up', taken);
  assert.equal(clash.status, 1);
  assert.match(clash.errors, /provider-manager-1 and version-manager-1 would both listen on/);
  writeFileSync(taken, text);
  const server = spawn(process.execPath, [
    '-e',
    `require('node:net').createServer((socket) => socket.on('error', () => undefined))
      .listen(${port}, '127.0.0.1', () => console.log('on'))`,
  ]);
  await new Promise((resolve) => server.stdout.once('data', resolve));
  try {
    const { status, errors } = await deploy('up', taken);
    assert.equal(status, 1);
    assert.match(errors, /version-manager-1 is not ready: .*, last ended with exit status 1/);
    assert.match(errors, /address already in use/);
    const left = findProcesses([['deploy', 'supervise', path.join(folder, 'taken-data')]]);
    assert.deepEqual(left, []);
  } finally {
    server.kill('SIGKILL');
  }
});
