/** What an entity's directory needs, when it was restored from a checkpoint, before the entity serves it. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Environment } from '../../blobseer-client/embedded/environment.ts';
import { Holds } from '../../blobseer-client/embedded/holds.ts';
import { errorCode } from '../../blobseer-client/embedded/io-errors.ts';
import { beginLife } from '../../blobseer-client/embedded/lineage.ts';
import {
  changeRows,
  type Moves,
  movedProviders,
} from '../../blobseer-client/remote/engine/moved-addresses.ts';
import { pageKeyBytes } from '../../blobseer-client/remote/wire/records.ts';
import { segmentsFolder } from './page-segments.ts';
import type { EntityRole } from './settings.ts';
import { Counter, openState } from './state.ts';

/** The state is one of its own from now on, and names data providers by where they are now. */
export async function settleState(
  directory: string,
  role: EntityRole,
  moves: Moves,
): Promise<void> {
  const state = await openState({ directory, role, isRestoring: true, onStopped: () => undefined });
  try {
    const firstSegment = (await highestSegment(directory)) + 1;
    const holds = new Holds(state, Date.now);
    await state.commit((transaction) => {
      beginLife(state, transaction, firstSegment);
      holds.clear(transaction);
    });
    if (role === 'metadata-provider' && moves.size > 0) await movePages(state, moves);
  } finally {
    await state.close();
  }
}

/** 0 where there are none. Later ones are of the new life. */
async function highestSegment(directory: string): Promise<number> {
  const names = await readdir(path.join(directory, segmentsFolder)).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  return Math.max(0, ...names.map(Number));
}

async function movePages(state: Environment, moves: Moves): Promise<void> {
  const used = new Counter(state.table('counters'), 'used');
  await changeRows(
    state,
    state.table('entries'),
    ({ key, value }) => (key.length === pageKeyBytes ? movedProviders(value, moves) : undefined),
    (transaction, before, now) => used.set(transaction, used.value + now.length - before.length),
  );
}
