/** What a directory restored from a checkpoint needs before it serves. */
import path from 'node:path';
import { databaseFile } from './directory.ts';
import { Environment } from './environment.ts';
import { checkFormat, type EngineKind } from './format.ts';
import { Holds } from './holds.ts';
import { skipIds } from './ids.ts';
import { beginLife } from './lineage.ts';

/**
 * The directory is one of its own from now on: no id that was given out after the checkpoint is ever given again, and
 * no hold stands. Throws `invalid-argument` for one of a newer program, or of another kind.
 */
export async function settleRestored(directory: string, kind: EngineKind): Promise<void> {
  const environment = new Environment({ file: path.join(directory, databaseFile) });
  try {
    await checkFormat(environment, kind);
    const holds = new Holds(environment, Date.now);
    await environment.commit((transaction) => {
      beginLife(environment, transaction, skipIds(environment, transaction));
      holds.clear(transaction);
    });
  } finally {
    await environment.close();
  }
}
