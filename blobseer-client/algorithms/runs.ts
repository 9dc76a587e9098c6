/** Runs: where the pages and tree blocks that a snapshot wrote lie, as few records as possible. */
import { type Interval, type Intervals, normalise } from './intervals.ts';

/**
 * Slots [start, start + count) of one level (0: pages; 1 and up: tree blocks), stored as `count`
 * consecutive units of write `writeId`, the first of them its unit `firstIndex`.
 */
export interface Run {
  readonly level: number;
  readonly start: number;
  readonly count: number;
  readonly writeId: number;
  readonly firstIndex: number;
  /** In a page file, not in the store itself. */
  readonly inFile: boolean;
}

/** Slots of all levels; the entry at index L holds those of level L, a missing one is empty. */
export type SlotSet = readonly Intervals[];

export function slotsOfRuns(runs: readonly Run[]): SlotSet {
  const levels: Interval[][] = [];
  for (const { level, start, count } of runs) {
    while (levels.length <= level) levels.push([]);
    levels[level]!.push({ start, end: start + count });
  }
  return levels.map(normalise);
}

/** Slots [0, counts[L]) of each level L. */
export function slotsBelow(counts: readonly number[]): SlotSet {
  return counts.map((count) => normalise([{ start: 0, end: count }]));
}

/** Works level by level: `combine` gets the two sets' slots of one level. */
export function combineSlots(
  left: SlotSet,
  right: SlotSet,
  combine: (left: Intervals, right: Intervals) => Interval[],
): SlotSet {
  const combined: Interval[][] = [];
  for (let level = 0; level < Math.max(left.length, right.length); level++) {
    combined.push(combine(left[level] ?? [], right[level] ?? []));
  }
  return combined;
}

export function isEmpty(slots: SlotSet): boolean {
  return slots.every((level) => level.length === 0);
}

/** Parts the runs (disjoint, sorted by level, then start) into those in the set and the rest. */
export function splitRuns(runs: readonly Run[], slots: SlotSet): { inside: Run[]; outside: Run[] } {
  const inside: Run[] = [];
  const outside: Run[] = [];
  let level = -1;
  let position = 0;
  for (const run of runs) {
    if (run.level !== level) position = 0;
    level = run.level;
    const intervals = slots[level] ?? [];
    const end = run.start + run.count;
    while (position < intervals.length && intervals[position]!.end <= run.start) position++;
    let from = run.start;
    for (let next = position; next < intervals.length && from < end; next++) {
      const interval = intervals[next]!;
      if (interval.start >= end) break;
      addPart(outside, run, from, interval.start);
      addPart(inside, run, Math.max(from, interval.start), Math.min(end, interval.end));
      from = Math.min(end, interval.end);
    }
    addPart(outside, run, from, end);
  }
  return { inside, outside };
}

/** All runs in order; neighbours that also lie side by side where they are stored become one. */
export function joinRuns(runs: readonly Run[]): Run[] {
  const sorted = [...runs].sort(
    (left, right) => left.level - right.level || left.start - right.start,
  );
  const joined: Run[] = [];
  for (const run of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && continues(last, run)) {
      joined[joined.length - 1] = { ...last, count: last.count + run.count };
    } else {
      joined.push(run);
    }
  }
  return joined;
}

function continues(last: Run, next: Run): boolean {
  return (
    last.level === next.level &&
    last.writeId === next.writeId &&
    last.inFile === next.inFile &&
    last.start + last.count === next.start &&
    last.firstIndex + last.count === next.firstIndex
  );
}

function addPart(parts: Run[], run: Run, start: number, end: number): void {
  if (start >= end) return;
  const firstIndex = run.firstIndex + (start - run.start);
  parts.push({ ...run, start, count: end - start, firstIndex });
}
