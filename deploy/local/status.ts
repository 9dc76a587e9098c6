/** How a deployment fares, as it is told to people and programs. */
import { existsSync, readFileSync } from 'node:fs';
import { addressText } from '../../blobseer-client/remote/remote-error.ts';
import type { Statistics } from '../../blobseer-client/remote/wire/messages.ts';
import { layoutOf } from './layout.ts';
import type { ProcessStatus } from './member-process.ts';
import type { DeploymentRecord, RecordedMember } from './record.ts';

export type MemberState =
  | 'running'
  | 'starting'
  /** It runs, and answered before. */
  | 'silent'
  | 'restarting'
  | 'stopped'
  /** It runs, and its supervisor does not. */
  | 'orphaned';

export interface MemberStatus extends RecordedMember {
  readonly state: MemberState;
  readonly pid?: number | undefined;
  readonly uptimeSeconds?: number | undefined;
  readonly restarts: number;
  /** How it ended the last time. */
  readonly lastEnd?: string | undefined;
  /** What a member of its role counts; absent for others, and while it does not answer. */
  readonly blobs?: number | undefined;
  readonly pages?: number | undefined;
  readonly bytes?: number | undefined;
  /** Data providers that a provider manager hands out. */
  readonly providers?: number | undefined;
}

export interface DeploymentStatus {
  readonly name: string;
  readonly directory: string;
  /** Of the supervisor; undefined where none runs. */
  readonly supervisorPid: number | undefined;
  readonly endpoints: readonly string[];
  /** A time of ISO 8601. */
  readonly lastCheckpoint: string | undefined;
  readonly members: readonly MemberStatus[];
}

export function deploymentStatus(
  { name, https, members: recorded }: DeploymentRecord,
  directory: string,
  supervisorPid: number | undefined,
  members: readonly MemberStatus[],
): DeploymentStatus {
  const gateways = recorded.filter(({ role }) => role === 'gateway');
  return {
    name,
    directory,
    supervisorPid,
    endpoints: gateways.map((gateway) => `${https ? 'https' : 'http'}://${addressText(gateway)}`),
    lastCheckpoint: lastCheckpointIn(directory),
    members,
  };
}

export function memberStatus(
  member: RecordedMember,
  { pid, uptimeMs, restarts, lastEnd, isWanted }: ProcessStatus,
  { answeredPid, numbers }: { answeredPid: number | undefined; numbers: Statistics | undefined },
): MemberStatus {
  const { name, role, host, port } = member;
  return {
    name,
    role,
    host,
    port,
    state: stateOf({
      pid,
      isWanted,
      hasAnswered: pid === answeredPid,
      isAnswering: numbers !== undefined,
    }),
    pid,
    uptimeSeconds: uptimeMs === undefined ? undefined : Math.floor(uptimeMs / 1000),
    restarts,
    lastEnd,
    blobs: numberIn(numbers, 'blobs'),
    pages: numberIn(numbers, 'pages'),
    bytes: numberIn(numbers, 'bytes'),
    providers: numberIn(numbers, 'usableProviders'),
  };
}

function stateOf(facts: {
  readonly pid: number | undefined;
  readonly isWanted: boolean;
  readonly hasAnswered: boolean;
  readonly isAnswering: boolean;
}): MemberState {
  if (!facts.isWanted && facts.pid === undefined) return 'stopped';
  if (facts.pid === undefined) return 'restarting';
  if (facts.isAnswering) return 'running';
  return facts.hasAnswered ? 'silent' : 'starting';
}

function numberIn(numbers: Statistics | undefined, name: string): number | undefined {
  const value = numbers?.[name];
  return typeof value === 'number' ? value : undefined;
}

function lastCheckpointIn(directory: string): string | undefined {
  const file = layoutOf(directory).lastCheckpoint;
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}
