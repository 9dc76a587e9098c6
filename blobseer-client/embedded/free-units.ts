/** Pages and tree blocks that nothing sees any more: their rows go, and their shares of page files. */
import { type Intervals, subtract } from '../algorithms/intervals.ts';
import type { Run } from '../algorithms/liveness.ts';
import type { Transaction } from '../store.ts';
import type { FileName } from './page-files.ts';
import { decodeFile, encodeFile, idKey, unitKey } from './records.ts';
import type { Tables } from './tables.ts';

export function freeUnits(transaction: Transaction, tables: Tables, runs: readonly Run[]): void {
  for (const run of runs) {
    const end = run.firstIndex + run.count;
    if (run.level === 0 && run.inFile) {
      freeFilePages(transaction, tables, run.writeId, run.firstIndex, end);
      continue;
    }
    const table = run.level === 0 ? tables.pages : tables.blocks;
    for (let index = run.firstIndex; index < end; index++) {
      transaction.remove(table, unitKey(run.writeId, index));
    }
  }
}

function freeFilePages(
  transaction: Transaction,
  tables: Tables,
  fileId: number,
  start: number,
  end: number,
): void {
  const bytes = tables.files.get(idKey(fileId));
  if (bytes === undefined) return;
  const record = decodeFile(bytes);
  const live = subtract(record.live, [{ start, end }]);
  if (live.length > 0) {
    transaction.put(tables.files, idKey(fileId), encodeFile({ ...record, live }));
    if (countOf(live) * 2 < countOf(record.layout)) {
      transaction.put(tables.sparse, idKey(fileId), Buffer.alloc(1));
    }
    return;
  }
  transaction.remove(tables.files, idKey(fileId));
  transaction.remove(tables.sparse, idKey(fileId));
  const { instance, generation } = record;
  doom(transaction, tables, { instance, fileId, generation });
}

/** The file is nobody's from this commit on; it is unlinked afterwards, by `Sweep`. */
export function doom(transaction: Transaction, tables: Tables, name: FileName): void {
  transaction.put(tables.doomed, doomedKey(name), Buffer.alloc(1));
}

export function doomedKey({ instance, fileId, generation }: FileName): Buffer {
  return Buffer.from(`${instance}/${fileId}/${generation}`);
}

export function doomedName(key: Buffer): FileName {
  const [instance, fileId, generation] = key.toString('latin1').split('/').map(Number);
  return { instance: instance ?? 0, fileId: fileId ?? 0, generation: generation ?? 0 };
}

export function countOf(intervals: Intervals): number {
  return intervals.reduce((sum, { start, end }) => sum + end - start, 0);
}
