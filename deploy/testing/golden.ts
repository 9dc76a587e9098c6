/**
 * Generated files beside those that are known to be right, in a folder golden/ of the sources. With
 * UPDATE_GOLDEN in the environment the folder is written anew: look at its difference before it is committed.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Artifact, writeArtifacts } from '../artifact.ts';

const sources = path.join(import.meta.dirname, '..', '..', '..', 'deploy');
const isUpdate = (process.env.UPDATE_GOLDEN ?? '') !== '';

/** `target`: the folder of deploy/ whose golden/ has them. */
export function assertGolden(target: string, artifacts: readonly Artifact[]): void {
  const directory = path.join(sources, target, 'golden');
  if (isUpdate) {
    rmSync(directory, { recursive: true, force: true });
    writeArtifacts(directory, artifacts);
  }
  const names = artifacts.map((one) => one.path).toSorted();
  assert.deepEqual(new Set(names).size, names.length, 'two files have one name');
  assert.deepEqual(filesBelow(directory), names);
  for (const { path: name, text, isProgram } of artifacts) {
    const file = path.join(directory, name);
    assert.equal(text, readFileSync(file, 'utf8'), name);
    assert.equal((statSync(file).mode & 0o100) !== 0, isProgram, `whether ${name} is a program`);
  }
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
    .toSorted();
}
