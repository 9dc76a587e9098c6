/**
 * A launch plan of cloudinit.d: managers, then storage, then gateways, each level when the one before is
 * ready. Addresses become known level by level. A version manager is of use before it knows where metadata
 * is; to close abandoned versions it has to know, and so the last level configures it once more.
 */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { type Artifact, artifact, program } from '../artifact.ts';
import type { Description } from '../description/description.ts';
import { keyOfRole, machineProgram, markedRoles, roleTemplate } from '../machine.ts';
import type { MemberRole } from '../plan.ts';

/** How long a program, and a machine, may take to start. */
const programTimeoutSeconds = 600;
const defaultAllocation = 'm1.large';
const cloud = 'cloud-blobseer';
const readyProgram = 'ready.sh';
const stopProgram = 'stop.sh';

/** What a boot program is told, by the role that has the addresses. */
const variables: Readonly<Partial<Record<MemberRole, string>>> = {
  'version-manager': 'version_manager',
  'provider-manager': 'provider_manager',
  'metadata-provider': 'metadata_providers',
};

interface Service {
  readonly name: string;
  readonly role: MemberRole;
  readonly bootProgram: string;
  /** Another service's machine, instead of one of its own. */
  readonly sharesWith?: string;
}

interface Level {
  readonly name: string;
  /** Whose addresses are known when it begins. */
  readonly known: readonly MemberRole[];
  readonly services: readonly Service[];
}

const service = (role: MemberRole): Service => ({
  name: role,
  role,
  bootProgram: `boot-${role}.sh`,
});

const levels: readonly Level[] = [
  {
    name: 'managers',
    known: [],
    services: [service('version-manager'), service('provider-manager')],
  },
  {
    name: 'storage',
    known: ['version-manager', 'provider-manager'],
    services: [service('metadata-provider'), service('data-provider')],
  },
  {
    name: 'gateways',
    known: markedRoles,
    services: [
      service('gateway'),
      {
        name: 'version-manager-leases',
        role: 'version-manager',
        bootProgram: 'boot-version-manager-leases.sh',
        sharesWith: 'version-manager',
      },
    ],
  },
];

/** Throws `invalid-argument` where the description names no images. */
export function launchPlan(description: Description): Artifact[] {
  return [
    artifact('top.conf', topFile(description)),
    ...levels.flatMap((level) => [
      artifact(`${level.name}.conf`, levelFile(description, level)),
      ...(level.known.length > 0
        ? [
            artifact(`${level.name}-deps.conf`, depsFile(description, level)),
            artifact(`${level.name}-boot.json`, bootFile(level)),
          ]
        : []),
      ...level.services.map((one) =>
        program(one.bootProgram, bootProgram(description, level, one.role)),
      ),
    ]),
    program(
      readyProgram,
      machineCall('Its members run, or wait for nothing but secrets.', 'ready'),
    ),
    program(stopProgram, machineCall('What was acknowledged is on the disk.', 'stop')),
  ];
}

function topFile({ name, targets }: Description): string {
  const { ssh, ec2 } = targets;
  const user = ssh.user ?? 'root';
  return `[defaults]
iaas_key: env.CLOUDINITD_IAAS_ACCESS_KEY
iaas_secret: env.CLOUDINITD_IAAS_SECRET_KEY
sshkeyname: ${ec2.keyName ?? name}
ssh_username: ${user}
scp_username: ${user}
readypgm: ${readyProgram}
terminatepgm: ${stopProgram}
pgm_timeout: ${programTimeoutSeconds}

[${cloud}]
${iaas(ec2)}
[runlevels]
${levels.map((level, index) => `level${index + 1}: ${level.name}.conf\n`).join('')}`;
}

/** Nimbus where there is an address of one's own, else a region of EC2. */
function iaas({ endpoint, region }: Description['targets']['ec2']): string {
  if (endpoint === undefined && region !== undefined) return `iaas: ${region}\n`;
  return `iaas: nimbus\niaas_url: ${endpoint ?? 'env.CLOUDINITD_IAAS_URL'}\n`;
}

function levelFile(description: Description, level: Level): string {
  return level.services.map((one) => serviceSection(description, level, one)).join('\n');
}

function serviceSection(description: Description, level: Level, one: Service): string {
  const { count, image, instanceType } = description.roles[keyOfRole(one.role)];
  if (image === undefined) {
    const message = `roles.${keyOfRole(one.role)}.image is missing: clouds start images`;
    throw new BlobSeerError('invalid-argument', message);
  }
  const machine =
    one.sharesWith === undefined
      ? [
          `image: ${image}`,
          `allocation: ${instanceType ?? defaultAllocation}`,
          ...(count > 1 ? [`replica_count: ${count}`] : []),
        ]
      : // Its machine is the other service's to stop.
        [`hostname: \${${one.sharesWith}.hostname}`, `terminatepgm: ${readyProgram}`];
  const told =
    level.known.length > 0
      ? [`bootconf: ${level.name}-boot.json`, `deps: ${level.name}-deps.conf`]
      : [];
  return [
    `[svc-${one.name}]`,
    `cloud: ${cloud}`,
    ...machine,
    `bootpgm: ${one.bootProgram}`,
    ...told,
    '',
  ].join('\n');
}

/** Replicas are numbered from 0; one alone has no number. */
function depsFile(description: Description, level: Level): string {
  const lines = level.known.map((role) => {
    const { count } = description.roles[keyOfRole(role)];
    const names = count === 1 ? [role] : Array.from({ length: count }, (_, at) => `${role}-${at}`);
    return `${variables[role]}: ${names.map((name) => `\${${name}.hostname}`).join(',')}\n`;
  });
  return `[deps]\n${lines.join('')}`;
}

function bootFile(level: Level): string {
  const told = level.known.map((role) => [variables[role]!, `\${${variables[role]}}`]);
  return `${JSON.stringify(Object.fromEntries(told))}\n`;
}

const asRoot = `sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
`;

function bootProgram(description: Description, level: Level, role: MemberRole): string {
  const addresses = level.known
    .map((one) => {
      const value = `"\${${variables[one]}:?}"`;
      return `printf '%s\\n' ${value} | tr , '\\n' >"$context/addresses/${one}"\n`;
    })
    .join('');
  const told = level.known.length > 0 ? '# shellcheck source=/dev/null\n. ./bootenv.sh\n' : '';
  return `#!/bin/sh
# Makes this machine a ${role}, at the level "${level.name}".
set -eu
${told}context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir "$context/members" "$context/addresses"
${addresses}cat >"$context/members/${role}" <<'CONFIGURATION'
${roleTemplate(description, role, level.known)}CONFIGURATION
${asRoot}$sudo "\${BLOBSEER_ROOT:-}${machineProgram}" configure "$context"
`;
}

function machineCall(said: string, command: string): string {
  return `#!/bin/sh
# ${said}
set -eu
${asRoot}$sudo "\${BLOBSEER_ROOT:-}${machineProgram}" ${command}
`;
}
