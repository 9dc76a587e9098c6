import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Environment } from '../../embedded/environment.ts';
import { BlobSeerError } from '../../errors.ts';
import { withDirectory } from '../../testing/engines.ts';
import { ClusterState } from './cluster-state.ts';

const gateways = [
  { host: 'metadata-1', port: 1 },
  { host: 'metadata-2', port: 1 },
];
const options = { gateways, replication: 2 };
const isRefused = (error: unknown): boolean =>
  error instanceof BlobSeerError && error.kind === 'invalid-argument';

async function withState(
  run: (state: ClusterState, open: () => ClusterState) => Promise<void>,
): Promise<void> {
  await withDirectory(async (directory) => {
    const store = new Environment({ file: path.join(directory, 'test.mdb') });
    const open = () => new ClusterState(store, store.table('remote-cluster'));
    await run(open(), open);
    await store.close();
  });
}

test('H19: the archive version is asked for once in the life of a directory', () =>
  withState(async (state, open) => {
    const first = await state.open(options, async () => 17);
    const again = await open().open(options, () => assert.fail('asked again'));
    assert.deepEqual(again, first);
    assert.equal(again.archiveVersion, 17);
    assert.equal(again.writeTag.length, 2);
  }));

test('a directory belongs to one list of metadata providers, in its order', () =>
  withState(async (state, open) => {
    await state.open(options, async () => 18);
    for (const other of [
      { gateways: [...gateways].reverse(), replication: 2 },
      { gateways: gateways.slice(1), replication: 2 },
      { gateways, replication: 1 },
    ]) {
      await assert.rejects(
        open().open(other, async () => 18),
        isRefused,
      );
    }
    await open().open(options, async () => 18);
  }));

test('of two that open it first at once, with different lists, one is refused', () =>
  withState(async (state, open) => {
    const other = { gateways: [...gateways].reverse(), replication: 2 };
    const opening = state.open(options, async () => {
      await open().open(other, async () => 18);
      return 18;
    });
    await assert.rejects(opening, isRefused);
  }));

test('H6: a life ends once, however many notice', () =>
  withState(async (state, open) => {
    assert.deepEqual(state.life(), { epoch: 1, floor: 0, highestId: 0 });
    assert.equal(await state.taken(1, 7), true);
    assert.equal(await open().taken(1, 5), true);
    assert.deepEqual(state.life(), { epoch: 1, floor: 0, highestId: 7 });
    await Promise.all([state.endLife(1), open().endLife(1), state.endLife(1)]);
    assert.deepEqual(open().life(), { epoch: 2, floor: 7, highestId: 7 });
    assert.equal(await state.taken(1, 99), false);
    assert.equal(await state.taken(2, 99), true);
    assert.deepEqual(state.life(), { epoch: 2, floor: 7, highestId: 99 });
  }));
