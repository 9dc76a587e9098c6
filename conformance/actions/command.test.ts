/** The command line as a user meets it: start, restart, wrong settings, check, and an orderly end. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Gateway, runCommand } from '../harness/gateway.ts';
import { send } from '../harness/http.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'blobseer-s3-command-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const targetOf = (gateway: Gateway) => ({
  endpoint: gateway.endpoint,
  credentials: gateway.credentials,
  region: 'us-east-1',
});

test('--help and version', async () => {
  const help = await runCommand(['--help']);
  assert.equal(help.status, 0);
  for (const word of ['serve', 'user', 'check', 'config', 'version']) {
    assert.ok(help.output.includes(word), word);
  }
  const version = await runCommand(['version']);
  assert.equal(version.status, 0);
  assert.match(version.output, /\d+\.\d+\.\d+/);
});

test('an unknown command, flag or value is refused with what is allowed', async () => {
  for (const args of [
    ['serv'],
    ['serve', '--wrokers', '2'],
    ['serve', '--workers', 'many'],
    ['serve', '--listen', 'nowhere'],
  ]) {
    const { status, output } = await runCommand([...args, '--data', path.join(folder, 'never')]);
    assert.notEqual(status, 0, args.join(' '));
    assert.ok(output.length > 0 && !/\n\s+at /.test(output), `a message, no stack: ${output}`);
  }
});

test('config prints what is in effect, without the secret', async () => {
  const secret = 'a-secret-that-must-not-be-printed';
  const { status, output } = await runCommand(['config', '--workers', '3'], {
    BLOBSEER_S3_ACCESS_KEY: 'SOMEACCESSKEY',
    BLOBSEER_S3_SECRET_KEY: secret,
  });
  assert.equal(status, 0, output);
  assert.match(output, /workers:?\s.*3/);
  assert.ok(!output.includes(secret));
});

test('what was stored is there after a restart; SIGTERM ends with 0; check is clean', async () => {
  const gateway = await Gateway.start({ workers: 2 });
  after(() => gateway.remove());
  await send(targetOf(gateway), { method: 'PUT', path: '/kept' });
  const body = Buffer.alloc(3_000_000, 7);
  await send(targetOf(gateway), { method: 'PUT', path: '/kept/large', body });
  await send(targetOf(gateway), { method: 'PUT', path: '/kept/small', body: 'small' });
  assert.equal(await gateway.stop(), 0);
  const check = await gateway.check();
  assert.equal(check.status, 0, check.output);
  await gateway.start();
  assert.ok((await send(targetOf(gateway), { path: '/kept/large' })).body.equals(body));
  assert.equal((await send(targetOf(gateway), { path: '/kept/small' })).text, 'small');
  assert.equal(statSync(gateway.dataDirectory).mode & 0o077, 0, 'the directory is private');
  assert.ok(!gateway.log().includes(gateway.credentials.secretAccessKey), 'no secret in the log');
});

test('check on a running server works too', async () => {
  const gateway = await Gateway.start();
  after(() => gateway.remove());
  await send(targetOf(gateway), { method: 'PUT', path: '/bucket' });
  await send(targetOf(gateway), { method: 'PUT', path: '/bucket/k', body: 'x'.repeat(500_000) });
  const { status, output } = await gateway.check();
  assert.equal(status, 0, output);
});

test('SIGTERM lets a running upload end, and its bytes are kept', async () => {
  const gateway = await Gateway.start();
  after(() => gateway.remove());
  const target = targetOf(gateway);
  await send(target, { method: 'PUT', path: '/bucket' });
  let stopping: Promise<number | null> | undefined;
  async function* body() {
    yield Buffer.alloc(1000, 1);
    stopping = gateway.stop();
    await new Promise((resolve) => setTimeout(resolve, 400));
    yield Buffer.alloc(1000, 2);
  }
  const answer = await send(target, {
    method: 'PUT',
    path: '/bucket/k',
    headers: { 'Content-Length': '2000' },
    contentSha256: 'UNSIGNED-PAYLOAD',
    stream: body(),
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(await stopping, 0);
  await gateway.start();
  assert.equal((await send(targetOf(gateway), { path: '/bucket/k' })).body.length, 2000);
});

test('two servers never serve one directory at once', async () => {
  const first = await Gateway.start();
  after(() => first.remove());
  await send(targetOf(first), { method: 'PUT', path: '/bucket' });
  const starting = Gateway.start({ dataDirectory: first.dataDirectory });
  const second = await Promise.race([
    starting.catch(() => undefined),
    new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 2500)),
  ]);
  assert.equal(second, undefined, 'the second one waits for the first, or refuses');
  await first.stop();
  // If it waited, it serves now.
  const waited = await starting.catch(() => undefined);
  if (waited !== undefined) {
    assert.equal((await send(targetOf(waited), { method: 'HEAD', path: '/bucket' })).status, 200);
    await waited.remove();
  }
});
