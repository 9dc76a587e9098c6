/** The actions of `blobseer-s3 checkpoint` for whole deployments on this machine. */
import path from 'node:path';
import { BlobSeerError } from '../../blobseer-client/index.ts';
import {
  createDeploymentCheckpoint,
  type DeploymentPlace,
  deleteDeploymentCheckpoints,
  verifyDeployment,
} from '../../deploy/checkpoint/deployment.ts';
import {
  type DeploymentManifest,
  findDeployment,
  listDeploymentEpochs,
} from '../../deploy/checkpoint/deployment-manifest.ts';
import { layoutOf, storageOf } from '../../deploy/local/layout.ts';
import { locatedMembers } from '../../deploy/local/located-members.ts';
import { readRecord } from '../../deploy/local/record.ts';
import { writePrivateFile } from '../../deploy/private-file.ts';
import { credentialsFile } from '../root-user.ts';
import type { Terminal } from '../terminal.ts';
import {
  type Call,
  deploymentPlaceAt,
  epochOf,
  keepOf,
  progressText,
  required,
} from './checkpoint-call.ts';
import { CommandError, columns, UsageError } from './command.ts';
import { describedIn } from './deployment-file.ts';
import { packageVersion } from './version.ts';

/** The deployment that the flag names, as it was put on this machine. */
export function deploymentDirectory(call: Call): string {
  const { terminal } = call;
  const file = path.resolve(terminal.workingDirectory, required(call, 'deployment', 'FILE'));
  return storageOf(describedIn(file), path.dirname(file));
}

export async function createOfDeployment(call: Call): Promise<DeploymentManifest> {
  const at = deploymentPlaceAt(call, 'to');
  const manifest = await checkpointDeployment(deploymentDirectory(call), at, call.terminal);
  const keep = keepOf(call);
  if (keep !== undefined) await deleteDeploymentCheckpoints(at, (all) => all.slice(0, -keep));
  return manifest;
}

/** Of all members of a deployment on this machine, running or not. */
export async function checkpointDeployment(
  directory: string,
  at: DeploymentPlace,
  terminal: Terminal,
): Promise<DeploymentManifest> {
  const record = readRecord(directory);
  if (record === undefined) throw new CommandError(`${directory} has no deployment`);
  const manifest = await createDeploymentCheckpoint({
    ...at,
    name: record.name,
    members: locatedMembers(directory, record.members),
    sideFiles: [credentialsFile],
    software: packageVersion(),
    nowMs: Date.now,
    onProgress: (member, progress) => terminal.redraw(progressText(progress, member)),
  });
  terminal.redraw('');
  writePrivateFile(layoutOf(directory).lastCheckpoint, `${manifest.createdAt}\n`);
  return manifest;
}

export const deploymentSummary = ({ epoch, name, members }: DeploymentManifest): string =>
  `checkpoint ${epoch} of ${name}: ${members.length} members`;

/** Whether a place has checkpoints of a deployment. */
export async function isOfDeployment({ place }: DeploymentPlace): Promise<boolean> {
  return (await listDeploymentEpochs(place)).length > 0;
}

export async function listOfDeployment(call: Call, { place }: DeploymentPlace): Promise<void> {
  const { parsed, terminal } = call;
  const manifests: DeploymentManifest[] = [];
  for (const epoch of await listDeploymentEpochs(place)) {
    manifests.push(await findDeployment(place, epoch));
  }
  if (parsed.flags.json !== undefined) {
    terminal.print(JSON.stringify(manifests, undefined, 2));
    return;
  }
  const rows = manifests.map(({ epoch, createdAt, name, members }) => [
    String(epoch),
    createdAt,
    name,
    String(members.length),
  ]);
  terminal.print(columns([['epoch', 'made', 'deployment', 'members'], ...rows]));
}

export async function verifyOfDeployment(call: Call, at: DeploymentPlace): Promise<void> {
  const { terminal } = call;
  const manifest = await findDeployment(at.place, epochOf(call));
  await verifyDeployment(manifest, at, (member, progress) =>
    terminal.redraw(progressText(progress, member)),
  );
  terminal.redraw('');
  terminal.print(`checkpoint ${manifest.epoch} of ${manifest.name} is whole`);
}

export async function deleteOfDeployment(call: Call, at: DeploymentPlace): Promise<void> {
  const epoch = epochOf(call);
  if (epoch === undefined) throw new UsageError('--epoch N is needed');
  await deleteDeploymentCheckpoints(at, (epochs) => {
    if (epochs.includes(epoch)) return [epoch];
    throw new BlobSeerError('not-found', `there is no checkpoint ${epoch} in ${at.place.name}`);
  });
  call.terminal.print(`checkpoint ${epoch} is deleted`);
}
