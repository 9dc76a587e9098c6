/** `blobseer-s3 entity`: one of BlobSeer's roles as a program, in BlobSeer's own protocol. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { BlobSeerError, Security } from '../../blobseer-client/index.ts';
import { type Entity, startEntity } from '../../deploy/entities/entity.ts';
import { type EntityRole, entityRoles, readSettings } from '../../deploy/entities/settings.ts';
import { ConfigError, type LogLevel } from '../config.ts';
import { parseLogLevel } from '../config-settings.ts';
import { isOpenToOthers, lockDirectory, makeDataDirectory } from '../directory-lock.ts';
import { defaultLimits } from '../limits.ts';
import { createLog, flushLog, type Log } from '../log.ts';
import { logStrayErrors } from '../stray-errors.ts';
import { suggestion } from '../suggestion.ts';
import { exitStatus, type Terminal } from '../terminal.ts';
import {
  type Command,
  CommandError,
  type ParsedArguments,
  parseArguments,
  UsageError,
} from './command.ts';
import { packageVersion } from './version.ts';

const lockWaitSeconds = 30;
const loopback = '127.0.0.1';

const options = {
  config: { type: 'string' },
  data: { type: 'string' },
  listen: { type: 'string' },
  port: { type: 'string' },
  advertise: { type: 'string' },
  'log-level': { type: 'string' },
} as const;

export const entity: Command = {
  name: 'entity',
  summary: "one of BlobSeer's roles as a program of its own, in BlobSeer's protocol",
  help: `Usage: blobseer-s3 entity ROLE --config FILE [options]

Runs one of BlobSeer's roles: ${entityRoles.join(', ')}. It speaks the
protocol of the original BlobSeer, and keeps all it acknowledged through crashes. FILE is the original's
configuration file; what of it has no effect here is said in the log. It runs until SIGTERM or Ctrl-C.

A version that its writer does not publish in time would keep all later ones of its blob from being seen.
The version manager closes it as unchanged: after 60 seconds, or as many as FILE says by "lease" in
its group vmanager; 0 is never. For that FILE must name the metadata providers and the provider manager.

The protocol knows neither passwords nor encryption: whoever reaches the port may do everything. So a
group "security" in FILE gives all programs a shared secret (or certificates) and TLS, and says on which
networks the original's plain bytes may travel:
  security: { secret_file = "secret"; plain_networks = [ "10.1.0.0/16" ]; };
Without it, listen beyond this machine only on a network of your own. docs/ENTITIES.md has the whole of it.

Options:
  --config FILE      the original's configuration file (libconfig): ports, space, provider manager
  --data DIR         where its state is (default entities/ROLE-PORT)
  --listen ADDRESS   address to listen on (default ${loopback})
  --port PORT        port to listen on, instead of that of FILE: for several of a role on a machine
  --advertise HOST   of a data provider: the name by which clients find it, where its address may change;
                     stored pages are known by it (default: the address that it reports from)
  --log-level LEVEL  as of serve (default info)

Examples:
  blobseer-s3 entity version-manager --config blobseer.cfg
  blobseer-s3 entity data-provider --config blobseer.cfg --listen 10.0.0.7 --data /srv/blobseer
  blobseer-s3 entity metadata-provider --config blobseer.cfg --port 1301`,

  async run(args, terminal) {
    const parsed = parseArguments(args, options);
    const role = roleOf(parsed);
    const log = createLog(logLevelOf(parsed, terminal));
    logStrayErrors(log);
    try {
      return await runEntity(role, parsed, terminal, log);
    } finally {
      await flushLog(log);
    }
  },
};

function roleOf({ positionals }: ParsedArguments): EntityRole {
  const [name, surplus] = positionals;
  const role = entityRoles.find((candidate) => candidate === name);
  if (role === undefined) {
    const said = name === undefined ? 'a role is needed' : `unknown role "${name}"`;
    const similar = name === undefined ? '' : suggestion(name, entityRoles);
    throw new UsageError(`${said}${similar}; roles are ${entityRoles.join(', ')}`);
  }
  if (surplus !== undefined) throw new UsageError(`"${surplus}" is not expected here`);
  return role;
}

function logLevelOf({ flags }: ParsedArguments, { environment }: Terminal): LogLevel {
  const [flag] = flags['log-level'] ?? [];
  if (flag !== undefined) return parseLogLevel(flag, '--log-level');
  return parseLogLevel(environment.BLOBSEER_S3_LOG_LEVEL ?? 'info', 'BLOBSEER_S3_LOG_LEVEL');
}

function portOf({ flags }: ParsedArguments): number | undefined {
  const text = flags.port?.[0];
  if (text === undefined) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new UsageError(`--port must be a number up to 65535, not "${text}"`);
  return port;
}

function advertisedHostOf(role: EntityRole, { flags }: ParsedArguments): string | undefined {
  const host = flags.advertise?.[0];
  if (host === undefined || role === 'data-provider') return host;
  throw new UsageError(`--advertise is for data providers, not for a ${role}`);
}

function settingsOf(role: EntityRole, parsed: ParsedArguments, terminal: Terminal) {
  const given = parsed.flags.config?.[0];
  if (given === undefined) throw new UsageError('--config FILE is needed');
  const file = path.resolve(terminal.workingDirectory, given);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`config: cannot read ${given}: ${(error as Error).message}`);
  }
  try {
    const { security, ...settings } = readSettings(text, role, path.dirname(file));
    return {
      ...settings,
      security: security === undefined ? undefined : new Security(security),
    };
  } catch (error) {
    if (!(error instanceof BlobSeerError)) throw error;
    throw new ConfigError(`config: ${given}, ${error.message}`);
  }
}

async function runEntity(
  role: EntityRole,
  parsed: ParsedArguments,
  terminal: Terminal,
  log: Log,
): Promise<number> {
  const settings = settingsOf(role, parsed, terminal);
  const port = portOf(parsed) ?? settings.port;
  const advertisedHost = advertisedHostOf(role, parsed);
  const host = parsed.flags.listen?.[0] ?? loopback;
  const data = parsed.flags.data?.[0] ?? path.join('entities', `${role}-${port}`);
  const directory = path.resolve(terminal.workingDirectory, data);
  if (settings.ignored.length > 0)
    log.info({ settings: settings.ignored }, 'settings without effect');
  if (!makeDataDirectory(directory) && isOpenToOthers(directory)) {
    log.warn({ directory }, 'other users of this machine can look into the data directory');
  }
  const lock = await lockDirectory({
    directory,
    waitSeconds: lockWaitSeconds,
    onWait: () => log.info({ directory }, 'another process uses the data directory; waiting'),
  });
  let onStopped: (error: Error) => void = () => undefined;
  const stopped = new Promise<never>((_, reject) => {
    onStopped = reject;
  });
  stopped.catch(() => undefined);
  const signal = firstSignal();
  try {
    const { spaceBytes, providerManager, leases, security } = settings;
    const running = await start({
      role,
      version: packageVersion(),
      host,
      port,
      directory,
      spaceBytes,
      providerManager,
      advertisedHost,
      leases,
      security,
      log,
      onStopped: (error) => onStopped(error),
    });
    log.info({ role, host, port: running.port, directory }, 'listening');
    terminal.print(`blobseer-s3 ${role} listens on ${host}:${running.port}`);
    log.info({ signal: await Promise.race([signal, stopped]) }, 'stopping');
    await Promise.race([running.close(defaultLimits.shutdownDrainMs), stopped]);
    log.info('stopped');
    return exitStatus.ok;
  } catch (error) {
    log.fatal({ err: error }, 'the entity cannot go on');
    throw error;
  } finally {
    lock.release();
  }
}

async function start(parts: Parameters<typeof startEntity>[0]): Promise<Entity> {
  try {
    return await startEntity(parts);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof BlobSeerError || code === undefined) throw error;
    throw new CommandError(
      `cannot listen on ${parts.host}:${parts.port}: ${(error as Error).message}`,
    );
  }
}

/** The second one ends the process at once. */
function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    const listener = (signal: string) => {
      process.off('SIGTERM', listener);
      process.off('SIGINT', listener);
      resolve(signal);
    };
    process.on('SIGTERM', listener);
    process.on('SIGINT', listener);
  });
}
