/**
 * What was acknowledged survives a power cut, at any moment of it: seen by simulated cuts of traced runs
 * (testing/power-cut.ts). Without strace they are skipped, unless REQUIRE_STRACE is set, as .ci/run does: then they fail.
 * POWER_CUTS is how many cuts there are in each test, and POWER_CUT_SEED chooses; more by hand:
 * testing/power-cut-run.ts.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { cutModes, type DiskImage, imageAt } from './testing/disk-image.ts';
import { type DiskTrace, readDiskTrace } from './testing/disk-trace.ts';
import { cutPower, type PowerCutOptions, type PowerCutReport } from './testing/power-cut.ts';
import { canTrace, straceMissing, straceRequired, traceNode } from './testing/strace.ts';

const isTraceable = canTrace();
const cuts = numberFrom('POWER_CUTS', 100, 1);
const seed = numberFrom('POWER_CUT_SEED', Math.floor(Math.random() * 2 ** 31), 0);

/** Of the environment. No cuts, or NaN of them, would find nothing wrong. */
function numberFrom(name: string, otherwise: number, least: number): number {
  const text = process.env[name];
  if (text === undefined) return otherwise;
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new Error(`${name}=${text} is not a whole number from ${least} on`);
}

/** False where the test ends here. */
function mayTrace(t: TestContext): boolean {
  if (isTraceable) return true;
  if (straceRequired) assert.fail(straceMissing);
  t.skip(straceMissing);
  return false;
}

/** Prints the seed first, so that it is known of a run that never comes to its report. */
async function run(t: TestContext, options: PowerCutOptions): Promise<PowerCutReport> {
  console.log(`${t.name}: POWER_CUT_SEED=${options.seed}`);
  const report = await cutPower(options);
  const { failures, ...numbers } = report;
  t.diagnostic(`${failures.length} failures: ${JSON.stringify(numbers)}`);
  return report;
}

async function cutAll(t: TestContext, options: Partial<PowerCutOptions>): Promise<void> {
  if (!mayTrace(t)) return;
  const all: PowerCutOptions = {
    seed,
    scenario: 'one',
    commits: 200,
    cuts,
    seconds: 2,
    secondCuts: Math.ceil(cuts / 8),
    ...options,
  };
  const { failures, folder, ...report } = await run(t, all);
  assert.deepEqual(failures, [], `repeat it with --again ${folder}`);
  assertTested(report, all);
}

/** That nothing was found says something only where something was looked at. */
function assertTested(
  report: Pick<PowerCutReport, 'cuts' | 'secondCuts' | 'acked'>,
  { cuts, seconds = 0, secondCuts = 0, commits, scenario }: PowerCutOptions,
): void {
  assert.equal(report.cuts, cuts, 'cuts that were checked');
  assert.equal(report.secondCuts, seconds * secondCuts, 'second cuts that were checked');
  // Who is killed has not acknowledged all.
  if (scenario !== 'killed') assert.equal(report.acked, commits, 'acknowledged commits');
}

test('one process', (t) => cutAll(t, { scenario: 'one' }));
test('two processes', (t) => cutAll(t, { scenario: 'two' }));
test('two processes, one of which is killed', (t) => cutAll(t, { scenario: 'killed' }));

test('a directory that is being made', (t) =>
  cutAll(t, { commits: 2, fromTheStart: true, seconds: 0 }));

test('the test finds it when syncs are missing', async (t) => {
  if (!mayTrace(t)) return;
  const options = {
    seed,
    scenario: 'one',
    commits: 100,
    cuts: 60,
    lostSyncsPerMille: 500,
    isKept: false,
  } as const;
  const report = await run(t, options);
  assert.ok(report.failures.length > 0);
  assertTested(report, options);
});

test('a traced program that does not end is killed', async (t) => {
  if (!mayTrace(t)) return;
  const folder = mkdtempSync(path.join(tmpdir(), 'power-cut-late-'));
  try {
    const file = path.join(folder, 'pid');
    const program = `fs.writeFileSync(${JSON.stringify(file)}, \`\${process.pid}\`); setInterval(() => {}, 1000)`;
    // Long enough for it to begin, also where others use the machine.
    await assert.rejects(traceNode(['-e', program], path.join(folder, 'trace'), 4000), /not ended/);
    assert.ok(!isRunning(readFileSync(file, 'utf8')));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** A zombie, which nobody may wait for in a container, runs no more. */
function isRunning(pid: string): boolean {
  const status = `/proc/${pid}/status`;
  return existsSync(status) && !/^State:\s+[ZX]/m.test(readFileSync(status, 'utf8'));
}

const hex = (text: string): string => text.replace(/./gs, (one) => `\\x${hexOf(one)}`);
const hexOf = (one: string): string => one.charCodeAt(0).toString(16).padStart(2, '0');

/** As `strace -xx` writes them: paths and data between « and » here. */
function traceOf(...lines: readonly string[]): DiskTrace {
  const text = lines.map((line) => line.replace(/«([^»]*)»/gs, (_, one) => hex(one))).join('\n');
  return readDiskTrace(Buffer.from(text), {
    directory: '/d',
    logFile: '/log',
  });
}

const image = (trace: DiskTrace, at: number, mode: (typeof cutModes)[number], by = 1): DiskImage =>
  imageAt(trace, { at, mode, seed: by });

const text = (disk: DiskImage, name: string): string | undefined => disk.get(name)?.toString();

const opened = [
  '1 openat(AT_FDCWD<«/»>, "«/d/a»", O_RDWR|O_CREAT, 0664) = 5<«/d/a»>',
  '1 fsync(4<«/d»>) = 0',
];

test('offsets: given, of the descriptor, of the end; descriptors belong to processes', () => {
  const trace = traceOf(
    ...opened,
    '1 clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x1} => {parent_tid=[2]}, 88) = 2',
    '2 write(5<«/d/a»>, "«one»", 3) = 3',
    '1 pwrite64(5<«/d/a»>, "«two»", 3, 6) = 3',
    '1 lseek(5<«/d/a»>, 3, SEEK_SET) = 3',
    '2 writev(5<«/d/a»>, [{iov_base="«1»", iov_len=1}, {iov_base="«23»", iov_len=2}], 2) = 3',
    '9 openat(AT_FDCWD<«/»>, "«/d/a»", O_WRONLY|O_APPEND) = 5<«/d/a»>',
    '9 write(5<«/d/a»>, "«end...»", 6) = 3',
    '1 write(5<«/d/a»>, "«T»", 1) = 1',
    '1 openat(AT_FDCWD<«/»>, "«/elsewhere»", O_WRONLY) = 5<«/elsewhere»>',
    '1 write(5<«/elsewhere»>, "«no»", 2) = 2',
    '9 ftruncate(5<«/d/a»>, 11) = 0',
    '1 write(3<«/log»>, "«opened\n»", 7) = 7',
  );
  assert.equal(text(image(trace, trace.end, 'all'), 'a'), 'one123Twoen');
  assert.equal(text(image(trace, trace.end, 'none'), 'a'), '');
  assert.equal(trace.log.length, 1);
});

test('durable: what had ended before a sync began that has ended, and synchronous writes', () => {
  const trace = traceOf(
    ...opened,
    '1 clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x1} => {parent_tid=[2]}, 88) = 2',
    '1 pwrite64(5<«/d/a»>, "«1»", 1, 0) = 1',
    '2 pwrite64(5<«/d/a»>, "«2»", 1, 1 <unfinished ...>',
    '1 fdatasync(5<«/d/a»> <unfinished ...>',
    '2 <... pwrite64 resumed>) = 1',
    '1 <... fdatasync resumed>) = 0',
    '1 openat(AT_FDCWD<«/»>, "«/d/a»", O_WRONLY|O_DSYNC) = 6<«/d/a»>',
    '1 pwrite64(6<«/d/a»>, "«3»", 1, 2) = 1',
    '1 fsync(5<«/d/a»>) = ?',
  );
  const none = (line: number): string | undefined => text(image(trace, 2 * line, 'none'), 'a');
  assert.equal(none(7), '');
  assert.equal(none(8), '1');
  assert.equal(none(10), '1\u00003');
  assert.equal(none(11), '1\u00003', 'a sync that did not return is none');
  assert.equal(text(image(trace, 19, 'all'), 'a'), '123', 'amid the write');
});

test('names: durable by a sync of their directory', () => {
  const trace = traceOf(
    ...opened,
    '1 openat(AT_FDCWD<«/»>, "«/d/j/new»", O_RDWR|O_CREAT, 0664) = 7<«/d/j/new»>',
    '1 rename("«/d/j/new»", "«/d/j/0»") = 0',
    '1 openat(AT_FDCWD<«/»>, "«/d/j»", O_RDONLY) = 8<«/d/j»>',
    '1 fsync(8<«/d/j»>) = 0',
    '1 unlink("«/d/a»") = 0',
    '1 unlink("«/d/x-lock»") = 0',
  );
  const names = (line: number, mode: 'none' | 'all'): string[] =>
    [...image(trace, 2 * line, mode).keys()].sort();
  assert.deepEqual(names(1, 'none'), []);
  assert.deepEqual(names(2, 'none'), ['a']);
  assert.deepEqual(names(5, 'none'), ['a']);
  assert.deepEqual(names(3, 'all'), ['a', 'j/new']);
  assert.deepEqual(names(6, 'none'), ['a', 'j/0']);
  assert.deepEqual(names(8, 'none'), ['a', 'j/0']);
  assert.deepEqual(names(8, 'all'), ['j/0']);
});

test('what is not durable is there in parts, and what is durable always', () => {
  const [old, fresh] = ['a', 'b'].map((letter) => letter.repeat(4 * 4096));
  const trace = traceOf(
    ...opened,
    `1 pwrite64(5<«/d/a»>, "«${old}»", 16384, 0) = 16384`,
    '1 fdatasync(5<«/d/a»>) = 0',
    `1 pwrite64(5<«/d/a»>, "«${fresh}»", 16384, 4096) = 16384`,
    `1 pwrite64(5<«/d/a»>, "«${'c'.repeat(100)}»", 100, 4096) = 100`,
  );
  for (const mode of cutModes) {
    const seen = new Set<string>();
    for (let by = 0; by < 40; by += 1) {
      const found = text(image(trace, trace.end, mode, by), 'a')!;
      const isPossible = /^a{4096}(c{100})?[ab]{12188,12288}[b\0]*$/.test(found);
      assert.ok(isPossible, `${mode}, ${by}`);
      // A page takes along what was written to it before.
      if (mode === 'pages' && found.includes('c')) assert.equal(found[4196], 'b');
      if (mode === 'newest') assert.ok(found.includes('c'));
      seen.add(found);
    }
    const isOne = mode === 'none' || mode === 'all';
    assert.ok(isOne ? seen.size === 1 : seen.size > 1, `${mode}: ${seen.size}`);
  }
});
