/** What of a removed or replaced version lies in BlobSeer's graves: opaque there, read by time travel. */
import { birthBytes } from './keys.ts';
import { decoding, newRow, openRow } from './rows.ts';

/** A version that was removed or replaced, as it lies in the graves: enough to list it as of then. */
export interface DeadVersion {
  readonly bucketId: number;
  readonly key: string;
  readonly birth: Buffer;
  readonly value: Buffer;
  readonly extentChunks: readonly Buffer[];
  readonly partChunks: readonly Buffer[];
}

export function encodeDeadVersion(dead: DeadVersion): Buffer {
  const writer = newRow();
  writer.u48(dead.bucketId);
  writer.text(dead.key);
  writer.raw(dead.birth);
  writer.bytes(dead.value);
  for (const chunks of [dead.extentChunks, dead.partChunks]) {
    writer.varint(chunks.length);
    for (const chunk of chunks) writer.bytes(chunk);
  }
  return writer.finish();
}

export function decodeDeadVersion(record: Buffer): DeadVersion {
  return decoding('graves', () => {
    const reader = openRow('graves', record);
    const readChunks = () => Array.from({ length: reader.varint() }, () => reader.bytes());
    return {
      bucketId: reader.u48(),
      key: reader.text(),
      birth: reader.raw(birthBytes),
      value: reader.bytes(),
      extentChunks: readChunks(),
      partChunks: readChunks(),
    };
  });
}
