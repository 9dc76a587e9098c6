/** The whole of a deployment ends at once, under load. */
import { after, test } from 'node:test';
import { chooseSeed, SeededRandom } from '../durability/seeded-random.ts';
import { Deployment } from '../harness/deployment.ts';
import { Scenarios } from './scenarios.ts';

const seed = chooseSeed();
let log: (line: string) => void = () => undefined;

const deployment = await Deployment.up({ workers: 2 });
after(() => deployment.remove());
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
