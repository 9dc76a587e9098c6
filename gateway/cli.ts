/** The command line: which command, its help, and what its errors look like. */
import { BlobSeerError } from '../blobseer-client/index.ts';
import { check } from './commands/check.ts';
import { checkpoint } from './commands/checkpoint.ts';
import { type Command, CommandError, columns, UsageError } from './commands/command.ts';
import { config } from './commands/config.ts';
import { deploy } from './commands/deploy.ts';
import { entity } from './commands/entity.ts';
import { locate } from './commands/locate.ts';
import { serve } from './commands/serve.ts';
import { user } from './commands/user.ts';
import { packageVersion, version } from './commands/version.ts';
import { ConfigError } from './config.ts';
import { suggestion } from './suggestion.ts';
import { exitStatus, type Terminal } from './terminal.ts';

const commands: readonly Command[] = [
  serve,
  user,
  check,
  checkpoint,
  locate,
  config,
  entity,
  deploy,
  version,
];

/** Resolves with the exit status: 0 done, 1 failed, 2 the command line or the configuration is wrong. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [first = '', ...rest] = argv;
  if (first === '--version' || first === '-v') {
    terminal.print(`blobseer-s3 ${packageVersion()}`);
    return exitStatus.ok;
  }
  if (first === '--help' || first === '-h' || first === 'help') return help(rest[0], terminal);
  const command = commands.find(({ name }) => name === first);
  if (command === undefined) return unknownCommand(first, terminal);
  if (rest.includes('--help') || rest.includes('-h')) return help(first, terminal);
  try {
    return await command.run(rest, terminal);
  } catch (error) {
    return explain(command, error, terminal);
  }
}

function help(name: string | undefined, terminal: Terminal): number {
  if (name === undefined) {
    terminal.print(generalHelp());
    return exitStatus.ok;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) return unknownCommand(name, terminal);
  terminal.print(command.help);
  return exitStatus.ok;
}

function generalHelp(): string {
  return `blobseer-s3 ${packageVersion()}: an S3 endpoint whose storage is BlobSeer.

Usage: blobseer-s3 COMMAND [options]

Commands:
${columns(commands.map(({ name, summary }) => [`  ${name}`, summary]))}

"blobseer-s3 COMMAND --help" tells more.

Examples:
  blobseer-s3 serve
  blobseer-s3 serve --data /srv/blobseer-s3 --listen 0.0.0.0:9000 --workers 4
  blobseer-s3 user add alice --data /srv/blobseer-s3
  blobseer-s3 check --data /srv/blobseer-s3`;
}

function unknownCommand(name: string, terminal: Terminal): number {
  const names = commands.map((command) => command.name);
  const said = name === '' ? 'a command is needed' : `unknown command "${name}"`;
  terminal.complain(
    `blobseer-s3: ${said}${suggestion(name, names)}; commands are ${names.join(', ')} (see blobseer-s3 --help)`,
  );
  return exitStatus.usage;
}

function explain(command: Command, error: unknown, terminal: Terminal): number {
  if (error instanceof UsageError) {
    terminal.complain(
      `blobseer-s3 ${command.name}: ${error.message} (see blobseer-s3 ${command.name} --help)`,
    );
    return exitStatus.usage;
  }
  if (error instanceof ConfigError) {
    terminal.complain(`blobseer-s3 ${command.name}: ${error.message}`);
    return exitStatus.usage;
  }
  if (error instanceof CommandError || error instanceof BlobSeerError) {
    terminal.complain(`blobseer-s3 ${command.name}: ${error.message}`);
    return exitStatus.failed;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.complain(`blobseer-s3 ${command.name}: ${text}`);
  return exitStatus.failed;
}
