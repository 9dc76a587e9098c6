/** A disk that tells what is done to it, in order, and fails or waits where a test wants it to. */
import { type Disk, type DiskFile, nodeDisk } from '../embedded/disk.ts';

export type DiskCall =
  | 'create'
  | 'write'
  | 'read'
  | 'sync'
  | 'unlink'
  | 'makeDirectory'
  | 'syncDirectory'
  | 'list'
  | 'space';

export class FaultyDisk implements Disk {
  readonly calls: DiskCall[] = [];
  /** Runs before the real call; throw or wait in it. */
  before: (call: DiskCall) => Promise<void> | void = () => undefined;
  /** Overrules what the file system says. */
  freeBytes: number | undefined;

  private async note<T>(call: DiskCall, run: () => Promise<T>): Promise<T> {
    await this.before(call);
    const result = await run();
    this.calls.push(call);
    return result;
  }

  private wrap(file: DiskFile): DiskFile {
    return {
      write: (pieces, position) => this.note('write', () => file.write(pieces, position)),
      read: (target, position) => this.note('read', () => file.read(target, position)),
      sync: () => this.note('sync', () => file.sync()),
      close: () => file.close(),
    };
  }

  create(file: string): Promise<DiskFile> {
    return this.note('create', async () => this.wrap(await nodeDisk.create(file)));
  }

  createForWriting(file: string): Promise<DiskFile> {
    return this.note('create', async () => this.wrap(await nodeDisk.createForWriting(file)));
  }

  async openForRead(file: string): Promise<DiskFile> {
    return this.wrap(await nodeDisk.openForRead(file));
  }

  unlink(file: string): Promise<void> {
    return this.note('unlink', () => nodeDisk.unlink(file));
  }

  makeDirectory(directory: string): Promise<boolean> {
    return this.note('makeDirectory', () => nodeDisk.makeDirectory(directory));
  }

  removeEmptyDirectory(directory: string): Promise<void> {
    return nodeDisk.removeEmptyDirectory(directory);
  }

  syncDirectory(directory: string): Promise<void> {
    return this.note('syncDirectory', () => nodeDisk.syncDirectory(directory));
  }

  list(directory: string): Promise<string[]> {
    return this.note('list', () => nodeDisk.list(directory));
  }

  async space(directory: string): Promise<{ freeBytes: number; totalBytes: number }> {
    const found = await this.note('space', () => nodeDisk.space(directory));
    return this.freeBytes === undefined ? found : { ...found, freeBytes: this.freeBytes };
  }
}

/** What Node throws for a failed system call. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}
