/** The whole of a deployment ends under load, and comes back: here, or elsewhere from a checkpoint. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { chooseSeed, SeededRandom } from '../durability/seeded-random.ts';
import { Deployment } from '../harness/deployment.ts';
import { Scenarios } from './scenarios.ts';

const seed = chooseSeed();
let log: (line: string) => void = () => undefined;

const place = mkdtempSync(path.join(tmpdir(), 'checkpoints-'));
after(() => rmSync(place, { recursive: true }));
const deployment = await Deployment.up({ workers: 2 });
after(() => deployment.remove());
/** As the first one, at other addresses. */
const elsewhere = await Deployment.describe({ workers: 2 });
after(() => elsewhere.remove());
const scenarios = await Scenarios.open(deployment, {
  seed,
  random: new SeededRandom(seed),
  writes: 20,
  log: (line) => log(line),
});
after(() => scenarios.close());

test('all processes are killed under load at once, and started with one command', async (t) => {
  log = (line) => t.diagnostic(line);
  log(`seed ${seed}`);
  await scenarios.everythingDies();
});

test('stopped with a checkpoint, all of it comes back from that: here, and at other addresses', async (t) => {
  log = (line) => t.diagnostic(line);
  await scenarios.wholeReturns(deployment, path.join(place, 'here'));
  await scenarios.wholeReturns(elsewhere, path.join(place, 'here'));
});
