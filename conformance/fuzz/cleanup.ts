/** After all requests: the directory is whole, everything can be deleted, and no page is left. */
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { emptyBucket } from '../harness/buckets.ts';
import type { Credentials, Gateway } from '../harness/gateway.ts';
import { makeClient } from '../harness/target.ts';

const sweepTimeoutMs = 120_000;

/** `owners` of buckets: each can list its own only. */
export async function assertNothingLeft(
  gateway: Gateway,
  region: string,
  owners: readonly Credentials[],
): Promise<void> {
  await assertClean(gateway, 'after the requests');
  await gateway.start();
  for (const owner of owners) {
    const client = makeClient(gateway.endpoint, owner, { region });
    for (;;) {
      const { Buckets: buckets = [] } = await client.send(new ListBucketsCommand({}));
      if (buckets.length === 0) break;
      for (const { Name: name = '' } of buckets) await emptyBucket(client, name);
    }
    client.destroy();
  }
  const deadline = Date.now() + sweepTimeoutMs;
  for (;;) {
    const left = pageFiles(gateway.dataDirectory);
    if (left.length === 0) break;
    if (Date.now() > deadline) assert.fail(`page files are left: ${left.slice(0, 5).join()}`);
    await delay(200);
  }
  await assertClean(gateway, 'after all was deleted');
}

async function assertClean(gateway: Gateway, when: string): Promise<void> {
  assert.equal(await gateway.stop(), 0, 'exit status after SIGTERM');
  const { status, output } = await gateway.check();
  assert.equal(status, 0, `check ${when}: ${output}`);
}

/** Every file under a folder `pages`: pages that are too large to lie in LMDB. */
function pageFiles(dataDirectory: string): string[] {
  return readdirSync(dataDirectory, { recursive: true })
    .map(String)
    .filter((name) => name.split(path.sep).slice(0, -1).includes('pages'))
    .filter((name) =>
      statSync(path.join(dataDirectory, name), { throwIfNoEntry: false })?.isFile(),
    );
}
