/** What a run says of the goals: each measured, and met or missed. */
import { type Goal, goals, type Quantity } from './goals.ts';
import type { Measurement } from './measure.ts';
import { markdown, median, type Results, type Row } from './results.ts';

export type Verdict = 'met' | 'missed' | 'not measured';

export interface Judged {
  readonly goal: Goal;
  /** Undefined where the run did not do the work, or on one of the servers not. */
  readonly measured: number | undefined;
  readonly verdict: Verdict;
}

/** `server` is the one whose goals they are. */
export function judge(results: Results, server: string): Judged[] {
  return goals.map((goal) => {
    const measured = measure(results, server, goal);
    return { goal, measured, verdict: verdictOf(goal, measured) };
  });
}

/** Markdown: a line per goal. */
export function goalsTable(results: Results, server: string): string {
  const lines = judge(results, server).map(({ goal, measured, verdict }) => [
    goal.work === '' ? 'all' : goal.work,
    goal.connections === 0 ? '' : String(goal.connections),
    goal.words,
    measured === undefined ? '' : measured.toPrecision(3),
    verdict === 'missed' ? '**missed**' : verdict,
  ]);
  return markdown(['work', 'connections', 'goal', 'measured', ''], lines);
}

function verdictOf({ limit }: Goal, measured: number | undefined): Verdict {
  if (measured === undefined) return 'not measured';
  const isMet = 'atLeast' in limit ? measured >= limit.atLeast : measured <= limit.atMost;
  return isMet ? 'met' : 'missed';
}

function measure(results: Results, server: string, goal: Goal): number | undefined {
  const { work, connections, quantity } = goal;
  const row = (name: string, workload = work, count = connections) =>
    results.rows.find(
      (one) => one.workload === workload && one.connections === count && one.server === name,
    );
  const mine = row(server);
  switch (quantity.kind) {
    case 'rate':
      return ratioOf(mine, row(quantity.against), (round) => round.opsPerSecond);
    case 'latency':
      return ratioOf(mine, row(quantity.against), (round) => round.p50);
    case 'throughput': {
      const other = row(server, quantity.work, quantity.connections);
      return ratioOf(mine, other, (round) => round.mebibytesPerSecond);
    }
    case 'extra':
    case 'extras':
      return mine && medianOf(mine.rounds.map((round) => found(round, quantity)));
    case 'growth':
      return growth(results, server, goal);
    case 'memory': {
      const peaks = results.rows
        .filter((one) => one.server === server)
        .flatMap(({ rounds }) => rounds.flatMap(({ peakMiB }) => peakMiB ?? []));
      return peaks.length === 0 ? undefined : Math.max(...peaks);
    }
  }
}

function found(
  { extra = {}, failures }: Measurement,
  quantity: Extract<Quantity, { kind: 'extra' | 'extras' }>,
): number | undefined {
  const value = extra[quantity.name];
  if (failures > 0 || value === undefined) return undefined;
  if (quantity.kind === 'extra') return value;
  const over = extra[quantity.over];
  return over === undefined ? undefined : value / over;
}

/** Round by round: what happened to the machine in one happened to both. */
function ratioOf(
  mine: Row | undefined,
  other: Row | undefined,
  value: (round: Measurement) => number,
): number | undefined {
  if (mine === undefined || other === undefined) return undefined;
  return medianOf(
    mine.rounds.map((round, index) => {
      const against = other.rounds[index];
      if (against === undefined || round.failures + against.failures > 0) return undefined;
      return value(round) / value(against);
    }),
  );
}

function medianOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : median(known);
}

function growth(results: Results, server: string, { work, connections }: Goal): number | undefined {
  const sized = results.rows
    .filter((row) => row.server === server && row.connections === connections)
    .flatMap((row) => {
      const size = new RegExp(`^${work}-(\\d+)$`).exec(row.workload)?.[1];
      return size === undefined ? [] : [{ row, size: Number(size) }];
    })
    .sort((a, b) => a.size - b.size);
  const [smallest, largest] = [sized.at(0), sized.at(-1)];
  if (smallest === largest) return undefined;
  return ratioOf(largest?.row, smallest?.row, (round) => round.p50);
}
