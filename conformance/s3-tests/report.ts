/** The table that a run prints: passed and failed per area beside the target and RGW. */
import { type Area, areaOf, areas } from './areas.ts';
import type { Result } from './results.ts';

interface Row {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly target: number | undefined;
  readonly rgw: number | undefined;
}

/** One row for each area of which a test ran, and a last one with the sums. */
export function areaRows(results: ReadonlyMap<string, Result>): Row[] {
  const rows = areas.map((area) => rowOf(area, results)).filter((row) => ranIn(row) > 0);
  const sum = (pick: (row: Row) => number | undefined) =>
    rows.reduce((total, row) => total + (pick(row) ?? 0), 0);
  const total: Row = {
    name: 'together',
    passed: sum(({ passed }) => passed),
    failed: sum(({ failed }) => failed),
    skipped: sum(({ skipped }) => skipped),
    target: sum(({ target }) => target),
    rgw: sum(({ rgw }) => rgw),
  };
  return [...rows, total];
}

const ranIn = ({ passed, failed, skipped }: Row): number => passed + failed + skipped;

function rowOf(area: Area, results: ReadonlyMap<string, Result>): Row {
  const outcomes = [...results]
    .filter(([id]) => areaOf(id) === area.name)
    .map(([, { outcome }]) => outcome);
  const count = (wanted: string) => outcomes.filter((outcome) => outcome === wanted).length;
  // A target says something about a whole area only.
  const whole = outcomes.length === area.tests;
  return {
    name: area.name,
    passed: count('passed'),
    failed: count('failed'),
    skipped: count('skipped'),
    target: whole ? area.target : undefined,
    rgw: whole ? area.rgw : undefined,
  };
}

const titles = ['area', 'tests', 'passed', 'failed', 'skipped', 'target', 'RGW'];

export function areaTable(results: ReadonlyMap<string, Result>): string {
  const lines = areaRows(results).map((row) => [
    row.name,
    ranIn(row),
    row.passed,
    row.failed,
    row.skipped,
    row.target ?? '-',
    row.rgw ?? '-',
  ]);
  const [nameWidth, width] = [24, 9];
  return [titles, ...lines]
    .map(([name, ...figures]) =>
      [String(name).padEnd(nameWidth), ...figures.map((each) => String(each).padStart(width))].join(
        '',
      ),
    )
    .join('\n');
}

/** The areas whose tests do not number what areas.ts says: the checkout is another version. */
export function changedAreas(collected: readonly string[]): string[] {
  return areas.flatMap(({ name, tests }) => {
    const found = collected.filter((id) => areaOf(id) === name).length;
    return found === tests ? [] : [`${name}: ${found} tests, not ${tests}`];
  });
}
