/** A data directory as the source of checkpoints: opened beside those who serve it, without being one of them. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { BlobSeerError } from '../errors.ts';
import { beginCut, type CheckpointCut } from './checkpoint-cut.ts';
import { databaseFile } from './directory.ts';
import { Environment } from './environment.ts';
import { formatVersion, foundFormat } from './format.ts';
import { namedPageFiles } from './named-files.ts';

export interface CheckpointSource {
  /** Of the engine, or the role of an entity. */
  readonly kind: string;
  /** Of the directory's records. */
  readonly format: number;
  /** See checkpoint-cut.ts. */
  beginCut(holder: string): Promise<CheckpointCut>;
  close(): Promise<void>;
}

/** Throws `not-found` where there is none. */
export function openDirectorySource(
  directory: string,
  nowMs: () => number = Date.now,
): CheckpointSource {
  const file = path.join(directory, databaseFile);
  if (!existsSync(file)) {
    throw new BlobSeerError('not-found', `there is no store in ${directory}`);
  }
  const environment = new Environment({ file });
  const { kind, format } = foundFormat(environment);
  if (format > formatVersion) {
    void environment.close();
    throw new BlobSeerError('invalid-argument', `${directory} is of a newer program: use that one`);
  }
  // A table must have been opened before a view that it is read in.
  const files = kind === 'embedded' ? environment.table('files') : undefined;
  return {
    kind,
    format,
    beginCut: (holder) =>
      beginCut(
        {
          environment,
          nowMs,
          filesIn: async (cut, lineage) =>
            files === undefined ? [] : await namedPageFiles(cut, files, lineage),
        },
        holder,
      ),
    close: () => environment.close(),
  };
}
