/**
 * Deletes checkpoints: their manifests first, then whatever no manifest that is left names. What a crash of a `create`
 * or of a `delete` has left goes with it.
 */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { FileLookUp, fileName, readFileList } from './file-list.ts';
import { listEpochs, type Manifest, nameOf, readManifests } from './manifest.ts';
import type { Place } from './place.ts';
import { readThrough } from './verify.ts';

export interface Deleted {
  readonly epochs: readonly number[];
  /** Files that nothing needed any more. */
  readonly removed: number;
}

/** `choose` is given the epochs there are, the oldest first. Throws `not-found` for one that there is not. */
export async function deleteCheckpoints(
  place: Place,
  choose: (epochs: readonly number[]) => readonly number[],
): Promise<Deleted> {
  const lock = await place.lock();
  try {
    const { epochs } = await listEpochs(place);
    const chosen = choose(epochs);
    const unknown = chosen.find((epoch) => !epochs.includes(epoch));
    if (unknown !== undefined) {
      throw new BlobSeerError('not-found', `there is no checkpoint ${unknown} in ${place.name}`);
    }
    for (const epoch of chosen) await place.remove(nameOf(epoch, 'manifest.json'));
    await place.settle();
    const removed = await sweep(place, await readManifests(place), () => lock.confirm());
    return { epochs: chosen, removed };
  } finally {
    await lock.release();
  }
}

async function sweep(
  place: Place,
  manifests: readonly Manifest[],
  confirm: () => Promise<void>,
): Promise<number> {
  // Before anything is removed for not being named: that no list is damaged.
  for (const { files } of manifests) await readThrough(place, files.list);
  await confirm();
  const named = new Set(manifests.flatMap(namesOf));
  let removed = 0;
  for (const prefix of ['checkpoints/', 'packs/']) {
    for await (const name of place.list(prefix)) {
      if (named.has(name)) continue;
      await place.remove(name);
      removed++;
    }
  }
  return removed + (await sweepFiles(place, manifests));
}

function namesOf({ epoch, database, files, sideFiles }: Manifest): string[] {
  return [
    nameOf(epoch, 'manifest.json'),
    database.list.name,
    files.list.name,
    ...[...database.packs, ...sideFiles].map(({ name }) => name),
  ];
}

/** The place lists files in the order of the manifests' lists: none of them has to be in memory. */
async function sweepFiles(place: Place, manifests: readonly Manifest[]): Promise<number> {
  const lists = manifests.map(({ files }) => new FileLookUp(readFileList(place, files.list)));
  const prefix = fileName('');
  let removed = 0;
  for await (const name of place.list(prefix)) {
    let isNamed = false;
    for (const list of lists) {
      if ((await list.find(name.slice(prefix.length))) !== undefined) isNamed = true;
    }
    if (isNamed) continue;
    await place.remove(name);
    removed++;
  }
  return removed;
}
