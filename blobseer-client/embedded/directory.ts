/** The directory of an engine: made where it is not there, its format checked, this process registered. */
import path from 'node:path';
import type { EngineOptions } from '../engine.ts';
import { BlobSeerError } from '../errors.ts';
import type { Disk } from './disk.ts';
import { Environment } from './environment.ts';
import { checkFormat, type EngineKind } from './format.ts';
import { Ids } from './ids.ts';
import { Instance } from './instances.ts';
import { translateIoError } from './io-errors.ts';

export const databaseFile = 'blobseer.mdb';
/** Stands in a directory as long as a restore into it has not ended. */
export const restoringFile = 'restoring';

export interface Directory {
  readonly environment: Environment;
  readonly ids: Ids;
  readonly instance: Instance;
}

export interface DirectoryOptions
  extends Pick<
    EngineOptions,
    'directory' | 'role' | 'onStopped' | 'onInstance' | 'nowMs' | 'requestsInProgress'
  > {
  readonly disk: Disk;
  readonly kind: EngineKind;
  /** The first id of a new directory; 1 by default. */
  readonly firstId?: number;
}

/** Throws `invalid-argument` where a crash has ended a restore. */
export async function refuseHalfRestored(
  disk: Pick<Disk, 'list'>,
  directory: string,
): Promise<void> {
  if (!(await disk.list(directory)).includes(restoringFile)) return;
  throw new BlobSeerError(
    'invalid-argument',
    `a restore into ${directory} has not ended: run it again, it begins anew`,
  );
}

/** Throws `invalid-argument` for a directory of a newer program or of another kind of engine. */
export async function openDirectory(options: DirectoryOptions): Promise<Directory> {
  const { directory, disk, role, kind, firstId, onStopped, onInstance } = options;
  try {
    await disk.makeDirectory(directory);
  } catch (error) {
    throw translateIoError(error, `cannot make the data directory ${directory}`);
  }
  await refuseHalfRestored(disk, directory);
  const environment = new Environment({
    file: path.join(directory, databaseFile),
    ...(onStopped && { onStopped }),
    requestsInProgress: options.requestsInProgress,
  });
  try {
    await checkFormat(environment, kind, role === 'alone' || role === 'supervisor');
    const ids = new Ids(environment, firstId);
    await ids.open();
    const nowMs = options.nowMs ?? Date.now;
    const instance = new Instance(
      environment,
      ids.take(),
      role === 'tool' ? 'tool' : 'server',
      nowMs,
    );
    onInstance?.(instance.id);
    await instance.register();
    return { environment, ids, instance };
  } catch (error) {
    await environment.close();
    throw error;
  }
}
