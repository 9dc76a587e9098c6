/** What the filling program puts is read over HTTP like anything else. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { accessKey, secret } from './pipeline-server.ts';
import { type Got, request } from './signed-request.ts';

const gateway = path.join(import.meta.dirname, '..', '..', '..', 'bin', 'blobseer-s3.js');
const filler = path.join(import.meta.dirname, 'fill-namespace.js');
const run = promisify(execFile);
const running = new Set<ChildProcess>();

async function serve(data: string): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(
    process.execPath,
    [gateway, 'serve', '--data', data, '--listen', '127.0.0.1:0', '--log-level', 'warn'],
    {
      env: { ...process.env, BLOBSEER_S3_ACCESS_KEY: accessKey, BLOBSEER_S3_SECRET_KEY: secret },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  running.add(child);
  let output = '';
  for await (const piece of child.stdout) {
    output += String(piece);
    const port = /127\.0\.0\.1:(\d+)/.exec(output)?.[1];
    if (port !== undefined) return { child, port: Number(port) };
  }
  throw new Error(`it did not start: ${output}`);
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');
  running.delete(child);
}

test('objects, versions and delete markers of the filling program are listed and read', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'fill-namespace-test-'));
  const data = path.join(folder, 'data');
  const fill = (...args: string[]) =>
    run(process.execPath, [filler, '--data', data, '--bucket', 'bucket', ...args]);
  try {
    const first = await serve(data);
    const ask = (port: number, method: string, place: string, body?: string): Promise<Got> =>
      request(port, { method, path: place, ...(body === undefined ? {} : { body }) });
    assert.equal((await ask(first.port, 'PUT', '/bucket')).status, 200);
    await assert.rejects(fill('--key', '{n}', '--numbers', '1'), /another server uses/);
    await stop(first.child);

    await fill('--key', 'f/{n}', '--numbers', '40', '--bytes', '3');
    await fill('--key', 'f/{n}', '--first', '40', '--numbers', '10', '--bytes', '3');
    const second = await serve(data);
    const listed = await ask(second.port, 'GET', '/bucket?list-type=2&start-after=f/00000009');
    assert.match(listed.body, /<KeyCount>40<[\s\S]*<Key>f\/00000010<[\s\S]*<Key>f\/00000049</);
    assert.equal((await ask(second.port, 'GET', '/bucket/f/00000049')).body, 'f/0');
    const enabled = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
    assert.equal((await ask(second.port, 'PUT', '/bucket?versioning', enabled)).status, 200);
    await stop(second.child);

    await fill('--key', 'versions', '--numbers', '30');
    await fill('--key', 'f/{n}', '--numbers', '50', '--delete');
    const third = await serve(data);
    const left = await ask(third.port, 'GET', '/bucket?list-type=2');
    assert.match(left.body, /<KeyCount>1<[\s\S]*<Key>versions</);
    const versions = (await ask(third.port, 'GET', '/bucket?versions')).body;
    assert.equal(versions.match(/<Version><Key>versions</g)?.length, 30);
    assert.equal(versions.match(/<DeleteMarker>/g)?.length, 50);
    await stop(third.child);
  } finally {
    for (const child of running) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});
