/** Supervised processes, with small programs in their place. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LogReader } from './logs.ts';
import { MemberProcess } from './member-process.ts';
import { endProcesses, findProcesses } from './processes.ts';

const patienceMs = 30_000;
const pollMs = 20;
const folder = mkdtempSync(path.join(tmpdir(), 'member-'));
const started: MemberProcess[] = [];
after(async () => {
  await Promise.all(started.map((member) => member.stop()));
  rmSync(folder, { recursive: true });
});

const silence = { info: () => undefined, warn: () => undefined, error: () => undefined };

function memberOf(script: string, name: string, program = process.execPath): MemberProcess {
  const member = new MemberProcess({
    name,
    program,
    arguments: ['-e', script, 'of-the-test', path.join(folder, name)],
    workingDirectory: folder,
    environment: { ONLY: 'this' },
    logFile: path.join(folder, `${name}.log`),
    log: silence,
  });
  started.push(member);
  return member;
}

const mark = (name: string): string[] => ['of-the-test', path.join(folder, name)];

async function until(isTrue: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while (!isTrue()) {
    assert.ok(performance.now() < deadlineMs, 'in time');
    await sleep(pollMs);
  }
}

const runs = `console.log(JSON.stringify(process.env)); setInterval(() => undefined, 1000);`;

test('what dies is started again, however often, and counted; what is stopped is not', async () => {
  const member = memberOf('console.log("here"); process.exit(3)', 'dies');
  assert.equal(member.status.isWanted, false);
  member.start();
  await until(() => member.status.restarts >= 3);
  assert.equal(member.status.lastEnd, 'exit status 3');
  await member.stop();
  const { restarts, pid } = member.status;
  assert.equal(pid, undefined);
  const lines = readFileSync(path.join(folder, 'dies.log'), 'utf8');
  assert.ok(lines.startsWith('here\nhere\nhere\n'));
  member.start();
  await until(() => member.status.restarts > restarts);
  await member.stop();
});

test('a process has its own environment alone, and a kill is seen', async () => {
  const member = memberOf(runs, 'runs');
  member.start();
  const { pid } = member.status;
  member.start();
  assert.equal(member.status.pid, pid, 'one is enough');
  await until(() => /ONLY/.test(readFileSync(path.join(folder, 'runs.log'), 'utf8')));
  assert.equal(readFileSync(path.join(folder, 'runs.log'), 'utf8'), '{"ONLY":"this"}\n');
  assert.deepEqual(findProcesses([mark('runs')]), [pid]);
  process.kill(pid!, 'SIGKILL');
  await until(() => member.status.restarts === 1 && member.status.pid !== undefined);
  assert.equal(member.status.lastEnd, 'SIGKILL');
  await member.stop();
  assert.equal(member.status.lastEnd, 'SIGTERM');
  assert.deepEqual(findProcesses([mark('runs')]), []);
});

test('a program that is not there is tried again, and stopping ends that', async () => {
  const member = memberOf('', 'absent', '/nowhere/program');
  member.start();
  await until(() => member.status.restarts >= 1);
  assert.match(member.status.lastEnd!, /ENOENT/);
  await member.stop();
  assert.equal(member.status.isWanted, false);
});

test('processes are found by what they were started with, and made to end', async () => {
  const member = memberOf(
    `process.on('SIGTERM', () => undefined); console.log('deaf'); ${runs}`,
    'deaf',
  );
  member.start();
  await until(() => readFileSync(path.join(folder, 'deaf.log')).length > 0);
  const { pid } = member.status;
  assert.deepEqual(findProcesses([mark('other'), mark('deaf')]), [pid]);
  assert.deepEqual(findProcesses([['of-the-test', folder]]), [], 'whole arguments only');
  const stopping = endProcesses([mark('deaf')], 100);
  await until(() => member.status.pid !== pid);
  await member.stop();
  await stopping;
  assert.deepEqual(findProcesses([mark('deaf')]), []);
});

test('logs are read from their end, line by line, also when they were emptied', () => {
  const file = path.join(folder, 'lines.log');
  const reader = new LogReader(file);
  assert.deepEqual(reader.last(2), []);
  writeFileSync(file, 'one\ntwo\nthree\nfo');
  assert.deepEqual(new LogReader(file).last(2), ['two', 'three']);
  assert.deepEqual(reader.last(5), ['one', 'two', 'three']);
  assert.deepEqual(reader.next(), []);
  writeFileSync(file, 'ur\n', { flag: 'a' });
  assert.deepEqual(reader.next(), ['four']);
  writeFileSync(file, 'new\n');
  assert.deepEqual(reader.next(), ['new']);
  assert.deepEqual(reader.next(), []);
});
