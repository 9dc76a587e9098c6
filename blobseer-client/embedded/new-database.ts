/**
 * A new file of LMDB, which gets its name when it is whole and durable. Made in its place, a power cut in its first moment
 * can leave one that has pages and no beginning: LMDB dies with a signal when it is opened. (Found by power-cut.test.ts,
 * with cuts from the start: 8 of 1800.)
 */
import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs';
import { errorCode } from './io-errors.ts';

/** Nothing where there is one. `make` opens LMDB on the file it is given, and closes it. */
export function makeDatabase(file: string, make: (file: string) => void): void {
  if (existsSync(file)) return;
  // Others may be making it too: whoever is first gives it its name.
  const unnamed = `${file}-${process.pid}`;
  try {
    make(unnamed);
    const descriptor = openSync(unnamed, 'r');
    fsyncSync(descriptor);
    closeSync(descriptor);
    linkSync(unnamed, file);
  } catch (error) {
    if (!isLeftToLmdb(error)) throw error;
  } finally {
    for (const left of [unnamed, `${unnamed}-lock`]) rmSync(left, { force: true });
  }
}

/** Another has made it; or the file system has no hard links, and LMDB makes it as it does. */
function isLeftToLmdb(error: unknown): boolean {
  return ['EEXIST', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errorCode(error) ?? '');
}
