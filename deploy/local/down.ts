/** The end of a deployment on this machine: its processes, and if it is asked for its data. */
import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { supervisorArguments } from './command.ts';
import { askSupervisor } from './control.ts';
import { layoutOf, supervisorName } from './layout.ts';
import { removeNetwork } from './namespaces.ts';
import { endMembers, memberMark } from './orphans.ts';
import { endProcesses, findProcesses } from './processes.ts';
import { type DeploymentRecord, readRecord } from './record.ts';
import { type DeploymentStatus, deploymentStatus, type MemberStatus } from './status.ts';

const statusTimeoutMs = 15_000;
/** Level by level, each as long as a gateway may take, and a little more. */
const stopTimeoutMs = 180_000;
const endGraceMs = 50_000;

/** Gently where there is a supervisor; whatever is left is ended too. Resolves when no process is there. */
export async function stopLocal(directory: string): Promise<void> {
  const record = recordIn(directory);
  // One that does not answer is ended as all others.
  await askSupervisor(directory, { action: 'stop' }, stopTimeoutMs).catch(() => undefined);
  // First: it would start again what is ended below.
  await endProcesses([supervisorArguments(directory)], endGraceMs);
  const { members, subnet } = record;
  await endMembers(directory, members);
  if (subnet !== undefined) await removeNetwork({ directory, subnet, members });
}

/** From the supervisor, or of what runs without one. Throws `not-found` where there never was a deployment. */
export async function localStatus(directory: string): Promise<DeploymentStatus> {
  const record = recordIn(directory);
  const told = await askSupervisor(directory, { action: 'status' }, statusTimeoutMs);
  if (told !== undefined) return told;
  const members = record.members.map((member): MemberStatus => {
    const [pid] = findProcesses([memberMark(directory, member)]);
    const state = pid === undefined ? 'stopped' : 'orphaned';
    return { ...member, state, pid, restarts: 0 };
  });
  return deploymentStatus(record, directory, undefined, members);
}

export async function restartMember(directory: string, member: string): Promise<DeploymentStatus> {
  const status = await askSupervisor(directory, { action: 'restart', member }, stopTimeoutMs);
  if (status !== undefined) return status;
  throw new BlobSeerError('stopped', `${recordIn(directory).name} is not running`);
}

/** All that the deployment has made, and no file of others. Its processes must have ended. */
export function deleteData(directory: string): void {
  const { members } = recordIn(directory);
  const layout = layoutOf(directory);
  const directories = [
    ...members.map(({ name }) => path.join(directory, name)),
    path.join(directory, supervisorName),
    path.dirname(layout.accessKey),
    layout.authority,
  ];
  for (const one of directories) rmSync(one, { recursive: true, force: true });
  for (const file of [layout.lastCheckpoint, layout.control, layout.lock, layout.record]) {
    rmSync(file, { force: true });
  }
  if (readdirSync(directory).length === 0) rmdirSync(directory);
}

function recordIn(directory: string): DeploymentRecord {
  const record = readRecord(directory);
  if (record !== undefined) return record;
  throw new BlobSeerError('not-found', `${directory} has no deployment: "deploy up" makes one`);
}
