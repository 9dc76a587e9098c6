/** The command line of `deploy`, and what it prints; whole deployments are tested in deploy/local/. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { layoutOf } from '../../deploy/local/layout.ts';
import type { DeploymentStatus } from '../../deploy/local/status.ts';
import { runCli } from '../cli.ts';
import { bytesText, durationText, readyText, statusText } from './deploy-text.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'deploy-command-'));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(
  path.join(folder, 'lab.yaml'),
  'name: lab\nroles: { metadataProviders: { count: 1 }, dataProviders: { count: 1 } }\n',
);
writeFileSync(path.join(folder, 'wrong.yaml'), 'name: lab\nrolls: {}\n');

async function run(...args: readonly string[]): Promise<{ status: number; said: string }> {
  let said = '';
  const say = (text: string): void => {
    said += `${text}\n`;
  };
  const status = await runCli(['deploy', ...args], {
    print: say,
    complain: say,
    redraw: () => undefined,
    readStdin: async () => '',
    environment: {},
    workingDirectory: folder,
  });
  return { status, said };
}

test('what makes no sense is refused before anything is done', async () => {
  for (const [args, message] of [
    [[], 'deploy needs an action; actions are up, status, logs, restart, stop, start, down'],
    [['statsu', 'lab.yaml'], 'unknown action "statsu", did you mean "status"?'],
    [['up'], 'up needs the file of a deployment'],
    [['up', 'lab.yaml', 'gateway-1'], '"gateway-1" is not expected here'],
    [['up', 'lab.yaml', '--target', 'locl'], 'unknown target "locl", did you mean "local"?'],
    [['up', 'lab.yaml', '--watch'], '--watch is not for up'],
    [['up', 'lab.yaml', '--timeout', '0'], '--timeout must be a whole number from 1 to 3600'],
    [['restart', 'lab.yaml'], 'restart needs the name of a member'],
    [['up', 'absent.yaml'], 'absent.yaml: ENOENT'],
    [['up', 'wrong.yaml'], 'wrong.yaml, line 2: unknown key "rolls", did you mean "roles"?'],
  ] as const) {
    const { status, said } = await run(...args);
    assert.equal(status, 2, said);
    assert.ok(said.includes(message), said);
  }
  assert.equal(existsSync(path.join(folder, 'lab-data')), false);
});

test('a deployment that never was up is told so', async () => {
  for (const action of ['status', 'logs', 'stop', 'start', 'down']) {
    const { status, said } = await run(action, 'lab.yaml');
    assert.equal(status, 1, action);
    assert.match(said, /has no deployment|was never up/);
  }
  assert.equal(existsSync(path.join(folder, 'lab-data')), false);
});

const status: DeploymentStatus = {
  name: 'lab',
  directory: "/srv/it's",
  supervisorPid: 7,
  endpoints: ['https://127.0.0.1:9000', 'https://127.0.0.1:9001'],
  lastCheckpoint: undefined,
  members: [
    {
      name: 'data-provider-1',
      role: 'data-provider',
      host: '127.0.0.1',
      port: 7010,
      state: 'running',
      pid: 42,
      uptimeSeconds: 125,
      restarts: 1,
      pages: 12,
      bytes: 3 * 2 ** 20,
    },
    { name: 'gateway-1', role: 'gateway', host: '::1', port: 9000, state: 'stopped', restarts: 0 },
  ],
};

test('the table of a deployment', () => {
  assert.equal(
    statusText(status),
    `deployment       lab
directory        /srv/it's
supervisor       pid 7
endpoint         https://127.0.0.1:9000
                 https://127.0.0.1:9001
last checkpoint  none

ROLE           NAME             ADDRESS         STATE    PID  UPTIME  RESTARTS  BLOBS  PAGES  BYTES
data-provider  data-provider-1  127.0.0.1:7010  running  42   2m 5s   1         -      12     3.0 MiB
gateway        gateway-1        [::1]:9000      stopped  -    -       0         -      -      -`,
  );
});

test('what to try first can be pasted into a shell', () => {
  const text = readyText(status, layoutOf(status.directory), true);
  assert.match(text, /=\$\(cat '\/srv\/it'\\''s\/credentials\/access-key'\) /);
  assert.match(text, /^ {2}export AWS_CA_BUNDLE='\/srv\/it'\\''s\/authority\/ca\.pem'$/m);
});

test('durations and sizes', () => {
  assert.deepEqual([0, 59, 60, 3599, 3600, 90_061].map(durationText), [
    '0s',
    '59s',
    '1m 0s',
    '59m 59s',
    '1h 0m',
    '1d 1h',
  ]);
  assert.deepEqual([0, 1023, 1024, 1536, 2 ** 30, 2 ** 50].map(bytesText), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '1.0 GiB',
    '1024.0 TiB',
  ]);
});
