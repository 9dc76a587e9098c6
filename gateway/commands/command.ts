/** What a command is: a row of the table in cli.ts. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { ConfigError, type LoadedConfig, loadConfig, settings } from '../config.ts';
import { suggestion } from '../suggestion.ts';
import type { Terminal } from '../terminal.ts';

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The whole help text. */
  readonly help: string;
  /** Resolves with the exit status. Throws UsageError and ConfigError. */
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

/** The command line makes no sense: exit status 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** The command makes sense and cannot be done: exit status 1. */
export class CommandError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CommandError';
  }
}

type Options = NonNullable<ParseArgsConfig['options']>;

export interface ParsedArguments {
  readonly positionals: readonly string[];
  /** Flag name to its values; ['true'] for a flag that takes none. */
  readonly flags: Readonly<Record<string, readonly string[] | undefined>>;
}

/** `options` as node:util parseArgs takes them. Throws UsageError that names the wrong flag. */
export function parseArguments(args: readonly string[], options: Options): ParsedArguments {
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const unknown = /^Unknown option '-{1,2}([^' ]*)/.exec(message)?.[1];
    if (unknown === undefined) throw new UsageError(message);
    throw new UsageError(`unknown option --${unknown}${suggestion(unknown, Object.keys(options))}`);
  }
  const flags: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(parsed.values)) {
    flags[name] = (Array.isArray(value) ? value : [value]).map(String);
  }
  return { flags, positionals: parsed.positionals };
}

/** The flags of the configuration, for commands that need all of it. */
export const configOptions: Options = {
  config: { type: 'string', multiple: true },
  ...Object.fromEntries(
    settings
      .filter((setting) => setting.flag)
      .map(({ name, isSwitch }) => [
        name,
        { type: isSwitch ? 'boolean' : 'string', multiple: true } as const,
      ]),
  ),
};

/** The flags of commands that only need to know where the data is. */
export const dataOptions: Options = {
  config: { type: 'string', multiple: true },
  data: { type: 'string', multiple: true },
  blobseer: { type: 'string', multiple: true },
  'log-level': { type: 'string', multiple: true },
};

export function configFrom(parsed: ParsedArguments, terminal: Terminal): LoadedConfig {
  const { environment, workingDirectory } = terminal;
  return loadConfig({ flags: parsed.flags, environment, workingDirectory });
}

export function refusePositionals(parsed: ParsedArguments): void {
  const [first] = parsed.positionals;
  if (first !== undefined) throw new UsageError(`"${first}" is not expected here`);
}

/** A table of left-aligned columns, two spaces apart. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export { ConfigError };
