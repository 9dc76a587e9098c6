/**
 * Page files: one per large write, its pages one behind the other. Files are named by numbers only
 * (`pages/<instance>/<id / 4096>/<id>-<generation>`): the instance, so that after a death exactly the
 * files of the dead have to be looked at. A file belongs to the store once a commit has put its
 * record; before that it is the business of the process that writes it.
 */
import path from 'node:path';
import type { BlobSeerError } from '../errors.ts';
import type { Disk, DiskFile } from './disk.ts';
import { errorCode, translateIoError, writeError } from './io-errors.ts';

/** In the data directory. */
export const pagesDirectory = 'pages';
const filesPerDirectory = 4096;

export interface FileName {
  readonly instance: number;
  readonly fileId: number;
  readonly generation: number;
}

/** Below the directory of all page files. */
export function pageFilePath({ instance, fileId, generation }: FileName): string {
  const chunk = Math.floor(fileId / filesPerDirectory);
  return path.join(String(instance), String(chunk), `${fileId}-${generation}`);
}

export class PageFiles {
  readonly disk: Disk;
  private readonly root: string;
  private readonly onSyncFailure: (cause: unknown) => BlobSeerError;
  private readonly knownDirectories = new Set<string>();
  private readonly directorySyncs = new Map<
    string,
    { running: Promise<void>; next?: Promise<void> }
  >();

  /** `onSyncFailure` stops the engine: after a failed sync the kernel has forgotten the bytes. */
  constructor(disk: Disk, root: string, onSyncFailure: (cause: unknown) => BlobSeerError) {
    this.disk = disk;
    this.root = root;
    this.onSyncFailure = onSyncFailure;
  }

  path(name: FileName): string {
    return path.join(this.root, pageFilePath(name));
  }

  private directory(name: FileName): string {
    return path.dirname(this.path(name));
  }

  async create(name: FileName): Promise<DiskFile> {
    try {
      await this.makeDirectories(name);
      return await this.disk.createForWriting(this.path(name));
    } catch (error) {
      throw writeError(error, 'cannot create a page file');
    }
  }

  private async makeDirectories(name: FileName): Promise<void> {
    const chunk = this.directory(name);
    if (this.knownDirectories.has(chunk)) return;
    const instance = path.dirname(chunk);
    for (const directory of [this.root, instance, chunk]) {
      if (this.knownDirectories.has(directory)) continue;
      await this.disk.makeDirectory(directory);
      await this.syncDirectory(path.dirname(directory));
      this.knownDirectories.add(directory);
    }
  }

  /** Makes the file's bytes and its name durable. */
  async sync(name: FileName, file: DiskFile): Promise<void> {
    try {
      await file.sync();
    } catch (error) {
      throw this.onSyncFailure(error);
    }
    await this.syncDirectory(this.directory(name));
  }

  /** Callers that come while a sync runs share the next one: theirs may have come too late for it. */
  private async syncDirectory(directory: string): Promise<void> {
    const entry = this.directorySyncs.get(directory);
    if (entry === undefined) {
      await this.startDirectorySync(directory);
      return;
    }
    entry.next ??= entry.running.then(() => this.startDirectorySync(directory));
    await entry.next;
  }

  private startDirectorySync(directory: string): Promise<void> {
    const running = this.disk.syncDirectory(directory).catch((error: unknown) => {
      throw this.onSyncFailure(error);
    });
    const entry: { running: Promise<void>; next?: Promise<void> } = { running };
    this.directorySyncs.set(directory, entry);
    const done = (): void => {
      if (this.directorySyncs.get(directory) === entry && entry.next === undefined) {
        this.directorySyncs.delete(directory);
      }
    };
    running.then(done, done);
    return running;
  }

  /** A file that is already gone is as good as removed. */
  async remove(name: FileName): Promise<void> {
    try {
      await this.disk.unlink(this.path(name));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      throw translateIoError(error, 'cannot remove a page file');
    }
  }

  /** Undefined when there is no such file (any more). */
  async openForRead(name: FileName): Promise<DiskFile | undefined> {
    try {
      return await this.disk.openForRead(this.path(name));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw translateIoError(error, 'cannot open a page file');
    }
  }

  /** Every page file that an instance wrote, whether it belongs to the store or not. */
  async filesOf(instance: number): Promise<FileName[]> {
    const names: FileName[] = [];
    const directory = path.join(this.root, String(instance));
    for (const chunk of await this.disk.list(directory)) {
      for (const file of await this.disk.list(path.join(directory, chunk))) {
        const match = /^(\d+)-(\d+)$/.exec(file);
        if (match === null) continue;
        names.push({ instance, fileId: Number(match[1]), generation: Number(match[2]) });
      }
    }
    return names;
  }

  /** The instances that have written page files. */
  async instances(): Promise<number[]> {
    const names = await this.disk.list(this.root);
    return names.filter((name) => /^\d+$/.test(name)).map(Number);
  }

  /** Removes the directories of an instance as far as they are empty. */
  async pruneDirectories(instance: number): Promise<void> {
    const directory = path.join(this.root, String(instance));
    const inner = await this.disk.list(directory);
    for (const one of [...inner.map((name) => path.join(directory, name)), directory]) {
      await this.disk.removeEmptyDirectory(one).catch((error: unknown) => {
        const code = errorCode(error);
        if (code !== 'ENOTEMPTY' && code !== 'ENOENT' && code !== 'EEXIST') throw error;
      });
    }
  }
}
