/**
 * Versions that may never be published: their writer lost the answer to its ticket, or to its PUBLISH, or was
 * told that somebody else has it. The same pages go to another blob, and what is left is repaired.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Blob } from '../../blob.ts';
import { BlobSeerError } from '../../errors.ts';
import { leftRows } from '../testing/leftovers.ts';
import { OriginalCluster } from '../testing/original-cluster.ts';
import { assertBytes, pageSize, pagesOf, withPage } from '../testing/pages.ts';
import type { Conduct } from '../testing/role-server.ts';
import { metadataProviderCalls, versionManagerCalls } from '../wire/messages.ts';
import type { RemoteBlobSeer } from './remote.ts';

const { getTicket, publish } = versionManagerCalls;
const first = pagesOf(1, 20);
const second = withPage(first, 3, 2);
const third = withPage(second, 4, 3);

let cluster: OriginalCluster;
let engine: RemoteBlobSeer;
let blob: Blob;
/** The blob's at the version manager, after its first version. */
let home: number;
beforeEach(async () => {
  cluster = await OriginalCluster.start();
  engine = await cluster.open();
  blob = await Blob.create(engine, { pageSize });
  home = engine.locate(await blob.write([first]))!.blobId;
});
afterEach(() => cluster[Symbol.asyncDispose]());

/** The next call of that number meets with this. */
function once(number: number, conduct: Conduct): void {
  let isDone = false;
  cluster.versionManager.conduct = ({ name }) => {
    if (isDone || name !== number) return 'serve';
    isDone = true;
    return conduct;
  };
}

async function assertRepaired(): Promise<void> {
  await engine.maintain();
  assert.equal(leftRows(engine)['remote-repairs'], 0);
  assert.deepEqual(cluster.versions.model.pending(home), []);
}

for (const [what, number, conduct] of [
  ['the answer to the ticket is lost', getTicket.number, 'forget'],
  ['the answer to PUBLISH is lost', publish.number, 'forget'],
  ['PUBLISH is lost', publish.number, 'cut'],
  ['PUBLISH is answered by nonsense', publish.number, 99],
  ['somebody else has published it', publish.number, 6],
] as const) {
  test(`H1: ${what}: the same pages go to another blob, and nobody waits for the version`, async () => {
    once(number, conduct);
    const info = await blob.write([second]);
    assert.notEqual(engine.locate(info)!.blobId, home);
    await assertBytes(blob, 2, second);
    await cluster.keepingMetadata(async () => {
      await blob.write([third]);
    });
    await assertBytes(blob, 1, first);
    await assertBytes(blob, 3, third);
    if (conduct !== 6) await assertRepaired();
    for (const [index, bytes] of [first, second, third].entries()) {
      await assertBytes(blob, index + 1, bytes);
    }
  });
}

test('H1: a ticket that cannot be had: nothing is out, and the write is refused', async () => {
  cluster.versionManager.conduct = ({ name }) => (name === getTicket.number ? 7 : 'serve');
  await assert.rejects(
    blob.write([second]),
    (error) => error instanceof BlobSeerError && error.kind === 'invalid-argument',
  );
  assert.equal(leftRows(engine)['remote-repairs'], 0);
});

test('H1: no version gets published, again and again: the write is refused, and all is repaired', async () => {
  cluster.versionManager.conduct = ({ name }) => (name === publish.number ? 'cut' : 'serve');
  await assert.rejects(
    blob.write([second]),
    (error) => error instanceof BlobSeerError && error.kind === 'unavailable',
  );
  cluster.versionManager.conduct = () => 'serve';
  await assertRepaired();
  await assertBytes(blob, 1, first);
  // What had been stored is of no use to anybody.
  assert.equal(cluster.pageLengths().filter((length) => length > 1).length, 2 * 20);
});

test('H1: nodes that no metadata provider takes: the write is refused, and its version repaired', async () => {
  const { write } = metadataProviderCalls;
  for (const { server } of cluster.metadataProviders) {
    server.conduct = ({ name }) => (name === write.number ? 'cut' : 'serve');
  }
  await assert.rejects(
    blob.write([second]),
    (error) => error instanceof BlobSeerError && error.kind === 'unavailable',
  );
  for (const { server } of cluster.metadataProviders) server.conduct = () => 'serve';
  await assertRepaired();
  const { version } = await blob.write([third]);
  await assertBytes(blob, version, third);
});

test('H6: a ticket of a blob whose id came back, with its answer lost: nodes of before are not repaired over', async () => {
  for (const bytes of [second, third]) await blob.write([bytes]);
  for (const others of [0, 1000]) {
    await cluster.restartVersionManager();
    const { model } = cluster.versions;
    while (model.count < Math.max(home, others)) model.create(pageSize, 2);
    once(getTicket.number, 'forget');
    await cluster.keepingMetadata(async () => {
      await blob.write([second]);
      await engine.maintain();
      await engine.maintain();
    });
    assert.equal(leftRows(engine)['remote-repairs'], 0);
    for (const [index, bytes] of [first, second, third].entries()) {
      await assertBytes(blob, index + 1, bytes);
    }
  }
});

test('one repair that cannot be done keeps no other from being done', async () => {
  const other = await Blob.create(engine, { pageSize });
  const homes = [home, engine.locate(await other.write([pagesOf(9, 20)]))!.blobId];
  for (const each of [blob, other]) {
    once(publish.number, 'cut');
    await each.write([third]);
  }
  cluster.versionManager.conduct = ({ name, items }) =>
    name === getTicket.number && items[0]!.readUInt32LE(45) === Math.min(...homes) ? 28 : 'serve';
  for (let pass = 0; pass < 3; pass++) await engine.maintain();
  assert.equal(leftRows(engine)['remote-repairs'], 1);
  assert.deepEqual(cluster.versions.model.pending(Math.max(...homes)), []);
});
