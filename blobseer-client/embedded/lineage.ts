/**
 * Which directory this is. One that was restored from a checkpoint is another one than the one that the
 * checkpoint was made of, and shares with it all that came before: the names of page files of both may
 * meet only where both mean the same file.
 */
import { randomBytes } from 'node:crypto';
import { BlobSeerError } from '../errors.ts';
import type { Store, Transaction } from '../store.ts';

const lineageKey = Buffer.from('lineage');
const lifeIdBytes = 8;

/** A directory from its making, or from being restored, to the next restoring of it. */
export interface Life {
  /** Random: 16 hex digits. */
  readonly id: string;
  /** Ids from here on were given by it, or by one restored from it. */
  readonly firstId: number;
}

/** The oldest first; the last one is the directory's own. */
export type Lineage = readonly Life[];

/** Undefined where no checkpoint was ever made of it. */
function readLineage(store: Store): Lineage | undefined {
  const text = store.table('meta').get(lineageKey)?.toString();
  return text === undefined ? undefined : (JSON.parse(text) as Lineage);
}

/** Given to it now where it has none. */
export async function openLineage(store: Store): Promise<Lineage> {
  store.refresh();
  return readLineage(store) ?? (await store.commit((transaction) => begin(store, transaction, 0)));
}

/** Inside a commit: what is given from `firstId` on is this directory's alone. */
export function beginLife(store: Store, transaction: Transaction, firstId: number): void {
  begin(store, transaction, firstId);
}

function begin(store: Store, transaction: Transaction, firstId: number): Lineage {
  const before = readLineage(store) ?? [];
  if (firstId === 0 && before.length > 0) return before; // another process was first
  const lineage = [...before, { id: randomBytes(lifeIdBytes).toString('hex'), firstId }];
  transaction.put(store.table('meta'), lineageKey, Buffer.from(JSON.stringify(lineage)));
  return lineage;
}

/** The life in which an id was given. */
export function lifeOf(lineage: Lineage, id: number): string {
  const life = lineage.findLast(({ firstId }) => firstId <= id);
  if (life === undefined) throw new BlobSeerError('corrupt', 'the lineage has no beginning');
  return life.id;
}
