/**
 * Builds a data directory from a checkpoint. As long as it is not whole a file `restoring` stands in it, with which
 * nothing serves it; a restore that a crash has ended begins anew.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { restoringFile } from '../../blobseer-client/embedded/directory.ts';
import { translateIoError } from '../../blobseer-client/embedded/io-errors.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { type Chunk, readChunkList } from './chunk-list.ts';
import { checked } from './digest.ts';
import { fileName, readFileList } from './file-list.ts';
import { syncFile } from './local-files.ts';
import type { Manifest } from './manifest.ts';
import type { Place } from './place.ts';
import type { Progress } from './progress.ts';

const privateDirectory = 0o700;
const privateFile = 0o600;

export interface RestoreOptions {
  readonly place: Place;
  readonly manifest: Manifest;
  /** To be made; or empty, or with what a restore has left. */
  readonly directory: string;
  /** Below it. */
  readonly databaseFile: string;
  /** Makes the restored directory fit to serve. */
  readonly settle: (directory: string) => Promise<void>;
  readonly onProgress: (progress: Progress) => void;
}

export async function restoreCheckpoint(options: RestoreOptions): Promise<void> {
  await buildRestored(options);
  await finishRestored(options.directory);
}

/** All of it, but the directory is not to be served yet. */
export async function buildRestored(options: RestoreOptions): Promise<void> {
  const { place, manifest, directory, settle } = options;
  try {
    await clear(directory);
    await writeFile(path.join(directory, restoringFile), '', { mode: privateFile });
    await syncFile(directory);
    const folders = new Folders(directory);
    await restoreFiles(options, folders);
    await restoreDatabase(options);
    for (const side of manifest.sideFiles) {
      await place.fetch(side.name, path.join(directory, side.file), side);
    }
    await folders.sync();
    await settle(directory);
    await syncFile(directory);
    await syncFile(path.dirname(path.resolve(directory)));
  } catch (error) {
    throw translateIoError(error, `cannot restore into ${directory}`);
  }
}

export async function finishRestored(directory: string): Promise<void> {
  try {
    await rm(path.join(directory, restoringFile));
    await syncFile(directory);
  } catch (error) {
    throw translateIoError(error, `cannot restore into ${directory}`);
  }
}

/** Throws `invalid-argument` where something else is in the way. */
async function clear(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: privateDirectory });
  const names = await readdir(directory);
  if (names.length === 0) return;
  if (!existsSync(path.join(directory, restoringFile))) {
    throw new BlobSeerError(
      'invalid-argument',
      `${directory} is not empty: restore into a new directory`,
    );
  }
  for (const name of names) {
    if (name !== restoringFile) await rm(path.join(directory, name), { recursive: true });
  }
}

async function restoreFiles(options: RestoreOptions, folders: Folders): Promise<void> {
  const { place, manifest, directory, onProgress } = options;
  const { count: total, list } = manifest.files;
  let done = 0;
  for await (const { key, path: below, digest } of readFileList(place, list)) {
    await folders.make(path.dirname(below));
    await place.fetch(fileName(key), path.join(directory, below), digest);
    onProgress({ what: 'files', done: ++done, total });
  }
}

/** Pack by pack, each read once from its beginning to its end. */
async function restoreDatabase(options: RestoreOptions): Promise<void> {
  const { place, manifest, directory, databaseFile, onProgress } = options;
  const { bytes: total, chunkBytes, packs } = manifest.database;
  const byPack = await chunksByPack(place, manifest);
  const database = await open(path.join(directory, databaseFile), 'wx', privateFile);
  try {
    let done = 0;
    for (const [number, pack] of packs.entries()) {
      const wanted = new PackReader(database, byPack.get(number) ?? [], chunkBytes, pack.name);
      for await (const piece of checked(place.read(pack.name), pack, pack.name)) {
        done += await wanted.take(piece);
        onProgress({ what: 'database', done, total });
      }
      done += await wanted.end();
    }
    if (done !== total) {
      throw new BlobSeerError('corrupt', 'the packs do not make up the database of the manifest');
    }
    await database.datasync();
  } finally {
    await database.close();
  }
}

interface PlacedChunk extends Pick<Chunk, 'hash' | 'place'> {
  /** In the database, counted in chunks. */
  readonly index: number;
}

async function chunksByPack(
  place: Place,
  manifest: Manifest,
): Promise<ReadonlyMap<number, PlacedChunk[]>> {
  const byPack = new Map<number, PlacedChunk[]>();
  let index = 0;
  for (const { hash, pack, place: at } of await readChunkList(place, manifest)) {
    const chunk = { hash, place: at, index: index++ };
    const others = byPack.get(pack);
    if (others === undefined) byPack.set(pack, [chunk]);
    else others.push(chunk);
  }
  for (const chunks of byPack.values()) chunks.sort((left, right) => left.place - right.place);
  return byPack;
}

/** Takes a pack's bytes as they come and writes the chunks that are wanted. */
class PackReader {
  readonly #database: FileHandle;
  readonly #chunks: readonly PlacedChunk[];
  readonly #chunkBytes: number;
  readonly #name: string;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #place = 0;
  #next = 0;

  constructor(
    database: FileHandle,
    chunks: readonly PlacedChunk[],
    chunkBytes: number,
    name: string,
  ) {
    this.#database = database;
    this.#chunks = chunks;
    this.#chunkBytes = chunkBytes;
    this.#name = name;
  }

  /** How many bytes were written. */
  async take(piece: Buffer): Promise<number> {
    this.#held.push(piece);
    this.#heldBytes += piece.length;
    if (this.#heldBytes < this.#chunkBytes) return 0;
    let bytes = Buffer.concat(this.#held);
    let written = 0;
    for (; bytes.length >= this.#chunkBytes; bytes = bytes.subarray(this.#chunkBytes)) {
      written += await this.#chunk(bytes.subarray(0, this.#chunkBytes));
    }
    this.#held = [bytes];
    this.#heldBytes = bytes.length;
    return written;
  }

  async end(): Promise<number> {
    return this.#heldBytes === 0 ? 0 : await this.#chunk(Buffer.concat(this.#held));
  }

  async #chunk(bytes: Buffer): Promise<number> {
    let written = 0;
    for (; this.#chunks[this.#next]?.place === this.#place; this.#next++) {
      const { hash, index } = this.#chunks[this.#next]!;
      if (!createHash('sha256').update(bytes).digest().equals(hash)) {
        throw new BlobSeerError('corrupt', `${this.#name} does not fit the list of chunks`);
      }
      await this.#database.write(bytes, 0, bytes.length, index * this.#chunkBytes);
      written += bytes.length;
    }
    this.#place++;
    return written;
  }
}

/** Folders below a directory, made once each. */
class Folders {
  readonly #root: string;
  readonly #made = new Set<string>(['.']);

  constructor(root: string) {
    this.#root = root;
  }

  async make(below: string): Promise<void> {
    if (this.#made.has(below)) return;
    await this.make(path.dirname(below));
    await mkdir(path.join(this.#root, below), { mode: privateDirectory });
    this.#made.add(below);
  }

  async sync(): Promise<void> {
    for (const below of this.#made) await syncFile(path.join(this.#root, below));
  }
}
