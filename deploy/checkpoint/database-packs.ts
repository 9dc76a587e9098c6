/**
 * Copies a database while it is used: in chunks, of which only those go into new packs that are not what they were at
 * the last checkpoint. LMDB never moves a page, so chunks are compared with those at the same place.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { type Chunk, type ChunkList, encodeChunk } from './chunk-list.ts';
import { Digester, type NamedDigest } from './digest.ts';

export const chunkBytes = 64 * 2 ** 10;
const chunksPerPack = 1024;
const chunksPerRead = 16;
const privateFile = 0o600;

export interface DatabaseView {
  readonly bytes: number;
  read(target: Buffer, position: number): Promise<number>;
}

/** What the last checkpoint has. */
export interface PackedBefore {
  readonly chunks: ChunkList;
  readonly packs: readonly NamedDigest[];
}

export interface NewPack extends NamedDigest {
  /** Local. */
  readonly file: string;
}

export interface PackedDatabase {
  readonly list: Buffer;
  /** In the order in which the list counts them; of before, and new ones. */
  readonly packs: readonly NamedDigest[];
  readonly newPacks: readonly NewPack[];
}

export interface PackOptions {
  readonly workDirectory: string;
  /** Of the new packs, in the place; a number follows. */
  readonly prefix: string;
  readonly before: PackedBefore | undefined;
  readonly onProgress: (doneBytes: number) => void;
}

export async function packDatabase(
  database: DatabaseView,
  options: PackOptions,
): Promise<PackedDatabase> {
  const packer = new Packer(options);
  try {
    const buffer = Buffer.allocUnsafeSlow(chunkBytes * chunksPerRead);
    for (let position = 0; position < database.bytes; position += buffer.length) {
      const count = await database.read(buffer, position);
      for (let at = 0; at < count; at += chunkBytes) {
        await packer.add(buffer.subarray(at, Math.min(count, at + chunkBytes)));
      }
      options.onProgress(position + count);
    }
    return await packer.end();
  } catch (error) {
    await packer.abandon();
    throw error;
  }
}

class Packer {
  readonly #options: PackOptions;
  /** Packs of before that are mostly needed still, by their old number. */
  readonly #reusable: ReadonlySet<number>;
  readonly #list: Buffer[] = [];
  readonly #packs: NamedDigest[] = [];
  readonly #newPacks: NewPack[] = [];
  /** Old number to new number. */
  readonly #numbers = new Map<number, number>();
  #open: { handle: FileHandle; file: string; number: number; digester: Digester } | undefined;
  #chunksInPack = 0;

  constructor(options: PackOptions) {
    this.#options = options;
    this.#reusable = reusablePacks(options.before);
  }

  async add(bytes: Buffer): Promise<void> {
    const hash = createHash('sha256').update(bytes).digest();
    const known = this.#options.before?.chunks.at(this.#list.length);
    const isKnown = known?.hash.equals(hash) === true && this.#reusable.has(known.pack);
    const chunk: Chunk = isKnown
      ? { hash, pack: this.#oldPack(known.pack), place: known.place }
      : { hash, ...(await this.#write(bytes)) };
    this.#list.push(encodeChunk(chunk));
  }

  #oldPack(before: number): number {
    const known = this.#numbers.get(before);
    if (known !== undefined) return known;
    const number = this.#packs.push(this.#options.before!.packs[before]!) - 1;
    this.#numbers.set(before, number);
    return number;
  }

  async #write(bytes: Buffer): Promise<{ pack: number; place: number }> {
    if (this.#chunksInPack === chunksPerPack) await this.#close();
    this.#open ??= await this.#begin();
    const { handle, number, digester } = this.#open;
    await handle.writeFile(bytes);
    digester.add(bytes);
    return { pack: number, place: this.#chunksInPack++ };
  }

  async #begin() {
    const serial = String(this.#newPacks.length).padStart(6, '0');
    const name = `${this.#options.prefix}-${serial}`;
    const file = path.join(this.#options.workDirectory, `pack-${serial}`);
    const handle = await open(file, 'wx', privateFile);
    // Its digest is known when it is closed.
    const number = this.#packs.push({ name, bytes: 0, sha256: '' }) - 1;
    return { handle, file, number, digester: new Digester() };
  }

  async #close(): Promise<void> {
    if (this.#open === undefined) return;
    const { handle, file, number, digester } = this.#open;
    this.#open = undefined;
    this.#chunksInPack = 0;
    await handle.close();
    const pack = { name: this.#packs[number]!.name, ...digester.digest() };
    this.#packs[number] = pack;
    this.#newPacks.push({ ...pack, file });
  }

  async end(): Promise<PackedDatabase> {
    await this.#close();
    return { list: Buffer.concat(this.#list), packs: this.#packs, newPacks: this.#newPacks };
  }

  async abandon(): Promise<void> {
    await this.#open?.handle.close().catch(() => undefined);
  }
}

/**
 * Of a pack that is needed by less than half, what is needed goes into a new one: when the older checkpoints
 * have been deleted, so is the pack.
 */
function reusablePacks(before: PackedBefore | undefined): ReadonlySet<number> {
  if (before === undefined) return new Set();
  const used = new Map<number, number>();
  for (const { pack } of before.chunks) used.set(pack, (used.get(pack) ?? 0) + 1);
  const isMostlyNeeded = ([pack, chunks]: [number, number]): boolean =>
    chunks * chunkBytes * 2 >= before.packs[pack]!.bytes;
  return new Set([...used].filter(isMostlyNeeded).map(([pack]) => pack));
}
