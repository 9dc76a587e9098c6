/** The directory in which an entity keeps its state: an LMDB file, and what its role puts beside it. */
import path from 'node:path';
import { refuseHalfRestored } from '../../blobseer-client/embedded/directory.ts';
import { nodeDisk } from '../../blobseer-client/embedded/disk.ts';
import { Environment } from '../../blobseer-client/embedded/environment.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { Transaction } from '../../blobseer-client/store.ts';

export const stateFile = 'entity.mdb';
/** Rises with every change of the records that an older program would misread. */
export const formatVersion = 2;
const formatKey = Buffer.from('format');
const counterBytes = 8;

/** A table of this environment: the port's Table, named so that roles need not know LMDB. */
export type EntityTable = ReturnType<Environment['table']>;

export interface OpenStateOptions {
  /** It must exist. */
  readonly directory: string;
  readonly role: string;
  /** By the restore itself, which nothing else may get ahead of. */
  readonly isRestoring?: boolean;
  /** Called once, when nothing more can be made durable. */
  readonly onStopped: (error: BlobSeerError) => void;
}

/** Throws `invalid-argument` for a directory of another role, or of a newer program. */
export async function openState(options: OpenStateOptions): Promise<Environment> {
  const { directory, role, isRestoring, onStopped } = options;
  if (isRestoring !== true) await refuseHalfRestored(nodeDisk, directory);
  const state = new Environment({ file: path.join(directory, stateFile), onStopped });
  const table = state.table('entity');
  const wanted = `${role} ${formatVersion}`;
  const found = table.get(formatKey)?.toString();
  if (found === wanted) return state;
  if (found === undefined) {
    await state.commit((transaction) => transaction.put(table, formatKey, Buffer.from(wanted)));
    return state;
  }
  await state.close();
  throw new BlobSeerError(
    'invalid-argument',
    `${directory} holds the state of "${found}", not of "${wanted}"`,
  );
}

/** Whose state it is, and of which format; undefined for a new one. */
export function ownerOf(state: Environment): { role: string; format: number } | undefined {
  const found = state.table('entity').get(formatKey)?.toString();
  const [, role, format] = /^(\S+) (\d+)$/.exec(found ?? '') ?? [];
  return role === undefined ? undefined : { role, format: Number(format) };
}

/** A number that is kept with the state: how many bytes there are, which id was the last one. */
export class Counter {
  readonly #table: EntityTable;
  readonly #key: Buffer;

  constructor(table: EntityTable, name: string) {
    this.#table = table;
    this.#key = Buffer.from(name);
  }

  get value(): number {
    return this.#table.get(this.#key)?.readDoubleBE() ?? 0;
  }

  set(transaction: Transaction, value: number): void {
    const bytes = Buffer.allocUnsafe(counterBytes);
    bytes.writeDoubleBE(value);
    transaction.put(this.#table, this.#key, bytes);
  }
}
