/**
 * One deployment per data directory: an flock(2) on DIR/lock. Node has no flock, so util-linux's is
 * run once on our own descriptor: the lock belongs to the open file, outlives that child, and is
 * held until the last process that inherited the descriptor has ended. A primary that was killed
 * thus keeps the next one waiting until its workers are gone too.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import path from 'node:path';
import { ConfigError } from './config.ts';

const lockFile = 'lock';
const privateDirectory = 0o700;
const privateFile = 0o600;
/** flock's own exit status where somebody else holds the lock (flock(1)). */
const lockedByAnother = 1;
/** The place of our descriptor among the child's. */
const childDescriptor = 3;

export interface DirectoryLock {
  /** To be inherited by the workers. */
  readonly descriptor: number;
  release(): void;
}

export interface LockOptions {
  readonly directory: string;
  /** How long a previous server may take to end. */
  readonly waitSeconds: number;
  /** Called once when the lock is not free at once. */
  readonly onWait: () => void;
}

/** Makes the directory with mode 0700 where it is absent, and what is above it. True when it was. */
export function makeDataDirectory(directory: string): boolean {
  try {
    const isNew = !existsSync(directory);
    if (isNew) makeWithParents(directory);
    if (!statSync(directory).isDirectory()) throw new Error('it is not a directory');
    return isNew;
  } catch (error) {
    throw new ConfigError(`data: cannot use ${directory}: ${reasonOf(error)}`);
  }
}

/** Not mkdir's own `recursive`: below /proc Node 20 then tries for ever. */
function makeWithParents(directory: string): void {
  const parent = path.dirname(directory);
  if (!existsSync(parent)) makeWithParents(parent);
  mkdirSync(directory, privateDirectory);
}

/** Others than the owner may look into it: secrets of users are in there. */
export function isOpenToOthers(directory: string): boolean {
  return (statSync(directory).mode & 0o077) !== 0;
}

/** Throws ConfigError when the lock cannot be had in time. */
export async function lockDirectory(options: LockOptions): Promise<DirectoryLock> {
  const { directory, waitSeconds, onWait } = options;
  let descriptor: number;
  try {
    descriptor = openSync(path.join(directory, lockFile), 'a', privateFile);
  } catch (error) {
    throw new ConfigError(`data: cannot write to ${directory}: ${reasonOf(error)}`);
  }
  try {
    if (!(await flock(descriptor, ['--nonblock']))) {
      onWait();
      if (!(await flock(descriptor, ['--timeout', String(waitSeconds)]))) {
        throw new ConfigError(
          `data: another server uses ${directory}; stop it or give another directory with --data`,
        );
      }
    }
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return { descriptor, release: () => closeSync(descriptor) };
}

/** flock(1) on an open file of ours. False when another process holds the lock. */
export function flock(descriptor: number, options: readonly string[]): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', [...options, String(childDescriptor)], {
      stdio: ['ignore', 'ignore', 'ignore', descriptor],
    });
    child.once('error', (error) => {
      reject(new ConfigError(`cannot run flock (it comes with util-linux): ${error.message}`));
    });
    child.once('exit', (status) => {
      if (status === 0 || status === lockedByAnother) resolve(status === 0);
      else reject(new ConfigError(`flock failed with exit status ${status}`));
    });
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    EEXIST: 'it is not a directory',
    ENOTDIR: 'a part of the path is not a directory',
    ENOSPC: 'the disk is full',
  };
  return reasons[code ?? ''] ?? error.message;
}
