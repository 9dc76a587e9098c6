/** What the parts of the namespace share. */
import type { BlobSeer, Store, Transaction } from '../../blobseer-client/index.ts';
import type { Clock } from '../clock.ts';
import { NamespaceError } from './errors.ts';
import type { Owners } from './owners.ts';
import type { Tables } from './tables.ts';
import type { Usages } from './usages.ts';
import type { VersionRows } from './version-rows.ts';

/** The two things the namespace wants of a BlobSeer. */
export type Storage = Pick<BlobSeer, 'store' | 'bury'>;

export interface Context {
  readonly store: Store;
  readonly tables: Tables;
  readonly owners: Owners;
  readonly versionRows: VersionRows;
  readonly usages: Usages;
  readonly clock: Pick<Clock, 'randomBytes'>;
  readonly bury: BlobSeer['bury'];
}

/** The next number of a counter, from 1: never the same again, even where its owner is deleted. */
export function nextNumber(context: Context, transaction: Transaction, counter: string): number {
  const { counters } = context.tables;
  const row = Buffer.from(counter);
  const last = counters.get(row);
  const number = (last === undefined ? 0 : lastNumber(last)) + 1;
  const value = Buffer.allocUnsafe(6);
  value.writeUIntBE(number, 0, 6);
  transaction.put(counters, row, value);
  return number;
}

/** The last that a counter gave out, in its row. */
export function lastNumber(row: Buffer): number {
  return row.readUIntBE(0, 6);
}

export function invalidArgument(message: string): NamespaceError {
  return new NamespaceError('invalid-argument', message);
}
