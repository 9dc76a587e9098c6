/** Checkpoints in a directory. On the file system of the data, files that never change are hard links. */
import { closeSync, openSync } from 'node:fs';
import { link, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { errorCode, translateIoError } from '../../blobseer-client/embedded/io-errors.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { flock } from '../../gateway/directory-lock.ts';
import { checked, type Digest, pieces } from './digest.ts';
import { clearDirectory, syncFile, writeFile } from './local-files.ts';
import type { LocalFile, Place, PlaceLock } from './place.ts';

const privateDirectory = 0o700;
const privateFile = 0o600;
const lockFile = 'lock';
const workFolder = 'work';
/** The file system does not link, or not these two: their bytes are copied. */
const noLinkCodes = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

export class DirectoryPlace implements Place {
  readonly name: string;
  readonly isRemote = false;
  readonly workDirectory: string;
  readonly #root: string;
  /** Whose entries are not known to be durable. */
  readonly #unsynced = new Set<string>();

  constructor(root: string) {
    this.name = root;
    this.#root = root;
    this.workDirectory = path.join(root, workFolder);
  }

  async lock(): Promise<PlaceLock> {
    await this.#io(`cannot use ${this.#root}`, () => this.#makeDirectory(this.#root));
    const descriptor = openSync(path.join(this.#root, lockFile), 'a', privateFile);
    try {
      if (!(await flock(descriptor, ['--nonblock']))) {
        throw new BlobSeerError('unavailable', `another program works on ${this.#root}`);
      }
      await clearDirectory(this.workDirectory);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    return {
      confirm: () => Promise.resolve(), // it is held as long as this process lives
      release: async () => {
        await rm(this.workDirectory, { recursive: true, force: true });
        closeSync(descriptor);
      },
    };
  }

  async *list(prefix: string): AsyncGenerator<string> {
    const slash = prefix.lastIndexOf('/') + 1;
    for await (const name of this.#walk(prefix.slice(0, slash))) {
      if (name.startsWith(prefix)) yield name;
    }
  }

  async *#walk(folder: string): AsyncGenerator<string> {
    const directory = path.join(this.#root, folder);
    const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return [];
      throw translateIoError(error, `cannot read ${directory}`);
    });
    // A folder sorts as its files do, with the slash behind it.
    const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
    for (const name of names.sort()) {
      if (name.endsWith('/')) yield* this.#walk(`${folder}${name}`);
      else yield `${folder}${name}`;
    }
  }

  async *read(name: string): AsyncGenerator<Buffer> {
    try {
      yield* pieces(this.#path(name));
    } catch (error) {
      throw readError(error, name);
    }
  }

  async put(name: string, local: LocalFile): Promise<void> {
    const target = this.#path(name);
    await this.#io(`cannot write ${target}`, async () => {
      await this.#makeDirectory(path.dirname(target));
      const made = path.join(this.workDirectory, `put-${name.replaceAll('/', '-')}`);
      // Never onto a file that is there: it may be a link to one that is in use.
      await rm(made, { force: true });
      if (local.moves) {
        await syncFile(local.file);
        await rename(local.file, made);
      } else if (!(await linked(local.file, made))) {
        await copyFile(pieces(local.file, local.digest.bytes), local.digest, name, made);
      }
      await rename(made, target);
      await rm(made, { force: true }); // of links to one file rename(2) leaves both
    });
    this.#unsynced.add(path.dirname(target));
  }

  async settle(): Promise<void> {
    await this.#io(`cannot sync ${this.#root}`, async () => {
      for (const directory of this.#unsynced) await syncFile(directory);
    });
    this.#unsynced.clear();
  }

  async fetch(name: string, file: string, digest: Digest): Promise<void> {
    const source = this.#path(name);
    const bytes = checked(this.read(name), digest, `${name} in ${this.#root}`);
    if (
      await linked(source, file).catch((error: unknown) => Promise.reject(readError(error, name)))
    ) {
      for await (const _ of bytes); // what is shared is checked too
    } else {
      await writeFile(bytes, file);
    }
  }

  async remove(name: string): Promise<void> {
    const file = this.#path(name);
    await this.#io(`cannot remove ${file}`, async () => {
      await rm(file, { force: true });
      await rmdir(path.dirname(file)).catch(() => undefined); // others are in it, as a rule
    });
  }

  #path(name: string): string {
    return path.join(this.#root, name);
  }

  /** With what is above it; all of their names will be durable. */
  async #makeDirectory(directory: string): Promise<void> {
    const first = await mkdir(directory, { recursive: true, mode: privateDirectory });
    if (first === undefined) return;
    for (let made = directory; ; made = path.dirname(made)) {
      this.#unsynced.add(path.dirname(made));
      if (made === first) return;
    }
  }

  async #io(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw translateIoError(error, what);
    }
  }
}

/** False where the file system does not link these two. */
async function linked(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch (error) {
    if (noLinkCodes.has(errorCode(error) ?? '')) return false;
    throw error;
  }
}

async function copyFile(
  source: AsyncIterable<Buffer>,
  digest: Digest,
  name: string,
  target: string,
): Promise<void> {
  await writeFile(checked(source, digest, name), target);
}

function readError(error: unknown, name: string): BlobSeerError {
  if (errorCode(error) === 'ENOENT') return new BlobSeerError('not-found', `${name} is missing`);
  return translateIoError(error, `cannot read ${name}`);
}
