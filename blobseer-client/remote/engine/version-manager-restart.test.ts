/**
 * The original's version manager is restarted and has forgotten everything, and its ids begin anew. What was
 * written before is read on and never overwritten; the next version of every blob goes on elsewhere.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Blob } from '../../blob.ts';
import { Gate } from '../testing/gate.ts';
import { OriginalCluster } from '../testing/original-cluster.ts';
import { assertBytes, pageSize, pagesOf, withPage } from '../testing/pages.ts';
import type { Conduct } from '../testing/role-server.ts';
import { metadataProviderCalls, versionManagerCalls } from '../wire/messages.ts';
import type { RemoteBlobSeer } from './remote.ts';

let cluster: OriginalCluster;
let engine: RemoteBlobSeer;
beforeEach(async () => {
  cluster = await OriginalCluster.start();
  engine = await cluster.open();
});
afterEach(() => cluster[Symbol.asyncDispose]());

/** Ids at the version manager of all versions. */
const homesOf = (blobs: readonly Blob[]): number[] =>
  blobs.flatMap((blob) => [...blob.versions()].map((info) => engine.locate(info)!.blobId));

/** Blobs of several versions, the last of them with trees of their own at the metadata providers. */
async function writtenBlobs(count: number): Promise<{ blob: Blob; versions: Buffer[] }[]> {
  const written: { blob: Blob; versions: Buffer[] }[] = [];
  for (let seed = 1; seed <= count; seed++) {
    const blob = await Blob.create(engine, { pageSize });
    const first = pagesOf(seed, 20 * seed);
    const versions = [first, withPage(first, 7, 100 + seed)];
    for (const bytes of versions) await blob.write([bytes]);
    written.push({ blob, versions });
  }
  return written;
}

async function assertAll(written: { blob: Blob; versions: Buffer[] }[]): Promise<void> {
  for (const { blob, versions } of written) {
    for (const [index, bytes] of versions.entries()) await assertBytes(blob, index + 1, bytes);
  }
}

test('H6: all versions of before are read on, without a word to the version manager', async () => {
  const written = await writtenBlobs(3);
  await cluster.restartVersionManager();
  const calls: number[] = [];
  cluster.versionManager.conduct = ({ name }) => {
    calls.push(name);
    return 'serve';
  };
  await assertAll(written);
  assert.deepEqual(calls, []);
});

test('H6: what every blob gets next goes to a new one there, above all ids of before', async () => {
  const written = await writtenBlobs(3);
  const highest = Math.max(...homesOf(written.map(({ blob }) => blob)));
  await cluster.restartVersionManager();
  await cluster.keepingMetadata(async () => {
    // At once, and two of each: all of them meet the ids of before.
    await Promise.all(
      written.flatMap(({ blob, versions }, index) =>
        [1, 2].map(async (page) => {
          const bytes = withPage(versions[1]!, page, 200 + 10 * index + page);
          const { version } = await blob.write([bytes]);
          versions[version - 1] = bytes;
        }),
      ),
    );
    for (const { blob, versions } of written) {
      await blob.append([Buffer.from('and more')]);
      versions.push(Buffer.concat([versions[3]!, Buffer.from('and more')]));
    }
  });
  await assertAll(written);
  for (const { blob } of written) {
    const homes = homesOf([blob]);
    assert.ok(homes.slice(2).every((blobId) => blobId > highest));
    const [, , ...later] = [...blob.versions()];
    assert.equal(later.length, 3);
  }
  const references = written.flatMap(({ blob, versions }) =>
    versions.map((_, index) => ({
      owner: 'the test',
      snapshot: { blobId: blob.id, version: index + 1 },
    })),
  );
  assert.deepEqual((await engine.check({ references })).problems, []);
});

test('H6: a blob whose id has come back at the version manager gets no ticket of it used', async () => {
  const [first] = await writtenBlobs(1);
  const { blob, versions } = first!;
  await cluster.restartVersionManager();
  const { model } = cluster.versions;
  const [home] = homesOf([blob]);
  // Whatever has been created since: ours are among them, with as many versions as before.
  while (model.count < 1000) model.create(pageSize, 2);
  for (let version = 1; version < 2; version++) {
    model.ticket(home!, { offset: 0, size: pageSize }, false);
    model.publish(home!, version);
  }
  const bytes = withPage(versions[1]!, 3, 50);
  await cluster.keepingMetadata(async () => void (await blob.write([bytes])));
  await assertAll([{ blob, versions: [...versions, bytes] }]);
  assert.ok(homesOf([blob])[2]! > 1000);
  assert.equal(model.root(home!, 0).node.version, 2, 'the ticket was published: nobody waits');
});

test('H6: a first write that is published and not committed when it happens keeps its nodes', async () => {
  const before = pagesOf(1, 30);
  const staged = await engine.stage([before], { pageSize });
  await staged.seal();
  await cluster.restartVersionManager();
  const other = await Blob.create(engine, { pageSize });
  const after = pagesOf(2, 30);
  await cluster.keepingMetadata(async () => void (await other.write([after])));
  const ref = await engine.store.commit((transaction) => engine.publish(transaction, staged));
  await assertBytes(Blob.open(engine, ref.blobId), ref.version, before);
  await assertBytes(other, 1, after);
});

test('H6: a first write whose nodes are under way when it happens goes to another blob', async () => {
  const gate = new Gate();
  const isWrite = ({ name }: { readonly name: number }) =>
    name === metadataProviderCalls.write.number;
  for (const { server } of cluster.metadataProviders) {
    server.conduct = async (call): Promise<Conduct> => {
      if (isWrite(call)) await gate.pass();
      return 'serve';
    };
  }
  const slow = await Blob.create(engine, { pageSize });
  const writing = slow.write([pagesOf(1, 30)]);
  await gate.reached;
  for (const { server } of cluster.metadataProviders) server.conduct = () => 'serve';
  await cluster.restartVersionManager();
  const other = await Blob.create(engine, { pageSize });
  await other.write([pagesOf(2, 30)]);
  await cluster.keepingMetadata(async () => {
    gate.open();
    await writing;
  });
  await assertBytes(slow, 1, pagesOf(1, 30));
  await assertBytes(other, 1, pagesOf(2, 30));
});

test('H6: again and again, also while the ids of before are passed', async () => {
  const written = await writtenBlobs(2);
  const { create } = versionManagerCalls;
  for (let round = 0; round < 3; round++) {
    await cluster.restartVersionManager();
    let created = 0;
    cluster.versionManager.conduct = ({ name }) => {
      // In the middle of it, once: the connection stays, and what answers is new.
      if (name === create.number && ++created === 5) cluster.versions.forget();
      return 'serve';
    };
    await cluster.keepingMetadata(async () => {
      for (const { blob, versions } of written) {
        const bytes = withPage(versions.at(-1)!, round, 60 + round);
        await blob.write([bytes]);
        versions.push(bytes);
      }
    });
  }
  await assertAll(written);
});

test('H6: other clients get no id of before, though nobody writes here', async () => {
  const written = await writtenBlobs(2);
  const highest = Math.max(...homesOf(written.map(({ blob }) => blob)));
  await cluster.restartVersionManager();
  await engine.maintain();
  const { model } = cluster.versions;
  assert.ok(model.count >= highest);
  const { count } = model;
  await engine.maintain();
  assert.equal(model.count, count, 'once');
  assert.ok(model.create(pageSize, 1).node.blobId > highest);
  await cluster.versionManager.down();
  await engine.maintain();
  await cluster.versionManager.up();
  await assertAll(written);
});

test('H6: two processes of a directory', async () => {
  const name = 'shared';
  const engines = [await cluster.open({ name }), await cluster.open({ name, role: 'worker' })];
  const blobs = await Promise.all(engines.map((each) => Blob.create(each, { pageSize })));
  const bytes = [pagesOf(1, 20), pagesOf(2, 20)];
  await Promise.all(blobs.map((blob, index) => blob.write([bytes[index]!])));
  await cluster.restartVersionManager();
  await cluster.keepingMetadata(async () => {
    // Each writes to the other's blob, and to new ones.
    await Promise.all(
      engines.flatMap((each, index) => [
        Blob.open(each, blobs[1 - index]!.id).write([pagesOf(3 + index, 20)]),
        ...Array.from({ length: 10 }, async () => {
          const blob = await Blob.create(each, { pageSize });
          await blob.write([pagesOf(5, 20)]);
          await assertBytes(blob, 1, pagesOf(5, 20));
        }),
      ]),
    );
  });
  for (const [index, blob] of blobs.entries()) {
    await assertBytes(blob, 1, bytes[index]!);
    await assertBytes(blob, 2, pagesOf(4 - index, 20));
  }
});
