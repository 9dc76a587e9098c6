/** Where the target local keeps what belongs to a deployment. */
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { memberFiles } from '../configuration-files.ts';
import type { Description } from '../description/description.ts';
import type { MemberRole } from '../plan.ts';

/** The supervisor speaks to the members too, so it has a directory as one of them. */
export const supervisorName = 'supervisor';

export interface Layout {
  readonly directory: string;
  /** Which members there are; what is at an address stays there. */
  readonly record: string;
  /** Held by the supervisor, and while files are prepared. */
  readonly lock: string;
  /** The socket over which commands speak to the supervisor. */
  readonly control: string;
  readonly authority: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly supervisorLog: string;
  /** When the last checkpoint was made, as a time of ISO 8601; written by whoever makes one. */
  readonly lastCheckpoint: string;
}

/** Beside the file, unless the description says otherwise. One directory has one path, whatever links there are. */
export function storageOf({ name, storage }: Description, fileDirectory: string): string {
  const directory = path.resolve(fileDirectory, storage ?? `${name}-data`);
  return existsSync(directory) ? realpathSync(directory) : directory;
}

export function layoutOf(directory: string): Layout {
  const at = (...names: string[]): string => path.join(directory, ...names);
  return {
    directory,
    record: at('deployment.json'),
    lock: at('lock'),
    control: at('control'),
    authority: at('authority'),
    accessKey: at('credentials', 'access-key'),
    secretKey: at('credentials', 'secret-key'),
    supervisorLog: at(supervisorName, 'log'),
    lastCheckpoint: at('last-checkpoint'),
  };
}

export const logOf = (directory: string, member: string): string =>
  path.join(directory, member, 'log');

/** The file that a member is started with. */
export function configurationOf(directory: string, member: string, role: MemberRole): string {
  const name = role === 'gateway' ? memberFiles.gateway : memberFiles.blobseer;
  return path.join(directory, member, name);
}
