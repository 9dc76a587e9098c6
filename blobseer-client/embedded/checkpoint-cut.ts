/**
 * What a checkpoint of a directory is copied from, while others use the directory: a view of its tables as of one
 * commit, the immutable files that the view names, and a hold that keeps them. The view is given back
 * as soon as it is copied, the hold when all files are.
 */
import { randomInt } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Row } from '../store.ts';
import type { DatabaseCut } from './database-cut.ts';
import type { Environment } from './environment.ts';
import { Holds } from './holds.ts';
import { type Lineage, openLineage } from './lineage.ts';

const maxHoldId = 2 ** 48 - 1;
const rowsAtOnce = 1000;

/** A file that never changes under its key. */
export interface NamedFile {
  /** Unique among all lives of the directory: letters, digits, `-` and `/`, in the order of `files`. */
  readonly key: string;
  /** Below the directory. */
  readonly path: string;
  /** Others may go on appending to it: so much of it is meant. */
  readonly bytes?: number;
}

export interface CheckpointCut {
  readonly lineage: Lineage;
  /** Everything up to this commit is in it, and nothing later. */
  readonly sequence: number;
  readonly database: Pick<DatabaseCut, 'bytes' | 'read'>;
  /** In the order of their keys. */
  readonly files: Iterable<NamedFile>;
  /** The database has been copied. */
  releaseView(): void;
  /** Throws `conflict` when the hold has fallen: what is not copied yet may be gone. */
  confirm(): Promise<void>;
  release(): Promise<void>;
}

export interface CutParts {
  readonly environment: Environment;
  readonly nowMs: () => number;
  /** The files beside the tables that the tables name in the view. */
  readonly filesIn: (cut: DatabaseCut, lineage: Lineage) => Promise<Iterable<NamedFile>>;
}

/** `holder` says in words who makes the checkpoint; what an earlier attempt of the same left is freed. */
export async function beginCut(parts: CutParts, holder: string): Promise<CheckpointCut> {
  const { environment, nowMs } = parts;
  const holds = new Holds(environment, nowMs);
  await holds.releaseOf(holder);
  const lineage = await openLineage(environment);
  const id = randomInt(1, maxHoldId);
  const database = await environment.cut((transaction) => holds.put(transaction, id, holder));
  const hold = holds.keep(id, holder);
  try {
    const files = await parts.filesIn(database, lineage);
    return {
      lineage,
      sequence: database.sequence,
      database,
      files,
      releaseView: () => database.release(),
      confirm: () => hold.confirm(),
      async release() {
        database.release();
        await hold.release();
      },
    };
  } catch (error) {
    database.release();
    await hold.release();
    throw error;
  }
}

/** Rows of a table in a view, in slices: others get their turn between them. */
export async function* rowsIn(
  cut: DatabaseCut,
  table: ReturnType<Environment['table']>,
): AsyncGenerator<Row> {
  for (let start: Buffer | undefined; ; ) {
    const rows = table.rangeAt(cut.view, { ...(start && { start }), limit: rowsAtOnce });
    yield* rows;
    const last = rows[rows.length - 1];
    if (last === undefined || rows.length < rowsAtOnce) return;
    start = Buffer.concat([last.key, Buffer.alloc(1)]);
    await setImmediate();
  }
}
