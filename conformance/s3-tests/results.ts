/** What pytest says: the tests it collects, and the outcome of each from its JUnit XML file. */
import { XMLParser } from 'fast-xml-parser';

export type Outcome = 'passed' | 'failed' | 'skipped';

export interface Result {
  readonly outcome: Outcome;
  /** The first line of what went wrong; '' when nothing did. */
  readonly message: string;
}

/** The lines of `pytest --collect-only -q` that name a test. */
export function collectedTests(output: string): string[] {
  return output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^\S+\.py::\S/.test(line));
}

interface Finding {
  readonly '@message'?: string;
}

interface TestCase {
  readonly '@classname'?: string;
  readonly '@name': string;
  readonly failure?: readonly Finding[];
  readonly error?: readonly Finding[];
  readonly skipped?: readonly Finding[];
}

const listed = new Set(['testsuite', 'testcase', 'failure', 'error', 'skipped']);

/**
 * Results by node id. A test whose teardown fails is written twice or with two findings: it failed.
 * @throws when the file is not JUnit XML
 */
export function junitResults(xml: string): Map<string, Result> {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    parseAttributeValue: false,
    isArray: (name) => listed.has(name),
  });
  const document = parser.parse(xml) as {
    testsuites?: { testsuite?: readonly { testcase?: readonly TestCase[] }[] };
  };
  if (document.testsuites === undefined) throw new Error('this is not a JUnit XML file');
  const results = new Map<string, Result>();
  for (const suite of document.testsuites.testsuite ?? []) {
    for (const testCase of suite.testcase ?? []) {
      const id = `${(testCase['@classname'] ?? '').replaceAll('.', '/')}.py::${testCase['@name']}`;
      const found = resultOf(testCase);
      if (results.get(id)?.outcome !== 'failed') results.set(id, found);
    }
  }
  return results;
}

function resultOf({ failure = [], error = [], skipped = [] }: TestCase): Result {
  const [wrong] = [...failure, ...error];
  if (wrong !== undefined) return { outcome: 'failed', message: firstLine(wrong) };
  const [skip] = skipped;
  if (skip !== undefined) return { outcome: 'skipped', message: firstLine(skip) };
  return { outcome: 'passed', message: '' };
}

function firstLine(finding: Finding): string {
  return (finding['@message'] ?? '').split(/\n|&#10;/)[0] ?? '';
}
