/** What `blobseer-s3 deploy` does with members on other machines, however those were made. */
import path from 'node:path';
import { addressText } from '../../blobseer-client/index.ts';
import { layoutOf } from '../../deploy/local/layout.ts';
import { type Member, membersOf } from '../../deploy/plan.ts';
import { inParallel, startMachine, stopMachine } from '../../deploy/ssh/machines.ts';
import { Remote } from '../../deploy/ssh/remote.ts';
import { type AnsweringMember, askMembers } from '../../deploy/ssh/status.ts';
import { suggestion } from '../suggestion.ts';
import { exitStatus } from '../terminal.ts';
import { columns, UsageError } from './command.ts';
import { type DeployAction, type DeployCall, numberOf } from './deploy-action.ts';
import { deploymentDirectory } from './deploy-prepare.ts';
import { bytesText, durationText } from './deploy-text.ts';

const defaultTimeoutSeconds = 300;
const maxTimeoutSeconds = 7200;
const defaultLines = 100;
const maxLines = 100_000;

/** Where the members of a deployment are that is up. */
export interface PlacedMember {
  readonly member: Member;
  /** Its name on its machine. */
  readonly name: string;
  readonly remote: Remote;
}

/** `placedMembers` throws where the deployment was never up. */
export function machineActions(
  placedMembers: (call: DeployCall) => PlacedMember[],
): Readonly<Record<string, DeployAction>> {
  return {
    status: { flags: [], run: (call) => status(call, placedMembers(call)) },
    logs: { flags: ['lines'], takesMember: true, run: (call) => logs(call, placedMembers(call)) },
    stop: { flags: [], run: (call) => stop(call, placedMembers(call)) },
    start: { flags: ['timeout'], run: (call) => start(call, placedMembers(call)) },
  };
}

export function remoteFor(call: DeployCall, host: string, knownHostsFile?: string): Remote {
  const { user, config } = call.description.targets.ssh;
  const configFile =
    config === undefined ? undefined : path.resolve(path.dirname(call.file), config);
  return new Remote({ host, user, configFile, knownHostsFile });
}

export function timeoutMsOf({ flag }: DeployCall): number {
  return numberOf(flag('timeout'), 'timeout', defaultTimeoutSeconds, maxTimeoutSeconds) * 1000;
}

/** What is there, and where the keys are. */
export function upText(
  { description }: DeployCall,
  directory: string,
  members: readonly Member[],
): string {
  const { accessKey, secretKey } = layoutOf(directory);
  const scheme = description.roles.gateways.https ? 'https' : 'http';
  const endpoints = membersOf(members, 'gateway').map((one) => `${scheme}://${addressText(one)}`);
  return `${description.name} is up.\n\n${columns([
    ...endpoints.map((endpoint, at) => [at === 0 ? 'endpoint' : '', endpoint]),
    ['access key', accessKey],
    ['secret key', secretKey],
    ['managed from', directory],
  ])}`;
}

async function status(call: DeployCall, placed: readonly PlacedMember[]): Promise<number> {
  const { description, terminal } = call;
  const members = placed.map(({ member, remote }) => ({ ...member, host: remote.host }));
  const { https } = description.roles.gateways;
  const rows = (await askMembers(deploymentDirectory(call), members, https)).map(rowOf);
  const titles = ['ROLE', 'NAME', 'ADDRESS', 'STATE', 'UPTIME', 'BLOBS', 'PAGES', 'BYTES'];
  terminal.print(columns([titles, ...rows]));
  return rows.every(([, , , state]) => state === 'running') ? exitStatus.ok : exitStatus.failed;
}

function rowOf({ member, numbers }: AnsweringMember): string[] {
  const count = (name: string, text: (value: number) => string = String): string => {
    const value = numbers?.[name];
    return typeof value === 'number' ? text(value) : '-';
  };
  return [
    member.role,
    member.name,
    addressText(member),
    numbers === undefined ? 'silent' : 'running',
    count('uptimeSeconds', (seconds) => durationText(Math.floor(seconds))),
    count('blobs'),
    count('pages'),
    count('bytes', bytesText),
  ];
}

async function logs(call: DeployCall, placed: readonly PlacedMember[]): Promise<number> {
  const { terminal, flag, member: wanted } = call;
  const names = placed.map(({ member }) => member.name);
  if (wanted !== undefined && !names.includes(wanted)) {
    throw new UsageError(`no member "${wanted}"${suggestion(wanted, names)}`);
  }
  const lines = numberOf(flag('lines'), 'lines', defaultLines, maxLines);
  for (const { member, name, remote } of placed) {
    if (wanted !== undefined && member.name !== wanted) continue;
    const unit = `blobseer-${member.role === 'gateway' ? 'gateway' : 'entity'}@${name}.service`;
    const said = await remote.runAsRoot(
      `journalctl --no-pager --output=cat -n ${lines} -u ${unit}`,
    );
    for (const line of said.trimEnd().split('\n')) {
      terminal.print(wanted === undefined ? `${member.name}  ${line}` : line);
    }
  }
  return exitStatus.ok;
}

async function stop(call: DeployCall, placed: readonly PlacedMember[]): Promise<number> {
  await inParallel(remotesOf(placed), (remote) => stopMachine(remote));
  call.terminal.print(`${call.description.name} is stopped; its data is where it was.`);
  return exitStatus.ok;
}

async function start(call: DeployCall, placed: readonly PlacedMember[]): Promise<number> {
  const timeoutMs = timeoutMsOf(call);
  await inParallel(remotesOf(placed), (remote) => startMachine(remote, timeoutMs));
  const members = placed.map(({ member, remote }) => ({ ...member, host: remote.host }));
  call.terminal.print(upText(call, deploymentDirectory(call), members));
  return exitStatus.ok;
}

/** Each machine once. */
function remotesOf(placed: readonly PlacedMember[]): Remote[] {
  return [...new Map(placed.map(({ remote }) => [remote.host, remote])).values()];
}
