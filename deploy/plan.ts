/** From a description to its members: which programs there are, where each listens and keeps its data. */
import path from 'node:path';
import { BlobSeerError } from '../blobseer-client/errors.ts';
import { addressText } from '../blobseer-client/remote/remote-error.ts';
import { type Description, type RoleKey, roleKeys } from './description/description.ts';
import type { EntityRole } from './entities/settings.ts';

export type MemberRole = EntityRole | 'gateway';

export interface Member {
  /** Of its role and its number among those, from 1: data-provider-3. It is the same for ever. */
  readonly name: string;
  readonly role: MemberRole;
  readonly host: string;
  readonly port: number;
  /** Where it keeps everything, on its machine. */
  readonly directory: string;
}

export interface Placement {
  /** The host of a member; `index` counts those of its role, from 0. */
  hostOf(role: MemberRole, index: number): string;
  /** The deployment's directory, on each machine. */
  readonly storage: string;
}

export const memberRoles: Readonly<Record<RoleKey, MemberRole>> = {
  versionManager: 'version-manager',
  providerManager: 'provider-manager',
  metadataProviders: 'metadata-provider',
  dataProviders: 'data-provider',
  gateways: 'gateway',
};

/** Each needs those before it: members start level by level, and stop the other way round. */
export const startLevels: readonly (readonly MemberRole[])[] = [
  ['provider-manager', 'version-manager'],
  ['metadata-provider', 'data-provider'],
  ['gateway'],
];

const maxPort = 65_535;

/**
 * In the order of roles, then of numbers. Data providers and gateways on one host listen on ports that
 * follow each other; metadata providers have one port everywhere, as BlobSeer's configuration file has it,
 * and so a host each. Throws `invalid-argument` where two members would have the same address.
 */
export function planMembers(description: Description, placement: Placement): Member[] {
  const holders = new Map<string, string>();
  return roleKeys.flatMap((key) => {
    const role = memberRoles[key];
    const onHost = new Map<string, number>();
    return Array.from({ length: description.roles[key].count }, (_, index) => {
      const name = `${role}-${index + 1}`;
      const host = placement.hostOf(role, index);
      const earlier = onHost.get(host) ?? 0;
      onHost.set(host, earlier + 1);
      const port = description.ports[key] + (role === 'metadata-provider' ? 0 : earlier);
      if (port > maxPort) throw wrong(`there is no port left for ${name}`);
      const at = addressText({ host, port });
      const holder = holders.get(at);
      if (holder !== undefined) throw wrong(`${name} and ${holder} would both listen on ${at}`);
      holders.set(at, name);
      return { name, role, host, port, directory: path.join(placement.storage, name) };
    });
  });
}

/** The members of one role, in their order. */
export function membersOf(members: readonly Member[], role: MemberRole): Member[] {
  return members.filter((member) => member.role === role);
}

function wrong(message: string): BlobSeerError {
  return new BlobSeerError('invalid-argument', message);
}
