import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Environment } from '../../embedded/environment.ts';
import { BlobSeerError } from '../../errors.ts';
import { withDirectory } from '../../testing/engines.ts';
import { ProviderNumbers } from './provider-numbers.ts';

const addresses = [
  { host: 'provider-1', port: 4000 },
  { host: '10.0.0.7', port: 4001 },
  { host: 'fd00::7', port: 4001 },
];

/** `open` is for each a process of its own, with what it remembers. */
async function withProcesses(
  run: (store: Environment, open: () => ProviderNumbers) => Promise<void>,
): Promise<void> {
  await withDirectory(async (directory) => {
    const store = new Environment({ file: path.join(directory, 'test.mdb') });
    const table = store.table('remote-providers');
    await run(store, () => new ProviderNumbers(store, table));
    await store.close();
  });
}

test('every address has one number, in all processes and after a restart', () =>
  withProcesses(async (store, open) => {
    const first = open();
    const given = await store.commit((transaction) =>
      addresses.map((address) => first.numberFor(transaction, address)),
    );
    assert.equal(new Set(given).size, addresses.length);
    for (const numbers of [first, open()]) {
      for (const [index, address] of addresses.entries()) {
        assert.deepEqual(numbers.address(given[index]!), address);
        const again = await store.commit((tx) => numbers.numberFor(tx, address));
        assert.equal(again, given[index]);
      }
    }
  }));

test('a number whose commit was undone may be another address of another process', () =>
  withProcesses(async (store, open) => {
    const [one, other] = [open(), open()];
    const undone = store.commit((transaction) => {
      one.numberFor(transaction, addresses[0]!);
      throw new Error('undone');
    });
    await assert.rejects(undone, /undone/);
    const taken = await store.commit((tx) => other.numberFor(tx, addresses[1]!));
    const given = await store.commit((tx) => one.numberFor(tx, addresses[0]!));
    assert.notEqual(given, taken);
    for (const numbers of [one, other]) {
      assert.deepEqual(numbers.address(given), addresses[0]);
      assert.deepEqual(numbers.address(taken), addresses[1]);
    }
  }));

test('a number that nobody gave is corrupt, not some provider', () =>
  withProcesses(async (_, open) => {
    assert.throws(
      () => open().address(7),
      (error) => error instanceof BlobSeerError && error.kind === 'corrupt',
    );
  }));
