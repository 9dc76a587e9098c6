/** `blobseer-s3 version`. */
import { readFileSync } from 'node:fs';
import { exitStatus } from '../terminal.ts';
import { type Command, parseArguments, refusePositionals } from './command.ts';

/** The version in package.json, two folders above the compiled file's own folder. */
export function packageVersion(): string {
  const file = new URL('../../../package.json', import.meta.url);
  const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return typeof content === 'object' && content !== null && 'version' in content
    ? String(content.version)
    : 'unknown';
}

export const version: Command = {
  name: 'version',
  summary: 'prints the version',
  help: `Usage: blobseer-s3 version

Prints the version of blobseer-s3 and of Node.`,

  async run(args, terminal) {
    refusePositionals(parseArguments(args, {}));
    terminal.print(`blobseer-s3 ${packageVersion()} (node ${process.version})`);
    return exitStatus.ok;
  },
};
