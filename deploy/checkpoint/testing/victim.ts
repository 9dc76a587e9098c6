/**
 * A program to be killed by itself: `create DATA PLACE STEPS`, `restore PLACE TARGET STEPS`, `delete PLACE EPOCH STEPS`.
 * It prints `done` when it had more steps to live than it needed; `endless` are enough.
 */
import { createCheckpoint } from '../create.ts';
import { deleteCheckpoints } from '../delete.ts';
import { DirectoryPlace } from '../directory-place.ts';
import { kindOf, openSource } from '../kinds.ts';
import { findManifest } from '../manifest.ts';
import { restoreCheckpoint } from '../restore.ts';
import { MortalPlace } from './mortal-place.ts';

const [action = '', first = '', second = '', steps = ''] = process.argv.slice(2);

const mortal = (folder: string): MortalPlace =>
  new MortalPlace(new DirectoryPlace(folder), Number(steps));

if (action === 'create') {
  const source = await openSource(first);
  await createCheckpoint({
    place: mortal(second),
    directory: first,
    sideFiles: ['credentials'],
    software: '0.0.0',
    source,
    nowMs: Date.now,
    onProgress: () => undefined,
  });
  await source.close();
} else if (action === 'restore') {
  const place = mortal(first);
  await restoreCheckpoint({
    place,
    manifest: await findManifest(new DirectoryPlace(first), undefined),
    directory: second,
    databaseFile: 'blobseer.mdb',
    settle: async (directory) => {
      place.step();
      await kindOf('embedded').settle(directory, new Map());
      place.step();
    },
    onProgress: () => undefined,
  });
} else {
  await deleteCheckpoints(mortal(first), () => [Number(second)]);
}
console.log('done');
