/** The whole of a deployment is stopped with a checkpoint under load, and comes back from that. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Deployment } from '../harness/deployment.ts';
import { Scenarios } from './scenarios.ts';

const place = mkdtempSync(path.join(tmpdir(), 'checkpoints-'));
after(() => rmSync(place, { recursive: true }));
const deployment = await Deployment.up({ workers: 2 });
after(() => deployment.remove());
/** As the first one, at other addresses. */
const elsewhere = await Deployment.describe({ workers: 2 });
after(() => elsewhere.remove());
const scenarios = await Scenarios.open(deployment, console.log);
after(() => scenarios.close());

test('at the same addresses, and then at others', async () => {
  await scenarios.wholeReturns(deployment, place);
  await scenarios.wholeReturns(elsewhere, place);
  await scenarios.check();
});
