/**
 * What a deployment's directory was made for. Stored pages are known by the addresses of their providers,
 * and metadata by the order of its providers: what holds data stays where it is.
 */
import { existsSync, readFileSync } from 'node:fs';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { addressText } from '../../blobseer-client/remote/remote-error.ts';
import type { Description } from '../description/description.ts';
import type { Member, MemberRole } from '../plan.ts';
import { writePrivateFile } from '../private-file.ts';
import { layoutOf } from './layout.ts';

const formatVersion = 1;

export type RecordedMember = Pick<Member, 'name' | 'role' | 'host' | 'port'>;

export interface DeploymentRecord {
  readonly format: typeof formatVersion;
  readonly name: string;
  readonly metadataReplication: number;
  /** Gateways serve https. */
  readonly https: boolean;
  /** Of members in network namespaces of this machine. */
  readonly subnet?: number | undefined;
  readonly members: readonly RecordedMember[];
}

export function recordOf(
  { name, replication, roles }: Description,
  members: readonly Member[],
  subnet?: number,
): DeploymentRecord {
  return {
    format: formatVersion,
    name,
    metadataReplication: replication.metadata,
    https: roles.gateways.https,
    subnet,
    members: members.map(({ name, role, host, port }) => ({ name, role, host, port })),
  };
}

/** Undefined where no deployment was ever made. */
export function readRecord(directory: string): DeploymentRecord | undefined {
  const file = layoutOf(directory).record;
  if (!existsSync(file)) return undefined;
  let record: DeploymentRecord;
  try {
    record = JSON.parse(readFileSync(file, 'utf8')) as DeploymentRecord;
  } catch (cause) {
    throw new BlobSeerError('corrupt', `${file} is damaged`, { cause });
  }
  if (record.format !== formatVersion) {
    throw new BlobSeerError('invalid-argument', `${file} is of another release (${record.format})`);
  }
  return record;
}

export function writeRecord(directory: string, record: DeploymentRecord): void {
  writePrivateFile(layoutOf(directory).record, `${JSON.stringify(record, undefined, 2)}\n`);
}

/** Throws `conflict` where the data of before could not be read any more. */
export function checkSuccession(before: DeploymentRecord, after: DeploymentRecord): void {
  if (before.name !== after.name) {
    throw conflict(`the directory is that of the deployment ${before.name}, not of ${after.name}`);
  }
  if (before.metadataReplication !== after.metadataReplication) {
    throw conflict(
      `metadata has ${before.metadataReplication} copies; replication.metadata cannot change any more`,
    );
  }
  const placesOf = ({ members }: DeploymentRecord, role: MemberRole): string[] =>
    members.filter((member) => member.role === role).map((member) => addressText(member));
  const metadata = placesOf(before, 'metadata-provider');
  if (metadata.join() !== placesOf(after, 'metadata-provider').join()) {
    throw conflict(`metadata lies on ${metadata.join(', ')}; that cannot change any more`);
  }
  for (const member of before.members.filter(({ role }) => role === 'data-provider')) {
    const now = after.members.find(({ name }) => name === member.name);
    const at = addressText(member);
    if (now === undefined) throw conflict(`${member.name} has pages: it cannot be left out`);
    if (addressText(now) !== at) {
      throw conflict(
        `${member.name} has pages under the address ${at}; that cannot change any more`,
      );
    }
  }
  const gateways = after.members.filter(({ role }) => role === 'gateway').map(({ name }) => name);
  for (const { name, role } of before.members) {
    if (role === 'gateway' && !gateways.includes(name)) {
      throw conflict(`${name} has buckets of its own: it cannot be left out`);
    }
  }
}

function conflict(message: string): BlobSeerError {
  return new BlobSeerError('conflict', message);
}
