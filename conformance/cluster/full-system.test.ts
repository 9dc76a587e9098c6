/** The whole of a deployment dies at once, and is started again. */
import { after, test } from 'node:test';
import { Deployment } from '../harness/deployment.ts';
import { Scenarios } from './scenarios.ts';

const deployment = await Deployment.up({ workers: 2 });
after(() => deployment.remove());
const scenarios = await Scenarios.open(deployment, console.log);
after(() => scenarios.close());

test('all processes are killed under load at once, and started with one command', async () => {
  await scenarios.everythingDies();
  await scenarios.check();
});
