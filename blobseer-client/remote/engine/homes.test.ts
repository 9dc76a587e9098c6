import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Environment } from '../../embedded/environment.ts';
import { BlobSeerError } from '../../errors.ts';
import { withDirectory } from '../../testing/engines.ts';
import { VersionManagerModel } from '../testing/version-manager-model.ts';
import { WritableBlob } from '../version-manager.ts';
import { ClusterState } from './cluster-state.ts';
import { type Home, Homes, type TakenTicket } from './homes.ts';
import { blobsAhead, fastForwardAtOnce, remoteTimings } from './limits.ts';
import { Patience } from './patience.ts';

const pageSize = 4096;

class World {
  manager = new VersionManagerModel();
  isAway = false;
  readonly store: Environment;
  readonly cluster: ClusterState;

  constructor(store: Environment) {
    this.store = store;
    this.cluster = new ClusterState(store, store.table('remote-cluster'));
  }

  /** Of one process. */
  homes(): Homes {
    const { store, cluster } = this;
    const versionManager = {
      create: async ({ pageSize: size, ftInfo }: { pageSize: number; ftInfo: number }) => {
        await new Promise((resolve) => setImmediate(resolve));
        if (this.isAway) throw new BlobSeerError('unavailable', 'away');
        const root = this.manager.create(size, ftInfo);
        return WritableBlob.of(root.node.blobId, root);
      },
      blobCount: async () => this.manager.count,
      publish: async ({ blobId, version }: { blobId: number; version: number }) =>
        this.manager.publish(blobId, version),
    };
    const patience = new Patience({ ...remoteTimings, managerPatienceMs: 0 });
    const homes = store.table('remote-homes');
    return new Homes({ store, homes, cluster, versionManager, patience, replication: 2 });
  }

  ticket({ blob }: Home): TakenTicket {
    const range = { offset: 0, size: pageSize };
    const ticket = this.manager.ticket(blob.blobId, range, false)!;
    const { interval } = ticket.pending.at(-1)!;
    return { ...ticket, version: interval.version, interval, pending: ticket.pending.slice(0, -1) };
  }
}

async function withWorld(run: (world: World) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const store = new Environment({ file: path.join(directory, 'test.mdb') });
    await run(new World(store));
    await store.close();
  });
}

const idsOf = (homes: readonly Home[]): number[] => homes.map(({ blob }) => blob.blobId);
const several = (homes: Homes, count: number, size = pageSize): Promise<Home[]> =>
  Promise.all(Array.from({ length: count }, () => homes.create(size)));

test('nobody else has a new blob, whoever else creates some at the same time', () =>
  withWorld(async (world) => {
    const [one, other] = [world.homes(), world.homes()];
    const created: Home[] = [];
    for (let round = 0; round < 5; round++) {
      for (const homes of await Promise.all([several(one, 10), several(other, 10)])) {
        created.push(...homes);
      }
    }
    assert.equal(new Set(idsOf(created)).size, 100);
    assert.equal(world.cluster.life().epoch, 1, 'no restart was imagined');
    for (const home of created) assert.ok(one.continues(home, world.ticket(home)));
    assert.ok(world.manager.count <= 100 + 2 * (blobsAhead + fastForwardAtOnce));
  }));

test('H6: after a restart only ids above all that were handed out, and one new life', () =>
  withWorld(async (world) => {
    const [one, other] = [world.homes(), world.homes()];
    const before = [...(await several(one, 20)), ...(await several(other, 20))];
    const highest = Math.max(...idsOf(before));
    world.manager = new VersionManagerModel();
    const after = (await Promise.all([several(one, 20), several(other, 20)])).flat();
    const used = after.filter(({ epoch }) => epoch === 2);
    assert.ok(used.length > 0);
    // What had been created ahead is of the life before, and gets no ticket.
    for (const home of after.filter(({ epoch }) => epoch === 1)) {
      assert.ok(!idsOf(before).includes(home.blob.blobId));
    }
    assert.ok(idsOf(used).every((blobId) => blobId > highest));
    assert.equal(new Set(idsOf(after)).size, after.length);
    assert.equal(world.cluster.life().epoch, 2);
  }));

test('a blob goes on where it was, unless its pages are others now', () =>
  withWorld(async (world) => {
    const homes = world.homes();
    const first = await homes.of(7, pageSize);
    assert.equal(first.lastVersion, 0);
    await world.store.commit((tx) => homes.put(tx, 7, first, 3));
    await world.store.commit((tx) => homes.put(tx, 7, first, 2));
    const again = await homes.of(7, pageSize);
    assert.deepEqual(idsOf([again]), idsOf([first]));
    assert.equal(again.lastVersion, 3, 'the highest');
    const other = await homes.of(7, 2 * pageSize);
    assert.notDeepEqual(idsOf([other]), idsOf([first]));
    assert.equal(other.blob.pageSize, 2 * pageSize);
    await homes.lost(first);
    assert.notDeepEqual(idsOf([await homes.of(7, pageSize)]), idsOf([first]));
    await world.store.commit((tx) => homes.remove(tx, 7));
    assert.equal(homes.recorded(7), undefined);
  }));

test('H6: a ticket continues a blob only where the version manager can be the same', () =>
  withWorld(async (world) => {
    const homes = world.homes();
    const fresh = await homes.create(pageSize);
    const first = world.ticket(fresh);
    assert.ok(homes.continues(fresh, first));
    assert.ok(!homes.continues(fresh, world.ticket(fresh)), 'somebody else has one');
    world.manager.publish(fresh.blob.blobId, 1);
    const known = { ...fresh, lastVersion: 1 };
    assert.ok(homes.continues(known, world.ticket(known)), 'version 2 is pending, 1 is visible');
    world.manager.publish(fresh.blob.blobId, 3);
    const waiting = { ...fresh, lastVersion: 3 };
    assert.ok(homes.continues(waiting, world.ticket(waiting)), 'ours waits for version 2');
    const later = { ...fresh, lastVersion: 9 };
    assert.ok(!homes.continues(later, world.ticket(later)), 'versions were given out anew');
    const ticket = world.ticket(known);
    const stableRoot = { ...ticket.stableRoot, pageSize: 1000 };
    assert.ok(!homes.continues(known, { ...ticket, stableRoot }), 'of another page size');
  }));

test('without the version manager nothing is created, and later it is', () =>
  withWorld(async (world) => {
    const homes = world.homes();
    world.isAway = true;
    await assert.rejects(
      homes.create(pageSize),
      (error) => error instanceof BlobSeerError && error.kind === 'unavailable',
    );
    world.isAway = false;
    assert.equal((await several(homes, 3)).length, 3);
  }));
