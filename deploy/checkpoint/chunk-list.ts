/**
 * The list of a database's chunks: of each its SHA-256, and where its bytes are: in which pack, as which of its
 * chunks. A chunk that is what it was at the last checkpoint is in the pack that it was in then.
 */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { checked } from './digest.ts';
import type { Manifest } from './manifest.ts';
import type { Place } from './place.ts';

const hashBytes = 32;
const entryBytes = hashBytes + 8;
/** Of a database of terabytes. */
const maxListBytes = 2 ** 30;

export interface Chunk {
  readonly hash: Buffer;
  /** Among the manifest's packs. */
  readonly pack: number;
  /** Counted in chunks. */
  readonly place: number;
}

export class ChunkList {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length / entryBytes;
  }

  /** Undefined past the end. */
  at(index: number): Chunk | undefined {
    const start = index * entryBytes;
    if (start >= this.#bytes.length) return undefined;
    return {
      hash: this.#bytes.subarray(start, start + hashBytes),
      pack: this.#bytes.readUInt32BE(start + hashBytes),
      place: this.#bytes.readUInt32BE(start + hashBytes + 4),
    };
  }

  *[Symbol.iterator](): Generator<Chunk> {
    for (let index = 0; index < this.length; index++) yield this.at(index)!;
  }
}

export function encodeChunk({ hash, pack, place }: Chunk): Buffer {
  const bytes = Buffer.allocUnsafe(entryBytes);
  hash.copy(bytes);
  bytes.writeUInt32BE(pack, hashBytes);
  bytes.writeUInt32BE(place, hashBytes + 4);
  return bytes;
}

/** Throws `corrupt` for one that is not what the manifest says, or names what is not there. */
export async function readChunkList(place: Place, { database }: Manifest): Promise<ChunkList> {
  const { list, packs, bytes, chunkBytes } = database;
  const damage = new BlobSeerError('corrupt', `${list.name} does not fit its manifest`);
  if (list.bytes > maxListBytes || list.bytes !== Math.ceil(bytes / chunkBytes) * entryBytes) {
    throw damage;
  }
  const parts: Buffer[] = [];
  for await (const piece of checked(place.read(list.name), list, list.name)) parts.push(piece);
  const chunks = new ChunkList(Buffer.concat(parts));
  for (const chunk of chunks) {
    const pack = packs[chunk.pack];
    if (pack === undefined || chunk.place * chunkBytes >= pack.bytes) throw damage;
  }
  return chunks;
}
