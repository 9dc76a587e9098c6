/** A data directory whose contents are known as of every commit. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import {
  type EmbeddedBlobSeer,
  openEmbedded,
  type SnapshotRef,
} from '../../../blobseer-client/index.ts';
import { DirectoryPlace } from '../directory-place.ts';
import { kindOf } from '../kinds.ts';
import { findManifest, type Manifest } from '../manifest.ts';
import type { Place } from '../place.ts';
import { restoreCheckpoint } from '../restore.ts';

const maker = path.join(import.meta.dirname, 'victim.js');

interface Change {
  readonly sequence: number;
  readonly name: string;
  /** SHA-256 of the contents; undefined when it is deleted. */
  readonly sha256: string | undefined;
}

interface StoredObject extends SnapshotRef {
  readonly size: number;
}

export async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'checkpoint-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

export class World {
  readonly engine: EmbeddedBlobSeer;
  readonly directory: string;
  readonly #changes: Change[] = [];
  #highestId = 0;

  private constructor(engine: EmbeddedBlobSeer, directory: string) {
    this.engine = engine;
    this.directory = directory;
  }

  static async open(directory: string): Promise<World> {
    return new World(await openEmbedded({ directory, role: 'alone' }), directory);
  }

  /** Any id that was given out. */
  get highestId(): number {
    return this.#highestId;
  }

  async put(name: string, bytes: Buffer): Promise<void> {
    const { engine } = this;
    const staged = await engine.stage([bytes]);
    await staged.seal();
    await engine.store.commit((transaction) => {
      const before = stored(engine, name);
      if (before !== undefined) engine.bury(transaction, [before]);
      const { blobId, version } = engine.publish(transaction, staged);
      this.#highestId = Math.max(this.#highestId, blobId);
      const row = Buffer.from(JSON.stringify({ blobId, version, size: bytes.length }));
      transaction.put(engine.store.table('objects'), Buffer.from(name), row);
      this.#changes.push({ sequence: transaction.sequence, name, sha256: sha256Of(bytes) });
    });
  }

  async remove(name: string): Promise<void> {
    const { engine } = this;
    await engine.store.commit((transaction) => {
      const before = stored(engine, name);
      if (before === undefined) return;
      engine.bury(transaction, [before]);
      transaction.remove(engine.store.table('objects'), Buffer.from(name));
      this.#changes.push({ sequence: transaction.sequence, name, sha256: undefined });
    });
  }

  /** Name to SHA-256, as it was after that commit. */
  at(sequence: number): Map<string, string> {
    const state = new Map<string, string>();
    const changes = this.#changes.filter((change) => change.sequence <= sequence);
    for (const { name, sha256 } of changes.sort((a, b) => a.sequence - b.sequence)) {
      if (sha256 === undefined) state.delete(name);
      else state.set(name, sha256);
    }
    return state;
  }

  checkpoint(place: Place): Promise<Manifest> {
    return checkpointOf(this.directory, place);
  }

  async close(): Promise<void> {
    await this.engine.close();
  }
}

/** By a program of its own: one that opened the directory a second time would share LMDB's state with the engine. */
export async function checkpointOf(directory: string, place: Place): Promise<Manifest> {
  await promisify(execFile)(process.execPath, [maker, 'create', directory, place.name, 'endless']);
  return await findManifest(place, undefined);
}

export function restoreTo(place: Place, manifest: Manifest, directory: string): Promise<void> {
  const { databaseFile, settle } = kindOf(manifest.kind);
  return restoreCheckpoint({
    place,
    manifest,
    directory,
    databaseFile,
    settle: (restored) => settle(restored, new Map()),
    onProgress: () => undefined,
  });
}

/** Everything in a directory, read through the engine, which must find no fault with it. */
export async function contentsOf(directory: string): Promise<Map<string, string>> {
  const engine = await openEmbedded({ directory, role: 'alone' });
  try {
    const state = new Map<string, string>();
    const references: { owner: string; snapshot: SnapshotRef }[] = [];
    for (const { key } of engine.store.table('objects').range({ limit: 10_000 })) {
      const name = key.toString();
      const object = stored(engine, name)!;
      const hash = createHash('sha256');
      const range = { offset: 0, length: object.size };
      for await (const piece of engine.read(object, range)) hash.update(piece);
      state.set(name, hash.digest('hex'));
      references.push({ owner: name, snapshot: object });
    }
    assert.deepEqual((await engine.check({ references })).problems, []);
    return state;
  } finally {
    await engine.close();
  }
}

function stored(engine: EmbeddedBlobSeer, name: string): StoredObject | undefined {
  const row = engine.store.table('objects').get(Buffer.from(name))?.toString();
  return row === undefined ? undefined : (JSON.parse(row) as StoredObject);
}

const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

export const directoryPlace = (folder: string): Place =>
  new DirectoryPlace(path.join(folder, 'place'));

export const someBytes = (size: number): Buffer => randomBytes(size);
