/** Reads all that a checkpoint consists of and holds it against its manifest. Throws `corrupt`, `not-found`. */
import { readChunkList } from './chunk-list.ts';
import { checked, type NamedDigest } from './digest.ts';
import { fileName, readFileList } from './file-list.ts';
import type { Manifest } from './manifest.ts';
import type { Place } from './place.ts';
import type { Progress } from './progress.ts';

export async function verifyBytes(
  place: Place,
  manifest: Manifest,
  onProgress: (progress: Progress) => void,
): Promise<void> {
  const { database, files, sideFiles } = manifest;
  await readChunkList(place, manifest);
  for (const file of sideFiles) await readThrough(place, file);
  let bytes = 0;
  for (const pack of database.packs) {
    await readThrough(place, pack);
    bytes += pack.bytes;
    onProgress({ what: 'database', done: bytes, total: undefined });
  }
  let done = 0;
  for await (const { key, digest } of readFileList(place, files.list)) {
    await readThrough(place, { name: fileName(key), ...digest });
    onProgress({ what: 'files', done: ++done, total: files.count });
  }
}

/** Throws `corrupt`, `not-found`. */
export async function readThrough(place: Place, file: NamedDigest): Promise<void> {
  for await (const _ of checked(place.read(file.name), file, file.name));
}
