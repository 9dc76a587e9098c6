/** Bytes of blobs, in pages that are told apart. */
import assert from 'node:assert/strict';
import type { Blob } from '../../blob.ts';
import { collect } from '../../contract/blob-model.ts';

export const pageSize = 4096;

/** Pages of one seed differ from each other, and from those of all other seeds. */
export function pagesOf(seed: number, count: number): Buffer {
  const bytes = Buffer.alloc(count * pageSize, seed);
  for (let page = 0; page < count; page++) {
    bytes.writeUInt32BE(seed, page * pageSize);
    bytes.writeUInt32BE(page, page * pageSize + 4);
  }
  return bytes;
}

/** The same bytes, but for one page. */
export function withPage(bytes: Buffer, page: number, seed: number): Buffer {
  const changed = Buffer.from(bytes);
  pagesOf(seed, page + 1).copy(changed, page * pageSize, page * pageSize);
  return changed;
}

export async function assertBytes(blob: Blob, version: number, bytes: Buffer): Promise<void> {
  const found = await collect(blob.read({ version }));
  assert.ok(found.equals(bytes), `version ${version} of blob ${blob.id} is not what was written`);
}
