/**
 * A gateway's process ends in the middle of a write, at every step of it: what was acknowledged is there, nothing
 * waits for the dead, and what it left is released. Its engine is dropped here without being closed.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Blob } from '../../blob.ts';
import { BlobSeerError } from '../../errors.ts';
import { Gate } from '../testing/gate.ts';
import { leftRows } from '../testing/leftovers.ts';
import { OriginalCluster } from '../testing/original-cluster.ts';
import { assertBytes, pageSize, pagesOf, withPage } from '../testing/pages.ts';
import type { Conduct, RoleServer } from '../testing/role-server.ts';
import { dataProviderCalls, metadataProviderCalls, versionManagerCalls } from '../wire/messages.ts';
import { releasesAtOnce } from './limits.ts';
import type { RemoteBlobSeer } from './remote.ts';

const name = 'gateway';
const first = pagesOf(1, 20);
const second = withPage(first, 3, 2);
const third = withPage(second, 4, 3);

let cluster: OriginalCluster;
let worker: RemoteBlobSeer;
let blob: Blob;
let home: number;
beforeEach(async () => {
  cluster = await OriginalCluster.start();
  worker = await cluster.open({ name, role: 'worker' });
  blob = await Blob.create(worker, { pageSize });
  home = worker.locate(await blob.write([first]))!.blobId;
});
afterEach(() => cluster[Symbol.asyncDispose]());

/** The first call of that number there is not answered; resolves when it has come. */
function dyingAt(servers: readonly RoleServer[], number: number): Promise<void> {
  const gate = new Gate();
  for (const server of servers) {
    server.conduct = async (call): Promise<Conduct> => {
      if (call.name !== number) return 'serve';
      void gate.pass();
      return 'hang';
    };
  }
  return gate.reached;
}

const allServers = () => [
  cluster.versionManager,
  ...[...cluster.dataProviders, ...cluster.metadataProviders].map(({ server }) => server),
];

/** The next process, which holds the directory's lock, and has done what is to be done at its start. */
async function nextStart(): Promise<RemoteBlobSeer> {
  for (const server of allServers()) server.conduct = () => 'serve';
  const next = await cluster.open({ name });
  for (let pass = 0; pass < 3; pass++) await next.maintain();
  return next;
}

async function assertClean(next: RemoteBlobSeer, acknowledged: readonly Buffer[]): Promise<void> {
  const left = leftRows(next);
  assert.equal(left['remote-intents'], 0);
  assert.equal(left['remote-deferred'], 0);
  assert.equal(left['remote-repairs'], 0);
  assert.equal(left['remote-closings'], 0);
  assert.deepEqual(cluster.versions.model.pending(home), []);
  const again = Blob.open(next, blob.id);
  const { version } = await again.write([third]);
  assert.equal(version, acknowledged.length + 1);
  for (const [index, bytes] of [...acknowledged, third].entries()) {
    await assertBytes(again, index + 1, bytes);
  }
  const references = [...acknowledged, third].map((_, index) => ({
    owner: 'the test',
    snapshot: { blobId: blob.id, version: index + 1 },
  }));
  assert.deepEqual((await next.check({ references })).problems, []);
}

const steps: readonly (readonly [when: string, () => Promise<void>])[] = [
  [
    'while its pages are under way',
    () =>
      dyingAt(
        cluster.dataProviders.map(({ server }) => server),
        dataProviderCalls.write.number,
      ),
  ],
  [
    'before its ticket',
    () => dyingAt([cluster.versionManager], versionManagerCalls.getTicket.number),
  ],
  [
    'with a ticket, while its nodes are under way',
    () =>
      dyingAt(
        cluster.metadataProviders.map(({ server }) => server),
        metadataProviderCalls.write.number,
      ),
  ],
  [
    'with its nodes stored, before PUBLISH',
    () => dyingAt([cluster.versionManager], versionManagerCalls.publish.number),
  ],
];

for (const [when, dying] of steps) {
  test(`H1: a process ends ${when}`, async () => {
    const reached = dying();
    const writing = blob.write([second]).catch(() => undefined);
    await reached;
    const next = await nextStart();
    await assertClean(next, [first]);
    await cluster.close(worker);
    await writing;
  });
}

test('H1: a process ends with its version published, before it is committed', async () => {
  const staged = await worker.stage([second], { blobId: blob.id });
  await staged.seal();
  const next = await nextStart();
  await assertClean(next, [first]);
});

test('a process ends when its version is committed', async () => {
  await blob.write([second]);
  const next = await nextStart();
  await assertClean(next, [first, second]);
});

test('a process ends with more writes under way than one commit sees to', async () => {
  for (let count = 0; count < releasesAtOnce + 5; count++) {
    await (await worker.stage([second], { blobId: blob.id })).seal();
  }
  assert.equal(leftRows(worker)['remote-intents'], releasesAtOnce + 5);
  await assertClean(await nextStart(), [first]);
});

test('a process ends while what it released waits for a provider that is away', async () => {
  await cluster.close(worker);
  const before = await cluster.open({ name });
  await Blob.open(before, blob.id).release(1);
  const [away] = cluster.dataProviders;
  await away!.server.down();
  for (let pass = 0; pass < 2; pass++) await before.maintain();
  assert.ok(leftRows(before)['remote-deferred'] > 0);
  const next = await nextStart();
  assert.ok(leftRows(next)['remote-deferred'] > 0);
  await away!.server.up();
  await next.maintain();
  assert.equal(leftRows(next)['remote-deferred'], 0);
  assert.ok(cluster.pageLengths().every((length) => length === 1));
});

const isStopped = (error: unknown): boolean =>
  error instanceof BlobSeerError && error.kind === 'stopped';

test('a process that is taken for dead, and lives: its writes are refused, and leave no row', async () => {
  await cluster.close(worker);
  const supervisor = await cluster.open({ name, role: 'supervisor' });
  const living = await cluster.open({ name, role: 'worker' });
  const sealed = await living.stage([second], { blobId: blob.id });
  await sealed.seal();
  await supervisor.instanceDied(living.instanceId);
  const committing = living.store.commit((transaction) => living.publish(transaction, sealed));
  await assert.rejects(committing, isStopped);
  await sealed.abort();
  // Nobody would release what it stored now, if it died of that.
  const pages = cluster.pageLengths().length;
  await assert.rejects(Blob.open(living, blob.id).write([third]), isStopped);
  assert.equal(cluster.pageLengths().length, pages);
  for (let pass = 0; pass < 2; pass++) await supervisor.maintain();
  await assertClean(supervisor, [first]);
});

test('a process that was buried once may be buried again', async () => {
  await (await worker.stage([second], { blobId: blob.id })).seal();
  const next = await cluster.open({ name });
  await next.instanceDied(worker.instanceId);
  await next.instanceDied(worker.instanceId);
  for (let pass = 0; pass < 2; pass++) await next.maintain();
  await assertClean(next, [first]);
});
