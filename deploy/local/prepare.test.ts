/** What is written before members start, and what of it may change later. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { readDescription } from '../description/description.ts';
import { findCredentials } from './credentials.ts';
import { layoutOf, storageOf } from './layout.ts';
import { isCurrent, prepare } from './prepare.ts';
import { readRecord } from './record.ts';
import { planLocal } from './up.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'prepare-'));
after(() => rmSync(folder, { recursive: true }));

const dayMs = 86_400_000;
const nowMs = Date.now();
const text = `name: lab
replication: { pages: 2, metadata: 2 }
roles:
  metadataProviders: { count: 2 }
  dataProviders: { count: 2 }
  gateways: { count: 1 }
`;
const credentials = { accessKey: 'BSACCESS', secretKey: 'a "secret" # of: mine' };

function prepareIn(name: string, described = text, atMs = nowMs): string {
  const directory = path.join(folder, name);
  const description = readDescription(described);
  const plan = planLocal(description, directory, { wantsNamespaces: false });
  prepare({ ...plan, credentials, nowMs: () => atMs });
  return directory;
}

const filesIn = (directory: string): Map<string, string> =>
  new Map(
    readdirSync(directory, { recursive: true })
      .map(String)
      .filter((name) => statSync(path.join(directory, name)).isFile())
      .sort()
      .map((name) => [name, readFileSync(path.join(directory, name), 'latin1')]),
  );

test('every member gets its files, and nobody else can read them', () => {
  const directory = prepareIn('modes');
  const identity = ['ca.pem', 'cert.pem', 'key.pem'];
  assert.deepEqual(readdirSync(path.join(directory, 'data-provider-2')).sort(), [
    'blobseer.cfg',
    ...identity,
  ]);
  assert.deepEqual(readdirSync(path.join(directory, 'gateway-1')).sort(), [
    'blobseer.cfg',
    ...identity.slice(0, 2),
    'gateway.yaml',
    'key.pem',
  ]);
  for (const name of readdirSync(directory, { recursive: true }).map(String)) {
    const { mode } = statSync(path.join(directory, name));
    assert.equal(mode & 0o077, 0, name);
  }
  const gateway = readFileSync(path.join(directory, 'gateway-1', 'gateway.yaml'), 'utf8');
  assert.match(gateway, /^access-key: "BSACCESS"\nsecret-key: "a \\"secret\\" # of: mine"$/m);
});

test('without TLS there is no authority and no certificate', () => {
  const directory = prepareIn('plain', `${text}security: { tls: false }\n`);
  assert.deepEqual(readdirSync(path.join(directory, 'data-provider-1')), ['blobseer.cfg']);
  assert.equal(existsSync(layoutOf(directory).authority), false);
});

test('preparing again changes nothing, and renews certificates when they run out', () => {
  const directory = prepareIn('again');
  const before = filesIn(directory);
  prepareIn('again');
  assert.deepEqual(filesIn(directory), before);
  prepareIn('again', text, nowMs + 500 * dayMs);
  const after = filesIn(directory);
  for (const [name, content] of after) {
    const isRenewed = /\/(cert|key)\.pem$/.test(name);
    assert.equal(content !== before.get(name), isRenewed, name);
  }
});

test('what has data stays: changes that would lose it are refused with the reason', () => {
  const directory = prepareIn('succession');
  const before = filesIn(directory);
  for (const [from, to, message] of [
    ['name: lab', 'name: other', /is that of the deployment lab, not of other/],
    ['metadata: 2', 'metadata: 1', /metadata has 2 copies; replication.metadata cannot change/],
    ['metadataProviders: { count: 2 }', 'metadataProviders: { count: 3 }', /metadata lies on 127/],
    ['roles:', 'ports: { metadataProvider: 7999 }\nroles:', /metadata lies on 127\.0\.0\.1:7003, /],
    [
      '  dataProviders: { count: 2 }',
      '  dataProviders: { count: 1 }',
      /data-provider-2 has pages: it/,
    ],
    ['roles:', 'ports: { dataProvider: 7011 }\nroles:', /data-provider-1 has pages under the addr/],
  ] as const) {
    const changed = text.replace(from, to).replace('pages: 2', 'pages: 1');
    assert.throws(() => prepareIn('succession', changed), { kind: 'conflict', message }, to);
  }
  assert.deepEqual(filesIn(directory), before);
  const two = text.replace('gateways: { count: 1 }', 'gateways: { count: 2 }');
  prepareIn(
    'succession',
    two.replace('  dataProviders: { count: 2 }', '  dataProviders: { count: 3 }'),
  );
  assert.equal(readRecord(directory)?.members.length, 9);
  assert.throws(() => prepareIn('succession'), { message: /data-provider-3 has pages/ });
});

test('a change of the file is seen while members run as they were', () => {
  const directory = prepareIn('current');
  const isSame = (described: string): boolean => {
    const description = readDescription(described);
    return isCurrent(planLocal(description, directory, { wantsNamespaces: false }));
  };
  assert.equal(isSame(text), true);
  assert.equal(isSame(`# other words\n${text}`), true);
  assert.equal(isSame(text.replace('pages: 2', 'pages: 1')), false);
  assert.equal(isSame(`${text}space: { dataProvider: 1GiB }\n`), false);
  assert.equal(
    isSame(text.replace('  dataProviders: { count: 2', '  dataProviders: { count: 3')),
    false,
  );
});

test('a record that is damaged or newer is refused', () => {
  const directory = prepareIn('record');
  const { record } = layoutOf(directory);
  writeFileSync(record, '{ "format": 2 }');
  assert.throws(() => prepareIn('record'), {
    kind: 'invalid-argument',
    message: /another release/,
  });
  writeFileSync(record, '{');
  assert.throws(() => prepareIn('record'), { kind: 'corrupt' });
});

test('credentials come from where the references point, else they are made once', () => {
  const directory = prepareIn('credentials');
  const layout = layoutOf(directory);
  const find = (lines: string, environment: Record<string, string> = {}) =>
    findCredentials(readDescription(text + lines), layout, {
      fileDirectory: folder,
      environment,
      generate: () => ({ accessKey: 'made', secretKey: 'made' }),
    });
  assert.deepEqual(find(''), credentials, 'those that are kept');
  rmSync(layout.secretKey);
  assert.deepEqual(find(''), { accessKey: 'made', secretKey: 'made' });

  writeFileSync(path.join(folder, 'key.txt'), 'KEY\n');
  const lines = 'credentials: { accessKey: { file: key.txt }, secretKey: { environment: S } }\n';
  assert.deepEqual(find(lines, { S: 'hidden' }), { accessKey: 'KEY', secretKey: 'hidden' });
  assert.throws(() => find(lines), { message: /^the environment variable S, .* is not set$/ });
  writeFileSync(path.join(folder, 'key.txt'), 'two\nlines\n');
  assert.throws(
    () => find(lines, { S: 'hidden' }),
    ({ message }: Error) => /key\.txt must hold one line/.test(message) && !/two/.test(message),
  );
  rmSync(path.join(folder, 'key.txt'));
  assert.throws(() => find(lines, { S: 'x' }), { message: /cannot read the credential .*ENOENT/ });
});

test('storage is beside the file, unless it is said otherwise', () => {
  const at = (lines: string) => storageOf(readDescription(text + lines), '/srv/files');
  assert.equal(at(''), '/srv/files/lab-data');
  assert.equal(at('storage: ../elsewhere'), '/srv/elsewhere');
  assert.equal(at('storage: /mnt/lab'), '/mnt/lab');
});

test('one machine has no more addresses than it has', () => {
  const many = text.replace('metadataProviders: { count: 2 }', 'metadataProviders: { count: 255 }');
  assert.throws(() => prepareIn('many', many), { message: /addresses for 254 metadata/ });
});
