/** Repair among writers that live, are slow, or die at any of their steps, on the original as a model. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlobSeerError } from '../errors.ts';
import { planRepair, type RepairPlan, repair } from './repair.ts';
import { isZeros, newKey, type Pages, pageSize, World } from './testing/repair-world.ts';
import type { OwnTicket } from './version-manager.ts';
import type { Segment } from './wire/records.ts';
import { type NodeRecord, treeOver } from './wire/tree.ts';
import { weave } from './wire/weave.ts';

const isKind = (kind: string) => (error: unknown) =>
  error instanceof BlobSeerError && error.kind === kind;

/** An actor does its steps until it dies. */
class Died extends Error {}

interface Writer {
  readonly kind: 'writer';
  readonly isAppend: boolean;
  readonly page: number;
  readonly count: number;
  readonly shortBy: number;
  /** Which of the versions that are stored for sure a gateway compares with. */
  readonly base: number;
  /** How many steps it does after its ticket; undefined: all. */
  readonly livesFor: number | undefined;
}
interface Repairer {
  readonly kind: 'repairer';
  readonly livesFor: number | undefined;
}

const mortal = { livesFor: fc.option(fc.nat(30), { nil: undefined }) };
const actors = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record<Writer>({
        kind: fc.constant('writer'),
        isAppend: fc.boolean(),
        page: fc.nat(12),
        count: fc.integer({ min: 1, max: 5 }),
        shortBy: fc.constantFrom(0, 0, 0, 999, 1),
        base: fc.nat(100),
        ...mortal,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record<Repairer>({ kind: fc.constant('repairer'), ...mortal }),
    },
  ),
  { minLength: 1, maxLength: 9 },
);

/** What is known of a version after all that was done to it. */
interface Made {
  readonly ticket: OwnTicket;
  /** Own pages by index; undefined for a repairer's version. */
  readonly own: ReadonlyMap<number, Buffer>;
  /** Of a gateway's version: all of its pages. */
  readonly whole: Pages | undefined;
  isAcknowledged: boolean;
}

/** Starts all actors, each step of which is done when the scheduler says so, and then repairs to the end. */
async function play(
  scheduler: fc.Scheduler,
  all: readonly (Writer | Repairer)[],
  form: 'woven' | 'over a base',
): Promise<{ world: World; made: Map<number, Made> }> {
  const world = new World();
  const made = new Map<number, Made>();
  const stored: { root: Segment; pages: Pages }[] = [];
  const plans: RepairPlan[] = [];

  const stepOf = (livesFor: number | undefined) => {
    let left = livesFor ?? Number.POSITIVE_INFINITY;
    return async () => {
      if (left-- <= 0) throw new Died();
      await scheduler.schedule(Promise.resolve());
    };
  };

  const write = async (writer: Writer): Promise<void> => {
    await scheduler.schedule(Promise.resolve());
    const { isAppend, page, count, livesFor, base: which } = writer;
    const size = count * pageSize - writer.shortBy;
    const ticket = world.manager.ticket(world.blobId, { offset: page * pageSize, size }, isAppend)!;
    const { interval, root } = ticket.pending.at(-1)!;
    const { version } = interval;
    const base = stored.length === 0 ? undefined : stored[which % stored.length]!;
    const first = interval.offset / pageSize;
    const keys = Array.from({ length: count }, () => newKey());
    const own = new Map(keys.map((key, index) => [first + index, key]));
    const entry: Made = {
      ticket: {
        version,
        interval,
        root,
        pending: ticket.pending.slice(0, -1),
        stableRoot: ticket.stableRoot,
      },
      own,
      whole: form === 'woven' ? undefined : changedPages(base?.pages ?? [], own),
      isAcknowledged: false,
    };
    made.set(version, entry);
    // Nobody can write from the middle of a page on: the ticket is given up.
    if (!Number.isInteger(first)) return;
    const step = stepOf(livesFor);
    const { versions, tools } = world.clients(step);
    const build = (target: OwnTicket) => {
      if (form === 'woven') {
        const { pending, stableRoot } = target;
        const rootSize = target.root.node.size;
        const shape = { interval: target.interval, pageSize, rootSize, pageKeys: keys, pending };
        return weave({ ...shape, stableRoot: stableRoot.node });
      }
      return treeOver({
        own: target.interval,
        pageSize,
        rootSize: target.root.node.size,
        pageCount: entry.whole!.length,
        base: base && { root: base.root, pageCount: base.pages.length },
        changed: [...own],
      });
    };
    const store = async (nodes: NodeRecord[]) => {
      // Lists and nodes at once, as a client may that sends batches: in any order.
      await Promise.all([
        tools.metadata.put({ pages: keys.map((key) => ({ key, providers: [] })) }),
        tools.metadata.put({ nodes }),
      ]);
    };
    let nodes: NodeRecord[];
    try {
      nodes = await tools.metadata.run(build(entry.ticket));
    } catch (error) {
      if (form !== 'woven' || !isKind('corrupt')(error)) throw error;
      // Between a repairer's fence and its nodes the newest version cannot be woven over: given up, too.
      return;
    }
    await store(nodes);
    if (await versions.publish(interval)) {
      entry.isAcknowledged = true;
      if (entry.whole) stored.push({ root: root.node, pages: entry.whole });
      return;
    }
    if (form === 'woven') return;
    // Taken over: the same pages, in a blob of its own.
    const { blobId } = world.manager.create(pageSize, 1).node;
    const range = { offset: 0, size: entry.whole!.length * pageSize };
    const again = world.manager.ticket(blobId, range, false)!.pending.at(-1)!;
    const target = { ...entry.ticket, interval: again.interval, root: again.root };
    await store(await tools.metadata.run(build(target)));
    assert.equal(await versions.publish(again.interval), true);
    stored.push({ root: again.root.node, pages: entry.whole! });
  };

  const repairOnce = async ({ livesFor }: Repairer): Promise<void> => {
    const { versions, tools } = world.clients(stepOf(livesFor));
    const plan = await planRepair(versions, world.blobId);
    plans.push(plan!);
    try {
      await repair(plan!, versions, tools);
    } catch (error) {
      // Between the fence and the nodes of another repairer.
      if (!isKind('corrupt')(error)) throw error;
    }
  };

  const ends = all.map((actor) => (actor.kind === 'writer' ? write(actor) : repairOnce(actor)));
  const outcomes = Promise.allSettled(ends);
  await scheduler.waitFor(outcomes);
  for (const outcome of await outcomes) {
    if (outcome.status === 'rejected' && !(outcome.reason instanceof Died)) throw outcome.reason;
  }
  const { versions, tools } = world.clients(() => Promise.resolve());
  for (const plan of plans) await repair(plan, versions, tools);
  const last = await planRepair(versions, world.blobId);
  await repair(last!, versions, tools);
  // What was done already may be done again.
  for (const plan of [...plans, last!]) await repair(plan, versions, tools);
  assert.equal(
    world.manager.root(world.blobId, 0).node.version,
    last!.versions.at(-1)!.interval.version,
  );
  for (const { root, pages } of stored) {
    const found = await world.pages(root);
    assert.deepEqual(found, padded(pages, found.length));
  }
  return { world, made };
}

const padded = (pages: Pages, length: number): Pages =>
  Array.from({ length: Math.max(length, pages.length) }, (_, index) => pages[index] ?? null);

function changedPages(base: Pages, own: ReadonlyMap<number, Buffer>): Pages {
  const pages = [...padded(base, Math.max(...own.keys(), 0) + 1)];
  for (const [index, key] of own) pages[index] = key;
  return pages;
}

/** What a page of a version may be: keys, 'zeros' for a stored page of zeros, 'hole'. */
type Allowed = ReadonlySet<string>;
const asText = (key: Buffer | null): string =>
  key === null ? 'hole' : isZeros(key) ? 'zeros' : key.toString('hex');

/** Reads every visible version; `allowed` says what its pages may be, from what those of the one before may. */
async function assertPages(
  { world, made }: { world: World; made: ReadonlyMap<number, Made> },
  allowed: (index: number, one: Made | undefined, before: Allowed) => Iterable<string>,
): Promise<void> {
  let before: Allowed[] = [];
  const last = world.manager.root(world.blobId, 0).node.version;
  for (let version = 1; version <= last; version++) {
    const pages = await world.pages(world.manager.root(world.blobId, version).node);
    before = pages.map((key, index) => {
      const older = before[index] ?? new Set(['hole']);
      const all = new Set(allowed(index, made.get(version), older));
      assert.ok(all.has(asText(key)), `page ${index} of version ${version} is ${asText(key)}`);
      return all;
    });
  }
}

/** Of a version that was taken over: as before, with zeros for holes where its writer would have written. */
const unchanged = (before: Allowed): string[] =>
  [...before].map((text) => (text === 'hole' ? 'zeros' : text));

test('woven versions among abandoned ones: acknowledged ones are whole, all read right', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), actors, async (scheduler, all) => {
      await assertPages(await play(scheduler, all, 'woven'), (index, one, before) => {
        const own = one?.own.get(index);
        if (own && one?.isAcknowledged) return [asText(own)];
        if (own) return [asText(own), ...unchanged(before)];
        // Also a repairer's own version, and what lies in the rest of a page.
        return [...before, ...unchanged(before)];
      });
    }),
    { numRuns: 400, includeErrorInReport: true },
  );
});

test('gateways: a slow writer loses nothing, its version is taken to another blob', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), actors, async (scheduler, all) => {
      await assertPages(await play(scheduler, all, 'over a base'), (index, one, before) => {
        const meant = asText(one?.whole?.[index] ?? null);
        return one?.isAcknowledged ? [meant] : [meant, ...before, ...unchanged(before)];
      });
    }),
    { numRuns: 400, includeErrorInReport: true },
  );
});

const atOnce = () => Promise.resolve();

test('a plan outlives its process as JSON, and is void on a version manager that forgot', async () => {
  const world = new World();
  const { versions, tools } = world.clients(atOnce);
  assert.equal(await planRepair(versions, 7), undefined);
  world.manager.ticket(world.blobId, { offset: 0, size: 2500 }, false);
  const plan = (await planRepair(versions, world.blobId))!;
  const kept: RepairPlan = JSON.parse(JSON.stringify(plan));
  assert.deepEqual(kept, plan);
  const restarted = new World();
  await assert.rejects(
    repair(kept, restarted.clients(atOnce).versions, tools),
    isKind('not-found'),
  );
  restarted.manager.ticket(restarted.blobId, { offset: 0, size: 2000 }, false);
  restarted.manager.publish(restarted.blobId, 1);
  await assert.rejects(
    repair(kept, restarted.clients(atOnce).versions, tools),
    isKind('not-found'),
  );
  assert.equal(world.metadata.nodes.size, 0);
  for (let time = 0; time < 2; time++) await repair(kept, versions, tools);
  assert.equal(world.manager.root(world.blobId, 0).node.version, 2);
  // Later versions do not make it void.
  const later = world.manager.ticket(world.blobId, { offset: 0, size: 1 }, false)!;
  world.manager.publish(world.blobId, later.pending.at(-1)!.interval.version);
  await repair(kept, versions, tools);
});

test('a repair leaves alone where the next append goes, and what is not abandoned', async () => {
  const world = new World();
  const { versions, tools } = world.clients(atOnce);
  const append = async (pages: number) => {
    const ticket = world.manager.ticket(world.blobId, { offset: 0, size: pages * pageSize }, true)!;
    const { interval } = ticket.pending.at(-1)!;
    const pageKeys = Array.from({ length: pages }, () => newKey());
    const { rootSize, stableRoot } = ticket;
    const shape = { interval, pageSize, rootSize, pageKeys, stableRoot: stableRoot.node };
    const pending = ticket.pending.slice(0, -1);
    return { interval, pageKeys, walk: weave({ ...shape, pending }) };
  };
  const store = async ({ walk, pageKeys }: Awaited<ReturnType<typeof append>>) => {
    await tools.metadata.put({ nodes: await tools.metadata.run(walk) });
    await tools.metadata.put({ pages: pageKeys.map((key) => ({ key, providers: [] })) });
  };
  // Nothing is visible yet: the first is abandoned, the second waits for it.
  await append(2);
  const second = await append(3);
  await store(second);
  assert.equal(await versions.publish(second.interval), true);
  await repair((await planRepair(versions, world.blobId))!, versions, tools);
  const third = await append(1);
  assert.equal(third.interval.offset, 6 * pageSize, 'a page of the repair lies before it');
  await store(third);
  assert.equal(await versions.publish(third.interval), true);
  await repair((await planRepair(versions, world.blobId))!, versions, tools);
  const root = world.manager.root(world.blobId, 0);
  assert.deepEqual([root.node.version, root.currentSize], [5, 7 * pageSize]);
  const pages = await world.pages(root.node);
  assert.deepEqual(pages.slice(2, 5), second.pageKeys);
  assert.deepEqual(pages.slice(6), [...third.pageKeys, null]);
  assert.ok([0, 1, 5].every((index) => isZeros(pages[index]!)));
  assert.equal((await append(1)).interval.offset, 7 * pageSize);
});
