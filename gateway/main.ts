/** The program: bin/blobseer-s3.js calls it with the arguments. */
import { runCli } from './cli.ts';
import { systemTerminal } from './terminal.ts';

/** Files that it makes are its user's alone: secrets and objects are in them. */
const privateUmask = 0o077;

export async function main(argv: readonly string[]): Promise<never> {
  process.umask(privateUmask);
  process.exit(await runCli(argv, systemTerminal()));
}
