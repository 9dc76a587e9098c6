/**
 * Makes a checkpoint: the database's changed chunks and the files that no earlier checkpoint has go to the place, then
 * the lists, then, when all of it is durable, the manifest. What a crash leaves before that is removed by the
 * next `delete`, or written over.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CheckpointCut, NamedFile } from '../../blobseer-client/embedded/checkpoint-cut.ts';
import type { CheckpointSource } from '../../blobseer-client/embedded/directory-source.ts';
import { errorCode, translateIoError } from '../../blobseer-client/embedded/io-errors.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { readChunkList } from './chunk-list.ts';
import { chunkBytes, type PackedBefore, packDatabase } from './database-packs.ts';
import { checked, digestOfBytes, digestOfFile, pieces } from './digest.ts';
import { encodeLine, FileLookUp, fileName, type ListedFile, readFileList } from './file-list.ts';
import { FileListWriter } from './file-list-writer.ts';
import { writeFile as writeNewFile } from './local-files.ts';
import {
  encodeManifest,
  listEpochs,
  type Manifest,
  manifestFormat,
  nameOf,
  readManifest,
  type SideFile,
} from './manifest.ts';
import type { Place, PlaceLock } from './place.ts';
import type { Progress } from './progress.ts';

/** Files that are looked at, and brought to the place, at once. */
const filesAtOnce = 8;
const privateFile = 0o600;

export interface CreateOptions {
  readonly place: Place;
  /** Of the data. */
  readonly directory: string;
  /** Small files in it that are not named by the database, where they are there. */
  readonly sideFiles: readonly string[];
  readonly software: string;
  readonly source: CheckpointSource;
  readonly nowMs: () => number;
  readonly onProgress: (progress: Progress) => void;
  /** Called when all is copied and still held: what the directory refers to elsewhere stays until it has ended. */
  readonly whileHeld?: () => Promise<void>;
}

export async function createCheckpoint(options: CreateOptions): Promise<Manifest> {
  const lock = await options.place.lock();
  try {
    const cut = await options.source.beginCut(`checkpoint to ${options.place.name}`);
    try {
      return await new Creation(options, cut, lock).run();
    } finally {
      await cut.release();
    }
  } finally {
    await lock.release();
  }
}

class Creation {
  readonly #options: CreateOptions;
  readonly #place: Place;
  readonly #cut: CheckpointCut;
  readonly #lock: PlaceLock;
  #addedBytes = 0;

  constructor(options: CreateOptions, cut: CheckpointCut, lock: PlaceLock) {
    this.#options = options;
    this.#place = options.place;
    this.#cut = cut;
    this.#lock = lock;
  }

  async run(): Promise<Manifest> {
    const { kind, format: kindFormat } = this.#options.source;
    const { lineage, sequence } = this.#cut;
    const { epochs, highest } = await listEpochs(this.#place);
    const last = epochs.at(-1);
    const before = last === undefined ? undefined : await readManifest(this.#place, last);
    if (before !== undefined) this.#requireSameDirectory(before);
    const epoch = highest + 1;
    const createdAt = new Date(this.#options.nowMs()).toISOString();
    const database = await this.#copyDatabase(epoch, before);
    this.#cut.releaseView();
    const files = await this.#copyFiles(epoch, before);
    const sideFiles = await this.#copySideFiles(epoch);
    const manifest: Manifest = {
      format: manifestFormat,
      epoch,
      createdAt,
      software: this.#options.software,
      kind,
      kindFormat,
      lineage,
      sequence,
      database,
      files,
      sideFiles,
      addedBytes: this.#addedBytes,
    };
    await this.#place.settle();
    await this.#options.whileHeld?.();
    // What was copied was held until here.
    await this.#cut.confirm();
    await this.#lock.confirm();
    await this.#putBytes(nameOf(epoch, 'manifest.json'), encodeManifest(manifest));
    await this.#place.settle();
    return manifest;
  }

  #requireSameDirectory({ kind, lineage }: Manifest): void {
    if (kind === this.#options.source.kind && lineage[0]?.id === this.#cut.lineage[0]?.id) return;
    throw new BlobSeerError(
      'invalid-argument',
      `${this.#place.name} has checkpoints of another directory: give each a place of its own`,
    );
  }

  async #copyDatabase(epoch: number, before: Manifest | undefined): Promise<Manifest['database']> {
    const { database } = this.#cut;
    const { onProgress } = this.#options;
    const { list, packs, newPacks } = await packDatabase(database, {
      workDirectory: this.#place.workDirectory,
      prefix: `packs/${String(epoch).padStart(8, '0')}`,
      before: before && (await packedBefore(this.#place, before)),
      onProgress: (done) => onProgress({ what: 'database', done, total: database.bytes }),
    });
    for (const { file, name, bytes, sha256 } of newPacks) {
      await this.#place.put(name, { file, digest: { bytes, sha256 }, moves: true });
      this.#addedBytes += bytes;
    }
    const listName = nameOf(epoch, 'database');
    return {
      bytes: database.bytes,
      chunkBytes,
      list: { name: listName, ...(await this.#putBytes(listName, list)) },
      packs,
    };
  }

  async #copyFiles(epoch: number, before: Manifest | undefined): Promise<Manifest['files']> {
    const { onProgress } = this.#options;
    const known = new FileLookUp(before ? readFileList(this.#place, before.files.list) : none());
    const list = await FileListWriter.open(path.join(this.#place.workDirectory, 'files'));
    let done = 0;
    try {
      for (const some of batches(this.#cut.files, filesAtOnce)) {
        const found: (ListedFile | undefined)[] = [];
        for (const { key } of some) found.push(await known.find(key));
        const listed = await Promise.all(
          some.map((named, index) => found[index] ?? this.#copyFile(named)),
        );
        for (const file of listed) await list.add(encodeLine(file), file.digest.bytes);
        done += some.length;
        onProgress({ what: 'files', done, total: undefined });
      }
      await known.end();
    } finally {
      await list.close();
    }
    const digest = await digestOfFile(list.file);
    const name = nameOf(epoch, 'files');
    await this.#place.put(name, { file: list.file, digest, moves: true });
    this.#addedBytes += digest.bytes;
    return { count: list.count, bytes: list.bytes, list: { name, ...digest } };
  }

  async #copyFile({ key, path: below, bytes }: NamedFile): Promise<ListedFile> {
    const file = path.join(this.#options.directory, below);
    const digest = await digestOfFile(file, bytes).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw translateIoError(error, `cannot read ${file}`);
      throw new BlobSeerError('corrupt', `${file} is missing: "blobseer-s3 check" tells more`);
    });
    if (bytes === undefined) {
      await this.#place.put(fileName(key), { file, digest, moves: false });
    } else {
      // Its end is not that of the file: it must not be a link.
      const copy = path.join(this.#place.workDirectory, `file-${key.replaceAll('/', '-')}`);
      await writeNewFile(checked(pieces(file, bytes), digest, file), copy);
      await this.#place.put(fileName(key), { file: copy, digest, moves: true });
    }
    this.#addedBytes += digest.bytes;
    return { key, path: below, digest };
  }

  /** They are replaced as a whole, if ever. */
  async #copySideFiles(epoch: number): Promise<SideFile[]> {
    const { directory, sideFiles } = this.#options;
    const copied: SideFile[] = [];
    for (const file of sideFiles) {
      const source = path.join(directory, file);
      if (!existsSync(source)) continue;
      const name = nameOf(epoch, file);
      copied.push({ file, name, ...(await this.#putBytes(name, await readFile(source))) });
    }
    return copied;
  }

  async #putBytes(name: string, bytes: Buffer) {
    const digest = digestOfBytes(bytes);
    const file = path.join(this.#place.workDirectory, 'made');
    await writeFile(file, bytes, { mode: privateFile });
    await this.#place.put(name, { file, digest, moves: true });
    this.#addedBytes += digest.bytes;
    return digest;
  }
}

async function packedBefore(place: Place, manifest: Manifest): Promise<PackedBefore | undefined> {
  if (manifest.database.chunkBytes !== chunkBytes) return undefined;
  return { chunks: await readChunkList(place, manifest), packs: manifest.database.packs };
}

function* batches<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function* none(): AsyncGenerator<never> {}
