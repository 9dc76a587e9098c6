/**
 * LMDB's file before LMDB opens it. A new one gets its name when it is whole and durable. Made in its place, a power cut in
 * its first moment can leave one that has pages and no beginning, and the `lmdb` package dies with a signal instead of
 * an error where it cannot open a file. (Found by power-cut.test.ts, with cuts from the start: 8 of 1800.)
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { BlobSeerError } from '../errors.ts';
import { errorCode } from './io-errors.ts';

/** Of a meta page, behind the header of every page: `MDB_page` and `MDB_meta` of LMDB's data format 2. */
const magicAt = 24;
const magic = 0xbeefc0de;
const pageBytesAt = 48;
const headBytes = pageBytesAt + 4;
const smallestPageBytes = 256;
const largestPageBytes = 64 * 2 ** 10;

/** A link that fails for another reason than these cannot be had here: the file is made in its place. */
const linkFailures = ['ENOENT', 'EIO', 'ENOSPC', 'EDQUOT', 'EROFS'];

export interface DatabaseFileOptions {
  readonly file: string;
  /** Opens LMDB on the file it is given, and closes it before it returns. */
  readonly make: (file: string) => void;
  /** For tests: link(2). */
  readonly link?: (from: string, to: string) => void;
}

/** The file is there, its name is durable, and LMDB can open it. Throws `corrupt` for what is no database. */
export function prepareDatabaseFile({ file, make, link = linkSync }: DatabaseFileOptions): void {
  if (!existsSync(file)) makeNamed(file, make, link);
  removeUnnamed(file);
  refuseDamaged(file);
  const directory = path.dirname(path.resolve(file));
  sync(directory);
  try {
    sync(path.dirname(directory));
  } catch (error) {
    // Who may not read what is above the directory has not made it there either.
    if (errorCode(error) !== 'EACCES') throw error;
  }
}

function makeNamed(
  file: string,
  make: (file: string) => void,
  link: (from: string, to: string) => void,
): void {
  const unnamed = `${file}${unnamedMark}${randomUUID()}`;
  try {
    make(unnamed);
    sync(unnamed);
    link(unnamed, file);
  } catch (error) {
    // Another was first, and has taken this one for what a crash left.
    if (existsSync(file)) return;
    const { syscall } = error as NodeJS.ErrnoException;
    if (syscall !== 'link' || linkFailures.includes(errorCode(error) ?? '')) throw error;
    make(file);
  } finally {
    for (const left of [unnamed, `${unnamed}-lock`]) rmSync(left, { force: true });
  }
}

const unnamedMark = '.new-';

/** What a crash left while the file was made. */
function removeUnnamed(file: string): void {
  const directory = path.dirname(file);
  for (const name of readdirSync(directory)) {
    if (name.startsWith(path.basename(file) + unnamedMark)) {
      rmSync(path.join(directory, name), { force: true });
    }
  }
}

function refuseDamaged(file: string): void {
  const descriptor = openSync(file, 'r');
  try {
    const head = Buffer.alloc(headBytes);
    const found = readSync(descriptor, head, 0, headBytes, 0);
    if (found === 0) return; // LMDB begins where nothing is
    const pageBytes = head.readUInt32LE(pageBytesAt);
    const isFirstWhole = head.readUInt32LE(magicAt) === magic;
    if (isFirstWhole && pageBytes >= smallestPageBytes && pageBytes <= largestPageBytes) {
      head.fill(0);
      readSync(descriptor, head, 0, headBytes, pageBytes);
      if (head.readUInt32LE(magicAt) === magic) return;
    }
  } finally {
    closeSync(descriptor);
  }
  throw new BlobSeerError('corrupt', `${file} is no database, or its beginning is damaged`);
}

function sync(name: string): void {
  const descriptor = openSync(name, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
