/** That the model's arithmetic is right, its constants can be measured, and MODEL.md is what it says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Bound,
  type Cluster,
  commitBound,
  commitMsOf,
  demandAt,
  lowest,
  manyGateways,
  oneGateway,
  ordered,
} from './bottlenecks.ts';
import { measureEmbedded, tinyConstants } from './constants.ts';
import { readConstants, readDocument, report, withTables } from './model.ts';
import type { Constants, Demand, Demands } from './model-constants.ts';
import { operations } from './model-constants.ts';

const demand = (cpuMs: number, mainMs: number, writtenKiB: number): Demand => ({
  ...{ cpuMs, mainMs, writtenKiB },
});
const forAll = (each: Demands['put-4k']): Demands => ({
  ...{ 'put-4k': each, 'get-4k': each, 'put-16m': each, 'get-16m': each },
});
const constants: Constants = {
  ...{ machine: 'none', node: 'none', date: 'never', loadAverage: 0 },
  ...{ syncMs: 1, diskMiBPerSecond: 100 },
  digestMiBPerSecond: { md5: 500, sha256: 1000, crc32c: 5000 },
  embedded: {
    alone: { putMs: 3, getMs: 1 },
    demands: forAll({ gateway: demand(2, 1, 64) }),
  },
  cluster: {
    alone: { putMs: 9, getMs: 2 },
    unreplicated: forAll({
      gateway: demand(4, 2, 0),
      'version-manager': demand(0.5, 0.5, 0),
      'data-provider': demand(10, 4, 0),
    }),
    replicatedTwice: forAll({
      gateway: demand(5, 3, 0),
      'version-manager': demand(0.4, 0.4, 0),
      'data-provider': demand(20, 8, 0),
    }),
  },
};
const supposed = { cores: 4, nicMiBPerSecond: 1000, connections: 32 };
const of = (bounds: readonly Bound[], resource: string) =>
  bounds.find((bound) => bound.resource === resource)?.perSecond;

test('one gateway: main threads, cores, disk, network and commits', () => {
  const bounds = oneGateway(constants, 'put-16m', 2, supposed);
  assert.equal(of(bounds, 'gateway: main thread'), 2000);
  assert.equal(of(bounds, 'gateway: cores'), 2000);
  assert.equal(of(bounds, 'gateway: disk'), (100 * 1024) / 64);
  assert.equal(of(bounds, 'gateway: network'), 1000 / 16);
  // A commit takes 2 ms and carries half of the connections.
  assert.equal(of(bounds, 'gateway: commits'), 500 * 16);
  assert.equal(lowest(bounds).resource, 'gateway: network');
  assert.equal(of(oneGateway(constants, 'get-16m', 2, supposed), 'gateway: commits'), undefined);
});

test('a commit carries what came meanwhile, and at least one operation', () => {
  assert.equal(commitMsOf(constants), 2);
  assert.equal(commitBound({ commitMs: 2, commits: 1 }, 32, 1), 16_000);
  assert.equal(commitBound({ commitMs: 2, commits: 1 }, 32, 4), 4000);
  assert.equal(commitBound({ commitMs: 2, commits: 3 }, 1, 4), 500 / 3);
  const faster = { ...constants.embedded, alone: { putMs: 1, getMs: 2 } };
  assert.ok(commitMsOf({ ...constants, embedded: faster }) > 0);
});

test('replicas are on a straight line, and never make anything cheaper', () => {
  assert.deepEqual(demandAt(constants, 'put-4k', 'data-provider', 1), demand(10, 4, 0));
  assert.deepEqual(demandAt(constants, 'put-4k', 'data-provider', 3), demand(30, 12, 0));
  assert.deepEqual(demandAt(constants, 'put-4k', 'version-manager', 2), demand(0.5, 0.5, 0));
  assert.deepEqual(demandAt(constants, 'put-4k', 'provider-manager', 2), demand(0, 0, 0));
});

test('many gateways: what is shared does not grow with them', () => {
  const cluster: Cluster = {
    ...{ gateways: 1, workers: 2, versionManagers: 1 },
    ...{ metadataProviders: 3, dataProviders: 10, replication: 2 },
  };
  const one = manyGateways(constants, 'put-16m', cluster, supposed);
  const ten = manyGateways(constants, 'put-16m', { ...cluster, gateways: 10 }, supposed);
  for (const resource of ['main thread', 'cores', 'network', 'commits']) {
    const times = (of(ten, `gateways: ${resource}`) ?? 0) / (of(one, `gateways: ${resource}`) ?? 0);
    assert.ok(Math.abs(times - 10) < 1e-9, resource);
  }
  assert.equal(of(one, 'gateways: main thread'), 2000 / 3);
  // Every page goes out twice.
  assert.equal(of(one, 'gateways: network'), 1000 / 32);
  assert.equal(of(one, 'version manager: main thread'), 2000);
  assert.equal(of(ten, 'version manager: main thread'), 2000);
  assert.equal(of(one, 'provider manager: main thread'), Number.POSITIVE_INFINITY);
  assert.equal(of(one, 'data providers: main thread'), 10_000 / 8);
  assert.equal(of(one, 'data providers: network'), 10_000 / 32);
  const read = manyGateways(constants, 'get-16m', cluster, supposed);
  assert.equal(of(read, 'gateways: network'), 1000 / 16);
  const rates = ordered(ten).map(({ perSecond }) => perSecond);
  assert.deepEqual(
    rates,
    [...rates].sort((a, b) => a - b),
  );
  assert.throws(() => lowest([]), RangeError);
});

test('the tables of MODEL.md are those of the constants beside it', () => {
  const document = readDocument();
  assert.equal(withTables(document, report(readConstants())), document);
  assert.throws(() => withTables('nothing', 'tables'));
});

test('constants are measured on a gateway that keeps its pages itself', async () => {
  const { alone, demands } = await measureEmbedded(tinyConstants);
  assert.ok(alone.putMs > 0 && alone.getMs > 0);
  for (const name of operations) {
    assert.deepEqual(Object.keys(demands[name]), ['gateway']);
    const { cpuMs = -1, mainMs = -1, writtenKiB = -1 } = demands[name].gateway ?? {};
    assert.ok(cpuMs >= 0 && mainMs >= 0 && writtenKiB >= 0);
  }
  assert.ok((demands['put-16m'].gateway?.writtenKiB ?? 0) >= 16 * 1024);
});
