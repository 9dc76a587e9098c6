/** What the project says about itself holds: its layers, its coverage page, its licence, its version. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { projectRoot } from './harness/gateway.ts';

const read = (name: string) => readFileSync(path.join(projectRoot, name), 'utf8');

function passes(...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  assert.equal(status, 0, `${stdout}${stderr}`);
}

test('a wrong import fails the layering rule', () => passes('scripts/layers.js', '--self-test'));

test('every import points the right way', () => passes('scripts/layers.js'));

test('docs/S3-COVERAGE.md is what the operation table says', () =>
  passes('scripts/coverage.js', '--check'));

test('the README gives a reason for every dependency, and names no other', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
    string,
    Record<string, string>
  >;
  const expected = Object.keys({ ...dependencies, ...devDependencies }).sort();
  const section = /## Dependencies\n([\s\S]*?)(?=\n## |$)/.exec(read('README.md'))?.[1] ?? '';
  const named = [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name).sort();
  assert.deepEqual(named, expected);
});

test('ARCHITECTURE.md names every folder', () => {
  const architecture = read('ARCHITECTURE.md');
  for (const top of ['blobseer-client', 'gateway', 'conformance', 'deploy']) {
    for (const entry of readdirSync(path.join(projectRoot, top), { withFileTypes: true })) {
      if (entry.isDirectory()) assert.ok(architecture.includes(`${entry.name}/`), entry.name);
    }
  }
});

test('the changelog knows the version of package.json', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const changelog = read('CHANGELOG.md');
  assert.ok(changelog.includes(`[${version}]`) || changelog.includes('[Unreleased]'));
  assert.match(read('LICENSE'), /Apache License\s+Version 2\.0, January 2004/);
});
