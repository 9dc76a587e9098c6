/**
 * Members as if each had a machine of its own: a network namespace with an address, on a bridge of this
 * machine (`ip netns`, which only root may use). What is plugged can be pulled: `ip link set bs7-10 down`.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { MemberRole, Placement } from '../plan.ts';
import type { RecordedMember } from './record.ts';

/** 198.18.0.0/15 is for tests between networks (RFC 2544): nobody else's addresses are hidden. */
const networkPrefix = '198.18';
const bridgeHost = 1;
const maxSubnets = 256;

/** The last number of the first address of a role, and how many follow; they never change places. */
const places: Readonly<Record<MemberRole, { readonly first: number; readonly count: number }>> = {
  'version-manager': { first: 2, count: 1 },
  'provider-manager': { first: 3, count: 1 },
  'metadata-provider': { first: 10, count: 60 },
  'data-provider': { first: 70, count: 150 },
  gateway: { first: 220, count: 30 },
};

const run = promisify(execFile);

export function namespacePlacement(storage: string, subnet: number): Placement {
  return {
    storage,
    hostOf(role, index) {
      const { first, count } = places[role];
      if (index < count) return `${networkPrefix}.${subnet}.${first + index}`;
      const message = `network namespaces have addresses for ${count} of the role ${role}`;
      throw new BlobSeerError('invalid-argument', message);
    },
  };
}

/** One that no other network of this machine has now. */
export function freeSubnet(directory: string): number {
  const wanted = digestOf(directory)[0]!;
  for (let step = 0; step < maxSubnets; step++) {
    const subnet = (wanted + step) % maxSubnets;
    if (!existsSync(aliasFileOf(subnet))) return subnet;
  }
  throw new BlobSeerError('no-space', 'every network that deployments may have is taken');
}

export const namespaceOf = (subnet: number, { name }: Pick<RecordedMember, 'name'>): string =>
  `${bridgeOf(subnet)}-${name}`;

export interface Network {
  /** Of the deployment: its network is known by it. */
  readonly directory: string;
  readonly subnet: number;
  readonly members: readonly RecordedMember[];
}

/**
 * As new. Its members must have ended. Throws `denied` where `ip` refuses, `conflict` where another
 * deployment took the subnet while this one was down.
 */
export async function raiseNetwork(network: Network): Promise<void> {
  const { directory, subnet, members } = network;
  await removeNetwork(network);
  const bridge = bridgeOf(subnet);
  if (existsSync(aliasFileOf(subnet))) {
    throw new BlobSeerError('conflict', `the network ${bridge} is that of another deployment`);
  }
  await ip('link', 'add', bridge, 'type', 'bridge');
  await ip('link', 'set', bridge, 'alias', aliasOf(directory));
  await ip('addr', 'add', `${networkPrefix}.${subnet}.${bridgeHost}/24`, 'dev', bridge);
  await ip('link', 'set', bridge, 'up');
  for (const member of members) {
    const namespace = namespaceOf(subnet, member);
    const cable = `${bridge}-${member.host.split('.').at(-1)}`;
    await ip('netns', 'add', namespace);
    await ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    await ip('link', 'set', cable, 'master', bridge, 'up');
    await ip('-n', namespace, 'addr', 'add', `${member.host}/24`, 'dev', 'eth0');
    await ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    await ip('-n', namespace, 'link', 'set', 'lo', 'up');
  }
}

/** Whatever of it there is, unless it is another's; cables go with their namespaces. */
export async function removeNetwork({ directory, subnet, members }: Network): Promise<void> {
  const aliasFile = aliasFileOf(subnet);
  if (!existsSync(aliasFile)) return;
  if (readFileSync(aliasFile, 'utf8').trim() !== aliasOf(directory)) return;
  for (const member of members) {
    const namespace = namespaceOf(subnet, member);
    if (existsSync(`/run/netns/${namespace}`)) await ip('netns', 'del', namespace);
  }
  await ip('link', 'del', bridgeOf(subnet));
}

/** Names of interfaces have room for 15 characters. */
const bridgeOf = (subnet: number): string => `bs${subnet}`;
/** A file that every interface has. */
const aliasFileOf = (subnet: number): string => `/sys/class/net/${bridgeOf(subnet)}/ifalias`;
const aliasOf = (directory: string): string => `blobseer-s3 ${digestOf(directory).toString('hex')}`;
const digestOf = (directory: string): Buffer => createHash('sha256').update(directory).digest();

async function ip(...args: readonly string[]): Promise<void> {
  try {
    await run('ip', args);
  } catch (cause) {
    const { stderr, message } = cause as Error & { stderr?: string };
    const said = `ip ${args.join(' ')}: ${stderr?.trim() || message}`;
    throw new BlobSeerError('denied', `${said} (network namespaces need root and iproute2)`);
  }
}
