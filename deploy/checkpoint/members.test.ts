/** Checkpoints of several members as one: restored together or not at all, and deleted with what only they need. */
import assert from 'node:assert/strict';
import { readdirSync, renameSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { openState } from '../entities/state.ts';
import {
  createDeploymentCheckpoint,
  type DeploymentPlace,
  deleteDeploymentCheckpoints,
  type LocatedMember,
  restoreDeployment,
  verifyDeployment,
} from './deployment.ts';
import { cutOrder, findDeployment, listDeploymentEpochs } from './deployment-manifest.ts';
import { DirectoryPlace } from './directory-place.ts';
import { withFolder } from './testing/world.ts';

const roles = cutOrder.filter((role) => role !== 'gateway');
const ignored = (): void => undefined;

function membersIn(folder: string): LocatedMember[] {
  return roles.map((role, index) => ({
    name: `${role}-1`,
    role,
    host: '127.0.0.1',
    port: 7000 + index,
    directory: path.join(folder, `${role}-1`),
  }));
}

async function open({ directory, role }: LocatedMember) {
  await mkdir(path.join(directory, 'pages'), { recursive: true });
  return await openState({ directory, role, onStopped: ignored });
}

/** A row that tells one state from another. */
async function write(member: LocatedMember, word: string): Promise<void> {
  const state = await open(member);
  const table = state.table('words');
  await state.commit((transaction) =>
    transaction.put(table, Buffer.from('word'), Buffer.from(word)),
  );
  await state.close();
}

async function read(member: LocatedMember): Promise<string | undefined> {
  const state = await open(member);
  try {
    return state.table('words').get(Buffer.from('word'))?.toString();
  } finally {
    await state.close();
  }
}

function placeIn(folder: string): DeploymentPlace {
  const root = path.join(folder, 'place');
  return {
    place: new DirectoryPlace(root),
    placeOf: (name) => new DirectoryPlace(path.join(root, 'members', name)),
  };
}

const create = (at: DeploymentPlace, members: readonly LocatedMember[]) =>
  createDeploymentCheckpoint({
    ...at,
    name: 'lab',
    members,
    sideFiles: [],
    software: '0.0.0',
    nowMs: Date.now,
    onProgress: ignored,
  });

test('a restore that fails at its last member leaves none that can be served, and is done again', async () => {
  await withFolder(async (folder) => {
    const at = placeIn(folder);
    const members = membersIn(path.join(folder, 'data'));
    for (const member of members) await write(member, 'kept');
    const manifest = await create(at, members);
    const packs = path.join(at.placeOf('data-provider-1').name, 'packs');
    renameSync(packs, `${packs}-lost`);
    const isMissing = (error: unknown): boolean => {
      assert.ok(error instanceof BlobSeerError);
      assert.equal(error.kind, 'not-found', error.message);
      return true;
    };
    await assert.rejects(verifyDeployment(manifest, at, ignored), isMissing);
    const again = membersIn(path.join(folder, 'again'));
    const restore = () =>
      restoreDeployment({ ...at, manifest, members: again, onProgress: ignored });
    await assert.rejects(restore(), isMissing);
    for (const member of again) await assert.rejects(read(member), /has not ended/);
    renameSync(`${packs}-lost`, packs);
    await restore();
    for (const member of again) assert.equal(await read(member), 'kept');
    await assert.rejects(restore(), /nothing is restored over it/);
  });
});

test("deleting a deployment's checkpoint takes from its members what no other needs", async () => {
  await withFolder(async (folder) => {
    const at = placeIn(folder);
    const members = membersIn(path.join(folder, 'data'));
    for (const word of ['one', 'two', 'three']) {
      for (const member of members) await write(member, word);
      await create(at, members);
    }
    const epochsOf = ({ name }: LocatedMember): string[] =>
      readdirSync(path.join(at.placeOf(name).name, 'checkpoints')).map(String);
    await deleteDeploymentCheckpoints(at, () => [2]);
    assert.deepEqual(await listDeploymentEpochs(at.place), [1, 3]);
    for (const member of members) assert.deepEqual(epochsOf(member), ['00000001', '00000003']);
    await deleteDeploymentCheckpoints(at, (epochs) => epochs.slice(0, -1));
    const again = membersIn(path.join(folder, 'again'));
    const manifest = await findDeployment(at.place, undefined);
    assert.equal(manifest.epoch, 3);
    await restoreDeployment({ ...at, manifest, members: again, onProgress: ignored });
    for (const member of again) assert.equal(await read(member), 'three');
  });
});
