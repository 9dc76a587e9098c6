/** What a directory restored from a checkpoint needs before it serves. */
import path from 'node:path';
import { type Moves, moveInDirectory } from '../remote/engine/moved-addresses.ts';
import { databaseFile } from './directory.ts';
import { Environment } from './environment.ts';
import { checkFormat, type EngineKind } from './format.ts';
import { Holds } from './holds.ts';
import { skipIds } from './ids.ts';
import { beginLife } from './lineage.ts';

/**
 * The directory is one of its own from now on: no id that was given out after the checkpoint is ever given again, and
 * no hold stands. Where pages are on other machines, they are looked for where `moves` says. Throws `invalid-argument` for one of a newer program, or of another kind.
 */
export async function settleRestored(
  directory: string,
  kind: EngineKind,
  moves: Moves = new Map(),
): Promise<void> {
  const environment = new Environment({ file: path.join(directory, databaseFile) });
  try {
    await checkFormat(environment, kind, true);
    const holds = new Holds(environment, Date.now);
    await environment.commit((transaction) => {
      beginLife(environment, transaction, skipIds(environment, transaction));
      holds.clear(transaction);
    });
    if (kind === 'remote' && moves.size > 0) await moveInDirectory(environment, moves);
  } finally {
    await environment.close();
  }
}
