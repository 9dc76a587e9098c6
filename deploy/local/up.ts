/** The target local: every member of a deployment as a supervised process on this machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { Description } from '../description/description.ts';
import { type Placement, planMembers } from '../plan.ts';
import { memberEnvironment, programFile, supervisorArguments } from './command.ts';
import { askSupervisor } from './control.ts';
import { layoutOf, logOf } from './layout.ts';
import { LogReader } from './logs.ts';
import { freeSubnet, namespacePlacement } from './namespaces.ts';
import type { LocalPlan } from './prepare.ts';
import { readRecord } from './record.ts';
import type { DeploymentStatus, MemberStatus } from './status.ts';

const privateFile = 0o600;
const statusTimeoutMs = 15_000;
const supervisorStartMs = 30_000;
const pollMs = 200;
/** Of a log, in an error. */
const shownLines = 4;
/** Who was started again so often and never answered will not do so later. */
const hopelessRestarts = 4;
/** Metadata providers need an address each: 127.0.0.1 to 127.0.0.254. */
const maxMetadataProviders = 254;

/** 127.0.0.1 for all, and further addresses of the loopback for metadata providers. */
function localPlacement(storage: string): Placement {
  return {
    storage,
    hostOf(role, index) {
      if (role !== 'metadata-provider') return '127.0.0.1';
      if (index < maxMetadataProviders) return `127.0.0.${index + 1}`;
      const message = `one machine has addresses for ${maxMetadataProviders} metadata providers`;
      throw new BlobSeerError('invalid-argument', message);
    },
  };
}

/**
 * Where a deployment of before has its members is where they stay. Throws `invalid-argument`, and
 * `conflict` where network namespaces are wanted and members had none.
 */
export function planLocal(
  description: Description,
  directory: string,
  { wantsNamespaces }: { readonly wantsNamespaces: boolean },
): LocalPlan {
  const before = readRecord(directory);
  if (wantsNamespaces && before !== undefined && before.subnet === undefined) {
    const message = `${before.name} was made without network namespaces, and its data is where it is`;
    throw new BlobSeerError('conflict', message);
  }
  const isFirst = before === undefined && wantsNamespaces;
  const subnet = isFirst ? freeSubnet(directory) : before?.subnet;
  const placement =
    subnet === undefined ? localPlacement(directory) : namespacePlacement(directory, subnet);
  return { description, directory, subnet, members: planMembers(description, placement) };
}

/** Starts the supervisor as a process that outlives this one. Resolves when it hears commands. */
export async function startSupervisor(directory: string): Promise<void> {
  const { supervisorLog } = layoutOf(directory);
  const output = openSync(supervisorLog, 'a', privateFile);
  const child = spawn(process.execPath, [programFile, ...supervisorArguments(directory)], {
    cwd: directory,
    env: memberEnvironment(),
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  await hears(child, directory);
  child.unref();
}

/** Runs the supervisor under this process, with the same terminal; resolves with its exit status. */
export async function runSupervisor(
  directory: string,
  onHearing: () => Promise<void>,
): Promise<number> {
  const child = spawn(process.execPath, [programFile, ...supervisorArguments(directory)], {
    cwd: directory,
    env: memberEnvironment(),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  // Ctrl-C reaches it too.
  const isHandledBelow = (): void => undefined;
  const passOn = (): void => void child.kill('SIGTERM');
  process.on('SIGINT', isHandledBelow);
  process.on('SIGTERM', passOn);
  try {
    await hears(child, directory);
    const [status] = await Promise.race([exited, onHearing().then(() => exited)]);
    return status ?? 1;
  } finally {
    process.off('SIGINT', isHandledBelow);
    process.off('SIGTERM', passOn);
  }
}

async function hears(child: ChildProcess, directory: string): Promise<void> {
  const deadlineMs = performance.now() + supervisorStartMs;
  let failure: string | undefined;
  child.once('error', (error) => {
    failure = error.message;
  });
  child.once('exit', (status, signal) => {
    failure = `it ended with ${signal ?? `status ${status}`}`;
  });
  for (;;) {
    if ((await askSupervisor(directory, { action: 'status' }, statusTimeoutMs)) !== undefined)
      return;
    if (performance.now() > deadlineMs) failure ??= 'it does not answer';
    if (failure !== undefined) {
      const log = endOf(layoutOf(directory).supervisorLog);
      throw new BlobSeerError('unavailable', `the supervisor did not start: ${failure}\n${log}`);
    }
    await sleep(pollMs);
  }
}

export interface ReadyOptions {
  readonly timeoutMs: number;
  readonly onProgress: (ready: number, all: number) => void;
}

/** Resolves when every member answers and every data provider is handed out. Throws `unavailable`. */
export async function awaitReady(
  directory: string,
  { timeoutMs, onProgress }: ReadyOptions,
): Promise<DeploymentStatus> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const status = await askSupervisor(directory, { action: 'status' }, statusTimeoutMs);
    if (status === undefined) throw new BlobSeerError('unavailable', 'the supervisor has ended');
    const { members } = status;
    const late = members.filter(({ state }) => state !== 'running');
    onProgress(members.length - late.length, members.length);
    if (late.length === 0 && allAreHandedOut(members)) return status;
    const hopeless = late.find(({ restarts }) => restarts >= hopelessRestarts);
    if (hopeless !== undefined || performance.now() > deadlineMs) {
      throw notReady(directory, hopeless ?? late[0], timeoutMs);
    }
    await sleep(pollMs);
  }
}

function allAreHandedOut(members: readonly MemberStatus[]): boolean {
  const dataProviders = members.filter(({ role }) => role === 'data-provider').length;
  return members.some(({ providers }) => providers !== undefined && providers >= dataProviders);
}

function notReady(
  directory: string,
  late: MemberStatus | undefined,
  timeoutMs: number,
): BlobSeerError {
  if (late === undefined) {
    const message = `not all data providers reported within ${timeoutMs / 1000} seconds`;
    return new BlobSeerError('unavailable', message);
  }
  const { name, state, lastEnd } = late;
  const end = lastEnd === undefined ? '' : `, last ended with ${lastEnd}`;
  const log = endOf(logOf(directory, name));
  return new BlobSeerError('unavailable', `${name} is not ready: ${state}${end}\n${log}`);
}

const endOf = (logFile: string): string => new LogReader(logFile).last(shownLines).join('\n');
