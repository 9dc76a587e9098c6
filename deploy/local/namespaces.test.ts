/** Addresses of members in network namespaces. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDescription } from '../description/description.ts';
import { planMembers } from '../plan.ts';
import { namespaceOf, namespacePlacement } from './namespaces.ts';

const describe = (metadataProviders: number) =>
  readDescription(
    `name: lab
roles:
  metadataProviders: { count: ${metadataProviders} }
  dataProviders: { count: 2 }
`,
  );

test('each member has an address that does not depend on how many others there are', () => {
  const placement = namespacePlacement('/srv/lab', 7);
  const addresses = (count: number) =>
    planMembers(describe(count), placement).map(
      ({ name, host, port }) => `${name} ${host}:${port}`,
    );
  assert.deepEqual(addresses(2), [
    'version-manager-1 198.18.7.2:7001',
    'provider-manager-1 198.18.7.3:7002',
    'metadata-provider-1 198.18.7.10:7003',
    'metadata-provider-2 198.18.7.11:7003',
    'data-provider-1 198.18.7.70:7010',
    'data-provider-2 198.18.7.71:7010',
    'gateway-1 198.18.7.220:9000',
  ]);
  assert.deepEqual(addresses(60).slice(-3), addresses(2).slice(-3));
  assert.throws(() => addresses(61), { message: /addresses for 60 of the role metadata-provider/ });
});

test('a namespace is named after its member and its network', () => {
  assert.equal(namespaceOf(7, { name: 'gateway-1' }), 'bs7-gateway-1');
});
