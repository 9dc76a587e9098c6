import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import { BlobSeerError } from '../../errors.ts';
import type { DataProviders } from '../data-provider.ts';
import type { Address } from '../remote-error.ts';
import { Gate } from '../testing/gate.ts';
import { makePageKey } from '../wire/page-key.ts';
import { remoteTimings } from './limits.ts';
import { PageStores } from './page-stores.ts';
import { ProviderPool } from './provider-pool.ts';

const at = (port: number): Address => ({ host: '127.0.0.1', port });
const ports = (addresses: readonly Address[]): number[] => addresses.map(({ port }) => port).sort();
const isKind = (kind: string) => (error: unknown) =>
  error instanceof BlobSeerError && error.kind === kind;
const page = Buffer.from('a page');
const key = makePageKey(Buffer.alloc(8, 1), 0, crc32c(page));
const pages = [{ key, page }];
const never = new AbortController().signal;

type Conduct = (signal: AbortSignal | undefined) => Promise<void>;
const works: Conduct = async () => undefined;
const fails =
  (kind: BlobSeerError['kind']): Conduct =>
  async () => {
    throw new BlobSeerError(kind, 'failed');
  };
/** Until it is given up. */
const hangs: Conduct = (signal) =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));

/** Providers 1, 2, 3... that do as they are told, and what was done. */
class World {
  readonly conducts: Conduct[];
  readonly asked: number[] = [];
  readonly covered: number[] = [];
  readonly has = new Map<number, Buffer>();
  readonly stores: PageStores;
  readonly pool: ProviderPool;

  constructor(conducts: Conduct[], { replication = 2, slowMs = 60_000 } = {}) {
    this.conducts = conducts;
    const timings = { ...remoteTimings, slowMs };
    this.pool = new ProviderPool({
      manager: {
        providers: async (groups, groupSize) => {
          if (groupSize > conducts.length) throw new BlobSeerError('no-space', 'too few');
          const group = Array.from({ length: groupSize }, (_, index) => at(index + 1));
          return Array.from({ length: groups }, () => group);
        },
      },
      report: async () => undefined,
      replication,
      timings,
      nowMs: () => 0,
    });
    const providers: Pick<DataProviders, 'read' | 'write'> = {
      write: async ({ port }, _, options) => {
        this.asked.push(port);
        assert.ok(this.covered.includes(port), 'a provider that the intent does not name');
        await this.conducts[port - 1]!(options?.signal);
      },
      read: async ({ port }, keys, __, options) => {
        this.asked.push(port);
        await this.conducts[port - 1]!(options?.signal);
        return keys.map(() => this.has.get(port));
      },
    };
    this.stores = new PageStores(this.pool, providers, timings);
  }

  store(signal = never): Promise<readonly Address[]> {
    return this.stores.store(
      pages,
      async (addresses) => void this.covered.push(...ports(addresses)),
      signal,
    );
  }

  read(...among: number[]): Promise<Buffer[]> {
    return this.stores.read(among.map(at), [key], 100);
  }
}

test('pages are on as many different providers as they have replicas', async () => {
  const world = new World([works, works, works]);
  assert.deepEqual(ports(await world.store()), [1, 2]);
  assert.deepEqual(world.asked.sort(), [1, 2]);
});

for (const [what, failure] of [
  ['is away', fails('unavailable')],
  ['is full', fails('no-space')],
] as const) {
  test(`H16: in place of one that ${what} another one takes the pages`, async () => {
    const world = new World([failure, works, works]);
    assert.deepEqual(ports(await world.store()), [2, 3]);
    assert.ok(world.pool.isSuspect(at(1)));
  });

  test(`two that fail in one moment are not both replaced by the same: first ${what}`, async () => {
    const world = new World([failure, failure, works, works]);
    assert.deepEqual(ports(await world.store()), [3, 4]);
  });
}

test('beside one that is slow another one is asked; who is first counts', async () => {
  const world = new World([hangs, works, works], { slowMs: 5 });
  assert.deepEqual(ports(await world.store()), [2, 3]);
  assert.deepEqual(world.covered.sort(), [1, 2, 3]);
});

test('one that is slow, and then done first, is not asked in vain', async () => {
  const gate = new Gate();
  const world = new World([() => gate.pass(), works, hangs], { slowMs: 5 });
  const storing = world.store();
  await gate.reached;
  while (!world.asked.includes(3)) await new Promise((resolve) => setTimeout(resolve, 5));
  gate.open();
  assert.deepEqual(ports(await storing), [1, 2]);
});

test('with too few left the write is refused, for what was the matter', async () => {
  await assert.rejects(new World([fails('unavailable'), works]).store(), isKind('unavailable'));
  await assert.rejects(
    new World([fails('no-space'), fails('no-space'), fails('no-space')]).store(),
    isKind('no-space'),
  );
  await assert.rejects(new World([works]).store(), isKind('no-space'));
});

test('an intent that cannot be written: nobody gets anything', async () => {
  const world = new World([works, works]);
  const cover = fails('stopped');
  await assert.rejects(
    world.stores.store(pages, () => cover(undefined), never),
    isKind('stopped'),
  );
  assert.deepEqual(world.asked, []);
});

test('a write that is given up waits for nobody', async () => {
  const stopped = new AbortController();
  const world = new World([hangs, hangs, hangs]);
  const storing = world.store(stopped.signal);
  while (world.asked.length < 2) await new Promise((resolve) => setImmediate(resolve));
  const reason = new Error('given up');
  stopped.abort(reason);
  await assert.rejects(storing, reason);
  await assert.rejects(world.store(stopped.signal), reason);
  assert.equal(world.asked.length, 2);
});

test('pages are read from whoever has them, first from who is not known to fail', async () => {
  const world = new World([works, works]);
  world.has.set(1, page).set(2, page);
  world.pool.failed(at(1));
  assert.deepEqual(await world.read(1, 2), [page]);
  assert.deepEqual(world.asked, [2]);
});

for (const [what, conduct] of [
  ['away', fails('unavailable')],
  ['damaged', fails('corrupt')],
  ['empty', works],
] as const) {
  test(`H9: a page that one provider lost is read from the other: ${what}`, async () => {
    const world = new World([conduct, works]);
    world.has.set(2, page);
    assert.deepEqual(await world.read(1, 2), [page]);
  });
}

test('a slow provider is not waited for where another one has the page', async () => {
  const world = new World([hangs, works], { slowMs: 5 });
  world.has.set(2, page);
  assert.deepEqual(await world.read(1, 2), [page]);
});

test('missing here and silent there is not missing; missing everywhere is damage', async () => {
  const half = new World([fails('unavailable'), works]);
  await assert.rejects(half.read(1, 2), isKind('unavailable'));
  await assert.rejects(half.read(2, 1), isKind('unavailable'));
  await assert.rejects(new World([works, works]).read(1, 2), isKind('corrupt'));
  await assert.rejects(new World([works]).read(), isKind('corrupt'));
});
