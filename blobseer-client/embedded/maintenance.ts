/**
 * What has to be done besides serving: publishing this process's read bound, and in one process of
 * the directory reclaim, sweep and rewriting. A pass does what is due and ends; a timer starts the
 * next. A failure is reported and tried again with the next pass; it keeps no other step from its turn.
 */
import { BlobSeerError } from '../errors.ts';
import type { Holds } from './holds.ts';
import { type Instance, isSilentTool, listInstances } from './instances.ts';
import type { SnapshotTables } from './tables.ts';

/** Slices in a row before a pass ends, so that `close` never waits for long. */
const maxSlices = 10_000;

/** What only one process of a directory does. */
export interface Cleaning {
  /** Frees what a dead process left. */
  bury(instanceId: number): Promise<void>;
  /** Dismantles graves dug before `bound`. True when there may be more of them. */
  reclaim(bound: number): Promise<boolean>;
  /** What is due after that, in this order; each returns true when there may be more. */
  readonly steps: readonly ((isStopping: () => boolean) => Promise<boolean>)[];
}

export interface MaintenanceParts {
  readonly tables: Pick<SnapshotTables, 'instances'>;
  readonly instance: Instance;
  readonly holds: Holds;
  readonly nowMs: () => number;
  readonly onError: (error: unknown) => void;
  /** Present in the one process that cleans up. */
  readonly cleaning: Cleaning | undefined;
  /** Instances known dead and not yet buried: tried again with every pass. */
  readonly dead: Set<number>;
}

export class Maintenance {
  private readonly parts: MaintenanceParts;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private stopping = false;

  constructor(parts: MaintenanceParts) {
    this.parts = parts;
  }

  start(everyMs: number): void {
    this.timer = setInterval(() => void this.pass(), everyMs);
    this.timer.unref();
  }

  /** One pass; the running one when there is one. */
  pass(): Promise<void> {
    this.running ??= this.run()
      .catch((error: unknown) => this.report(error))
      .finally(() => {
        this.running = undefined;
      });
    return this.running;
  }

  private async run(): Promise<void> {
    const { instance, cleaning, dead, tables, nowMs } = this.parts;
    await this.reporting(() => instance.publish());
    if (cleaning === undefined) return;
    for (const id of dead) {
      await this.reporting(async () => {
        await cleaning.bury(id);
        dead.delete(id);
      });
    }
    await this.reporting(() => this.parts.holds.releaseSilent());
    await this.reporting(() => this.repeat(() => cleaning.reclaim(this.leastBound())));
    for (const step of cleaning.steps) {
      await this.reporting(() => this.repeat(() => step(() => this.stopping)));
    }
    await this.reporting(async () => {
      for (const row of listInstances(tables.instances)) {
        if (isSilentTool(row, nowMs())) await cleaning.bury(row.id);
      }
    });
  }

  private async reporting(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof BlobSeerError && error.kind === 'stopped') throw error;
      this.report(error);
    }
  }

  private report(error: unknown): void {
    if (!this.stopping) this.parts.onError(error);
  }

  private async repeat(slice: () => Promise<boolean>): Promise<void> {
    for (let count = 0; count < maxSlices && !this.stopping; count++) {
      if (!(await slice())) return;
    }
  }

  /** What died before this no running read of any process can need. */
  private leastBound(): number {
    const { instance, tables } = this.parts;
    let bound = instance.bound();
    for (const row of listInstances(tables.instances)) {
      if (row.id !== instance.id) bound = Math.min(bound, row.bound);
    }
    return bound;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await this.running;
  }
}
