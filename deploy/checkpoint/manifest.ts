/**
 * The manifest of a checkpoint: what it consists of, and how each of its files can be told from a damaged one. It is
 * written last and in one step: without it there is no checkpoint.
 */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { isDigest, type NamedDigest } from './digest.ts';
import type { Place } from './place.ts';
import { damaged, openSealed, readSmall, sealed } from './sealed.ts';

/** Rises with every change that an older program would misread. */
export const manifestFormat = 1;
const maxManifestBytes = 64 * 2 ** 20;
const maxEpoch = 99_999_999;
const folder = 'checkpoints/';

/** An entity's kind is its role. */
export interface Manifest {
  readonly format: number;
  /** Counts the checkpoints of a place. */
  readonly epoch: number;
  readonly createdAt: string;
  /** Version of the program that made it. */
  readonly software: string;
  readonly kind: string;
  /** Of the directory's records. */
  readonly kindFormat: number;
  readonly lineage: readonly { readonly id: string; readonly firstId: number }[];
  /** The newest commit that is in it. */
  readonly sequence: number;
  readonly database: {
    readonly bytes: number;
    readonly chunkBytes: number;
    readonly list: NamedDigest;
    /** What the list's chunks are in; it names them by their place here. */
    readonly packs: readonly NamedDigest[];
  };
  readonly files: {
    readonly count: number;
    readonly bytes: number;
    readonly list: NamedDigest;
  };
  /** Small files beside the database, by the names that they have in the directory. */
  readonly sideFiles: readonly SideFile[];
  /** Bytes that no earlier checkpoint had. */
  readonly addedBytes: number;
}

export interface SideFile extends NamedDigest {
  readonly file: string;
}

export function nameOf(epoch: number, file: string): string {
  return `${folder}${String(epoch).padStart(8, '0')}/${file}`;
}

export const encodeManifest = (manifest: Manifest): Buffer => sealed(manifest);

/** Throws `corrupt`, and `invalid-argument` for one of a newer program. */
export function decodeManifest(bytes: Buffer, name: string): Manifest {
  const manifest = openSealed<Manifest>(bytes, name);
  const { format } = manifest;
  if (format > manifestFormat) {
    throw new BlobSeerError(
      'invalid-argument',
      `${name} has format ${format}, this program knows ${manifestFormat}: use a newer one`,
    );
  }
  if (!isManifest(manifest)) throw damaged(name);
  return manifest;
}

/** Written by a program of ours, whole: what is looked at here are the names and numbers that are acted upon. */
function isManifest({ epoch, database, files, sideFiles, lineage }: Manifest): boolean {
  return (
    Number.isSafeInteger(epoch) &&
    [database.list, files.list, ...database.packs, ...sideFiles].every(
      (one) => isDigest(one) && /^[0-9a-z/-]{1,100}$/.test(one.name),
    ) &&
    Number.isSafeInteger(database.bytes) &&
    Number.isSafeInteger(database.chunkBytes) &&
    sideFiles.every(({ file }) => /^[a-z-]{1,100}$/.test(file)) &&
    lineage.length > 0
  );
}

/** Epochs that have a manifest, and the highest number that anything was written under. */
export async function listEpochs(place: Place): Promise<{ epochs: number[]; highest: number }> {
  const epochs: number[] = [];
  let highest = 0;
  for await (const name of place.list(folder)) {
    const match = /^checkpoints\/(\d{8})\/(.*)$/.exec(name);
    if (match === null) continue;
    highest = Math.max(highest, Number(match[1]));
    if (match[2] === 'manifest.json') epochs.push(Number(match[1]));
  }
  if (highest >= maxEpoch) throw new BlobSeerError('no-space', 'no more numbers of checkpoints');
  return { epochs, highest };
}

/** Throws `not-found`, `corrupt`, `invalid-argument`. */
export async function readManifest(place: Place, epoch: number): Promise<Manifest> {
  const name = nameOf(epoch, 'manifest.json');
  const manifest = decodeManifest(await readSmall(place, name, maxManifestBytes), name);
  if (manifest.epoch !== epoch) throw damaged(name);
  return manifest;
}

/** The newest one where `epoch` is undefined. */
export async function findManifest(place: Place, epoch: number | undefined): Promise<Manifest> {
  const { epochs } = await listEpochs(place);
  const wanted = epoch ?? epochs.at(-1);
  if (wanted === undefined || !epochs.includes(wanted)) {
    const which = wanted === undefined ? 'checkpoint' : `checkpoint ${wanted}`;
    throw new BlobSeerError('not-found', `there is no ${which} in ${place.name}`);
  }
  return await readManifest(place, wanted);
}

/** Of all checkpoints of a place, the oldest first. */
export async function readManifests(place: Place): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (const epoch of (await listEpochs(place)).epochs) {
    manifests.push(await readManifest(place, epoch));
  }
  return manifests;
}
