/** Which machines of a cloud a deployment has: kept here, since nobody else can tell them from others. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { Description } from '../description/description.ts';
import { keyOfRole } from '../machine.ts';
import { type Member, type MemberRole, planMembers } from '../plan.ts';
import { writePrivateFile } from '../private-file.ts';

const fileName = 'cloud.json';
const formatVersion = 1;

export interface CloudMachine {
  readonly role: MemberRole;
  /** Of EC2; Nimbus's client knows machines by their cluster. */
  readonly id: string | undefined;
  /** By which the others reach it; undefined until the cloud gave it one. */
  readonly address: string | undefined;
  /** By which we do, where that is another. */
  readonly publicAddress: string | undefined;
}

export interface CloudRecord {
  readonly format: typeof formatVersion;
  readonly cloud: 'nimbus' | 'ec2';
  /** The handle of the cluster, or the token of the orders. */
  readonly run: string;
  readonly machines: readonly CloudMachine[];
}

export function newRecord(cloud: CloudRecord['cloud'], run: string): CloudRecord {
  return { format: formatVersion, cloud, run, machines: [] };
}

/** Undefined where nothing was ever started. Throws `conflict` where it was in another kind of cloud. */
export function readCloudRecord(
  directory: string,
  cloud: CloudRecord['cloud'],
): CloudRecord | undefined {
  const file = path.join(directory, fileName);
  if (!existsSync(file)) return undefined;
  let record: CloudRecord;
  try {
    record = JSON.parse(readFileSync(file, 'utf8')) as CloudRecord;
  } catch (cause) {
    throw new BlobSeerError('corrupt', `${file} is damaged`, { cause });
  }
  if (record.format !== formatVersion) {
    throw new BlobSeerError('invalid-argument', `${file} is of another release (${record.format})`);
  }
  if (record.cloud === cloud) return record;
  throw new BlobSeerError('conflict', `the deployment is in the cloud "${record.cloud}" already`);
}

export function writeCloudRecord(directory: string, record: CloudRecord): void {
  writePrivateFile(path.join(directory, fileName), `${JSON.stringify(record, undefined, 2)}\n`);
}

/** Its machines are gone: the next ones have other addresses, and other keys. */
export function removeDeployment(directory: string): void {
  rmSync(directory, { recursive: true });
}

/** The machines of a role, in the order in which configuration files name them. */
export function machinesOf({ machines }: CloudRecord, role: MemberRole): CloudMachine[] {
  return machines
    .filter((machine) => machine.role === role)
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.address ?? ''), Buffer.from(b.address ?? '')));
}

/** The members of a deployment whose machines all have addresses; `directory`: of what is theirs, here. */
export function cloudMembers(
  description: Description,
  record: CloudRecord,
  directory: string,
): Member[] {
  const hostOf = (role: MemberRole, index: number): string => {
    const address = machinesOf(record, role)[index]?.address;
    if (address !== undefined) return address;
    const wanted = description.roles[keyOfRole(role)].count;
    const message = `the cloud started fewer machines for ${role} than the ${wanted} that are wanted`;
    throw new BlobSeerError('unavailable', message);
  };
  return planMembers(description, { hostOf, storage: directory });
}

/** Where we reach a member. */
export function reachedAt({ machines }: CloudRecord, { host, role }: Member): string {
  const machine = machines.find((one) => one.role === role && one.address === host);
  return machine?.publicAddress ?? host;
}
