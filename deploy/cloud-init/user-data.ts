/**
 * User data for cloud-init: what a machine needs to play a role, beside its secrets. Every process of a
 * machine, and often more, can read user data. So secrets come afterwards: by a command that the machine runs
 * by its own right in the cloud, or over ssh; until then its members wait.
 */
import { stringify } from 'yaml';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { type Artifact, artifact } from '../artifact.ts';
import { type Description, roleKeys } from '../description/description.ts';
import {
  listenAddress,
  machineName,
  machineProgram,
  namedHosts,
  planMachines,
  roleFile,
} from '../machine.ts';
import { type MemberRole, memberRoles, membersOf } from '../plan.ts';
import { machineFiles } from '../systemd/units.ts';

/** What EC2 and its kin take. */
export const maxUserDataBytes = 16 * 1024;
const context = '/run/blobseer-context';
const archive = '/run/blobseer-s3.tar.gz';

/**
 * User data per role, for any number of machines; and for libvirt a seed per machine, which gives it its name.
 * Machines without hosts in the description must get the names that the configuration has.
 */
export function cloudInitFiles(description: Description): Artifact[] {
  const members = planMachines(description, namedHosts(description));
  return roleKeys.flatMap((key) => {
    const role = memberRoles[key];
    const { hosts } = description.roles[key];
    const { host } = membersOf(members, role)[0]!;
    const text = userData(description, role, {
      configuration: roleFile(description, members, role, hosts.length === 0),
      listen: listenAddress(host),
    });
    const seeds = membersOf(members, role).flatMap((member, index) => [
      artifact(`nocloud/${member.name}/user-data`, text),
      artifact(`nocloud/${member.name}/meta-data`, metaData(machineName(description, role, index))),
    ]);
    return [artifact(`${role}.yaml`, text), ...seeds];
  });
}

export interface RoleSettings {
  /** As `machine configure` takes it. */
  readonly configuration: string;
  /** On which addresses. */
  readonly listen: string;
}

/** Throws `invalid-argument` where a cloud would not take it. */
export function userData(
  description: Description,
  role: MemberRole,
  { configuration, listen }: RoleSettings,
): string {
  const { packages, package: fetched, secretsCommand } = description.targets.cloudInit;
  const files = [
    ...machineFiles(description, listen),
    artifact(`${context.slice(1)}/members/${role}`, configuration),
  ];
  const config = {
    ...(packages.length > 0 ? { package_update: true, packages } : {}),
    write_files: files.map(({ path, text, isProgram }) => ({
      path: `/${path}`,
      permissions: isProgram ? '0755' : '0644',
      content: text,
    })),
    // One script, of which nothing is done after what failed.
    runcmd: [
      'set -e',
      ...(fetched === undefined ? [] : fetchCommands(fetched, description.targets.ssh.path)),
      'systemd-sysusers /etc/sysusers.d/blobseer.conf',
      'systemctl daemon-reload',
      `${machineProgram} configure ${context}`,
      ...(secretsCommand === undefined
        ? []
        : [`(${secretsCommand}) | ${machineProgram} secrets ${role}`]),
    ],
  };
  const text = `#cloud-config\n${stringify(config, { lineWidth: 0 })}`;
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxUserDataBytes) return text;
  throw new BlobSeerError(
    'invalid-argument',
    `the user data of a ${role} has ${bytes} bytes, and clouds take ${maxUserDataBytes}`,
  );
}

/** Nothing is unpacked that is not what the description says. */
function fetchCommands({ url, sha256 }: { url: string; sha256: string }, path: string): string[] {
  return [
    `curl -fsSL --retry 5 -o ${archive} '${url}'`,
    `echo '${sha256}  ${archive}' | sha256sum -c`,
    `install -d ${path}`,
    `tar -xzf ${archive} -C ${path} --strip-components=1 --no-same-owner`,
    `rm ${archive}`,
  ];
}

function metaData(name: string): string {
  return stringify({ 'instance-id': name, 'local-hostname': name });
}
