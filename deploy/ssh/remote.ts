/**
 * A machine that is reached by ssh, as a user who is root there or may become it by sudo. Nothing that is
 * said to it on a command line is secret; files and their contents go through standard input.
 */
import { isIPv6 } from 'node:net';
import { runProgram } from '../program-run.ts';

/** Also of a package on a slow line. */
const timeoutMs = 900_000;
const connectSeconds = 20;

export interface RemoteOptions {
  readonly host: string;
  /** Undefined: as ssh's own configuration has it. */
  readonly user: string | undefined;
  /** A configuration file of ssh; undefined: the user's own. */
  readonly configFile: string | undefined;
  /** Where keys of machines are noted that are seen for the first time; undefined: where ssh does. */
  readonly knownHostsFile: string | undefined;
}

export class Remote {
  readonly host: string;
  readonly #options: RemoteOptions;

  constructor(options: RemoteOptions) {
    this.host = options.host;
    this.#options = options;
  }

  /** Runs a line of shell; resolves with what it prints. */
  run(command: string, input?: Buffer | string): Promise<string> {
    const args = [...this.#arguments(), '--', this.#destination(), command];
    return runProgram({
      program: 'ssh',
      args,
      timeoutMs,
      ...(input === undefined ? {} : { input }),
    });
  }

  /** As `run`, as root. */
  runAsRoot(command: string, input?: Buffer | string): Promise<string> {
    return this.run(`${asRoot} sh -c ${quoted(command)}`, input);
  }

  /** Makes a directory there, an absolute path, what it is here, as far as `filters` (of rsync) go. True when that changed it. */
  async synchronize(from: string, to: string, filters: readonly string[]): Promise<boolean> {
    const shell = ['ssh', ...this.#arguments()].map(quoted).join(' ');
    const args = [
      '--archive',
      '--delete',
      '--delete-excluded',
      '--no-owner',
      '--no-group',
      '--omit-dir-times',
      '--compress',
      '--mkpath',
      '--out-format=%n',
      `--rsh=${shell}`,
      // Where somebody tries it out, the root is another directory.
      `--rsync-path=cd "$BLOBSEER_ROOT"/ && ${asRoot} rsync`,
      ...filters.map((filter) => `--filter=${filter}`),
      `${from}/`,
      `${this.#destination(isIPv6(this.host) ? `[${this.host}]` : this.host)}:${to.slice(1)}/`,
    ];
    return (await runProgram({ program: 'rsync', args, timeoutMs })) !== '';
  }

  #arguments(): string[] {
    const { configFile, knownHostsFile } = this.#options;
    return [
      ...(configFile === undefined ? [] : ['-F', configFile]),
      '-o',
      'BatchMode=yes',
      '-o',
      `ConnectTimeout=${connectSeconds}`,
      '-o',
      'StrictHostKeyChecking=accept-new',
      ...(knownHostsFile === undefined ? [] : ['-o', `UserKnownHostsFile=${knownHostsFile}`]),
    ];
  }

  #destination(host = this.host): string {
    const { user } = this.#options;
    return user === undefined ? host : `${user}@${host}`;
  }
}

/** A prefix of a command, for a shell there. */
const asRoot = '$([ "$(id -u)" -eq 0 ] || echo sudo -n --)';

/** For a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
