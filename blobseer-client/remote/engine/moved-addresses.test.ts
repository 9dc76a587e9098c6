/** What a directory says of other machines, when they are elsewhere after a restore. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Environment } from '../../embedded/environment.ts';
import {
  decodeProviders,
  encodePageProviders,
  nodeBytes,
  type Provider,
  pageKeyBytes,
} from '../wire/records.ts';
import { ClusterState } from './cluster-state.ts';
import { movedProviders, moveInDirectory } from './moved-addresses.ts';
import { ProviderNumbers } from './provider-numbers.ts';
import { decodeDeferred, deferredKey, encodeDeferred } from './records.ts';
import { openRemoteTables } from './tables.ts';

const archiveVersion = 18;
const moves = new Map([
  ['10.0.0.1:7010', '10.1.0.1:8010'],
  ['[fe80::1]:7011', '10.1.0.2:7010'],
  ['10.0.0.3:7003', '10.1.0.3:7003'],
]);
const listOf = (...providers: Provider[]): Buffer => encodePageProviders(providers, archiveVersion);

test('lists of providers name where they are now, and nothing else changes', () => {
  const stays = { host: '10.0.0.9', service: '7010' };
  const before = listOf({ host: '10.0.0.1', service: '7010' }, stays, {
    host: 'fe80::1',
    service: '7011',
  });
  assert.deepEqual(decodeProviders(movedProviders(before, moves)!), [
    { host: '10.1.0.1', service: '8010' },
    stays,
    { host: '10.1.0.2', service: '7010' },
  ]);
  assert.equal(movedProviders(listOf(stays), moves), undefined);
});

test('a list that named its first member twice, for its length, does so no longer', () => {
  let doubled = 0;
  for (let length = 1; length <= 60; length += 1) {
    const value = listOf({ host: 'h'.repeat(length), service: '1' });
    assert.notEqual(value.length, nodeBytes);
    if (decodeProviders(value).length === 2) doubled += 1;
    const moved = movedProviders(value, new Map([[`${'h'.repeat(length)}:1`, 'a:1']]))!;
    assert.deepEqual(decodeProviders(moved), [{ host: 'a', service: '1' }]);
  }
  assert.equal(doubled, 1, 'one length is that of a tree node');
});

test('a directory looks for pages and metadata where they are now', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'moved-'));
  const store = new Environment({ file: path.join(folder, 'blobseer.mdb') });
  try {
    const tables = openRemoteTables(store);
    const gateways = [
      { host: '10.0.0.3', port: 7003 },
      { host: '10.0.0.4', port: 7003 },
    ];
    const cluster = new ClusterState(store, tables.cluster);
    await cluster.open({ gateways, replication: 2 }, async () => archiveVersion);
    const numbers = new ProviderNumbers(store, tables.providers);
    const address = { host: '10.0.0.1', port: 7010 };
    const number = await store.commit((tx) => numbers.numberFor(tx, address));
    const key = Buffer.alloc(pageKeyBytes, 7);
    const put = {
      call: 'put',
      items: [key, listOf({ host: '10.0.0.1', service: '7010' })],
    } as const;
    const release = { call: 'release-nodes', items: [Buffer.from('a node')] } as const;
    const host = { kind: 'gateway', number: 0 } as const;
    await store.commit((tx) => {
      tx.put(tables.deferred, deferredKey(host, tx.sequence, 0), encodeDeferred(put));
      tx.put(tables.deferred, deferredKey(host, tx.sequence, 1), encodeDeferred(release));
    });

    await moveInDirectory(store, moves);
    store.refresh();
    const afterwards = new ProviderNumbers(store, tables.providers);
    assert.deepEqual(afterwards.address(number), { host: '10.1.0.1', port: 8010 });
    const moved = [{ host: '10.1.0.3', port: 7003 }, gateways[1]!];
    await cluster.open({ gateways: moved, replication: 2 }, () => assert.fail('it is known'));
    await assert.rejects(
      cluster.open({ gateways, replication: 2 }, () => assert.fail('it is known')),
      /the list and its order must stay/,
    );
    const [first, second] = tables.deferred
      .range({ limit: 9 })
      .map((row) => decodeDeferred(row.value));
    assert.deepEqual(first!.items[0], key);
    assert.deepEqual(decodeProviders(first!.items[1]!), [{ host: '10.1.0.1', service: '8010' }]);
    assert.deepEqual(second, release);
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
});
