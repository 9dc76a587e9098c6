/** Errors that no caller caught. They are logged; whether the process may go on depends on which. */
import { flushLog, type Log } from './log.ts';

export function logStrayErrors(log: Log): void {
  // A promise nobody waited for: its request was answered without it, the process is sound. (A failed
  // LMDB commit also rejects such a promise of its own, beside the one that its caller gets.)
  process.on('unhandledRejection', (err) => log.error({ err }, 'a rejection was not handled'));
  // A throw that unwound the event loop: nobody knows what was left half done.
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'an exception was not caught');
    void flushLog(log).then(() => process.exit(1));
  });
}
