/**
 * A deployment on one machine in containers: a compose file, a container file, and a directory per member,
 * to which `blobseer-s3 deploy secrets` adds what is secret. Members know each other by the names of services,
 * which stay.
 */
import { stringify } from 'yaml';
import { type Artifact, artifact, sourceText } from '../artifact.ts';
import { blobseerConfiguration, memberFiles } from '../configuration-files.ts';
import type { Description } from '../description/description.ts';
import { type Member, type MemberRole, membersOf, planMembers } from '../plan.ts';

const configuration = '/etc/blobseer';
const data = '/data';
const everyAddress = '0.0.0.0';
const stopSeconds = 90;
/** Of the image's own user. */
const user = `\${BLOBSEER_USER:-1000:1000}`;

export function composeFiles(description: Description): Artifact[] {
  // Names of services are names of hosts in their network.
  const placement = { hostOf: composeHost, storage: configuration };
  const members = planMembers(description, placement);
  const text = blobseerConfiguration(description, members);
  return [
    artifact('compose.yaml', composeFile(description, members)),
    artifact('Containerfile', sourceText('compose/Containerfile')),
    ...members.map(({ name }) => artifact(`members/${name}/${memberFiles.blobseer}`, text)),
  ];
}

/** The name of a service. */
export function composeHost(role: MemberRole, index: number): string {
  return `${role}-${index + 1}`;
}

function composeFile(description: Description, members: readonly Member[]): string {
  const services = members.map((member) => [
    member.name,
    {
      image: `\${BLOBSEER_IMAGE:-blobseer-s3}`,
      command: commandOf(member),
      user,
      init: true,
      restart: 'unless-stopped',
      stop_grace_period: `${stopSeconds}s`,
      read_only: true,
      tmpfs: ['/tmp'],
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      volumes: [`./members/${member.name}:${configuration}:ro`, `${member.name}:${data}`],
      ...(member.role === 'gateway' ? gatewayService(description, members, member) : {}),
    },
  ]);
  return stringify(
    {
      services: Object.fromEntries(services),
      volumes: Object.fromEntries(members.map(({ name }) => [name, {}])),
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
}

function commandOf({ name, role, port }: Member): string[] {
  return role === 'gateway'
    ? [
        'serve',
        '--config',
        `${configuration}/${memberFiles.gateway}`,
        '--data',
        data,
        '--listen',
        `${everyAddress}:${port}`,
      ]
    : [
        'entity',
        role,
        '--config',
        `${configuration}/${memberFiles.blobseer}`,
        '--data',
        data,
        '--listen',
        everyAddress,
        ...(role === 'data-provider' ? ['--advertise', name] : []),
      ];
}

/** Gateways have one port each on the machine, in a row. */
function gatewayService(
  { roles }: Description,
  members: readonly Member[],
  { name, port }: Member,
) {
  const index = membersOf(members, 'gateway').findIndex((member) => member.name === name);
  const url = `${roles.gateways.https ? 'https' : 'http'}://127.0.0.1:${port}/_/health/ready`;
  // Its certificate is of an authority that only the members know.
  const probe = `process.env.NODE_TLS_REJECT_UNAUTHORIZED='0';fetch('${url}').then((answer)=>process.exit(answer.ok?0:1),()=>process.exit(1))`;
  return {
    ports: [`\${BLOBSEER_PUBLISH:-127.0.0.1}:${port + index}:${port}`],
    healthcheck: {
      test: ['CMD', 'node', '-e', probe],
      interval: '10s',
      timeout: '5s',
      start_period: '30s',
    },
  };
}
