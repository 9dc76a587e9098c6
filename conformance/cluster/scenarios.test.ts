/** Each scenario begins with a deployment at work and ends with one; in which order does not matter. */
import { after, test } from 'node:test';
import { chooseSeed, SeededRandom } from '../durability/seeded-random.ts';
import { Deployment } from '../harness/deployment.ts';
import { Scenarios } from './scenarios.ts';

const began = performance.now();
const seed = chooseSeed();
let log: (line: string) => void = () => undefined;
const seconds = (): string => ((performance.now() - began) / 1000).toFixed(1);

const deployment = await Deployment.up({ workers: 2 });
after(() => deployment.remove());
const upSeconds = seconds();
const scenarios = await Scenarios.open(deployment, {
  seed,
  random: new SeededRandom(seed),
  writes: 20,
  log: (line) => log(`${seconds()} s: ${line}`),
});
after(() => scenarios.close());

for (const role of ['data-provider', 'metadata-provider', 'version-manager', 'provider-manager']) {
  test(`a ${role} is killed under load, and nobody has to do anything`, async (t) => {
    log = (line) => t.diagnostic(line);
    log(`seed ${seed}; the deployment was up after ${upSeconds} s`);
    await scenarios.memberDies(role);
  });
}
