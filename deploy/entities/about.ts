/** What every entity answers beside the calls of its role: what it is, and how it fares. */
import {
  entityCalls,
  extensionVersion,
  type Statistics,
} from '../../blobseer-client/remote/wire/messages.ts';
import { type Method, methodOf } from './method.ts';
import type { EntityRole } from './settings.ts';

export interface AboutOptions {
  readonly role: EntityRole;
  /** Of the program. */
  readonly version: string;
  readonly archiveVersion: number;
  readonly statistics: () => Promise<Statistics>;
}

export function aboutMethods(options: AboutOptions): Method[] {
  const { role, version, archiveVersion } = options;
  return [
    methodOf(entityCalls.hello, archiveVersion, () => ({
      role,
      extensions: extensionVersion,
      version,
    })),
    methodOf(entityCalls.statistics, archiveVersion, async () => ({
      role,
      version,
      ...(await options.statistics()),
    })),
  ];
}
