/**
 * What was acknowledged survives a power cut, at any moment of it: seen by simulated cuts of traced runs
 * (testing/power-cut.ts). Needs strace; .ci/run installs it. POWER_CUTS is how many cuts there are in each test, and
 * POWER_CUT_SEED chooses; more by hand: testing/power-cut-run.ts.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { cutModes, type DiskImage, imageAt } from './testing/disk-image.ts';
import { type DiskTrace, readDiskTrace } from './testing/disk-trace.ts';
import { cutPower, type PowerCutOptions } from './testing/power-cut.ts';
import { canTrace } from './testing/strace.ts';

const isTraceable = canTrace();
const cuts = Number(process.env.POWER_CUTS ?? 100);
const seed = Number(process.env.POWER_CUT_SEED ?? Math.floor(Math.random() * 2 ** 31));

async function cutAll(t: TestContext, options: Partial<PowerCutOptions>): Promise<void> {
  if (!isTraceable) {
    t.diagnostic('strace is not here or may not trace: only the parts of the test are tested');
    return;
  }
  const { failures, ...report } = await cutPower({
    seed,
    scenario: 'one',
    commits: 200,
    cuts,
    seconds: 2,
    secondCuts: Math.ceil(cuts / 8),
    ...options,
  });
  t.diagnostic(`seed ${seed}: ${JSON.stringify(report)}`);
  assert.deepEqual(failures, [], `repeat it with --again ${report.folder}`);
}

test('one process', (t) => cutAll(t, { scenario: 'one' }));
test('two processes', (t) => cutAll(t, { scenario: 'two' }));
test('two processes, one of which is killed', (t) => cutAll(t, { scenario: 'killed' }));

test('a directory that is being made', (t) =>
  cutAll(t, { commits: 2, fromTheStart: true, seconds: 0 }));

test('the test finds it when syncs are missing', async (t) => {
  if (!isTraceable) return;
  const options = {
    seed,
    scenario: 'one',
    commits: 100,
    cuts: 60,
    lostSyncsPerMille: 500,
  } as const;
  const { failures } = await cutPower({ ...options, isKept: false });
  t.diagnostic(`${failures.length} failures of 60, such as: ${failures[0]}`);
  assert.ok(failures.length > 0);
});

const hex = (text: string): string => text.replace(/./gs, (one) => `\\x${hexOf(one)}`);
const hexOf = (one: string): string => one.charCodeAt(0).toString(16).padStart(2, '0');

/** As `strace -xx` writes them: paths and data between « and » here. */
function traceOf(...lines: readonly string[]): DiskTrace {
  const text = lines.map((line) => line.replace(/«([^»]*)»/gs, (_, one) => hex(one))).join('\n');
  return readDiskTrace(Buffer.from(text), {
    directory: '/d',
    logFile: '/log',
    namesDurable: (line) => line === 'opened',
  });
}

const image = (trace: DiskTrace, at: number, mode: (typeof cutModes)[number], by = 1): DiskImage =>
  imageAt(trace, { at, mode, seed: by });

const text = (disk: DiskImage, name: string): string | undefined => disk.get(name)?.toString();

const opened = [
  '1 openat(AT_FDCWD<«/»>, "«/d/a»", O_RDWR|O_CREAT, 0664) = 5<«/d/a»>',
  '1 write(3<«/log»>, "«opened\n»", 7) = 7',
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

test('names: durable by a sync of their directory, or once the program says so', () => {
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
