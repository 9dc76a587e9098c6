/**
 * What may be on the disk after a power cut. Everything durable is there; of every other write, what the kernel happened
 * to have written back: nothing, all, or some blocks of it. Who chooses differs, since what each finds differs:
 *
 * - `none` and `all`: the two ends.
 * - `newest`: the last writes and none of those before them, as when a disk reorders.
 * - `pages`: each page of the file as it was at some moment after it was last made durable. What really happens.
 * - `blocks`, `sectors`: each block of each write for itself, 4096 or 512 bytes: harsher than a page cache, where a
 *   page that reaches the disk takes all earlier writes to it along.
 */
import { SeededRandom } from '../../testing/seeded-random.ts';
import type { Change, DiskTrace, TracedFile } from './disk-trace.ts';

export const cutModes = ['none', 'all', 'newest', 'pages', 'blocks', 'sectors'] as const;
export type CutMode = (typeof cutModes)[number];

const pageBytes = 4096;
const sectorBytes = 512;
/** The most of the last writes that `newest` keeps. */
const maxNewest = 12;

export interface Cut {
  /** In half lines of the trace: what begins later has not happened. */
  readonly at: number;
  readonly mode: CutMode;
  readonly seed: number;
}

/** By name relative to the data directory. */
export type DiskImage = Map<string, Buffer>;

export function imageAt(trace: DiskTrace, cut: Cut): DiskImage {
  const random = new SeededRandom(cut.seed, cut.at, cutModes.indexOf(cut.mode));
  const image: DiskImage = new Map();
  for (const [name, file] of namesAt(trace, cut, random)) {
    image.set(name, contentAt(file, cut, random));
  }
  return image;
}

/** File systems write the changes of a directory in order: those that are durable, and some behind them. */
function namesAt(trace: DiskTrace, cut: Cut, random: SeededRandom): Map<string, TracedFile> {
  const happened = trace.namings.filter(({ began }) => began < cut.at);
  const durable = happened.findLastIndex((naming) => naming.durable < cut.at) + 1;
  let kept = random.integer(durable, happened.length);
  if (cut.mode === 'none') kept = durable;
  if (cut.mode === 'all') kept = happened.length;
  const names = new Map<string, TracedFile>();
  for (const { name, file } of happened.slice(0, kept)) {
    if (file === undefined) names.delete(name);
    else names.set(name, file);
  }
  return names;
}

function contentAt(file: TracedFile, cut: Cut, random: SeededRandom): Buffer {
  const happened = file.changes.filter(({ began }) => began < cut.at);
  const keeps = choose(happened, cut, random);
  const longest = Math.max(0, ...happened.map((change) => change.offset + change.bytes.length));
  const content = Buffer.alloc(longest);
  let length = 0;
  for (const change of happened) {
    const { kind, offset, bytes } = change;
    const kept = keeps.get(change);
    if (kind === 'truncate') {
      if (kept === undefined) continue;
      if (offset < length) content.fill(0, offset, length);
      length = offset;
      continue;
    }
    for (const [from, to] of kept ?? []) {
      bytes.copy(content, from, from - offset, to - offset);
      length = Math.max(length, to);
    }
    // Of what made the file longer its length alone may be there: zeros.
    const end = offset + bytes.length;
    if (change.durable >= cut.at && end > length && cut.mode !== 'none' && random.chance(0.3)) {
      length = end;
    }
  }
  return content.subarray(0, length);
}

type Ranges = readonly (readonly [from: number, to: number])[];

const whole = ({ offset, bytes }: Change): Ranges => [[offset, offset + bytes.length]];

/** What of each change is on the disk. */
function choose(changes: readonly Change[], cut: Cut, random: SeededRandom): Map<Change, Ranges> {
  const keeps = new Map<Change, Ranges>();
  const loose: Change[] = [];
  for (const change of changes) {
    if (change.durable < cut.at) keeps.set(change, whole(change));
    else loose.push(change);
  }
  switch (cut.mode) {
    case 'none':
      break;
    case 'all':
      for (const change of loose) keeps.set(change, whole(change));
      break;
    case 'newest':
      for (const change of loose.slice(-random.integer(1, maxNewest)))
        keeps.set(change, whole(change));
      break;
    case 'blocks':
    case 'sectors': {
      const unit = cut.mode === 'blocks' ? pageBytes : sectorBytes;
      for (const change of loose) {
        const kept = unitsOf(change, unit).filter(() => random.chance(0.5));
        if (isKept(change, kept, random)) keeps.set(change, kept);
      }
      break;
    }
    case 'pages':
      choosePages(changes, cut, random, keeps);
  }
  return keeps;
}

/** From the newest change back: once a page is kept, so is everything written to it before. */
function choosePages(
  changes: readonly Change[],
  cut: Cut,
  random: SeededRandom,
  keeps: Map<Change, Ranges>,
): void {
  const reached = new Set<number>();
  const firstLoose = changes.findIndex(({ durable }) => durable >= cut.at);
  if (firstLoose < 0) return;
  for (const change of changes.slice(firstLoose).reverse()) {
    const isDurable = change.durable < cut.at;
    const kept = unitsOf(change, pageBytes).filter(([from]) => {
      const page = Math.floor(from / pageBytes);
      const isHere = isDurable || reached.has(page) || random.chance(0.5);
      if (isHere) reached.add(page);
      return isHere;
    });
    if (isDurable || isKept(change, kept, random)) keeps.set(change, kept);
  }
}

/** A new length has no blocks: it is there or not. */
function isKept(change: Change, kept: Ranges, random: SeededRandom): boolean {
  return change.kind === 'truncate' ? random.chance(0.5) : kept.length > 0;
}

/** Its parts that lie in one block of the file each. */
function unitsOf({ offset, bytes }: Change, unit: number): Ranges {
  const units: [number, number][] = [];
  const end = offset + bytes.length;
  for (let from = offset; from < end; ) {
    const to = Math.min(end, (Math.floor(from / unit) + 1) * unit);
    units.push([from, to]);
    from = to;
  }
  return units;
}
