/**
 * The log: one JSON object a line on stderr (stdout belongs to what a command prints). One line per
 * request; never a secret, a signature, a session token or a query string, which may carry all three.
 */
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from './config.ts';

export type Log = Logger;

const stderrDescriptor = 2;

/** Lines may be buffered: call `flushLog` before the process ends. */
export function createLog(level: LogLevel, destination?: DestinationStream): Log {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination ?? pino.destination({ dest: stderrDescriptor, sync: false }),
  );
}

/** Resolves when everything logged so far is written (or cannot be). */
export function flushLog(log: Log): Promise<void> {
  return new Promise((resolve) => {
    log.flush(() => resolve());
  });
}
