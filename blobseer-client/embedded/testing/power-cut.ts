/**
 * Power cuts, simulated: writers run under strace once; then, for each of many moments of that run, a disk is made as
 * a power cut at that moment could have left it, and opened. Some of those disks are opened by writers under strace
 * again, and the power is cut a second time, most often while they recover.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { Checker } from './checker-process.ts';
import { type Cut, cutModes, type DiskImage, imageAt } from './disk-image.ts';
import { type DiskTrace, readDiskTrace } from './disk-trace.ts';
import type { NumberedCommit } from './power-cut-checker.ts';
import type { WriterOptions } from './power-cut-writer.ts';
import { RunFolders } from './run-folders.ts';
import { allSettled } from './settled.ts';
import { traceNode } from './strace.ts';

const writerProgram = path.join(import.meta.dirname, 'power-cut-writer.js');
/** In the folder of a run: its PowerCutOptions. */
const optionsFile = 'options.json';
const checkers = 2;
/** A writer's first number in the second generation; the first has smaller ones. */
const secondWriters = 100;

export type Scenario = 'one' | 'two' | 'killed';

export interface PowerCutOptions {
  readonly seed: number;
  /** One process writes, two do, or two of which one is killed. */
  readonly scenario: Scenario;
  /** Of all writers together. */
  readonly commits: number;
  readonly cuts: number;
  /** Disks on which writers run a second time, and cuts of each such run. */
  readonly seconds?: number;
  readonly secondCuts?: number;
  readonly secondCommits?: number;
  /** Also while the directory is made. */
  readonly fromTheStart?: boolean;
  /** Syncs that are taken for not made, of 1000: so the test itself is tested. */
  readonly lostSyncsPerMille?: number;
  /** False: no files are left after failures either, nor where the run itself fails. */
  readonly isKept?: boolean;
  /** Only this one, to see a failure again. */
  readonly only?: Cut;
  /** Where to leave its disk. */
  readonly diskFolder?: string;
  /** A folder that a run with failures has kept: its traces, not new ones. */
  readonly again?: string;
}

export interface PowerCutReport {
  readonly acked: number;
  readonly traceMegabytes: number;
  readonly cuts: number;
  readonly secondCuts: number;
  /** Cuts that left at least one commit that nobody had been told of. */
  readonly withUnacked: number;
  readonly failures: readonly string[];
  /** Where the traces are: kept when there are failures. */
  readonly folder: string;
}

/** One run of writers, from a disk on. */
interface Generation {
  readonly trace: DiskTrace;
  readonly acked: readonly (NumberedCommit & { readonly began: number })[];
  readonly opened: { readonly began: number; readonly sequence: number } | undefined;
  /** Acknowledged before the disk it began with was cut. */
  readonly before: readonly NumberedCommit[];
  readonly megabytes: number;
  readonly describe: string;
}

/** What a run with failures was told. */
export function optionsOf(folder: string): PowerCutOptions {
  const text = readFileSync(path.join(folder, optionsFile), 'utf8');
  return { ...(JSON.parse(text) as PowerCutOptions), again: folder };
}

export async function cutPower(options: PowerCutOptions): Promise<PowerCutReport> {
  const { again, isKept = true } = options;
  const folders = new RunFolders(again);
  // A run that fails for a reason of its own is explained by its traces too.
  let isToBeKept = isKept;
  try {
    const report = await new PowerCuts(options, folders).run();
    isToBeKept &&= report.failures.length > 0;
    return report;
  } catch (error) {
    if (!isKept) throw error;
    const { message } = error as Error;
    throw new Error(`${message} (its traces are in ${folders.traces})`, { cause: error });
  } finally {
    folders.remove(isToBeKept);
  }
}

class PowerCuts {
  private readonly options: PowerCutOptions;
  private readonly random: SeededRandom;
  private readonly folder: string;
  private readonly checkFolder: string;
  private readonly failures: string[] = [];
  private withUnacked = 0;
  private checked = 0;

  constructor(options: PowerCutOptions, { traces, disks }: RunFolders) {
    this.options = options;
    this.random = new SeededRandom(options.seed, options.scenario.length);
    this.folder = traces;
    this.checkFolder = disks;
    if (options.again === undefined) {
      writeFileSync(path.join(this.folder, optionsFile), JSON.stringify(options));
    }
  }

  async run(): Promise<PowerCutReport> {
    const { seed, scenario, commits, seconds = 0, secondCommits = 12 } = this.options;
    const describe = `seed ${seed}, ${scenario}`;
    const first = await this.trace('first', writersOf(scenario, commits), new Map(), [], describe);
    const from = this.options.fromTheStart === true ? 0 : first.opened!.began + 1;
    const cuts = this.options.only
      ? [this.options.only]
      : this.cuts(first, from, this.options.cuts);
    await this.checkAll(first, cuts);
    const firstChecked = this.checked;
    for (const [at, cut] of this.cuts(first, first.opened!.began + 1, seconds).entries()) {
      const image = imageAt(first.trace, cut);
      const before = first.acked.filter(({ began }) => began < cut.at);
      const writers = [{ writer: secondWriters + at, commits: secondCommits }];
      const again = `${describe}, ${show(cut)}, then`;
      let second: Generation;
      try {
        second = await this.trace(`second-${at}`, writers, image, before, again);
      } catch (error) {
        this.failures.push(`${again}: ${(error as Error).message}`);
        continue;
      }
      const opened = second.opened?.began ?? second.trace.end;
      const many = this.options.secondCuts ?? 0;
      const whileOpening = this.cuts(second, firstMoment(second.trace), many, opened);
      await this.checkAll(second, whileOpening);
    }
    return {
      acked: first.acked.length,
      traceMegabytes: Math.round(first.megabytes),
      cuts: firstChecked,
      secondCuts: this.checked - firstChecked,
      withUnacked: this.withUnacked,
      failures: this.failures,
      folder: this.folder,
    };
  }

  private async trace(
    name: string,
    writers: WriterOptions['writers'],
    before: DiskImage,
    acked: readonly NumberedCommit[],
    describe: string,
  ): Promise<Generation> {
    const directory = path.join(this.folder, name, 'data');
    const logFile = path.join(this.folder, name, 'log');
    const traceFile = path.join(this.folder, name, 'trace');
    const options: WriterOptions = { directory, logFile, seed: this.options.seed, writers };
    if (this.options.again === undefined) {
      writeImage(directory, before);
      await traceNode([writerProgram, JSON.stringify(options)], traceFile);
    }
    const bytes = readFileSync(traceFile);
    const trace = readDiskTrace(bytes, {
      directory,
      logFile,
      before,
      isSyncLost: () => this.random.chance((this.options.lostSyncsPerMille ?? 0) / 1000),
    });
    // A thread that was killed within a write may have written or not: the trace does not say.
    if (writers.every(({ killedAt }) => killedAt === undefined)) throwUnlessSame(trace, directory);
    const opened = trace.log.find(({ text }) => text.startsWith('opened '));
    return {
      trace,
      before: acked,
      acked: trace.log
        .filter(({ text }) => text.startsWith('acked '))
        .map(({ text, began }) => {
          const [writer, number, sequence] = text.split(' ').slice(1).map(Number);
          return { writer: writer!, number: number!, sequence: sequence!, began };
        }),
      opened: opened && { began: opened.began, sequence: Number(opened.text.split(' ')[1]) },
      megabytes: bytes.length / 2 ** 20,
      describe,
    };
  }

  /** Half of them beside syncs and acknowledgements, the others anywhere; most before `until`. */
  private cuts(generation: Generation, from: number, count: number, until?: number): Cut[] {
    const { random } = this;
    const { trace } = generation;
    const beside = trace.moments
      .flatMap((moment) => [moment, moment + 1])
      .filter((moment) => moment >= from);
    return Array.from({ length: count }, (_, index) => {
      const isEarly = until !== undefined && until > from && random.chance(0.7);
      const end = isEarly ? until : trace.end;
      const fitting = isEarly ? beside.filter((moment) => moment <= end) : beside;
      const at =
        fitting.length > 0 && random.chance(0.5) ? random.pick(fitting) : random.integer(from, end);
      return { at, mode: cutModes[index % cutModes.length]!, seed: this.options.seed };
    });
  }

  private async checkAll(generation: Generation, cuts: readonly Cut[]): Promise<void> {
    const waiting = [...cuts];
    const work = async (number: number): Promise<void> => {
      const checker = new Checker();
      try {
        for (let cut = waiting.shift(); cut !== undefined; cut = waiting.shift()) {
          await this.checkOne(checker, generation, cut, path.join(this.checkFolder, `${number}`));
        }
      } finally {
        waiting.length = 0; // empty, or this one has failed: then the others need not go on
        await checker.end();
      }
    };
    await allSettled(Array.from({ length: checkers }, (_, number) => work(number)));
  }

  private async checkOne(
    checker: Checker,
    generation: Generation,
    cut: Cut,
    directory: string,
  ): Promise<void> {
    const image = imageAt(generation.trace, cut);
    const { diskFolder } = this.options;
    writeImage(directory, image);
    if (diskFolder !== undefined) writeImage(diskFolder, image);
    const acked = [...generation.before, ...generation.acked.filter(({ began }) => began < cut.at)];
    const { opened } = generation;
    const { problem, commits } = await checker.check({
      directory,
      seed: this.options.seed,
      acked: acked.map(({ writer, number, sequence }) => ({ writer, number, sequence })),
      atLeast: opened !== undefined && opened.began < cut.at ? opened.sequence : 0,
    });
    this.checked += 1;
    if (commits !== undefined && commits > acked.length) this.withUnacked += 1;
    if (problem !== undefined) {
      this.failures.push(`${generation.describe}, ${show(cut)}: ${problem}`);
    }
    rmSync(directory, { recursive: true });
  }
}

function writersOf(scenario: Scenario, commits: number): WriterOptions['writers'] {
  const half = Math.ceil(commits / 2);
  switch (scenario) {
    case 'one':
      return [{ writer: 1, commits }];
    case 'two':
      return [1, 2].map((writer) => ({ writer, commits: half }));
    case 'killed':
      return [
        { writer: 1, commits: half },
        { writer: 2, commits: half, killedAt: Math.ceil(half / 2) },
      ];
  }
}

const show = ({ at, mode }: Cut): string =>
  `cut ${at} (line ${Math.floor(at / 2) + 1} of the trace), ${mode}`;

/** When the program first touches the disk: what comes before is Node's start. */
function firstMoment({ namings, moments, end }: DiskTrace): number {
  const changes = namings.flatMap(({ file }) => file?.changes ?? []);
  const times = [...moments, ...changes.map(({ began }) => began)].filter((time) => time >= 0);
  return times.reduce((first, time) => Math.min(first, time), end);
}

function writeImage(directory: string, image: DiskImage): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, bytes] of image) {
    const file = path.join(directory, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}

/** Has the trace all that happened? Without a power cut it must give the files that are there. */
function throwUnlessSame(trace: DiskTrace, directory: string): void {
  for (const [name, bytes] of imageAt(trace, { at: trace.end, mode: 'all', seed: 0 })) {
    if (bytes.equals(readFileSync(path.join(directory, name)))) continue;
    throw new Error(`the trace of ${directory} does not give ${name} as it is`);
  }
}
