/** A deployment of which one member after another loses its disk. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { Lab, Labs, Load, succeeds } from './testing/labs.ts';

const labs = new Labs();
const place = path.join(labs.folder, 'place');
after(() => labs.remove());

test('a member whose disk died comes back from an older checkpoint, and nothing is lost', async () => {
  const file = await labs.describe('disks');
  await succeeds('deploy', 'up', file);
  const lab = new Lab(file);
  await lab.createBucket();
  const load = new Load(lab);
  await load.until(10);
  await succeeds('checkpoint', 'create', '--deployment', file, '--to', place);
  await load.until(load.acknowledged.size + 10);
  load.end();
  await load.ended();
  const all = new Map(load.acknowledged);
  for (const member of ['data-provider-1', 'metadata-provider-2', 'version-manager-1']) {
    await succeeds('deploy', 'stop', file);
    const data = path.join(lab.directory, member, 'data');
    rmSync(data, { recursive: true });
    const from = ['--from', path.join(place, 'members', member)];
    await succeeds('checkpoint', 'restore', ...from, '--to', data);
    await succeeds('deploy', 'start', file);
    await lab.assertHolds(all);
    for (const [name, expected] of await lab.assertWritable()) all.set(name, expected);
  }
  await lab.assertHolds(all);
  lab.close();
  await succeeds('deploy', 'down', file);
});
