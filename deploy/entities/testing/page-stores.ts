/** Page stores in directories of their own, for tests that open them again, copied or damaged. */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Disk } from '../../../blobseer-client/embedded/disk.ts';
import type { Environment } from '../../../blobseer-client/embedded/environment.ts';
import { MemoryBudget } from '../memory-budget.ts';
import { PageStore } from '../page-store.ts';
import { openState, stateFile } from '../state.ts';

const memoryBytes = 2 ** 26;

export interface StoreSettings {
  readonly segmentBytes?: number;
  readonly spaceBytes?: number;
  readonly disk?: Disk;
}

export class PageStoreFolder implements AsyncDisposable {
  readonly directory: string;
  /** What was told beside the calls. */
  readonly failures: unknown[] = [];
  /** Why storage stopped. */
  readonly stops: unknown[] = [];
  #state: Environment | undefined;
  #store: PageStore | undefined;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async make(): Promise<PageStoreFolder> {
    const directory = await mkdtemp(path.join(tmpdir(), 'pages-'));
    await mkdir(path.join(directory, 'pages'));
    return new PageStoreFolder(directory);
  }

  get pagesDirectory(): string {
    return path.join(this.directory, 'pages');
  }

  async open(settings: StoreSettings = {}): Promise<PageStore> {
    const { directory } = this;
    const onStopped = (error: unknown) => void this.stops.push(error);
    this.#state = await openState({ directory, role: 'test', onStopped });
    this.#store = await PageStore.open({
      spaceBytes: 2 ** 40,
      ...settings,
      state: this.#state,
      directory: this.pagesDirectory,
      memory: new MemoryBudget(memoryBytes),
      onFailed: (error) => void this.failures.push(error),
    });
    return this.#store;
  }

  async close(): Promise<void> {
    await this.#store?.close();
    await this.#state?.close();
    this.#store = undefined;
    this.#state = undefined;
  }

  /** The index as it is on the disk, to be put under a later log. Only while no commit is due. */
  async copyIndex(): Promise<string> {
    const copy = path.join(this.directory, 'index-copy');
    await cp(path.join(this.directory, stateFile), copy);
    return copy;
  }

  /** What a crash would leave: this index, and the log as it is now. */
  async crashed(indexCopy: string): Promise<PageStoreFolder> {
    const left = await PageStoreFolder.make();
    await cp(indexCopy, path.join(left.directory, stateFile));
    await cp(this.pagesDirectory, left.pagesDirectory, { recursive: true });
    return left;
  }

  async [Symbol.asyncDispose]() {
    await this.close();
    await rm(this.directory, { recursive: true });
  }
}

/** As clients make them: the write's id, and the page's number. */
export const keyOf = (index: number, writeId = 1): Buffer => {
  const key = Buffer.alloc(16, writeId);
  key.writeUInt32BE(index, 8);
  return key;
};
export const pageOf = (bytes: number, fill: number): Buffer => Buffer.alloc(bytes, fill % 256);
export const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await nextTurn();
}
