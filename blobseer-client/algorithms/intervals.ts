/** Sets of integers as sorted, disjoint, non-touching half-open intervals. */

/** The integers from `start` up to but not including `end`, which may be Infinity. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

export type Intervals = readonly Interval[];

/** Any intervals (overlapping, touching, empty, in any order) as one set. */
export function normalise(intervals: Intervals): Interval[] {
  const sorted = intervals
    .filter(({ start, end }) => start < end)
    .sort((left, right) => left.start - right.start);
  return joinSorted(sorted);
}

/** What is in either set. */
export function union(left: Intervals, right: Intervals): Interval[] {
  const sorted: Interval[] = [];
  let l = 0;
  let r = 0;
  for (;;) {
    const fromLeft = left[l];
    const fromRight = right[r];
    if (fromLeft !== undefined && (fromRight === undefined || fromLeft.start <= fromRight.start)) {
      sorted.push(fromLeft);
      l++;
    } else if (fromRight !== undefined) {
      sorted.push(fromRight);
      r++;
    } else {
      return joinSorted(sorted);
    }
  }
}

/** What is in both sets. */
export function intersect(left: Intervals, right: Intervals): Interval[] {
  const both: Interval[] = [];
  let l = 0;
  let r = 0;
  for (;;) {
    const fromLeft = left[l];
    const fromRight = right[r];
    if (fromLeft === undefined || fromRight === undefined) return both;
    const start = Math.max(fromLeft.start, fromRight.start);
    const end = Math.min(fromLeft.end, fromRight.end);
    if (start < end) both.push({ start, end });
    if (fromLeft.end <= fromRight.end) l++;
    else r++;
  }
}

/** What is in `left` and not in `right`. */
export function subtract(left: Intervals, right: Intervals): Interval[] {
  const rest: Interval[] = [];
  let r = 0;
  for (const { start, end } of left) {
    let from = start;
    while (r < right.length && right[r]!.end <= from) r++;
    // The last interval looked at may reach into the next one of `left`, so it is not passed over.
    for (let next = r; next < right.length && right[next]!.start < end; next++) {
      const taken = right[next]!;
      if (from < taken.start) rest.push({ start: from, end: taken.start });
      from = taken.end;
      r = next;
    }
    if (from < end) rest.push({ start: from, end });
  }
  return rest;
}

export function contains(set: Intervals, value: number): boolean {
  let low = 0;
  let high = set.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (set[middle]!.end <= value) low = middle + 1;
    else high = middle;
  }
  const found = set[low];
  return found !== undefined && found.start <= value;
}

/** Joins what overlaps or touches in a list that is sorted by start. */
function joinSorted(sorted: Intervals): Interval[] {
  const joined: Interval[] = [];
  for (const next of sorted) {
    const last = joined.at(-1);
    if (last === undefined || last.end < next.start) joined.push(next);
    else if (last.end < next.end) joined[joined.length - 1] = { start: last.start, end: next.end };
  }
  return joined;
}
