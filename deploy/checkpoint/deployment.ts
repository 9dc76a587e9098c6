/**
 * Checkpoints of a whole deployment, whose members are all within reach as directories. Referrers come first: gateways,
 * then the version manager, metadata, pages. What is taken later may have more than what refers to it, never less,
 * since gateways' holds keep everybody from releasing anything until all is copied. Nobody is stopped.
 */
import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CheckpointCut } from '../../blobseer-client/embedded/checkpoint-cut.ts';
import { restoringFile } from '../../blobseer-client/embedded/directory.ts';
import type { CheckpointSource } from '../../blobseer-client/embedded/directory-source.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { createCheckpoint } from './create.ts';
import { deleteCheckpoints } from './delete.ts';
import {
  cutOrder,
  type DeploymentManifest,
  deploymentName,
  encodeDeployment,
  findDeployment,
  listDeploymentEpochs,
  type Member,
  type MemberCheckpoint,
  movesTo,
  newManifest,
} from './deployment-manifest.ts';
import { digestOfBytes } from './digest.ts';
import { kindOf, openSource } from './kinds.ts';
import { findManifest } from './manifest.ts';
import type { Place } from './place.ts';
import type { Progress } from './progress.ts';
import { buildRestored, finishRestored } from './restore.ts';
import { verifyBytes } from './verify.ts';

const privateFile = 0o600;

/** A place, and in it one for each member. */
export interface DeploymentPlace {
  readonly place: Place;
  readonly placeOf: (member: string) => Place;
}

export interface LocatedMember extends Member {
  /** What it keeps. */
  readonly directory: string;
}

export type MemberProgress = (member: string, progress: Progress) => void;

export interface DeploymentOptions extends DeploymentPlace {
  /** Of the deployment. */
  readonly name: string;
  readonly members: readonly LocatedMember[];
  /** Small files in gateways' directories. */
  readonly sideFiles: readonly string[];
  readonly software: string;
  readonly nowMs: () => number;
  readonly onProgress: MemberProgress;
}

export async function createDeploymentCheckpoint(
  options: DeploymentOptions,
): Promise<DeploymentManifest> {
  const { place, name, software, nowMs } = options;
  const lock = await place.lock();
  const held = new HeldCuts();
  try {
    const members: MemberCheckpoint[] = [];
    for (const member of inCutOrder(options.members)) {
      members.push(await checkpointOf(member, options, held));
    }
    await held.confirm();
    await lock.confirm();
    const epoch = ((await listDeploymentEpochs(place)).at(-1) ?? 0) + 1;
    const createdAt = new Date(nowMs()).toISOString();
    const manifest = newManifest({ epoch, createdAt, software, name, members });
    await putManifest(place, manifest);
    return manifest;
  } finally {
    await held.release();
    await lock.release();
  }
}

const inCutOrder = <One extends Member>(members: readonly One[]): One[] =>
  cutOrder.flatMap((role) => members.filter((member) => member.role === role));

async function checkpointOf(
  { name, role, host, port, directory }: LocatedMember,
  options: DeploymentOptions,
  held: HeldCuts,
): Promise<MemberCheckpoint> {
  const { placeOf, sideFiles, software, nowMs, onProgress } = options;
  const source = await openSource(directory);
  let cutAtMs = 0;
  const timed: CheckpointSource = {
    ...source,
    beginCut: async (holder) => {
      const cut = await source.beginCut(holder);
      cutAtMs = nowMs();
      return role === 'gateway' ? held.add(cut, source) : cut;
    },
  };
  try {
    const { epoch, sequence } = await createCheckpoint({
      place: placeOf(name),
      directory,
      sideFiles: role === 'gateway' ? sideFiles : [],
      software,
      source: timed,
      nowMs,
      onProgress: (progress) => onProgress(name, progress),
    });
    const cutAt = new Date(cutAtMs).toISOString();
    return { name, role, host, port, epoch, sequence, cutAt };
  } finally {
    if (!held.has(source)) await source.close();
  }
}

/** Gateways' holds: they stand until everything that the gateways refer to has been copied. */
class HeldCuts {
  readonly #cuts = new Map<CheckpointSource, CheckpointCut>();

  /** For whoever copies it: its release gives the view back alone. */
  add(cut: CheckpointCut, source: CheckpointSource): CheckpointCut {
    this.#cuts.set(source, cut);
    return { ...cut, release: () => Promise.resolve(cut.releaseView()) };
  }

  has(source: CheckpointSource): boolean {
    return this.#cuts.has(source);
  }

  async confirm(): Promise<void> {
    for (const cut of this.#cuts.values()) await cut.confirm();
  }

  async release(): Promise<void> {
    for (const [source, cut] of this.#cuts) {
      await cut.release();
      await source.close();
    }
  }
}

async function putManifest(place: Place, manifest: DeploymentManifest): Promise<void> {
  const bytes = encodeDeployment(manifest);
  const file = path.join(place.workDirectory, 'manifest');
  await writeFile(file, bytes, { mode: privateFile });
  const digest = digestOfBytes(bytes);
  await place.put(deploymentName(manifest.epoch), { file, digest, moves: true });
  await place.settle();
}

export interface RestoreDeploymentOptions extends DeploymentPlace {
  readonly manifest: DeploymentManifest;
  /** As they will be: each in a new directory, at the same address or at another. */
  readonly members: readonly LocatedMember[];
  readonly onProgress: MemberProgress;
}

/**
 * None of the directories is to be served before all are whole. Throws `invalid-argument`, before anything is
 * written, when the checkpoint does not fit the members.
 */
export async function restoreDeployment(options: RestoreDeploymentOptions): Promise<void> {
  const { manifest, members, placeOf, onProgress } = options;
  const moves = movesTo(manifest, members);
  const used = members.find(({ directory }) => isUsed(directory));
  if (used !== undefined) {
    throw new BlobSeerError(
      'invalid-argument',
      `${used.name} has data in ${used.directory}: nothing is restored over it`,
    );
  }
  const directories = new Map(members.map(({ name, directory }) => [name, directory]));
  for (const { name, role, epoch } of manifest.members) {
    const directory = directories.get(name)!; // `movesTo` knows them all
    const place = placeOf(name);
    const own = await findManifest(place, epoch);
    const { databaseFile, settle } = kindOf(role === 'gateway' ? 'remote' : role);
    await buildRestored({
      place,
      manifest: own,
      directory,
      databaseFile,
      settle: (restored) => settle(restored, moves),
      onProgress: (progress) => onProgress(name, progress),
    });
  }
  for (const { name } of manifest.members) await finishRestored(directories.get(name)!);
}

/** By anything but a restore that was cut off. */
function isUsed(directory: string): boolean {
  if (!existsSync(directory)) return false;
  const names = readdirSync(directory);
  return names.length > 0 && !names.includes(restoringFile);
}

/** Throws `corrupt`, `not-found`. */
export async function verifyDeployment(
  { members }: DeploymentManifest,
  { placeOf }: DeploymentPlace,
  onProgress: MemberProgress,
): Promise<void> {
  for (const { name, epoch } of members) {
    const place = placeOf(name);
    await verifyBytes(place, await findManifest(place, epoch), (progress) =>
      onProgress(name, progress),
    );
  }
}

/** Manifests first, then of each member what no manifest that is left names. */
export async function deleteDeploymentCheckpoints(
  { place, placeOf }: DeploymentPlace,
  choose: (epochs: readonly number[]) => readonly number[],
): Promise<readonly number[]> {
  const lock = await place.lock();
  try {
    const epochs = await listDeploymentEpochs(place);
    const chosen = choose(epochs);
    const members = new Map<string, Set<number>>();
    for (const epoch of epochs) {
      const isKept = !chosen.includes(epoch);
      for (const member of (await findDeployment(place, epoch)).members) {
        const kept = members.get(member.name) ?? new Set();
        members.set(member.name, kept);
        if (isKept) kept.add(member.epoch);
      }
    }
    for (const epoch of chosen) {
      await findDeployment(place, epoch);
      await place.remove(deploymentName(epoch));
    }
    await place.settle();
    for (const [name, kept] of members) {
      await deleteCheckpoints(placeOf(name), (all) => all.filter((epoch) => !kept.has(epoch)));
    }
    return chosen;
  } finally {
    await lock.release();
  }
}
