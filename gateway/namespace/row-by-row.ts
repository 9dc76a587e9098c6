/** A table row by row, for `check`: what is damaged is told, and passed over. */
import { BlobSeerError, type Problem, type Row, type Table } from '../../blobseer-client/index.ts';
import { NamespaceError } from './errors.ts';
import { justAfter } from './keys.ts';

const batchRows = 500;

/**
 * What `inspect` finds in each row. A row that cannot be read is found too, and so is a damaged record that `inspect`
 * comes to, which ends its search in that row. `nameOf` says in words whose row it is. Without an await
 * between them, all rows are of one view.
 */
export function* rowByRow<Found>(
  table: Table,
  nameOf: (key: Buffer) => string,
  inspect: (row: Row) => Iterable<Found>,
): Iterable<Found | Problem> {
  let start: Buffer | undefined;
  for (;;) {
    const keys = table.keys({ ...(start && { start }), limit: batchRows });
    for (const key of keys) {
      try {
        const value = table.get(key);
        if (value !== undefined) yield* inspect({ key, value });
      } catch (error) {
        if (!isDamage(error)) throw error;
        yield { problem: `${nameOf(key)}: ${error.message}` };
      }
    }
    const last = keys.at(-1);
    if (last === undefined) return;
    start = justAfter(last);
  }
}

function isDamage(error: unknown): error is BlobSeerError | NamespaceError {
  const isOurs = error instanceof BlobSeerError || error instanceof NamespaceError;
  return isOurs && error.kind === 'corrupt';
}
