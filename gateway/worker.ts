/** The program of a worker process, started by supervisor.ts and told by it what to serve. */
import type { Socket } from 'node:net';
import { setDefaultHighWaterMark } from 'node:stream';
import type { OpenedBlobSeer } from '../blobseer-client/index.ts';
import { type Config, ConfigError } from './config.ts';
import {
  type HandedGateway,
  openStorage,
  startHandedGateway,
  storageFailedStatus,
} from './gateway.ts';
import { createLog, flushLog, type Log } from './log.ts';
import { socketReadBytes } from './server.ts';
import { logStrayErrors } from './stray-errors.ts';
import type { FromWorker, ToWorker } from './supervisor.ts';

/** So long after a connection has closed the supervisor is told, of all that have closed since. */
const tellClosedMs = 20;

interface Running {
  readonly log: Log;
  readonly blobseer: OpenedBlobSeer;
  readonly gateway: HandedGateway;
}

let running: Promise<Running> | undefined;
let gateway: HandedGateway | undefined;
let isStopping = false;
let closed = 0;

// What a server sets for connections that it accepts; these are accepted by the supervisor.
setDefaultHighWaterMark(false, socketReadBytes);
process.on('message', (message: ToWorker, socket?: Socket) => {
  switch (message.kind) {
    case 'start':
      running ??= start(message.config);
      running.catch(refuse);
      break;
    case 'connection':
      if (isStopping) {
        tell({ kind: 'declined', number: message.number });
        socket?.destroy();
        break;
      }
      tell({ kind: 'taken', number: message.number });
      if (socket !== undefined) gateway?.take(socket, message.listener);
      else onClosed(); // It broke on its way.
      break;
    case 'stop':
      void stop();
      break;
  }
});
// Ctrl-C reaches every process of the terminal; the supervisor decides what it means.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => void stop());
// The supervisor is gone. An orderly exit waits for LMDB's writer, which waits for this thread, and a
// worker was seen to hang so. Being killed is safe.
process.on('disconnect', () => {
  if (!isStopping) process.kill(process.pid, 'SIGKILL');
});
tell({ kind: 'awake' });

async function start(config: Config): Promise<Running> {
  const log = createLog(config.logLevel);
  logStrayErrors(log);
  const onFatal = () => void flushLog(log).then(() => process.exit(storageFailedStatus));
  const onInstance = (instanceId: number) => tell({ kind: 'instance', instanceId });
  const { blobseer, services } = await openStorage(config, 'worker', log, onFatal, onInstance);
  gateway = startHandedGateway(services, log, onClosed);
  tell({ kind: 'ready' });
  return { log, blobseer, gateway };
}

function onClosed(): void {
  closed += 1;
  if (closed > 1) return;
  setTimeout(() => {
    tell({ kind: 'closed', connections: closed });
    closed = 0;
  }, tellClosedMs).unref();
}

async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  tell({ kind: 'stopping' });
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
  // Where the supervisor is gone, that the channel is will be told.
  process.send?.(message, undefined, undefined, () => undefined);
}
