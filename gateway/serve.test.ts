/** `serve` as a process: its signals and its exit status, alone and with workers. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { accessKey, secret } from './testing/pipeline-server.ts';
import { request, signedHeaders } from './testing/signed-request.ts';

const program = fileURLToPath(new URL('../../bin/blobseer-s3.js', import.meta.url));

let parent: string;
let data: string;
const running = new Set<ChildProcess>();
beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'serve-test-'));
  data = path.join(parent, 'data');
});
afterEach(async () => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
  rmSync(parent, { recursive: true, maxRetries: 20, retryDelay: 100 });
});

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
  readonly output: () => string;
  /** Exit status, or the signal's name. */
  readonly ended: Promise<number | string | null>;
}

async function start(...args: string[]): Promise<Server> {
  const child = spawn(
    process.execPath,
    [program, 'serve', '--data', data, '--listen', '127.0.0.1:0', ...args],
    {
      env: { ...process.env, BLOBSEER_S3_ACCESS_KEY: accessKey, BLOBSEER_S3_SECRET_KEY: secret },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  running.add(child);
  let output = '';
  let log = '';
  child.stderr?.on('data', (piece) => {
    log += String(piece);
  });
  const ended = new Promise<number | string | null>((resolve) => {
    child.once('exit', (status, signal) => resolve(status ?? signal));
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (piece) => {
      output += String(piece);
      if (output.includes('s3 ls')) resolve();
    });
    void ended.then((status) => reject(new Error(`it ended with ${status}: ${log}`)));
  });
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(output)?.[1]);
  return { child, port, output: () => output, ended };
}

/** Begins an upload that never ends; resolves when the server has taken it up. */
function beginUpload(port: number): Promise<void> {
  const headers = {
    Expect: '100-continue',
    'Content-Length': '1000000',
    'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
  };
  const signed = signedHeaders(port, { method: 'PUT', path: '/bucket/k', headers });
  const lines = Object.entries(signed).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`PUT /bucket/k HTTP/1.1\r\n${lines.join('')}\r\n`);
    });
    socket.on('error', () => undefined);
    socket.once('data', (piece) => {
      if (/^HTTP\/1.1 100/.test(String(piece))) resolve();
      else reject(new Error(String(piece)));
    });
  });
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

/** Connections that were closed may count as open a while. */
async function untilAnswered(port: number): Promise<number> {
  for (;;) {
    try {
      return (await request(port, { path: '/' })).status;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

for (const workers of ['1', '2']) {
  describe(`with ${workers} worker(s)`, () => {
    test('serves, and SIGTERM ends it with 0', async () => {
      const server = await start('--workers', workers);
      assert.equal((await request(server.port, { method: 'PUT', path: '/bucket' })).status, 200);
      const put = await request(server.port, { method: 'PUT', path: '/bucket/k', body: 'hello' });
      assert.equal(put.status, 200, put.body);
      assert.equal((await request(server.port, { path: '/bucket/k' })).body, 'hello');
      assert.match(server.output(), new RegExp(`access key +${accessKey}`));
      assert.ok(!server.output().includes(secret), 'a configured secret is not printed');
      server.child.kill('SIGTERM');
      assert.equal(await server.ended, 0);
    });

    test('serves again after more connections than it may have files open', async () => {
      const server = await start('--workers', workers);
      for (const pid of [server.child.pid!, ...childrenOf(server.child.pid!)]) {
        const maxFiles = readdirSync(`/proc/${pid}/fd`).length + 20;
        execFileSync('prlimit', ['--pid', String(pid), `--nofile=${maxFiles}`]);
      }
      const sockets = Array.from({ length: 150 }, () => connect(server.port, '127.0.0.1'));
      const settled = sockets.map(
        (socket) =>
          new Promise<void>((resolve) => {
            for (const event of ['close', 'data']) socket.once(event, () => resolve());
            socket.on('error', () => undefined);
            socket.write('GET /nobody HTTP/1.1\r\nHost: h\r\n\r\n');
          }),
      );
      // Each is answered or closed; none is left waiting.
      await Promise.all(settled);
      for (const socket of sockets) socket.destroy();
      const found = await untilAnswered(server.port);
      assert.equal(found, 200);
      server.child.kill('SIGTERM');
      assert.equal(await server.ended, 0);
    });

    test('a second signal ends it at once', async () => {
      const server = await start('--workers', workers);
      assert.equal((await request(server.port, { method: 'PUT', path: '/bucket' })).status, 200);
      await beginUpload(server.port);
      server.child.kill('SIGINT');
      let hasEnded = false;
      void server.ended.then(() => {
        hasEnded = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal(hasEnded, false, 'the running upload is waited for');
      server.child.kill('SIGINT');
      assert.equal(await server.ended, 1);
    });
  });
}

test('files of the directory are their user’s alone', async () => {
  const server = await start();
  for (const name of ['.', 'blobseer.mdb', 'lock']) {
    assert.equal(statSync(path.join(data, name)).mode & 0o077, 0, name);
  }
  server.child.kill('SIGTERM');
  await server.ended;
});

test('a supervisor that is killed takes its workers with it, and the next one starts', async () => {
  const first = await start('--workers', '2');
  assert.equal(childrenOf(first.child.pid!).length, 2);
  first.child.kill('SIGKILL');
  await first.ended;
  const second = await start('--workers', '2');
  second.child.kill('SIGTERM');
  assert.equal(await second.ended, 0);
});
