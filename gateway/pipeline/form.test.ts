// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${filename} is S3's own variable.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { Operation, S3Request, S3Response } from '../operations/operation.ts';
import {
  accessKey,
  exchangeRaw,
  secret,
  startTestServer,
  type TestServer,
} from '../testing/pipeline-server.ts';

const boundary = 'b';
let server: TestServer;

async function receive({ form, key, identity, body }: S3Request): Promise<S3Response> {
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(piece);
  const fields = Object.fromEntries(form ?? []);
  const text = { fields, key, user: identity?.userId, file: Buffer.concat(pieces).toString() };
  return { status: 200, headers: {}, body: JSON.stringify(text) };
}

const operations: readonly Operation[] = [
  {
    name: 'PostObject',
    iamAction: 's3:PutObject',
    access: 'bucket:WRITE',
    level: 'bucket',
    method: 'POST',
    body: 'form',
    handler: receive,
  },
];

before(async () => {
  server = await startTestServer({ operations, limits: { headersTimeoutMs: 300 } });
});
after(() => server.close());

function body(fields: Readonly<Record<string, string>>, file: string): string {
  const parts = Object.entries(fields).map(
    ([name, value]) => `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`,
  );
  parts.push(`Content-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n${file}`);
  return `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--`;
}

const head = (length: number) =>
  `POST /mine HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: ${length}\r\nContent-Type: multipart/form-data; boundary=${boundary}\r\n\r\n`;

async function post(fields: Readonly<Record<string, string>>, file = 'bytes') {
  const form = body(fields, file);
  const { text } = await exchangeRaw(server.port, (socket) => {
    socket.write(head(Buffer.byteLength(form)) + form);
  });
  const [, status, answer] = /^HTTP\/1\.1 (\d+)[\s\S]*?\r\n\r\n([\s\S]*)$/.exec(text) ?? [];
  return { status: Number(status), text: answer ?? '' };
}

function signed(conditions: readonly unknown[]): Record<string, string> {
  const date = new Date().toISOString().replace(/[:-]|\.\d{3}/g, '');
  const day = date.slice(0, 8);
  const fields = {
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': `${accessKey}/${day}/us-east-1/s3/aws4_request`,
    'x-amz-date': date,
  };
  const covered = Object.keys(fields).map((name) => ['starts-with', `$${name}`, '']);
  const document = { expiration: '2999-01-01T00:00:00Z', conditions: [...conditions, ...covered] };
  const policy = Buffer.from(JSON.stringify(document)).toString('base64');
  const key = [day, 'us-east-1', 's3', 'aws4_request'].reduce<Buffer | string>(
    (signer, text) => createHmac('sha256', signer).update(text).digest(),
    `AWS4${secret}`,
  );
  const signature = createHmac('sha256', key).update(policy).digest('hex');
  return { ...fields, policy, 'x-amz-signature': signature };
}

test('the handler gets key, fields, who signed, and the file', async () => {
  const fields = { KEY: 'up/${filename}', ...signed([{ bucket: 'mine' }, { key: 'up/f.txt' }]) };
  const { status, text } = await post(fields);
  assert.equal(status, 200, text);
  const got = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual([got.key, got.user, got.file], ['up/f.txt', 'u1', 'bytes']);
  assert.equal((got.fields as Record<string, string>).key, 'up/f.txt');
});

test('the log line names key and access key, and neither policy nor signature', async () => {
  const proof = signed([{ bucket: 'mine' }, { key: 'logged' }]);
  await post({ key: 'logged', ...proof });
  const line = server.logged.at(-1) ?? {};
  assert.deepEqual(
    [line.operation, line.bucket, line.key, line.accessKey],
    ['PostObject', 'mine', 'logged', accessKey],
  );
  const all = JSON.stringify(server.logged);
  assert.ok(!all.includes(proof.policy ?? 'policy'));
  assert.ok(!all.includes(proof['x-amz-signature'] ?? 'signature'));
});

test('a policy bounds the file while it comes in', async () => {
  const range = (min: number, max: number) =>
    signed([{ bucket: 'mine' }, { key: 'k' }, ['content-length-range', min, max]]);
  assert.equal((await post({ key: 'k', ...range(5, 5) })).status, 200);
  assert.match((await post({ key: 'k', ...range(0, 4) })).text, /<Code>EntityTooLarge</);
  assert.match((await post({ key: 'k', ...range(6, 9) })).text, /<Code>EntityTooSmall</);
});

test('nobody may who did not sign, and nobody is asked for the file', async () => {
  assert.match((await post({ key: 'k' })).text, /<Code>AccessDenied</);
});

test('fields that do not come are not waited for as long as a file is', async () => {
  const { text } = await exchangeRaw(server.port, (socket) => {
    socket.write(`${head(1000)}--${boundary}\r\n`);
    // A byte now and then would keep a file's upload alive.
    const trickle = setInterval(() => socket.write('x'), 50);
    socket.once('close', () => clearInterval(trickle));
  });
  assert.match(text, /^HTTP\/1\.1 400 /);
  assert.match(text, /<Code>RequestTimeout</);
});

test('a file may come slowly', async () => {
  const fields = { key: 'k', ...signed([{ bucket: 'mine' }, { key: 'k' }]) };
  const form = body(fields, 'slow');
  const { text } = await exchangeRaw(server.port, async (socket) => {
    socket.write(head(form.length) + form.slice(0, -10));
    await wait(500);
    socket.write(form.slice(-10));
  });
  assert.match(text, /^HTTP\/1\.1 200 /);
});
