/** Files that are made from a description: the same description gives the same bytes. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface Artifact {
  /** Below the directory that it is written to, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly isProgram: boolean;
}

const fileMode = 0o644;
const programMode = 0o755;

export function artifact(name: string, text: string): Artifact {
  return { path: name, text, isProgram: false };
}

export function program(name: string, text: string): Artifact {
  return { path: name, text, isProgram: true };
}

/** The same files, below a directory. */
export function below(directory: string, artifacts: readonly Artifact[]): Artifact[] {
  return artifacts.map((one) => ({ ...one, path: path.posix.join(directory, one.path) }));
}

/** Files that were there under the same names are replaced, others left alone. */
export function writeArtifacts(directory: string, artifacts: readonly Artifact[]): void {
  for (const { path: name, text, isProgram } of artifacts) {
    const file = path.join(directory, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, isProgram ? programMode : fileMode);
  }
}

/** The sources' own folder deploy/: programs that run on machines stand there as they are. */
const sources = path.join(import.meta.dirname, '..', '..', 'deploy');

/** The text of a file of deploy/ that is no TypeScript. */
export function sourceText(name: string): string {
  return readFileSync(path.join(sources, name), 'utf8');
}
