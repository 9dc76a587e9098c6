/**
 * Every reference on a snapshot that the namespace owns, for `check`: one per extent of a version,
 * and of a part whose extents no version has taken over. Rows are taken in batches; `check` walks
 * them without an await, so that on a served directory too they are all of one view.
 */
import type { Row, SnapshotRef } from '../../blobseer-client/index.ts';
import type { Context } from './context.ts';
import { encodeUploadId, uploadIdBytes } from './ids.ts';
import { birthBytes, bucketIdBytes, justAfter, keyOf, tailOf } from './keys.ts';
import { ownsReferences } from './leftovers.ts';
import { partSnapshots } from './records.ts';
import { chunkRows } from './version-chunks.ts';
import { decodeExtentChunk, decodeVersion } from './version-records.ts';
import type { VersionRows } from './version-rows.ts';

const batchRows = 200;

export interface Reference {
  readonly owner: string;
  readonly snapshot: SnapshotRef;
}

export function* references(context: Context): Iterable<Reference> {
  for (const row of allRows(context.versionRows)) yield* ofVersion(context, row);
  for (const { key, value } of allRows(context.tables.parts)) {
    if (!ownsReferences(context, key)) continue;
    const uploadId = encodeUploadId(key.subarray(0, uploadIdBytes));
    const owner = `part ${key.readUInt16BE(uploadIdBytes)} of upload ${uploadId}`;
    for (const snapshot of partSnapshots(value)) yield { owner, snapshot };
  }
}

function* ofVersion(context: Context, row: Row): Iterable<Reference> {
  const key = keyOf(row.key, birthBytes).toString('utf8');
  const birth = tailOf(row.key, birthBytes);
  const version = decodeVersion(row.value, key, birth, context.owners);
  const bucketId = row.key.readUIntBE(0, bucketIdBytes);
  const owner = `version ${version.versionId} of ${JSON.stringify(key)} in bucket ${bucketId}`;
  for (const { snapshot } of version.inlineExtents ?? []) yield { owner, snapshot };
  if (version.inlineExtents !== undefined) return;
  for (const { value } of chunkRows(context.tables.versionExtents, row.key)) {
    for (const { snapshot } of decodeExtentChunk(value)) yield { owner, snapshot };
  }
}

function* allRows(table: Pick<VersionRows, 'range'>): Iterable<Row> {
  let start: Buffer | undefined;
  for (;;) {
    const rows = table.range({ ...(start && { start }), limit: batchRows });
    yield* rows;
    const lastRow = rows.at(-1);
    if (lastRow === undefined) return;
    start = justAfter(lastRow.key);
  }
}
