/** `blobseer-s3 serve`: the server, alone in this process or as the supervisor of several workers. */
import { systemClock } from '../clock.ts';
import { type Config, ConfigError, settings } from '../config.ts';
import { isOpenToOthers, lockDirectory, makeDataDirectory } from '../directory-lock.ts';
import { type Gateway, openStorage, startGateway } from '../gateway.ts';
import { startNamespaceSweep } from '../jobs/namespace-sweep.ts';
import { defaultLimits } from '../limits.ts';
import { createLog, flushLog, type Log } from '../log.ts';
import { loadRootKey, type RootKey, registerRootUser } from '../root-user.ts';
import type { Services } from '../services.ts';
import { logStrayErrors } from '../stray-errors.ts';
import { Supervisor } from '../supervisor.ts';
import { exitStatus, type Terminal } from '../terminal.ts';
import {
  type Command,
  columns,
  configFrom,
  configOptions,
  parseArguments,
  refusePositionals,
} from './command.ts';
import { packageVersion } from './version.ts';
import { welcome } from './welcome.ts';

const lockWaitSeconds = 30;

const settingLines = [
  ...settings.map((setting) => [
    setting.flag ? `  --${setting.name} ${setting.value}`.trimEnd() : `  ${setting.environment}`,
    [
      setting.help,
      ...(setting.repeatable ? ['(repeatable)'] : []),
      ...(setting.defaults === undefined ? [] : [`(default ${setting.defaults.join(', ')})`]),
    ].join(' '),
  ]),
  ['  --config FILE', 'YAML or JSON with the names above; flags and environment win'],
];

export const serve: Command = {
  name: 'serve',
  summary: 'serves S3; the command of npm start',
  help: `Usage: blobseer-s3 serve [options]

Serves S3 until it gets SIGTERM or Ctrl-C; then running requests end (up to ${defaultLimits.shutdownDrainMs / 1000} seconds) and it exits
with status 0. A second signal ends it at once. Requests are logged as JSON lines on stderr.

Options (each also as an environment variable: --tls-cert is BLOBSEER_S3_TLS_CERT):
${columns(settingLines)}

Examples:
  blobseer-s3 serve
  blobseer-s3 serve --data /srv/blobseer-s3 --listen 0.0.0.0:9000 --workers 4
  blobseer-s3 serve --listen 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem --domain s3.example.net
  blobseer-s3 serve --config /etc/blobseer-s3.yaml`,

  async run(args, terminal) {
    const parsed = parseArguments(args, configOptions);
    refusePositionals(parsed);
    const { config } = configFrom(parsed, terminal);
    const log = createLog(config.logLevel);
    logStrayErrors(log);
    try {
      return await runServer(config, terminal, log);
    } finally {
      await flushLog(log);
    }
  },
};

async function runServer(config: Config, terminal: Terminal, log: Log): Promise<number> {
  const { dataDirectory: directory } = config;
  if (!makeDataDirectory(directory) && isOpenToOthers(directory)) {
    log.warn({ directory }, 'other users of this machine can look into the data directory');
  }
  const lock = await lockDirectory({
    directory,
    waitSeconds: lockWaitSeconds,
    onWait: () =>
      terminal.complain(
        `Another server uses ${directory}; waiting up to ${lockWaitSeconds} seconds for it to end.`,
      ),
  });
  try {
    const rootKey = loadRootKey(config, systemClock);
    return await serveUntilStopped(config, terminal, log, lock.descriptor, rootKey);
  } finally {
    lock.release();
  }
}

/** What serves: this process, or workers. */
interface Serving {
  /** Resolves with the addresses when all of it listens. */
  start(): Promise<readonly string[]>;
  stop(): Promise<void>;
  /** At once, without a word to anybody. */
  kill(): void;
  /** Rejects when it cannot go on. */
  readonly failed: Promise<never>;
}

async function serveUntilStopped(
  config: Config,
  terminal: Terminal,
  log: Log,
  lockDescriptor: number,
  rootKey: RootKey,
): Promise<number> {
  let onStorageFailed: (reason: Error) => void = () => undefined;
  const storageFailed = new Promise<never>((_, reject) => {
    onStorageFailed = reject;
  });
  storageFailed.catch(() => undefined);
  const isAlone = config.workers === 1;
  const role = isAlone ? 'alone' : 'supervisor';
  const { blobseer, services } = await openStorage(config, role, log, () =>
    onStorageFailed(new Error('storage failed; see the log')),
  );
  const serving = isAlone
    ? aloneServing(services, log)
    : workersServing(config, log, lockDescriptor, (id) => blobseer.instanceDied(id));
  const signals = watchSignals(() => serving.kill());
  const sweeper = startNamespaceSweep(services.namespace, (err) =>
    log.error({ err }, 'what deletes left cannot be removed yet'),
  );
  /** Whatever is waited for: a failure ends the wait. */
  const orFailure = <T>(wait: Promise<T>) => Promise.race([wait, serving.failed, storageFailed]);
  try {
    await registerRootUser({ ...services, blobseer }, rootKey);
    const started = serving.start().then((urls) => {
      terminal.print(welcome({ urls, config, rootKey, version: packageVersion() }));
      // Only a signal or a failure ends it from here on.
      return new Promise<never>(() => undefined);
    });
    const signal = await orFailure(Promise.race([signals.first, started]));
    log.info({ signal }, 'stopping');
    await orFailure(serving.stop());
    await sweeper.stop();
    await blobseer.close();
    log.info('stopped');
    return exitStatus.ok;
  } catch (error) {
    serving.kill();
    if (error instanceof ConfigError) throw error;
    log.fatal({ err: error }, 'the server cannot go on');
    terminal.complain(`blobseer-s3: ${error instanceof Error ? error.message : String(error)}`);
    return exitStatus.failed;
  } finally {
    signals.ignore();
  }
}

function aloneServing(services: Services, log: Log): Serving {
  let gateway: Gateway | undefined;
  return {
    async start() {
      gateway = await startGateway(services, log);
      return gateway.urls;
    },
    stop: async () => gateway?.stop(),
    kill: () => undefined,
    failed: new Promise(() => undefined),
  };
}

function workersServing(
  config: Config,
  log: Log,
  lockDescriptor: number,
  instanceDied: (id: number) => Promise<void>,
): Serving {
  const drainMs = defaultLimits.shutdownDrainMs;
  return new Supervisor({ config, log, lockDescriptor, drainMs, instanceDied });
}

/** The first signal is told; the second ends the process at once. */
function watchSignals(onSecond: () => void): { first: Promise<string>; ignore(): void } {
  let onFirst: (signal: string) => void = () => undefined;
  const first = new Promise<string>((resolve) => {
    onFirst = resolve;
  });
  let count = 0;
  const listener = (signal: string) => {
    count += 1;
    if (count === 1) {
      onFirst(signal);
      return;
    }
    onSecond();
    process.exit(exitStatus.failed);
  };
  process.on('SIGTERM', listener);
  process.on('SIGINT', listener);
  return {
    first,
    ignore() {
      process.off('SIGTERM', listener);
      process.off('SIGINT', listener);
    },
  };
}
