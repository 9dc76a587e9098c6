/**
 * A whole deployment as real processes, written to all the time: what was acknowledged before a checkpoint comes back,
 * and everything that was after a stop with one, at other addresses and at the same; writes go on.
 */
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { blobseer, Lab, Labs, Load, succeeds } from './testing/labs.ts';

const labs = new Labs();
const place = path.join(labs.folder, 'place');
after(() => labs.remove());

test('a deployment comes back from a checkpoint, elsewhere and where it was', async () => {
  const file = await labs.describe('first');
  await succeeds('deploy', 'up', file);
  const first = new Lab(file);
  await first.createBucket();
  const load = new Load(first);
  await load.until(12);
  const beforeFirst = new Map(load.acknowledged);
  await succeeds('checkpoint', 'create', '--deployment', file, '--to', place);
  assert.match(await succeeds('deploy', 'status', file, '--json'), /"lastCheckpoint": "20/);

  // With the stop all that was ever acknowledged is in it.
  load.end();
  await succeeds('deploy', 'stop', file, '--checkpoint', '--to', place);
  await load.ended();
  first.close();
  assert.match(
    await succeeds('checkpoint', 'list', '--from', place),
    /\n1 .*lab .*\n2 .*\n3 .*lab /,
  );
  assert.match(await succeeds('checkpoint', 'verify', '--from', place), /3 of lab is whole/);

  const elsewhere = await labs.describe('second');
  await succeeds('deploy', 'start', elsewhere, '--from', place);
  const second = new Lab(elsewhere);
  await second.assertHolds(load.acknowledged);
  await second.assertWritable();
  await second.assertSound();
  second.close();
  await succeeds('deploy', 'down', elsewhere);

  // All is lost but the checkpoints; an older one is wanted.
  rmSync(first.directory, { recursive: true });
  await succeeds('deploy', 'start', file, '--from', place, '--epoch', '1');
  const again = new Lab(file);
  await again.assertHolds(beforeFirst);
  await again.assertWritable();
  await again.assertSound();
  again.close();
  const running = await blobseer('deploy', 'start', file, '--from', place);
  assert.equal(running.status, 1);
  assert.match(running.output, /is up already: it has its data/);
  await succeeds('deploy', 'down', file);

  const full = await blobseer('deploy', 'start', file, '--from', place);
  assert.equal(full.status, 1);
  assert.match(full.output, /has data in .*nothing is restored over it/);
  const misfit = await labs.describe('third', 3);
  const { status, output } = await blobseer('deploy', 'start', misfit, '--from', place);
  assert.equal(status, 1);
  assert.match(output, /does not fit: metadata is on metadata-provider-1, metadata-provider-2, in/);
  assert.ok(!existsSync(path.join(labs.folder, 'third-data', 'gateway-1', 'data')));

  await succeeds('checkpoint', 'delete', '--from', place, '--epoch', '1');
  assert.match(await succeeds('checkpoint', 'verify', '--from', place), /is whole/);
});
