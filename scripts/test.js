// Runs the compiled tests with node:test: all of them, or those whose path contains one of the words given.
// (Node 20's test runner takes no globs, hence this file.)
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..', 'dist');
const words = process.argv.slice(2);
const files = readdirSync(root, { recursive: true })
  .map(String)
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
  .sort()
  .map((name) => path.join(root, name));
if (files.length === 0) {
  console.error(`no test matches ${words.join(' ')}`);
  process.exit(1);
}
/** A test that hangs is a failed test, not a run without end. */
const testTimeoutMs = 300_000;
const run = spawnSync(
  process.execPath,
  [
    '--enable-source-maps',
    '--test',
    '--test-concurrency=2',
    `--test-timeout=${testTimeoutMs}`,
    ...files,
  ],
  { stdio: 'inherit' },
);
if (run.signal !== null) console.error(`the tests were ended by ${run.signal}`);
process.exit(run.status ?? 1);
