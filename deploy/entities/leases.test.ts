/** Leases of tickets, by a clock that the test sets: nothing freezes, and nobody who is in time loses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import {
  isZeros,
  type Pages,
  pageSize,
} from '../../blobseer-client/remote/testing/repair-world.ts';
import { pageKeysOf } from '../../blobseer-client/remote/wire/tree.ts';
import { VersionManagerParts, type Written } from './testing/version-manager-parts.ts';

const leaseMs = 60_000;
const isCorrupt = (error: unknown) => error instanceof BlobSeerError && error.kind === 'corrupt';
const unreachable = new BlobSeerError('unavailable', 'no metadata provider');

test('what waits for an abandoned version is visible after its lease, and reads right', async () => {
  await using vm = await VersionManagerParts.open(leaseMs);
  const blobId = await vm.create();
  const first = await vm.begin(blobId, 'append', 3);
  assert.ok(await vm.finish(first));
  vm.nowMs += 1000;
  // Over old pages, over nothing, and a follower of each, woven over what is not there.
  const overwrite = await vm.begin(blobId, 1, 1);
  const append = await vm.begin(blobId, 'append', 6);
  vm.nowMs += 1000;
  const follower = await vm.begin(blobId, 2, 1);
  assert.ok(await vm.finish(follower));
  const last = await vm.begin(blobId, 'append', 1);
  assert.ok(await vm.finish(last));
  assert.deepEqual(vm.statistics(), {
    blobs: 1,
    versions: 1,
    pending: 4,
    oldestPendingMs: 1000,
    takenOver: 0,
  });
  vm.nowMs += leaseMs - 1001;
  await vm.check();
  assert.equal((await vm.root(blobId)).node.version, 1, 'not yet');
  vm.nowMs += 1;
  await vm.check();
  const newest = await vm.root(blobId);
  assert.deepEqual([newest.node.version, newest.currentSize], [5, 10 * pageSize]);
  for (const late of [overwrite, append]) assert.equal(await vm.publish(late), false);
  assert.deepEqual(vm.log.errors(), []);
  const [one, two, three] = first.keys;
  assert.deepEqual((await vm.pages(blobId, 2)).slice(0, 3), [one, two, three]);
  const pages = await vm.pages(blobId);
  assert.deepEqual(pages.slice(0, 3), [one, two, follower.keys[0]]);
  assert.ok(pages.slice(3, 9).every(isZeros));
  assert.deepEqual(pages.slice(9), [last.keys[0], ...pages.slice(10).map(() => null)]);
  // Nodes of a writer that comes too late are no harm either.
  await vm.metadata.put({ nodes: overwrite.nodes });
  assert.deepEqual((await vm.pages(blobId, 2)).slice(0, 3), [one, overwrite.keys[0], three]);
  assert.deepEqual(vm.statistics(), {
    blobs: 1,
    versions: 5,
    pending: 0,
    oldestPendingMs: 0,
    takenOver: 2,
  });
});

test('without a lease tickets wait for ever, as in the original', async () => {
  await using vm = await VersionManagerParts.open(0);
  const blobId = await vm.create();
  const written = await vm.begin(blobId, 0, 1);
  vm.nowMs += 1e12;
  await vm.check();
  assert.ok(await vm.finish(written));
});

test('metadata providers out of reach: fenced at once, closed when they are back, said once', async () => {
  await using vm = await VersionManagerParts.open(leaseMs);
  const blobs = await Promise.all(Array.from({ length: 9 }, () => vm.create()));
  const all: Written[] = [];
  for (const blobId of blobs) all.push(await vm.begin(blobId, 0, 2));
  vm.nowMs += leaseMs;
  vm.trouble = unreachable;
  for (let second = 0; second < 300; second++) {
    await vm.check();
    vm.nowMs += 1000;
  }
  assert.ok(vm.refused >= 9 * 10 && vm.refused < 9 * 20, `${vm.refused} attempts`);
  assert.deepEqual(
    vm.log.lines.map(({ level }) => level),
    ['warn'],
  );
  for (const written of all) assert.equal(await vm.finish(written), false);
  vm.trouble = undefined;
  vm.nowMs += 30_000;
  await vm.check();
  for (const blobId of blobs) {
    assert.equal((await vm.root(blobId)).node.version, 1);
    await vm.pages(blobId);
  }
  const messages = vm.log.lines.map(({ message }) => message);
  assert.equal(messages.filter((message) => message.includes('can be closed again')).length, 1);
  assert.equal(messages.filter((message) => message.includes('was closed unchanged')).length, 9);
});

test('what is fenced is finished after a restart, what is open has a whole lease again', async () => {
  await using vm = await VersionManagerParts.open(leaseMs);
  const blobId = await vm.create();
  const fenced = await vm.begin(blobId, 0, 2);
  vm.nowMs += leaseMs;
  const open = await vm.begin(blobId, 3, 2);
  vm.trouble = unreachable;
  await vm.check();
  assert.equal(await vm.publish(fenced), false);
  vm.restart();
  assert.equal(await vm.finish(fenced), false, 'durable');
  await vm.check();
  assert.deepEqual([vm.statistics().takenOver, vm.statistics().pending], [1, 2]);
  vm.restart();
  vm.trouble = undefined;
  await vm.check();
  assert.equal((await vm.root(blobId)).node.version, 1);
  assert.ok((await vm.pages(blobId)).slice(0, 2).every(isZeros), 'all of it is written again');
  vm.nowMs += leaseMs - 1;
  await vm.check();
  assert.ok(await vm.finish(open));
  assert.deepEqual((await vm.pages(blobId)).slice(3, 5), open.keys);
  assert.deepEqual(vm.statistics(), {
    blobs: 1,
    versions: 2,
    pending: 0,
    oldestPendingMs: 0,
    takenOver: 1,
  });
});

test('what older versions lost stays missing, and keeps no version waiting', async () => {
  await using vm = await VersionManagerParts.open(leaseMs);
  const blobId = await vm.create();
  const first = await vm.begin(blobId, 0, 5);
  assert.ok(await vm.finish(first));
  const abandoned = await vm.begin(blobId, 1, 6);
  const follower = await vm.begin(blobId, 3, 1);
  assert.ok(await vm.finish(follower));
  vm.model.nodes.delete('1/1/0+8000');
  vm.model.nodes.delete('1/1/2000+1000');
  vm.nowMs += leaseMs;
  await vm.check();
  assert.equal(await vm.publish(abandoned), false);
  assert.equal((await vm.root(blobId)).node.version, 3);
  const [closed] = vm.log.lines;
  assert.deepEqual(closed?.fields, { blobId, version: 2, missingNodes: 2 });
  await assert.rejects(vm.pages(blobId), isCorrupt);
  // Page 2 is lost with its leaf, all others are found by the names of their nodes.
  const { node } = await vm.root(blobId);
  const read = (page: number, count: number) =>
    vm.metadata.run(pageKeysOf(node, pageSize, page, count));
  assert.deepEqual(await read(0, 2), first.keys.slice(0, 2));
  await assert.rejects(read(2, 1), isCorrupt);
  assert.deepEqual(await read(3, 2), [follower.keys[0], first.keys[4]]);
  assert.ok((await read(5, 2)).every(isZeros));
});

test('a blob whose nodes make no sense waits alone, and the log hears of it once', async () => {
  await using vm = await VersionManagerParts.open(leaseMs);
  const damaged = await vm.create();
  await vm.begin(damaged, 0, 1);
  vm.nowMs += leaseMs;
  const sound = await vm.create();
  await vm.begin(sound, 0, 1);
  vm.trouble = new BlobSeerError('corrupt', 'a node that is none');
  for (let second = 0; second < 59; second++) {
    await vm.check();
    vm.nowMs += 1000;
  }
  vm.trouble = undefined;
  await vm.check();
  vm.nowMs += 30_000;
  await vm.check();
  for (const blobId of [damaged, sound]) assert.equal((await vm.root(blobId)).node.version, 1);
  assert.equal(vm.log.errors().length, 1);
  assert.equal(vm.log.lines.length, 3);
});

const which = fc.nat(99);
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('begin' as const),
        page: fc.oneof(fc.constant('append' as const), fc.nat(9)),
        count: fc.integer({ min: 1, max: 4 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('write' as const),
        which,
        part: fc.constantFrom(0.3, 0.7, 1),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('publish' as const), which }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('wait' as const),
        seconds: fc.integer({ min: 1, max: 40 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  ),
  { minLength: 3, maxLength: 30 },
);
const asText = (key: Buffer | null): string =>
  key === null ? 'hole' : isZeros(key) ? 'zeros' : key.toString('hex');

test('whatever dies when: acknowledged versions are whole, all others read as before', async () => {
  await using vm = await VersionManagerParts.open(leaseMs);
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const blobId = await vm.create();
      const made: { written: Written; isWhole: boolean; isAcknowledged: boolean }[] = [];
      for (const step of all) {
        const one = 'which' in step ? made[step.which % made.length] : undefined;
        if (step.kind === 'restart') vm.restart();
        else if (step.kind === 'wait') {
          vm.nowMs += step.seconds * 1000;
          await vm.check();
        } else if (step.kind === 'begin') {
          const written = await vm.begin(blobId, step.page, step.count);
          made.push({ written, isWhole: false, isAcknowledged: false });
        } else if (one !== undefined && step.kind === 'write') {
          const { nodes } = one.written;
          await vm.metadata.put({ nodes: nodes.slice(0, Math.ceil(nodes.length * step.part)) });
          one.isWhole ||= step.part === 1;
        } else if (one?.isWhole && !one.isAcknowledged) {
          one.isAcknowledged = await vm.publish(one.written);
        }
      }
      vm.nowMs += leaseMs;
      await vm.check();
      assert.deepEqual(vm.log.errors(), []);
      assert.equal(vm.statistics().pending, 0);
      assert.equal((await vm.root(blobId)).node.version, made.length);
      let before: Pages = [];
      /** What a page that was taken over may be: its writer's, if that came too late, or what any version before it had. */
      const allowed: Set<string>[] = [];
      for (const { written, isAcknowledged } of made) {
        const pages = await vm.pages(blobId, written.version);
        for (const [index, key] of pages.entries()) {
          const own = written.keys[index - written.first];
          const said = `page ${index} of version ${written.version} is ${asText(key)}`;
          allowed[index] ??= new Set(['zeros']);
          if (own === undefined) {
            assert.deepEqual(key, before[index] ?? null, said);
          } else if (isAcknowledged) {
            assert.deepEqual(key, own, said);
            allowed[index] = new Set([asText(own)]);
          } else {
            allowed[index].add(asText(own));
            assert.ok(allowed[index].has(asText(key)), said);
          }
        }
        before = pages;
      }
    }),
    { numRuns: 150, includeErrorInReport: true },
  );
});
