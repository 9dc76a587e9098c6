/** The compose file, by docker-compose itself and by files known to be right. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { readDeployment } from '../../blobseer-client/remote/deployment.ts';
import { writeArtifacts } from '../artifact.ts';
import { lab } from '../testing/descriptions.ts';
import { assertGolden } from '../testing/golden.ts';
import { runTool, unless } from '../testing/tools.ts';
import { composeFiles } from './compose.ts';

const files = composeFiles(lab);

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly command: readonly string[];
        readonly ports?: readonly string[];
      }
    >
  >;
}
const { services } = parse(files[0]!.text) as Compose;

test('the files are those that are known to be right', () => assertGolden('compose', files));

test('docker-compose takes the file', { skip: unless('docker-compose') }, (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'compose-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeArtifacts(directory, files);
  const { status, stdout, stderr } = runTool('docker-compose', [
    '-f',
    path.join(directory, 'compose.yaml'),
    'config',
    '-q',
  ]);
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
});

test('the configuration names services, which data providers report as', () => {
  const text = files.find((file) => file.path === 'members/gateway-1/blobseer.cfg')!.text;
  const { versionManager, providerManager, gateways } = readDeployment(text, '/');
  for (const { host } of [versionManager, providerManager, ...gateways]) {
    assert.ok(host in services, host);
  }
  assert.equal(Object.keys(services).length, 1 + 1 + 2 + 3 + 2);
  assert.deepEqual(services['data-provider-3']!.command.slice(-2), [
    '--advertise',
    'data-provider-3',
  ]);
  assert.match(services['gateway-1']!.ports![0]!, /:9000:9000$/);
  assert.match(services['gateway-2']!.ports![0]!, /:9001:9000$/);
});

test('nothing secret is in the files', () => {
  for (const { text } of files) assert.doesNotMatch(text, /PRIVATE KEY|secret-key:/);
});
