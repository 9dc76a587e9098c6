/** Managers of a deployment die: there is one of each, and the supervisor brings it back. */
import { after, test } from 'node:test';
import { Deployment } from '../harness/deployment.ts';
import { Scenarios } from './scenarios.ts';

const deployment = await Deployment.up({ workers: 2 });
after(() => deployment.remove());
const scenarios = await Scenarios.open(deployment, console.log);
after(() => scenarios.close());

for (const role of ['version-manager', 'provider-manager']) {
  test(`a ${role} is killed under load, and nobody has to do anything`, async () => {
    await scenarios.memberDies(role);
  });
}

test('at the end nothing is amiss', async () => {
  await scenarios.check();
});
