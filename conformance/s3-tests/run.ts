/**
 * Runs a checkout of ceph/s3-tests against a gateway of its own; conformance/s3-tests.sh calls it.
 *
 *   node dist/conformance/s3-tests/run.js DIR [options]      options: see usage below
 *
 * Exit status: 0 when exactly the tests fail that S3-TESTS.md lists (of those that ran), else 1.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Gateway, projectRoot, runCommand } from '../harness/gateway.ts';
import { aloneTest, areaOf, areas, everydayNames } from './areas.ts';
import { compare, type ExpectedFailure, parseExpected, testName } from './expected.ts';
import {
  inspectPython,
  oldBotocoreWarning,
  runPython,
  suiteEnvironment,
  UsageError,
} from './python.ts';
import { areaTable, changedAreas } from './report.ts';
import { collectedTests, junitResults, type Result } from './results.ts';
import { suiteConfiguration, users } from './users.ts';

const usage = `Usage: conformance/s3-tests.sh DIR [options]

Runs the checkout of ceph/s3-tests at DIR against a gateway that it starts, in a directory of its own, on
127.0.0.1, and compares what fails with conformance/S3-TESTS.md.

  --area NAME     only this area (repeatable), one of:
                  ${areas.map(({ name }) => name).join(', ')}
  --all           the areas of policies, grants, locks... too; they are counted, not compared
  --only WORD     only tests whose name contains WORD (repeatable)
  --workers N     tests at once, where pytest-xdist is there (default 2)
  --log FILE      keep all that pytest prints
  --list          print the tests that would run, by area, and end

PYTHON names the interpreter (default python3). It needs pytest, boto3, munch, isodate, pytz, httplib2, lxml
and requests, and runs faster with pytest-xdist. On Debian:
  apt install python3-pytest python3-pytest-xdist python3-boto3 python3-munch python3-isodate \\
    python3-tz python3-httplib2 python3-lxml python3-requests
Debian 12's boto3 does not know what newer tests send; a newer one beside the packages above:
  python3 -m venv --system-site-packages /tmp/s3-tests-python
  /tmp/s3-tests-python/bin/pip install --upgrade boto3
  PYTHON=/tmp/s3-tests-python/bin/python conformance/s3-tests.sh DIR`;

const suiteFiles = ['test_s3.py', 'test_headers.py'].map((name) => `s3tests/functional/${name}`);
const expectedFile = path.join(projectRoot, 'conformance', 'S3-TESTS.md');

interface Options {
  readonly checkout: string;
  readonly areaNames: readonly string[];
  readonly words: readonly string[];
  readonly workers: number;
  readonly logFile: string | undefined;
  readonly listOnly: boolean;
}

function optionsFrom(args: readonly string[]): Options {
  const { values, positionals } = parse(args);
  const [checkout, extra] = positionals;
  if (checkout === undefined) throw new UsageError('which checkout of ceph/s3-tests?');
  if (extra !== undefined) throw new UsageError(`"${extra}" is not expected here`);
  for (const file of suiteFiles) {
    if (!existsSync(path.join(checkout, file))) {
      throw new UsageError(`${checkout} is no checkout of ceph/s3-tests: it has no ${file}`);
    }
  }
  const names = areas.map(({ name }) => name);
  const chosen = values.area ?? (values.all ? names : everydayNames);
  const unknown = chosen.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no area "${unknown}"`);
  const workers = Number(values.workers);
  if (!Number.isInteger(workers) || workers < 1) throw new UsageError('--workers takes a number');
  return {
    checkout: path.resolve(checkout),
    areaNames: chosen,
    words: values.only ?? [],
    workers,
    logFile: values.log,
    listOnly: values.list,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        area: { type: 'string', multiple: true },
        all: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true },
        workers: { type: 'string', default: '2' },
        log: { type: 'string' },
        list: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function main(options: Options): Promise<number> {
  const work = mkdtempSync(path.join(tmpdir(), 'blobseer-s3-tests.'));
  // The gateway's folder and pytest's are made in it, so that nothing is left when the run is cut short.
  process.env.TMPDIR = work;
  let gateway: Gateway | undefined;
  process.on('exit', () => rmSync(work, { recursive: true, force: true }));
  try {
    const expected = readExpected();
    const { versions, parallel } = await inspectPython(work);
    const configurationFile = path.join(work, 's3tests.conf');
    const env = suiteEnvironment(configurationFile);
    const pytest = (args: readonly string[], logFile?: string) =>
      runPython(['-m', 'pytest', '-q', '-p', 'no:cacheprovider', ...args], {
        folder: options.checkout,
        env,
        logFile,
      });

    writeFileSync(configurationFile, suiteConfiguration(1));
    const collection = await pytest(['--collect-only', ...suiteFiles]);
    const collected = collectedTests(collection.output);
    if (collection.status !== 0) throw new Error(`pytest finds no tests:\n${collection.output}`);
    const chosen = collected
      .filter((id) => options.areaNames.includes(areaOf(id)))
      .filter(
        (id) => options.words.length === 0 || options.words.some((word) => id.includes(word)),
      );
    if (chosen.length === 0) throw new UsageError('no test is chosen');
    if (options.listOnly) {
      for (const id of chosen) console.log(`${areaOf(id).padEnd(24)}${testName(id)}`);
      return 0;
    }

    gateway = await Gateway.start({ args: ['--sigv2', '--log-level', 'warn'] });
    await addUsers(gateway);
    writeFileSync(configurationFile, suiteConfiguration(gateway.port), { mode: 0o600 });
    console.log(`${versions}; ${chosen.length} of ${collected.length} tests`);
    const warning = oldBotocoreWarning(versions);
    if (warning !== undefined) console.log(warning);

    const results = new Map<string, Result>();
    const runTests = async (ids: readonly string[], workers: number) => {
      if (ids.length === 0) return;
      const report = path.join(work, `results-${results.size}.xml`);
      const side = workers > 1 ? ['-n', String(workers)] : [];
      const args = [`--junitxml=${report}`, '--tb=short', ...side, ...ids];
      const { output } = await pytest(args, options.logFile);
      if (!existsSync(report)) throw new Error(`pytest did not end well:\n${output.slice(-4000)}`);
      for (const [id, result] of junitResults(readFileSync(report, 'utf8')))
        results.set(id, result);
    };
    const isAlone = (id: string) => testName(id) === aloneTest;
    await runTests(chosen.filter(isAlone), 1);
    await runTests(
      chosen.filter((id) => !isAlone(id)),
      parallel ? options.workers : 1,
    );
    const lost = chosen.filter((id) => !results.has(id));
    for (const id of lost) results.set(id, { outcome: 'failed', message: 'pytest did not run it' });
    const asExpected = conclude(results, expected, collected);
    const status = await gateway.stop();
    if (status !== 0) console.log(`the gateway ended with status ${status}:\n${gateway.log()}`);
    return asExpected && status === 0 ? 0 : 1;
  } finally {
    await gateway?.remove();
  }
}

function readExpected(): ExpectedFailure[] {
  try {
    return parseExpected(readFileSync(expectedFile, 'utf8'));
  } catch (error) {
    throw new Error(`${expectedFile}: ${(error as Error).message}`);
  }
}

async function addUsers(gateway: Gateway): Promise<void> {
  for (const user of users) {
    const { status, output } = await runCommand(
      [
        ...['user', 'add', user.displayName, '--data', gateway.dataDirectory],
        ...['--id', user.id, '--access-key', user.accessKey],
      ],
      { BLOBSEER_S3_USER_SECRET: user.secret },
    );
    if (status !== 0) throw new Error(`user add: ${output}`);
  }
}

/** Prints the table and what differs from the list. @returns whether nothing does */
function conclude(
  results: ReadonlyMap<string, Result>,
  expected: readonly ExpectedFailure[],
  collected: readonly string[],
): boolean {
  console.log(`\n${areaTable(results)}\n`);
  for (const change of changedAreas(collected))
    console.log(`another version of the suite? ${change}`);
  const judged = new Map([...results].filter(([id]) => everydayNames.includes(areaOf(id))));
  const { unexpected, passing, unknown } = compare(judged, expected, collected);
  const messages = new Map([...results].map(([id, { message }]) => [testName(id), message]));
  for (const name of unexpected)
    console.log(`FAILED, not listed  ${name}\n        ${messages.get(name)}`);
  for (const name of passing) console.log(`PASSED, but listed  ${name}`);
  for (const name of unknown) console.log(`listed, not there   ${name}`);
  const same = unexpected.length + passing.length + unknown.length === 0;
  console.log(
    same ? 'as conformance/S3-TESTS.md expects' : 'not as conformance/S3-TESTS.md expects',
  );
  return same;
}

try {
  const args = process.argv.slice(2);
  if (args.includes('--help')) console.log(usage);
  else process.exitCode = await main(optionsFrom(args));
} catch (error) {
  if (error instanceof UsageError) console.error(`${error.message}\n\n${usage}`);
  else console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
