/**
 * The log of pages: what is written while a sync runs goes together into the next one. A task is done
 * when the log has its changes on the disk and the index knows them.
 *
 * Groups follow each other, each one written behind the last and synced before the next: what was
 * acknowledged has only whole records before it. A segment that a write failed in is left, so that
 * nothing is ever written over bytes of which nobody knows how many are there.
 */
import type { DiskFile } from '../../blobseer-client/embedded/disk.ts';
import { PageGroup } from './page-group.ts';
import type { PageIndex } from './page-index.ts';
import type { PageSegments } from './page-segments.ts';

/** A group is complete with so many bytes of pages, or so many records; one task alone may have more. */
const maxGroupBytes = 8 * 2 ** 20;
const maxGroupRecords = 1024;

export interface LogTask {
  /** Of its pages, at most. */
  readonly bytes: number;
  readonly records: number;
  /** Adds its changes, when its turn has come. What it added stays when it throws. */
  readonly plan: (group: PageGroup) => void;
}

interface Waiting extends LogTask {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface PageLogOptions {
  readonly index: PageIndex;
  readonly segments: PageSegments;
  /** One that has as many is written to no more. */
  readonly segmentBytes: number;
  /** Throws when nothing may be acknowledged any more. */
  readonly check: () => void;
}

export class PageLog {
  readonly #index: PageIndex;
  readonly #segments: PageSegments;
  readonly #segmentBytes: number;
  readonly #check: () => void;
  readonly #queue: Waiting[] = [];
  /** The segment that is written to: the index's position is in it, or it is a new one. */
  #segment: number;
  #file: DiskFile | undefined;
  #offset = 0;
  #running: Promise<void> | undefined;

  /** The index must stand before a segment that does not exist yet. */
  constructor({ index, segments, segmentBytes, check }: PageLogOptions) {
    this.#index = index;
    this.#segments = segments;
    this.#segmentBytes = segmentBytes;
    this.#check = check;
    this.#segment = index.position.segment;
  }

  /** Resolves when it is durable and applied. */
  append(task: LogTask): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...task, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Ends what was begun. */
  async close(): Promise<void> {
    await this.#running;
    await this.#file?.close();
  }

  async #run(): Promise<void> {
    // What is asked in the same turn of the event loop goes into the first group.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const tasks = this.#take();
      try {
        await this.#write(tasks);
      } catch (error) {
        for (const { reject } of tasks) reject(error);
      }
      await this.#index.keepUp();
    }
    this.#running = undefined;
  }

  #take(): Waiting[] {
    let bytes = 0;
    let records = 0;
    let count = 0;
    for (const task of this.#queue) {
      bytes += task.bytes;
      records += task.records;
      if (count > 0 && (bytes > maxGroupBytes || records > maxGroupRecords)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #write(tasks: readonly Waiting[]): Promise<void> {
    this.#check();
    if (this.#offset >= this.#segmentBytes) await this.#leave();
    const group = new PageGroup(this.#index, this.#segment, this.#offset);
    const failures = new Map<Waiting, unknown>();
    for (const task of tasks) {
      try {
        task.plan(group);
      } catch (error) {
        failures.set(task, error);
      }
    }
    if (group.pieces.length > 0) await this.#append(group);
    for (const task of tasks) {
      if (failures.has(task)) task.reject(failures.get(task));
      else task.resolve();
    }
  }

  async #append(group: PageGroup): Promise<void> {
    try {
      this.#file ??= await this.#segments.create(this.#segment);
      await this.#segments.append(this.#file, group.pieces, this.#offset);
    } catch (error) {
      await this.#leaveFailed();
      throw error;
    }
    this.#offset = group.end;
    this.#index.apply(group.changes, { segment: this.#segment, offset: group.end });
  }

  /** A segment without a group that was acknowledged is removed; the next start tries again. */
  async #leaveFailed(): Promise<void> {
    const segment = this.#segment;
    const isUnused = this.#offset === 0;
    await this.#leave();
    if (isUnused) this.#segments.discard(segment);
  }

  async #leave(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#segment++;
    this.#offset = 0;
    await file?.close().catch(() => undefined);
  }
}
