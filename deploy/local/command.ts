/** How a member is started, and what of our environment it gets. */

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { memberFiles } from '../configuration-files.ts';
import { configurationOf, logOf } from './layout.ts';
import type { MemberProcessOptions } from './member-process.ts';
import { namespaceOf } from './namespaces.ts';
import type { RecordedMember } from './record.ts';

/** The program that is running: from dist/deploy/local/. */
export const programFile = fileURLToPath(new URL('../../../bin/blobseer-s3.js', import.meta.url));

/** Nothing that would win over a member's configuration file, and no secret. */
const inherited = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'NODE_OPTIONS'];

export function memberEnvironment(): Record<string, string> {
  return Object.fromEntries(
    inherited.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Of the supervisor of a deployment. */
export const supervisorArguments = (directory: string): string[] => [
  'deploy',
  'supervise',
  directory,
];

export function memberCommand(
  directory: string,
  { name, role, host, port }: RecordedMember,
  subnet?: number,
): Omit<MemberProcessOptions, 'log'> {
  const own = path.join(directory, name);
  const configuration = ['--config', configurationOf(directory, name, role)];
  const place = ['--data', path.join(own, memberFiles.data), '--listen', host, '--port', `${port}`];
  const command =
    role === 'gateway' ? ['serve', ...configuration] : ['entity', role, ...configuration, ...place];
  const [program, ...rest] = [
    ...(subnet === undefined ? [] : ['ip', 'netns', 'exec', namespaceOf(subnet, { name })]),
    process.execPath,
    programFile,
    ...command,
  ];
  return {
    name,
    program: program!,
    arguments: rest,
    workingDirectory: own,
    environment: memberEnvironment(),
    logFile: logOf(directory, name),
  };
}
