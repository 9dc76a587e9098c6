/** What entities, as programs, say of themselves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Transport } from '../../blobseer-client/remote/transport.ts';
import { entityCalls } from '../../blobseer-client/remote/wire/messages.ts';
import { entityRoles } from './settings.ts';
import { Cluster, freePorts } from './testing/processes.ts';

test('every role says what it is, and how it fares', async () => {
  await using cluster = new Cluster();
  const ports = await freePorts(entityRoles.length);
  cluster.configure(ports[1]!);
  const transport = new Transport();
  const asked = entityRoles.map(async (role, index) => {
    const { address } = await cluster.start(role, role, ports[index]!);
    assert.equal(await transport.isEntity(address), true);
    const hello = await transport.call(address, entityCalls.hello, 1);
    assert.deepEqual({ ...hello, version: '' }, { role, extensions: 1, version: '' });
    assert.match(hello.version, /^\d+\.\d+/);
    const numbers = await transport.call(address, entityCalls.statistics, undefined);
    assert.equal(numbers.role, role);
    assert.equal(numbers.version, hello.version);
    assert.ok(Number(numbers.requests) >= 3, `${numbers.requests} requests`);
    assert.ok(Number(numbers.connections) >= 1);
    assert.ok(Number(numbers.memoryBytes) > 2 ** 20);
    for (const name of ['uptimeSeconds', 'bufferedBytes', 'failures', 'refusals']) {
      assert.equal(typeof numbers[name], 'number', name);
    }
  });
  try {
    await Promise.all(asked);
  } finally {
    transport.close();
  }
});
