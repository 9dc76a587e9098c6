/**
 * Opens what a power cut has left, in a process of its own, since LMDB may crash on a database that is broken: it must
 * hold the acknowledged commits, be the state after some first commits of the order of all, and go on.
 */
import type { Store } from '../../store.ts';
import {
  type CommitName,
  nameIn,
  numberBytes,
  openTables,
  type PlannedCommit,
  planCommit,
  type Rows,
  rowName,
  rowsAfter,
  tableNames,
  writeCommit,
} from './power-cut-plan.ts';
import { openStore } from './power-cut-store.ts';

/** A commit whose place in the order is known. */
export interface NumberedCommit extends CommitName {
  readonly sequence: number;
}

export interface CheckRequest {
  readonly directory: string;
  readonly seed: number;
  /** Acknowledged before the cut: they must be there. */
  readonly acked: readonly NumberedCommit[];
  /** At least so many commits must be there. */
  readonly atLeast: number;
}

export interface CheckReply {
  /** What is wrong. */
  readonly problem?: string;
  /** How many commits were there. */
  readonly commits?: number;
}

/** Of the commit that goes on after the cut. */
const lastWriter = 999;
const allRows = 1_000_000;
const plans = new Map<string, PlannedCommit>();

class Wrong extends Error {}

async function check(request: CheckRequest): Promise<CheckReply> {
  const { directory, seed } = request;
  try {
    const first = await openStore(directory);
    const found = findCommits(first.store);
    for (const { writer, number, sequence } of request.acked) {
      const there = found[sequence - 1];
      if (there?.writer !== writer || there.number !== number) {
        const instead = there === undefined ? 'nothing' : `${there.writer}/${there.number}`;
        throw new Wrong(
          `commit ${writer}/${number}, acknowledged as number ${sequence} of all, is lost: ` +
            `${instead} is there, of ${found.length} in all`,
        );
      }
    }
    if (found.length < request.atLeast) {
      throw new Wrong(`${found.length} commits, but ${request.atLeast} were seen before`);
    }
    const plan = (name: CommitName): PlannedCommit => {
      const key = `${seed} ${name.writer} ${name.number}`;
      const made = plans.get(key) ?? planCommit(seed, name);
      plans.set(key, made);
      return made;
    };
    const commits = found.map(plan);
    compare(first.store, rowsAfter(commits), commits.length);
    const tables = openTables(first.store);
    const next = plan({ writer: lastWriter, number: found.length + 1 });
    const sequence = await first.store.commit((transaction) => {
      writeCommit(tables, next, transaction);
      return transaction.sequence;
    });
    if (sequence !== found.length + 1) throw new Wrong(`the next commit is number ${sequence}`);
    await first.close();
    const second = await openStore(directory);
    compare(second.store, rowsAfter([...commits, next]), commits.length + 1);
    await second.close();
    return { commits: found.length };
  } catch (error) {
    const { message, stack = message } = error as Error;
    return { problem: error instanceof Wrong ? message : stack.split('\n', 4).join('') };
  }
}

/** In their order, of which none may be missing. */
function findCommits(store: Store): CommitName[] {
  const rows = store.table('order').range({ limit: allRows });
  for (const [at, { key }] of rows.entries()) {
    if (!key.equals(numberBytes(at + 1))) throw new Wrong(`there is no commit ${at + 1}`);
  }
  return rows.map(({ value }) => nameIn(value));
}

function compare(store: Store, expected: Rows, sequence: number): void {
  store.refresh();
  if (store.sequence() !== sequence) {
    throw new Wrong(`the last commit is ${store.sequence()}, not ${sequence}`);
  }
  let count = 0;
  for (const name of tableNames) {
    for (const { key, value } of store.table(name).range({ limit: allRows })) {
      const wanted = expected.get(rowName(name, key));
      if (wanted === undefined)
        throw new Wrong(`there should be no ${rowName(name, key)} after ${sequence}`);
      if (!wanted.equals(value))
        throw new Wrong(`${rowName(name, key)} is another's after ${sequence}`);
      count += 1;
    }
  }
  if (count !== expected.size) {
    throw new Wrong(`${count} rows, not ${expected.size}, after ${sequence}`);
  }
}

process.on('message', async (request: CheckRequest) => {
  process.send!(await check(request));
});
