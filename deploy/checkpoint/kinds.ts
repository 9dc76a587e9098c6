/** The kinds of directories that checkpoints are made of: gateways', by engine, and entities', by role. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { databaseFile } from '../../blobseer-client/embedded/directory.ts';
import {
  type CheckpointSource,
  openDirectorySource,
} from '../../blobseer-client/embedded/directory-source.ts';
import { settleRestored } from '../../blobseer-client/embedded/restored.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { Moves } from '../../blobseer-client/remote/engine/moved-addresses.ts';
import { settleState } from '../entities/restored-state.ts';
import { entityRoles } from '../entities/settings.ts';
import { stateFile } from '../entities/state.ts';
import { openStateSource } from '../entities/state-source.ts';

export interface Kind {
  readonly databaseFile: string;
  /** Makes a restored directory fit to serve; `moves`: addresses of before to those of now. */
  readonly settle: (directory: string, moves: Moves) => Promise<void>;
}

/** Throws `invalid-argument` for one that this program does not know. */
export function kindOf(name: string): Kind {
  if (name === 'embedded' || name === 'remote') {
    return { databaseFile, settle: (directory, moves) => settleRestored(directory, name, moves) };
  }
  const role = entityRoles.find((candidate) => candidate === name);
  if (role !== undefined) {
    return {
      databaseFile: stateFile,
      settle: (directory, moves) => settleState(directory, role, moves),
    };
  }
  throw new BlobSeerError('invalid-argument', `a checkpoint of "${name}", which is not known here`);
}

/** Throws `not-found` where nobody keeps anything. */
export async function openSource(directory: string): Promise<CheckpointSource> {
  if (existsSync(path.join(directory, databaseFile))) return openDirectorySource(directory);
  if (existsSync(path.join(directory, stateFile))) return await openStateSource(directory);
  throw new BlobSeerError('not-found', `there is no store in ${directory}`);
}
