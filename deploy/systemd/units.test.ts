/** The units, by systemd itself and by files known to be right; the machine's own program, below a directory. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { writeArtifacts } from '../artifact.ts';
import { readDescription } from '../description/description.ts';
import { lab } from '../testing/descriptions.ts';
import { assertGolden } from '../testing/golden.ts';
import { runTool, unless } from '../testing/tools.ts';
import { machineFiles } from './units.ts';

const files = machineFiles(lab, '0.0.0.0');

test('the units are those that are known to be right', () => assertGolden('systemd', files));

test('systemd finds nothing to say about the units', { skip: unless('systemd-analyze') }, (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'units-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeArtifacts(directory, files);
  const units = path.join(directory, 'etc/systemd/system');
  const names = [
    'blobseer-entity@data-provider-1.service',
    'blobseer-gateway@gateway.service',
    'blobseer.path',
    'blobseer.target',
  ];
  // An instance of a template is a file of its own to this program.
  for (const name of names.slice(0, 2)) {
    const template = files.find((file) => file.path.endsWith(name.replace(/@.*\./, '@.')))!;
    writeFileSync(path.join(units, name), template.text);
  }
  const { status, stdout, stderr } = runTool('systemd-analyze', ['verify', ...names], {
    cwd: units,
    env: { ...process.env, SYSTEMD_LOG_LEVEL: 'warning' },
  });
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
});

test('systemd calls the services well confined', { skip: unless('systemd-analyze') }, (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'units-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeArtifacts(directory, files);
  for (const name of ['blobseer-entity@.service', 'blobseer-gateway@.service']) {
    const file = path.join(directory, 'etc/systemd/system', name);
    // Of 10 (in tenths): below 2 is what it calls OK.
    const args = ['security', '--offline=yes', '--no-pager', '--threshold=20', file];
    const { status, stdout, stderr } = runTool('systemd-analyze', args);
    assert.equal(status, 0, `${stdout}${stderr}`);
  }
});

test('a gateway on a port of the system gets the capability, and nobody else', () => {
  const https = { ...lab, ports: { ...lab.ports, gateways: 443 } };
  const [entity, gateway] = machineFiles(https, '0.0.0.0');
  assert.match(gateway!.text, /^AmbientCapabilities=CAP_NET_BIND_SERVICE$/m);
  assert.match(gateway!.text, /^CapabilityBoundingSet=CAP_NET_BIND_SERVICE$/m);
  assert.match(entity!.text, /^CapabilityBoundingSet=$/m);
});

test('a directory that is relative to the file is refused for machines', () => {
  const description = readDescription(`name: lab
storage: ./lab-data
roles: { metadataProviders: { count: 1 }, dataProviders: { count: 1 } }
`);
  assert.throws(() => machineFiles(description, '0.0.0.0'), {
    kind: 'invalid-argument',
    message: 'storage must be an absolute path for machines, not "./lab-data"',
  });
});

test('the machine’s own program passes shellcheck', { skip: unless('shellcheck') }, () => {
  const { text } = files.find(({ isProgram }) => isProgram)!;
  const { status, stdout } = runTool('shellcheck', ['-'], { input: text });
  assert.equal(status, 0, stdout);
});
