import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Environment } from './environment.ts';
import { Instance } from './instances.ts';

test('the bound is that of the oldest lease that is held, however often one is given back', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'instances-'));
  const environment = new Environment({ file: path.join(directory, 'blobseer.mdb') });
  try {
    const instance = new Instance(environment, 1, 'server', () => 0);
    await instance.register();
    const table = environment.table('t');
    const commit = () => environment.commit((tx) => tx.put(table, Buffer.of(1), Buffer.of(1)));
    const first = instance.bound();
    const oldest = instance.lease();
    const sameAge = instance.lease();
    await commit();
    assert.equal(instance.bound(), first);
    const younger = instance.lease();
    await commit();
    oldest.release();
    oldest.release();
    assert.equal(instance.bound(), first, 'the other of its age is still held');
    sameAge.release();
    assert.equal(instance.bound(), first + 1);
    younger.release();
    assert.equal(instance.bound(), first + 2);
    const last = instance.lease();
    await commit();
    younger.release();
    assert.equal(instance.bound(), first + 2);
    last.release();
    assert.equal(instance.bound(), first + 3);
  } finally {
    await environment.close();
    await rm(directory, { recursive: true });
  }
});
