/**
 * The manifest of a whole deployment: which checkpoint of each member belongs to it, and where the members were. It is
 * written when all of them are whole; members' checkpoints that no such manifest names are nobody's.
 */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { addressText } from '../../blobseer-client/remote/remote-error.ts';
import type { Place } from './place.ts';
import { openSealed, readSmall, sealed } from './sealed.ts';

const format = 1;
const folder = 'deployments/';
const maxBytes = 4 * 2 ** 20;

/** Referrers before those that they refer to. A provider manager has nothing that is not told again. */
export const cutOrder = [
  'gateway',
  'version-manager',
  'metadata-provider',
  'data-provider',
] as const;
export type MemberRole = (typeof cutOrder)[number];

/** A member as the deployment knows it. */
export interface Member {
  /** The same for ever. */
  readonly name: string;
  readonly role: MemberRole;
  readonly host: string;
  readonly port: number;
}

export interface MemberCheckpoint extends Member {
  /** Of the member's own checkpoint. */
  readonly epoch: number;
  /** Its newest commit. */
  readonly sequence: number;
  /** When its view was taken, by the clock of whoever took all of them. */
  readonly cutAt: string;
}

export interface DeploymentManifest {
  readonly format: number;
  readonly epoch: number;
  readonly createdAt: string;
  readonly software: string;
  /** Of the deployment. */
  readonly name: string;
  readonly members: readonly MemberCheckpoint[];
}

export const newManifest = (manifest: Omit<DeploymentManifest, 'format'>): DeploymentManifest => ({
  format,
  ...manifest,
});

export function deploymentName(epoch: number): string {
  return `${folder}${String(epoch).padStart(8, '0')}`;
}

export const encodeDeployment = (manifest: DeploymentManifest): Buffer => sealed(manifest);

export async function listDeploymentEpochs(place: Place): Promise<number[]> {
  const epochs: number[] = [];
  for await (const name of place.list(folder)) {
    const match = /^deployments\/(\d{8})$/.exec(name);
    if (match !== null) epochs.push(Number(match[1]));
  }
  return epochs;
}

/** The newest one where `epoch` is undefined. Throws `not-found`, `corrupt`, `invalid-argument`. */
export async function findDeployment(
  place: Place,
  epoch: number | undefined,
): Promise<DeploymentManifest> {
  const epochs = await listDeploymentEpochs(place);
  const wanted = epoch ?? epochs.at(-1);
  if (wanted === undefined || !epochs.includes(wanted)) {
    const which = wanted === undefined ? 'checkpoint' : `checkpoint ${wanted}`;
    throw new BlobSeerError('not-found', `there is no ${which} of a deployment in ${place.name}`);
  }
  const name = deploymentName(wanted);
  const manifest = openSealed<DeploymentManifest>(await readSmall(place, name, maxBytes), name);
  if (manifest.format > format) {
    throw new BlobSeerError('invalid-argument', `${name} is of a newer program: use that one`);
  }
  return manifest;
}

/**
 * Where members were, to where they are now, by name. Throws `invalid-argument`, with the reason, when the
 * checkpoint does not fit the deployment that it is to be restored to.
 */
export function movesTo(
  { members: before }: DeploymentManifest,
  now: readonly Member[],
): ReadonlyMap<string, string> {
  const places = (members: readonly Member[], role: MemberRole): string =>
    members
      .filter((member) => member.role === role)
      .map(({ name }) => name)
      .join(', ');
  const role = 'metadata-provider';
  if (places(before, role) !== places(now, role)) {
    throw misfit(
      `metadata is on ${places(before, role)}, in this order, and would be looked for on ${places(now, role) || 'none'}`,
    );
  }
  const moves = new Map<string, string>();
  for (const member of before) {
    const { name } = member;
    const successor = now.find((candidate) => candidate.name === name);
    if (successor === undefined) throw misfit(`${name} has no place in the deployment`);
    if (successor.role !== member.role) throw misfit(`${name} is a ${successor.role} now`);
    if (addressText(member) !== addressText(successor)) {
      moves.set(addressText(member), addressText(successor));
    }
  }
  requireOrder(before);
  return moves;
}

/** Whoever refers to something must not be newer than that. */
function requireOrder(members: readonly MemberCheckpoint[]): void {
  const sorted = [...members].sort(
    (left, right) => cutOrder.indexOf(left.role) - cutOrder.indexOf(right.role),
  );
  for (const [index, member] of sorted.entries()) {
    const newer = sorted
      .slice(0, index)
      .find((earlier) => earlier.role !== member.role && earlier.cutAt > member.cutAt);
    if (newer === undefined) continue;
    throw misfit(
      `${newer.name} is newer (${newer.cutAt}) than ${member.name} (${member.cutAt}), to which it refers`,
    );
  }
}

const misfit = (reason: string): BlobSeerError =>
  new BlobSeerError('invalid-argument', `the checkpoint does not fit: ${reason}`);
