/** The program of a worker process, started by supervisor.ts and told by it what to serve. */
import type { OpenedBlobSeer } from '../blobseer-client/index.ts';
import { type Config, ConfigError } from './config.ts';
import { type Gateway, openStorage, startGateway, storageFailedStatus } from './gateway.ts';
import { createLog, flushLog, type Log } from './log.ts';
import { logStrayErrors } from './stray-errors.ts';
import type { FromWorker, ToWorker } from './supervisor.ts';

interface Running {
  readonly log: Log;
  readonly blobseer: OpenedBlobSeer;
  readonly gateway: Gateway;
}

let running: Promise<Running> | undefined;
let isStopping = false;

process.on('message', (message: ToWorker) => {
  if (message.kind === 'start') {
    running ??= start(message.config);
    running.catch(refuse);
  } else {
    void stop();
  }
});
// Ctrl-C reaches every process of the terminal; the supervisor decides what it means.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => void stop());
// The supervisor is gone. Before node:cluster exits in its own way: an orderly exit waits for LMDB's
// writer, which waits for this thread, and a worker was seen to hang so. Being killed is safe.
process.prependListener('disconnect', () => {
  if (!isStopping) process.kill(process.pid, 'SIGKILL');
});
tell({ kind: 'awake' });

async function start(config: Config): Promise<Running> {
  const log = createLog(config.logLevel);
  logStrayErrors(log);
  const onFatal = () => void flushLog(log).then(() => process.exit(storageFailedStatus));
  const onInstance = (instanceId: number) => tell({ kind: 'instance', instanceId });
  const { blobseer, services } = await openStorage(config, 'worker', log, onFatal, onInstance);
  const gateway = await startGateway(services, log);
  tell({ kind: 'listening', urls: gateway.urls });
  return { log, blobseer, gateway };
}

async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  if (running !== undefined) {
    const { log, blobseer, gateway } = await running;
    await gateway.stop();
    await blobseer.close();
    await flushLog(log);
  }
  process.exit(0);
}

function refuse(error: unknown): void {
  if (error instanceof ConfigError) tell({ kind: 'refused', reason: error.message });
  else console.error(error);
  isStopping = true;
  // The message goes out before the channel closes.
  process.disconnect();
  process.exitCode = 1;
}

function tell(message: FromWorker): void {
  process.send?.(message);
}
