/**
 * Machines by EC2's query interface, level by level: a machine's user data has the addresses of those it
 * needs, which exist when they run. So metadata providers and the provider manager come first, and the
 * version manager, which has to know both, comes before the gateways.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { userData } from '../cloud-init/user-data.ts';
import type { Description } from '../description/description.ts';
import { keyOfRole, markedRoles, roleFileAt } from '../machine.ts';
import type { MemberRole } from '../plan.ts';
import { type CloudMachine, type CloudRecord, machinesOf } from './cloud-record.ts';
import type { Ec2Query, Instance } from './ec2-query.ts';

const levels: readonly (readonly MemberRole[])[] = [
  ['metadata-provider', 'provider-manager'],
  ['version-manager', 'data-provider'],
  ['gateway'],
];
const everyAddress = '0.0.0.0';
const ended = ['shutting-down', 'terminated', 'stopping', 'stopped'];

export interface Ec2Start {
  readonly description: Description;
  readonly client: Ec2Query;
  readonly record: CloudRecord;
  /** Called whenever there is more to remember; a start that was cut off goes on from there. */
  save(record: CloudRecord): void;
  readonly timeoutMs: number;
  readonly pollMs: number;
  onStep(text: string): void;
}

/** Resolves when all machines have addresses. Throws `unavailable`, `invalid-argument`. */
export async function startOnEc2(start: Ec2Start): Promise<CloudRecord> {
  let { record } = start;
  for (const roles of levels) {
    for (const role of roles) {
      if (machinesOf(record, role).length > 0) continue;
      record = { ...record, machines: [...record.machines, ...(await order(start, record, role))] };
      start.save(record);
    }
    record = await withAddresses(start, record);
    start.save(record);
  }
  return record;
}

/** Gives all machines back, with what is on them. */
export async function endOnEc2(client: Ec2Query, { machines }: CloudRecord): Promise<void> {
  const ids = machines.flatMap(({ id }) => id ?? []);
  if (ids.length > 0) await client.terminateInstances(ids);
}

async function order(
  { description, client, onStep }: Ec2Start,
  record: CloudRecord,
  role: MemberRole,
): Promise<CloudMachine[]> {
  const { count, image, instanceType } = description.roles[keyOfRole(role)];
  if (image === undefined) {
    const message = `roles.${keyOfRole(role)}.image is missing: clouds start images`;
    throw new BlobSeerError('invalid-argument', message);
  }
  const configuration = roleFileAt(description, role, addressesFor(record, role));
  const { keyName, securityGroups } = description.targets.ec2;
  onStep(`${role}: ${count} of ${image}`);
  const instances = await client.runInstances({
    image,
    count,
    userData: userData(description, role, { configuration, listen: everyAddress }),
    // An order that was cut off is the same order again.
    clientToken: `${record.run}-${role}`,
    instanceType,
    keyName,
    securityGroups,
  });
  return instances.map((instance) => machineOf(role, instance));
}

/** What is known by now; a version manager does not know its own address, and is there all the same. */
function addressesFor(record: CloudRecord, role: MemberRole): Map<MemberRole, string[]> {
  const known = new Map<MemberRole, string[]>();
  for (const one of markedRoles) {
    const addresses = machinesOf(record, one).flatMap(({ address }) => address ?? []);
    if (addresses.length > 0) known.set(one, addresses);
  }
  if (role === 'version-manager') known.set(role, ['localhost']);
  return known;
}

async function withAddresses(start: Ec2Start, record: CloudRecord): Promise<CloudRecord> {
  const { client, timeoutMs, pollMs } = start;
  const deadlineMs = performance.now() + timeoutMs;
  let { machines } = record;
  for (;;) {
    const waiting = machines.filter(({ address }) => address === undefined);
    if (waiting.length === 0) return { ...record, machines };
    const found = await client.describeInstances(waiting.flatMap(({ id }) => id ?? []));
    const lost = found.find(({ state }) => ended.includes(state));
    if (lost !== undefined) {
      throw new BlobSeerError('unavailable', `the machine ${lost.id} is ${lost.state}`);
    }
    machines = machines.map((machine) => {
      const instance = found.find(({ id, state }) => id === machine.id && state === 'running');
      return instance === undefined ? machine : machineOf(machine.role, instance);
    });
    if (machines.every(({ address }) => address !== undefined)) return { ...record, machines };
    if (performance.now() > deadlineMs) {
      const message = `${waiting.length} machines have no address after ${timeoutMs / 1000} seconds`;
      throw new BlobSeerError('unavailable', message);
    }
    await sleep(pollMs);
  }
}

function machineOf(
  role: MemberRole,
  { id, state, privateAddress, publicAddress }: Instance,
): CloudMachine {
  const address = state === 'running' ? (privateAddress ?? publicAddress) : undefined;
  return { role, id, address, publicAddress: address === undefined ? undefined : publicAddress };
}
