/**
 * The committed list of expected failures, S3-TESTS.md: a Markdown table of test, reason and who decided.
 * A run is as expected when exactly the listed tests fail, of those that it ran.
 */
import type { Result } from './results.ts';

export interface ExpectedFailure {
  /** The name alone, with its parameters: `test_bucket_list_unordered`. */
  readonly test: string;
  readonly reason: string;
  readonly decidedBy: Decider;
}

/** Why a failure stands. */
export const deciders = ['AWS', 'later issue', 'RGW only', 'client'] as const;
export type Decider = (typeof deciders)[number];

/** @throws Error naming the line that is not a row of three filled columns, or repeats a test */
export function parseExpected(markdown: string): ExpectedFailure[] {
  const expected: ExpectedFailure[] = [];
  const seen = new Set<string>();
  for (const [index, line] of markdown.split('\n').entries()) {
    if (!/^\|\s*`?test_/.test(line)) continue;
    const at = `line ${index + 1}`;
    const columns = line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((column) => column.trim());
    const [name = '', reason = '', decidedBy = ''] = columns;
    const test = /^`(test_[^`]+)`$/.exec(name)?.[1];
    if (test === undefined || columns.length !== 3 || reason === '') {
      throw new Error(`${at}: a row is | \`test_name\` | reason | decided by |`);
    }
    const decider = deciders.find((known) => known === decidedBy);
    if (decider === undefined) {
      throw new Error(`${at}: "${decidedBy}" does not decide; it is ${deciders.join(', ')}`);
    }
    if (seen.has(test)) throw new Error(`${at}: ${test} is listed twice`);
    seen.add(test);
    expected.push({ test, reason, decidedBy: decider });
  }
  return expected;
}

export interface Difference {
  /** Failed and not listed. */
  readonly unexpected: readonly string[];
  /** Listed, ran, and passed. */
  readonly passing: readonly string[];
  /** Listed, and no test of the checkout has that name. */
  readonly unknown: readonly string[];
}

export const testName = (nodeId: string): string => nodeId.slice(nodeId.indexOf('::') + 2);

/**
 * @param results of the tests that are judged, by node id
 * @param collected every node id of the checkout
 */
export function compare(
  results: ReadonlyMap<string, Result>,
  expected: readonly ExpectedFailure[],
  collected: readonly string[],
): Difference {
  const listed = new Set(expected.map(({ test }) => test));
  const existing = new Set(collected.map(testName));
  const named = [...results].map(([id, { outcome }]) => ({ name: testName(id), outcome }));
  return {
    unexpected: named
      .filter(({ name, outcome }) => outcome !== 'passed' && !listed.has(name))
      .map(({ name }) => name),
    passing: named
      .filter(({ name, outcome }) => outcome === 'passed' && listed.has(name))
      .map(({ name }) => name),
    unknown: [...listed].filter((name) => !existing.has(name)),
  };
}
