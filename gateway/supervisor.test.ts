/** The supervisor with made-up workers: programs of a few lines that do one thing wrong each. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { configWith } from './config.ts';
import { storageFailedStatus } from './gateway.ts';
import { createLog } from './log.ts';
import { Supervisor } from './supervisor.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'supervisor-test-'));
const descriptor = openSync(path.join(directory, 'lock'), 'a');
after(() => {
  closeSync(descriptor);
  rmSync(directory, { recursive: true });
});

/** Runs `body` when told to start; `tell` and `instanceId` are at hand. */
function workerProgram(name: string, body: string): string {
  const file = path.join(directory, `${name}.cjs`);
  writeFileSync(
    file,
    `const tell = (message) => process.send(message);
     const instanceId = process.pid;
     process.on('message', (message) => {
       if (message.kind === 'stop') process.exit(0);
       tell({ kind: 'instance', instanceId });
       ${body}
     });
     tell({ kind: 'awake' });`,
  );
  return file;
}

const listening = "tell({ kind: 'listening', urls: ['http://here'] });";

function supervise(program: string, workers = 2) {
  const buried: number[] = [];
  const supervisor = new Supervisor({
    config: configWith({ dataDirectory: directory, workers }),
    log: createLog('silent'),
    lockDescriptor: descriptor,
    drainMs: 1000,
    instanceDied: async (id) => {
      buried.push(id);
    },
    program,
  });
  return { supervisor, buried };
}

describe('a supervisor', () => {
  test('starts when all workers listen, and stops them', async () => {
    const { supervisor, buried } = supervise(workerProgram('good', listening));
    assert.deepEqual(await supervisor.start(), ['http://here']);
    await supervisor.stop();
    assert.equal(buried.length, 2, 'what they left is looked for after a clean end too');
  });

  test('reports a killed worker to the engine and replaces it', async () => {
    const { supervisor, buried } = supervise(workerProgram('good', listening), 1);
    await supervisor.start();
    const [pid] = supervisor.workerPids;
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
    while (supervisor.workerPids[0] === undefined || supervisor.workerPids[0] === pid) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.deepEqual(buried, [pid]);
    await supervisor.stop();
  });

  test('fails as a whole when the storage of one worker failed', async () => {
    const program = workerProgram(
      'storage',
      `${listening} setTimeout(() => process.exit(${storageFailedStatus}), 50);`,
    );
    const { supervisor } = supervise(program, 1);
    await supervisor.start();
    await assert.rejects(supervisor.failed, /storage failed/);
    supervisor.kill();
  });

  test('fails at once, with the reason, when a worker cannot start', async () => {
    const program = workerProgram('refuse', "tell({ kind: 'refused', reason: 'port taken' });");
    const { supervisor } = supervise(program, 1);
    await assert.rejects(supervisor.start(), /port taken/);
    await supervisor.stop();
  });

  test('kills a worker that does not stop', async () => {
    const program = workerProgram(
      'deaf',
      `${listening} process.removeAllListeners('message'); process.on('message', () => undefined);`,
    );
    const { supervisor } = supervise(program, 1);
    await supervisor.start();
    const stopped = supervisor.stop();
    supervisor.kill();
    await stopped;
    assert.deepEqual(supervisor.workerPids, []);
  });
});
