/**
 * A program to be killed by itself: `create DATA PLACE STEPS`, `restore PLACE TARGET STEPS`, `delete PLACE EPOCH STEPS`.
 * It prints `done` when it had more steps to live than it needed.
 */
import { openEmbedded, settleRestored } from '../../../blobseer-client/index.ts';
import { deleteCheckpoints } from '../delete.ts';
import { DirectoryPlace } from '../directory-place.ts';
import { findManifest } from '../manifest.ts';
import { restoreCheckpoint } from '../restore.ts';
import { MortalPlace } from './mortal-place.ts';
import { checkpointOf } from './world.ts';

const [action = '', first = '', second = '', steps = ''] = process.argv.slice(2);

const mortal = (folder: string): MortalPlace =>
  new MortalPlace(new DirectoryPlace(folder), Number(steps));

if (action === 'create') {
  const engine = await openEmbedded({ directory: first, role: 'tool' });
  await checkpointOf(engine, first, mortal(second));
  await engine.close();
} else if (action === 'restore') {
  const place = mortal(first);
  await restoreCheckpoint({
    place,
    manifest: await findManifest(new DirectoryPlace(first), undefined),
    directory: second,
    settle: async (directory) => {
      place.step();
      await settleRestored(directory, 'embedded');
      place.step();
    },
    onProgress: () => undefined,
  });
} else {
  await deleteCheckpoints(mortal(first), () => [Number(second)]);
}
console.log('done');
