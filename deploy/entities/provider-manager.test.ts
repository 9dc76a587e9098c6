/** The provider manager against what the original's programs asked and answered, and beyond. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { exchangesOf } from '../../blobseer-client/remote/testing/exchanges.ts';
import {
  failureCalls,
  providerManagerCalls,
  reportCalls,
  status,
} from '../../blobseer-client/remote/wire/messages.ts';
import type { Answer } from './method.ts';
import { statusOf } from './method.ts';
import { ProviderManager } from './provider-manager.ts';
import { openState } from './state.ts';
import { exchangeBytes, RecordedLog, replay, serving } from './testing/harness.ts';

const { update, get } = providerManagerCalls;
const fail = (error: unknown): never => assert.fail(`${error}`);
const secondMs = 1000;

test('recorded reports and choices are answered to the byte', async () => {
  await using served = await serving(({ state, log }) => {
    return new ProviderManager({ state, archiveVersion: 18, log, nowMs: () => 0 }).methods;
  });
  const { port } = served.address;
  const [first, second, third] = exchangesOf('pmanager-update.json');
  await replay(port, [third!, first!, second!]);
  // The third one had been handed out once more than the others when the recording began.
  const recorded = exchangesOf('pmanager-get.json');
  await exchangeBytes(port, recorded[0]!.request);
  for (const exchange of recorded) await replay(port, [exchange]);
  await replay(
    port,
    exchangesOf('errors.json').filter(({ service }) => service === 'pmanager'),
  );
});

/** A manager whose time the test sets, called without sockets. */
async function opened() {
  const directory = await mkdtemp(path.join(tmpdir(), 'providers-'));
  const time = { nowMs: 0 };
  const start = async () => {
    const state = await openState({ directory, role: 'test', onStopped: fail });
    const log = new RecordedLog();
    const nowMs = () => time.nowMs;
    const manager = new ProviderManager({ state, archiveVersion: 18, log, nowMs });
    const call = async (number: number, parameters: Uint8Array[], host: string) => {
      const method = manager.methods.find((one) => one.number === number)!;
      try {
        return await method.answer(parameters.map(Buffer.from), { host, port: 1 });
      } catch (error) {
        return { status: statusOf(error), results: [] };
      }
    };
    return {
      report: (host: string, freeBytes = 1000) => {
        const report = { freeBytes, pagesRead: 0, bytesRead: 0, service: '1235' };
        return call(update.number, update.encodeRequest(report, 18), host);
      },
      reportAs: (host: string, freeBytes = 1000) => {
        const report = { freeBytes, pagesRead: 0, bytesRead: 0, service: '1235' };
        const { number, encodeRequest } = reportCalls.reportAs;
        return call(number, encodeRequest({ report, host }, 18), '10.0.0.9');
      },
      hosts: async (count: number, groupSize = 1) => {
        const request = { count, groupSize };
        const answer = await call(get.number, get.encodeRequest(request, 18), '10.0.0.9');
        if (answer.status !== status.ok) return answer.status;
        const results = (answer as Answer).results.map((one) => Buffer.from(one));
        return get.decodeAnswer(results, request).map(({ host }) => host);
      },
      fail: async (host: string, service = '1235') => {
        const { number, encodeRequest } = failureCalls.reportFailed;
        return (await call(number, encodeRequest({ host, service }, 18), '10.0.0.9')).status;
      },
      statistics: () => manager.statistics(),
      log,
      close: () => state.close(),
    };
  };
  return { time, start, remove: () => rm(directory, { recursive: true }) };
}

test('a provider that reports every second is missed within seconds, one of the original not', async () => {
  const { time, start, remove } = await opened();
  const manager = await start();
  for (time.nowMs = 0; time.nowMs <= 60 * secondMs; time.nowMs += secondMs) {
    await manager.report('10.0.0.1');
    if (time.nowMs % (30 * secondMs) === 0) await manager.report('10.0.0.2');
  }
  assert.deepEqual(
    new Set((await manager.hosts(2, 2)) as string[]),
    new Set(['10.0.0.1', '10.0.0.2']),
  );
  time.nowMs += 5 * secondMs;
  assert.deepEqual(await manager.hosts(2), ['10.0.0.2', '10.0.0.2']);
  assert.equal(await manager.hosts(2, 2), status.noResources);
  time.nowMs += 90 * secondMs;
  assert.equal(await manager.hosts(1), status.noResources);
  await manager.report('10.0.0.1');
  assert.deepEqual(await manager.hosts(1), ['10.0.0.1']);
  await manager.close();
  await remove();
});

test('a provider of the original that is started again stays known until its next report', async () => {
  const { time, start, remove } = await opened();
  const manager = await start();
  for (const atMs of [0, 2, 32, 62, 65, 95]) {
    time.nowMs = atMs * secondMs;
    await manager.report('10.0.0.2');
    time.nowMs += 29 * secondMs;
    assert.deepEqual(await manager.hosts(1), ['10.0.0.2'], `${atMs}`);
  }
  await manager.close();
  await remove();
});

test('a provider that reports under a name is found by it, wherever it reports from', async () => {
  const { time, start, remove } = await opened();
  const first = await start();
  assert.equal((await first.reportAs('data-provider-0.lab')).status, status.ok);
  await first.close();
  time.nowMs += secondMs;
  const second = await start();
  assert.deepEqual(await second.hosts(1), ['data-provider-0.lab'], 'also after a restart');
  assert.equal(await second.fail('data-provider-0.lab'), status.ok);
  assert.equal(await second.hosts(1), status.noResources);
  await second.reportAs('data-provider-0.lab');
  assert.deepEqual(await second.hosts(1), ['data-provider-0.lab']);
  await second.close();
  await remove();
});

test('a name of a host that is none is refused, by who sends it and by who gets it', () => {
  const { check, decodeRequest, encodeRequest } = reportCalls.reportAs;
  const report = { freeBytes: 1, pagesRead: 0, bytesRead: 0, service: '1235' };
  const read = (host: string) =>
    decodeRequest(encodeRequest({ report, host }, 18).map((one) => Buffer.from(one)));
  for (const host of ['', 'two words', '-a', `a${'.a'.repeat(127)}a`, 'a\n']) {
    assert.throws(() => check({ report, host }), { kind: 'invalid-argument' }, host);
    assert.throws(() => read(host), { kind: 'corrupt' }, host);
  }
  assert.deepEqual(read('a.b'), {
    report,
    host: 'a.b',
  });
  assert.throws(() => decodeRequest([]), { kind: 'corrupt' });
});

test('who was known is known after a restart, and missed if it does not report', async () => {
  const { time, start, remove } = await opened();
  const first = await start();
  for (let round = 0; round < 3; round++) {
    for (const host of ['10.0.0.1', '10.0.0.2']) await first.report(host);
    time.nowMs += secondMs;
  }
  await first.close();
  time.nowMs += 3600 * secondMs;
  const second = await start();
  assert.equal(((await second.hosts(2, 2)) as string[]).length, 2);
  time.nowMs += 3 * secondMs;
  await second.report('10.0.0.2');
  time.nowMs += 2 * secondMs;
  assert.deepEqual(await second.hosts(1), ['10.0.0.2']);
  await second.close();
  const third = await start();
  assert.deepEqual(await third.hosts(1), ['10.0.0.2']);
  await third.close();
  await remove();
});

test('full providers are not handed out, and those of a group differ', async () => {
  const { start, remove } = await opened();
  const manager = await start();
  await manager.report('10.0.0.1', 0);
  assert.equal(await manager.hosts(1), status.noResources);
  for (const host of ['10.0.0.2', '10.0.0.3', '10.0.0.4']) await manager.report(host);
  const hosts = (await manager.hosts(30, 3)) as string[];
  for (let at = 0; at < hosts.length; at += 3) {
    assert.equal(new Set(hosts.slice(at, at + 3)).size, 3);
  }
  assert.ok(!hosts.includes('10.0.0.1'));
  await manager.report('10.0.0.1', 5000);
  assert.deepEqual(await manager.hosts(3), ['10.0.0.1', '10.0.0.1', '10.0.0.1'], 'it catches up');
  for (const [count, groupSize] of [
    [0, 1],
    [1, 0],
  ] as const) {
    assert.equal(await manager.hosts(count, groupSize), status.badArguments);
  }
  assert.equal(await manager.hosts(2 ** 32 - 1), status.noResources);
  assert.equal(await manager.hosts(2 ** 31, 2 ** 31), status.noResources);
  await manager.close();
  await remove();
});

test('all pages of a large write of the C++ client get their providers at once', async () => {
  const { start, remove } = await opened();
  const manager = await start();
  const all = Array.from({ length: 7 }, (_, index) => `10.0.0.${index}`);
  for (const host of all) await manager.report(host);
  const count = 2 ** 18;
  const shares = new Map(all.map((host) => [host, 0]));
  const hosts = (await manager.hosts(count, 2)) as string[];
  for (const [at, host] of hosts.entries()) {
    shares.set(host, shares.get(host)! + 1);
    assert.notEqual(host, hosts[at ^ 1], 'replicas of a page');
  }
  for (const share of shares.values()) {
    assert.ok(Math.abs(share - count / all.length) <= 1, `${share}`);
  }
  assert.equal(await manager.hosts(count + 2, 2), status.noResources);
  await manager.close();
  await remove();
});

test('a provider that failed somebody is not handed out until it reports again', async () => {
  const { time, start, remove } = await opened();
  const first = await start();
  for (const host of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) await first.report(host);
  assert.equal(await first.fail('10.0.0.1'), status.ok);
  assert.equal(await first.fail('10.0.0.1'), status.ok, 'by several at once');
  assert.equal(await first.fail('10.0.0.1', '1236'), status.ok, 'another port is another provider');
  assert.equal(await first.fail('10.0.0.7'), status.ok);
  assert.equal(first.log.lines.filter(({ level }) => level === 'warn').length, 1);
  const hosts = (await first.hosts(40, 2)) as string[];
  assert.deepEqual(new Set(hosts), new Set(['10.0.0.2', '10.0.0.3']));
  assert.equal(await first.hosts(3, 3), status.noResources);
  await first.close();
  // A restart does not make it well.
  const second = await start();
  assert.equal(await second.hosts(3, 3), status.noResources);
  await second.report('10.0.0.1');
  assert.equal(((await second.hosts(3, 3)) as string[]).length, 3);
  // Back, it is one among the others: it has nothing to catch up on.
  assert.ok(Array.isArray(await second.hosts(60)));
  await second.fail('10.0.0.2');
  assert.ok(Array.isArray(await second.hosts(60)));
  time.nowMs += secondMs;
  await second.report('10.0.0.2');
  const shares = (await second.hosts(30)) as string[];
  assert.equal(shares.filter((host) => host === '10.0.0.2').length, 10);
  await second.report('10.0.0.4');
  const joined = (await second.hosts(40)) as string[];
  assert.equal(joined.filter((host) => host === '10.0.0.4').length, 10);
  await second.close();
  const third = await start();
  assert.equal(((await third.hosts(4, 4)) as string[]).length, 4);
  await third.close();
  await remove();
});

test('its statistics name every provider, and fit an answer', async () => {
  const { time, start, remove } = await opened();
  const manager = await start();
  await manager.report('10.0.0.1', 500);
  await manager.report('10.0.0.2', 0);
  await manager.report('10.0.0.3', 300);
  await manager.hosts(1);
  await manager.fail('10.0.0.3');
  time.nowMs += secondMs;
  assert.deepEqual(manager.statistics(), {
    providers: 3,
    usableProviders: 1,
    freeBytes: 500,
    '10.0.0.1 1235 freeBytes': 500,
    '10.0.0.1 1235 score': 1,
    '10.0.0.1 1235 silentMs': 1000,
    '10.0.0.1 1235 hasFailed': false,
    '10.0.0.2 1235 freeBytes': 0,
    '10.0.0.2 1235 score': 0,
    '10.0.0.2 1235 silentMs': 1000,
    '10.0.0.2 1235 hasFailed': false,
    '10.0.0.3 1235 freeBytes': 300,
    '10.0.0.3 1235 score': 0,
    '10.0.0.3 1235 silentMs': 1000,
    '10.0.0.3 1235 hasFailed': true,
  });
  const longest = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:';
  for (let index = 0; index < 200; index++) {
    await manager.report(`${longest}${index + 1000}`, Number.MAX_SAFE_INTEGER);
  }
  assert.ok(JSON.stringify(manager.statistics()).length < 60_000);
  await manager.close();
  await remove();
});
