/** Archives, read by tar itself. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { tarArchive } from './tar.ts';

test('tar unpacks what was packed, with its modes', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'tar-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const entries = [
    { path: 'etc/a', content: 'ä\n', mode: 0o644 },
    { path: 'empty', content: '', mode: 0o600 },
    { path: 'usr/lib/block', content: 'x'.repeat(512), mode: 0o755 },
    { path: 'usr/lib/more', content: 'y'.repeat(513), mode: 0o640 },
  ];
  const input = tarArchive(entries);
  assert.equal(input.length % 512, 0);
  execFileSync('tar', ['-x', '-f', '-', '-C', directory, '--preserve-permissions'], { input });
  for (const { path: name, content, mode } of entries) {
    const file = path.join(directory, name);
    assert.equal(readFileSync(file, 'utf8'), content);
    assert.equal(statSync(file).mode & 0o777, mode);
  }
});

test('a name beyond what the form has room for is refused', () => {
  const entry = { path: 'x'.repeat(101), content: '', mode: 0o600 };
  assert.throws(() => tarArchive([entry]), { kind: 'invalid-argument' });
});
