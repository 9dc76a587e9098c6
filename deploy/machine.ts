/**
 * A machine of its own for members of a deployment: where things are on it. Every target that sets machines
 * up (ssh, cloud-init, Nimbus, cloudinit.d) makes them look the same.
 */
import { isIPv6 } from 'node:net';
import { BlobSeerError } from '../blobseer-client/errors.ts';
import { blobseerConfiguration } from './configuration-files.ts';
import { type Description, type RoleKey, roleKeys } from './description/description.ts';
import { type Member, type MemberRole, memberRoles, planMembers } from './plan.ts';

export const machineUser = 'blobseer';
/** The program that configures a machine (systemd/files/machine). */
export const machineProgram = '/usr/local/lib/blobseer/machine';
/** Its settings. */
export const machineSettings = '/etc/default/blobseer';
const defaultStorage = '/var/lib/blobseer';

/** Marks in a configuration file that the machine itself replaces, once it knows the addresses. */
const marks: Readonly<Partial<Record<MemberRole, string>>> = {
  'version-manager': '@VERSION_MANAGER@',
  'provider-manager': '@PROVIDER_MANAGER@',
  'metadata-provider': '@METADATA_PROVIDERS@',
};

/** To the machine's program, the name that the machine has. */
const ownName = 'self';

/** Whose addresses stand in the file: each member needs to know them. */
export const markedRoles = Object.keys(marks) as readonly MemberRole[];

/** The deployment's directory on machines: there is no file beside which a relative one could be. */
export function machineStorage({ storage }: Description): string {
  if (storage === undefined) return defaultStorage;
  if (storage.startsWith('/')) return storage.replace(/\/+$/, '');
  const message = `storage must be an absolute path for machines, not "${storage}"`;
  throw new BlobSeerError('invalid-argument', message);
}

/** Every address of a machine: it may not know the one that others reach it by. */
export function listenAddress(host: string): string {
  return isIPv6(host) ? '::' : '0.0.0.0';
}

/** The members where each has a machine to itself, whose name is known. */
export function planMachines(
  description: Description,
  hostOf: (role: MemberRole, index: number) => string,
): Member[] {
  return planMembers(description, { hostOf, storage: machineStorage(description) });
}

/**
 * The host of a member for machines that are made from the description: that of the file where it has one,
 * else a name that its maker must give it.
 */
export function namedHosts(description: Description): (role: MemberRole, index: number) => string {
  return (role, index) =>
    description.roles[keyOfRole(role)].hosts[index] ?? machineName(description, role, index);
}

export function machineName({ name }: Description, role: MemberRole, index: number): string {
  return `${name}-${role}-${index + 1}`;
}

export function keyOfRole(role: MemberRole): RoleKey {
  return roleKeys.find((key) => memberRoles[key] === role)!;
}

/**
 * What `machine configure` takes for a role: BlobSeer's configuration file with marks where addresses
 * belong that only the machine learns. Lines with addresses that nobody will know by then are not in it.
 */
export function roleTemplate(
  description: Description,
  role: MemberRole,
  known: readonly MemberRole[] = markedRoles,
): string {
  const single = Object.fromEntries(
    roleKeys.map((key) => [key, { ...description.roles[key], count: 1 }]),
  ) as unknown as Description['roles'];
  const placement = { hostOf: (of: MemberRole) => marks[of] ?? of, storage: '/' };
  const members = planMembers({ ...description, roles: single }, placement);
  const unknown = markedRoles.filter((one) => !known.includes(one)).map((one) => marks[one]!);
  return roleFile(description, members, role, false)
    .split('\n')
    .filter((line) => !unknown.some((mark) => line.includes(mark)))
    .join('\n');
}

/**
 * As `roleTemplate`, for a role whose members have machines to themselves, where addresses are known.
 * `isNamed`: its machines have the names that the others know.
 */
export function roleFile(
  description: Description,
  members: readonly Member[],
  role: MemberRole,
  isNamed: boolean,
): string {
  const port = description.ports[keyOfRole(role)];
  const host = isNamed ? ownName : undefined;
  return headLine({ name: role, role, port, host }) + blobseerConfiguration(description, members);
}

/** As `roleFile`, for one of several members on a machine. */
export function memberFile(
  description: Description,
  members: readonly Member[],
  member: Member,
): string {
  return headLine(member) + blobseerConfiguration(description, members);
}

interface Head extends Pick<Member, 'name' | 'role' | 'port'> {
  readonly host: string | undefined;
}

/** Data providers are known by what stands in the metadata: a name, where they have one that stays. */
function headLine({ name, role, port, host }: Head): string {
  const found = role === 'data-provider' && host !== undefined ? `, host ${host}` : '';
  return `# ${name}, port ${port}${found}\n`;
}

/** A role's file with the addresses in it that are known by now, and without lines for others. */
export function roleFileAt(
  description: Description,
  role: MemberRole,
  addresses: ReadonlyMap<MemberRole, readonly string[]>,
): string {
  const known = markedRoles.filter((one) => addresses.has(one));
  return known.reduce(
    (text, one) => {
      const quoted = addresses.get(one)!.map((address) => `"${address}"`);
      return text.replaceAll(`"${marks[one]}"`, quoted.join(', '));
    },
    roleTemplate(description, role, known),
  );
}
