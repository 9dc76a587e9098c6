/**
 * Everything at once: calls are cut, forgotten and refused at random, and version managers are restarted, while
 * several processes write. Whatever was acknowledged is there, and in the end nothing else is.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Blob } from '../../blob.ts';
import { BlobSeerError } from '../../errors.ts';
import { leftRows, nothingLeft } from '../testing/leftovers.ts';
import { OriginalCluster } from '../testing/original-cluster.ts';
import { assertBytes, pageSize, pagesOf, withPage } from '../testing/pages.ts';
import type { Conduct } from '../testing/role-server.ts';
import { status } from '../wire/messages.ts';
import type { RemoteBlobSeer } from './remote.ts';

const name = 'gateway';
const writersPerProcess = 3;
const writesPerWriter = 4;

/** Mostly as it should be. Numbers as of a linear congruential generator. */
function* conducts(seed: number): Generator<Conduct, never> {
  const failures: readonly Conduct[] = ['cut', 'forget', status.noResources];
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield failures[state >>> 26] ?? 'serve';
  }
}

interface Written {
  readonly blob: Blob;
  readonly versions: Map<number, Buffer>;
}

async function write(engine: RemoteBlobSeer, { blob, versions }: Written, seed: number) {
  const own = Blob.open(engine, blob.id);
  const base = [...versions.values()].at(-1) ?? pagesOf(seed, 20);
  const bytes = withPage(base, seed % 20, seed);
  try {
    const { version } = await own.write([bytes]);
    versions.set(version, bytes);
  } catch (error) {
    // Refused: whoever asked was told so.
    if (!(error instanceof BlobSeerError) || error.kind === 'corrupt') throw error;
  }
}

async function run(seedOfConducts: number, restartAfter: number): Promise<void> {
  const next = conducts(seedOfConducts);
  await using cluster = await OriginalCluster.start();
  const timings = { suspectMs: 1, managerPatienceMs: 1000 };
  const cleaner = await cluster.open({ name, timings });
  const worker = await cluster.open({ name, timings, role: 'worker' });
  const engines = [cleaner, worker];
  const written: Written[] = [];
  for (let count = 0; count < 2 * writersPerProcess; count++) {
    written.push({ blob: await Blob.create(cleaner, { pageSize }), versions: new Map() });
  }
  const stores = [...cluster.dataProviders, ...cluster.metadataProviders];
  const servers = [cluster.versionManager, ...stores.map(({ server }) => server)];
  let calls = 0;
  for (const server of servers) {
    server.conduct = () => {
      if (++calls === restartAfter) cluster.versions.forget();
      return next.next().value;
    };
  }
  let seed = 0;
  const writing = engines.flatMap((engine, process) =>
    Array.from({ length: writersPerProcess }, async (_, writer) => {
      for (let count = 0; count < writesPerWriter; count++) {
        // Some of them to what the other process writes, too.
        const target = (process * writersPerProcess + writer + count) % written.length;
        await write(engine, written[target]!, ++seed);
        if (count % 2 === 1) await cleaner.maintain();
      }
    }),
  );
  await Promise.all(writing);
  for (const server of servers) server.conduct = () => 'serve';
  await cluster.close(worker);
  const references = [];
  for (const { blob, versions } of written) {
    for (const [version, bytes] of versions) {
      await assertBytes(blob, version, bytes);
      references.push({ owner: 'the test', snapshot: { blobId: blob.id, version } });
    }
  }
  for (let pass = 0; pass < 3; pass++) await cleaner.maintain();
  assert.deepEqual((await cleaner.check({ references })).problems, []);
  for (const { blob, versions } of written) {
    for (const version of versions.keys()) await blob.release(version);
  }
  for (let pass = 0; pass < 3; pass++) await cleaner.maintain();
  const snapshots = written.filter(({ versions }) => versions.size === 0).length;
  assert.deepEqual(leftRows(cleaner), { ...nothingLeft, snapshots });
  // Zeros that a repair had to store are named by the version manager's own versions.
  const zeros = Buffer.alloc(pageSize);
  for (const { double } of cluster.dataProviders) {
    for (const value of double.values.values())
      assert.ok(value.length === 1 || value.equals(zeros));
  }
}

test('what was acknowledged is there, and nothing else, whatever fails meanwhile', async () => {
  const property = fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 400 }), run);
  await fc.assert(property, { numRuns: 8, endOnFailure: true });
});
