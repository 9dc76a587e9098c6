/**
 * The program that is traced: opens the data directory and commits, and says in its log `opened S` (S: the last commit
 * it found), and `acked W N S` when commit N of writer W was made durable as the S-th of all. With several writers
 * it starts a process for each.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { openSync, writeSync } from 'node:fs';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { openTables, planCommit, type Tables, writeCommit } from './power-cut-plan.ts';
import { openStore } from './power-cut-store.ts';
import { allSettled } from './settled.ts';

export interface WriterOptions {
  readonly directory: string;
  readonly logFile: string;
  readonly seed: number;
  /** A process for each. */
  readonly writers: readonly {
    readonly writer: number;
    readonly commits: number;
    /** The process kills itself some milliseconds after it has begun this commit. */
    readonly killedAt?: number;
  }[];
}

const mostSideBySide = 6;
/** The commits of a group may begin together, or where the last was acknowledged. */
const longestPauseMs = 3;
const longestToKillMs = 4;

async function write(options: WriterOptions): Promise<void> {
  const { seed, directory } = options;
  const [{ writer, commits, killedAt }] = options.writers as [WriterOptions['writers'][number]];
  const random = new SeededRandom(seed, writer);
  const log = openSync(options.logFile, 'a');
  const say = (line: string): void => void writeSync(log, `${line}\n`);
  let inProgress = 0;
  let tellsProgress = false;
  const opened = await openStore(directory, () =>
    tellsProgress ? inProgress : Number.POSITIVE_INFINITY,
  );
  const { store } = opened;
  say(`opened ${store.sequence()}`);
  const tables = openTables(store);

  const commit = async (number: number): Promise<void> => {
    const plan = planCommit(seed, { writer, number });
    if (number === killedAt) {
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), random.integer(0, longestToKillMs));
    }
    inProgress += 1;
    const sequence = await store.commit(
      (transaction) => {
        writeCommit(tables, plan, transaction);
        return transaction.sequence;
      },
      plan.isRepeatable ? 'repeatable' : undefined,
    );
    inProgress -= 1;
    say(`acked ${writer} ${number} ${sequence}`);
  };
  for (let number = 1; number <= commits; ) {
    const count = Math.min(random.pick([1, 1, 1, 2, 3, mostSideBySide]), commits + 1 - number);
    // Whether the event loop's thread makes commits itself, or LMDB's thread.
    tellsProgress = random.chance(0.5);
    const group: Promise<void>[] = [];
    for (let at = 0; at < count; at += 1) {
      if (random.chance(0.1)) group.push(commitUndone(store, tables, random));
      group.push(commit(number));
      number += 1;
      if (random.chance(0.2)) await pause(random);
    }
    await Promise.all(group);
  }
  await opened.close();
}

const pause = (random: SeededRandom): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, random.integer(0, longestPauseMs)));

/** Writes, and then throws: nothing of it may ever be found. */
async function commitUndone(
  store: Awaited<ReturnType<typeof openStore>>['store'],
  tables: Tables,
  random: SeededRandom,
): Promise<void> {
  const value = random.bytes(random.integer(1, 5000));
  const undone = new Error('undone');
  try {
    await store.commit((transaction) => {
      transaction.put(tables.undone, value.subarray(0, 8), value);
      throw undone;
    });
  } catch (error) {
    if (error !== undone) throw error;
  }
}

async function writeAll(options: WriterOptions): Promise<void> {
  if (options.writers.length === 1) return write(options);
  await allSettled(
    options.writers.map(async (writer) => {
      const child = fork(import.meta.filename, [JSON.stringify({ ...options, writers: [writer] })]);
      const [status, signal] = await once(child, 'exit');
      const isAsWanted =
        writer.killedAt === undefined ? status === 0 : signal === 'SIGKILL' || status === 0;
      if (!isAsWanted) throw new Error(`writer ${writer.writer} ended with ${status ?? signal}`);
    }),
  );
}

await writeAll(JSON.parse(process.argv[2]!) as WriterOptions);
