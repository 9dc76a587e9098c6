/** `blobseer-s3 config`: the configuration in effect, where each value came from, secrets masked. */
import { settings } from '../config.ts';
import { exitStatus } from '../terminal.ts';
import {
  type Command,
  columns,
  configFrom,
  configOptions,
  parseArguments,
  refusePositionals,
} from './command.ts';

export const config: Command = {
  name: 'config',
  summary: 'prints the configuration in effect, secrets masked',
  help: `Usage: blobseer-s3 config [the options of serve]

Prints every setting, its value (secrets masked) and where it came from. Flags win over the
environment, the environment over the file given with --config. Exit status 2 where a value is wrong.

Examples:
  blobseer-s3 config
  blobseer-s3 config --config /etc/blobseer-s3.yaml --workers 4
  BLOBSEER_S3_LISTEN=0.0.0.0:9000 blobseer-s3 config`,

  async run(args, terminal) {
    const parsed = parseArguments(args, configOptions);
    refusePositionals(parsed);
    const { given } = configFrom(parsed, terminal);
    const rows = settings.map(({ name, secret }) => {
      const value = given.get(name);
      if (value === undefined) return [name, '-', 'not set'];
      const shown = secret ? '********' : value.values.join(', ');
      return [name, shown, value.origin];
    });
    terminal.print(columns(rows));
    return exitStatus.ok;
  },
};
