/** The socket between commands and the supervisor. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { askSupervisor, type ControlRequest, serveControl } from './control.ts';
import { layoutOf } from './layout.ts';
import type { DeploymentStatus } from './status.ts';

const timeoutMs = 20_000;
const short = mkdtempSync(path.join(tmpdir(), 'control-'));
/** Longer than the address of a socket may be. */
const folder = path.join(short, 'd'.repeat(120));
mkdirSync(folder);
after(() => rmSync(short, { recursive: true }));

const status: DeploymentStatus = {
  name: 'lab',
  directory: folder,
  supervisorPid: 7,
  endpoints: [],
  lastCheckpoint: undefined,
  members: [],
};

test('requests are answered, errors keep their kind, and the socket is the owner’s alone', async () => {
  assert.equal(await askSupervisor(folder, { action: 'status' }, timeoutMs), undefined);
  // Left behind by one who died.
  writeFileSync(layoutOf(folder).control, '');
  const heard: ControlRequest[] = [];
  const server = await serveControl(folder, async (request) => {
    heard.push(request);
    if (request.action === 'restart') throw new BlobSeerError('not-found', `no ${request.member}`);
    return status;
  });
  assert.equal(statSync(layoutOf(folder).control).mode & 0o777, 0o600);
  // What is undefined is not there on the other side.
  const expected = JSON.parse(JSON.stringify(status)) as DeploymentStatus;
  assert.deepEqual(await askSupervisor(folder, { action: 'status' }, timeoutMs), expected);
  const wrong = askSupervisor(folder, { action: 'restart', member: 'x' }, timeoutMs);
  await assert.rejects(wrong, { kind: 'not-found', message: 'no x' });
  assert.deepEqual(heard, [{ action: 'status' }, { action: 'restart', member: 'x' }]);

  server.close();
  await once(server, 'close');
  assert.equal(await askSupervisor(folder, { action: 'status' }, timeoutMs), undefined);
});

test('nonsense ends nothing but its connection', async () => {
  const server = await serveControl(short, async () => status);
  const { control } = layoutOf(short);
  for (const [nonsense, answer] of [
    ['{\n', /^\{"error":/],
    ['x'.repeat(10_000), /^$/],
    ['', /^$/],
  ] as const) {
    const socket = connect(control);
    let heard = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      heard += `${chunk}`;
    });
    socket.end(nonsense);
    await once(socket, 'close');
    assert.match(heard, answer);
  }
  assert.equal((await askSupervisor(short, { action: 'status' }, timeoutMs))?.name, 'lab');
  server.close();
  await once(server, 'close');
});

test('no answer in time is told so', async () => {
  const server = await serveControl(folder, () => new Promise(() => undefined));
  await assert.rejects(askSupervisor(folder, { action: 'stop' }, 50), {
    kind: 'unavailable',
    message: 'the supervisor does not answer: no answer within 50 ms',
  });
  server.close();
  await once(server, 'close');
});
