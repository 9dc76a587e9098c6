/** The folders of one run: what explains its failures, and disks that nobody needs once they were checked. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { atSignal } from './signals.ts';

/** Disks are opened where syncs cost nothing. */
const memoryFolder = '/dev/shm';

export class RunFolders {
  /** The options and traces of the run. */
  readonly traces: string;
  readonly disks: string;
  private readonly again: string | undefined;
  private readonly forget: () => void;

  /** `again`: the folder of an earlier run, which stays. */
  constructor(again: string | undefined) {
    this.again = again;
    this.traces = again ?? realpathSync(mkdtempSync(path.join(tmpdir(), 'power-cut-')));
    this.disks = makeDisksFolder(this.traces);
    this.forget = atSignal(() => this.remove(false));
  }

  remove(areTracesKept: boolean): void {
    this.forget();
    rmSync(this.disks, { recursive: true, force: true });
    const isKept = areTracesKept || this.again !== undefined;
    if (!isKept) rmSync(this.traces, { recursive: true, force: true });
  }
}

/** Not every machine has the one in memory, and not everyone may write there. */
function makeDisksFolder(otherwise: string): string {
  try {
    return mkdtempSync(path.join(memoryFolder, 'power-cut-'));
  } catch {
    return mkdtempSync(path.join(otherwise, 'disks-'));
  }
}
