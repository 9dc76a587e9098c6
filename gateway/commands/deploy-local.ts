/** The target local of `blobseer-s3 deploy`: all of it on this machine. */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { restoreDeployment } from '../../deploy/checkpoint/deployment.ts';
import { findDeployment } from '../../deploy/checkpoint/deployment-manifest.ts';
import { openPlace } from '../../deploy/checkpoint/places.ts';
import {
  type Credentials,
  findCredentials,
  readCredentials,
} from '../../deploy/local/credentials.ts';
import { deleteData, localStatus, restartMember, stopLocal } from '../../deploy/local/down.ts';
import { layoutOf, logOf, storageOf, supervisorName } from '../../deploy/local/layout.ts';
import { locatedMembers } from '../../deploy/local/located-members.ts';
import { followLogs, LogReader } from '../../deploy/local/logs.ts';
import { isCurrent, prepare } from '../../deploy/local/prepare.ts';
import { readRecord } from '../../deploy/local/record.ts';
import type { DeploymentStatus } from '../../deploy/local/status.ts';
import { awaitReady, planLocal, runSupervisor, startSupervisor } from '../../deploy/local/up.ts';
import { makePrivateDirectory } from '../../deploy/private-file.ts';
import { newAccessKey } from '../auth/users.ts';
import { systemClock } from '../clock.ts';
import { lockDirectory } from '../directory-lock.ts';
import { suggestion } from '../suggestion.ts';
import { exitStatus } from '../terminal.ts';
import { deploymentPlace, progressText } from './checkpoint-call.ts';
import { checkpointDeployment, deploymentSummary } from './checkpoint-deployment.ts';
import { CommandError, UsageError } from './command.ts';
import { type DeployAction, type DeployCall, numberOf } from './deploy-action.ts';
import { readyText, statusText } from './deploy-text.ts';

const lockWaitSeconds = 60;
const defaultTimeoutSeconds = 120;
const maxTimeoutSeconds = 3600;
const defaultLines = 100;
const maxLines = 100_000;
const watchEveryMs = 2000;
const newestEpoch = 0;
const maxEpoch = 99_999_999;
const clearScreen = '\u001b[H\u001b[2J';

export const localActions: Readonly<Record<string, DeployAction>> = {
  up: { flags: ['foreground', 'network-namespaces', 'timeout'], run: up },
  status: { flags: ['json', 'watch'], run: status },
  logs: { flags: ['follow', 'lines'], takesMember: true, run: logs },
  restart: { flags: [], takesMember: true, run: restart },
  stop: { flags: ['checkpoint', 'to', 'endpoint-url'], run: stop },
  start: { flags: ['timeout', 'from', 'epoch', 'endpoint-url'], run: start },
  down: { flags: ['delete-data'], run: down },
};

const directoryOf = ({ description, file }: DeployCall): string =>
  storageOf(description, path.dirname(file));

/** The newest checkpoint of those beside the deployment. */
const latest = 'latest';

/** With the data of a checkpoint, where there is none here yet. */
async function up(call: DeployCall, from?: string): Promise<number> {
  const { description, file, terminal } = call;
  const sources = {
    fileDirectory: path.dirname(file),
    environment: terminal.environment,
    generate: () => {
      const { accessKey, secret } = newAccessKey(systemClock);
      return { accessKey, secretKey: secret };
    },
  };
  const credentialsFor = (directory: string) =>
    findCredentials(description, layoutOf(directory), sources);
  return begin(call, credentialsFor, from);
}

async function start(call: DeployCall): Promise<number> {
  const from = call.flag('from');
  if (from !== undefined) {
    return await up(call, from === latest ? ownCheckpoints(directoryOf(call)) : from);
  }
  if (readRecord(directoryOf(call)) === undefined) {
    throw new CommandError(`${call.description.name} was never up: use "deploy up"`);
  }
  return begin(call, (directory) => readCredentials(layoutOf(directory)));
}

async function begin(
  call: DeployCall,
  credentialsFor: (directory: string) => Credentials,
  from?: string,
): Promise<number> {
  const { description, terminal, flag } = call;
  const seconds = numberOf(flag('timeout'), 'timeout', defaultTimeoutSeconds, maxTimeoutSeconds);
  const wantsNamespaces = flag('network-namespaces') !== undefined;
  makePrivateDirectory(directoryOf(call));
  const directory = directoryOf(call);
  const running = await runningStatus(directory);
  if (running !== undefined && from !== undefined) {
    throw new CommandError(`${description.name} is up already: it has its data`);
  }
  if (running !== undefined) {
    const isSame = isCurrent(planLocal(description, directory, { wantsNamespaces }));
    const changes = 'what has changed in the file since takes effect after "stop" and "up"';
    const said = isSame ? 'is up already' : `is up already; ${changes}`;
    terminal.print(`${description.name} ${said}.\n\n${statusText(running)}`);
    return exitStatus.ok;
  }
  await prepareUnderLock(call, directory, credentialsFor, wantsNamespaces);
  if (from !== undefined) await restoreTo(call, directory, from);
  const report = async (): Promise<void> => {
    const onProgress = (ready: number, all: number) =>
      terminal.redraw(`${ready} of ${all} members are ready`);
    const status = await awaitReady(directory, { timeoutMs: seconds * 1000, onProgress });
    terminal.redraw('');
    terminal.print(readyText(status, layoutOf(directory), description.roles.gateways.https));
  };
  try {
    if (flag('foreground') !== undefined) return await runSupervisor(directory, report);
    await startSupervisor(directory);
    await report();
    return exitStatus.ok;
  } catch (error) {
    // Not half of it.
    await stopLocal(directory);
    throw error;
  }
}

async function prepareUnderLock(
  { description, terminal }: DeployCall,
  directory: string,
  credentialsFor: (directory: string) => Credentials,
  wantsNamespaces: boolean,
): Promise<void> {
  const lock = await lockDirectory({
    directory,
    waitSeconds: lockWaitSeconds,
    onWait: () => terminal.complain(`Another process uses ${directory}; waiting for it to end.`),
  });
  try {
    const plan = planLocal(description, directory, { wantsNamespaces });
    const credentials = credentialsFor(directory);
    prepare({ ...plan, credentials, nowMs: () => systemClock.nowMs() });
  } finally {
    lock.release();
  }
}

function placeNamed({ terminal, flag }: DeployCall, directory: string, text: string) {
  return deploymentPlace(text, (name) =>
    openPlace(name, {
      workingDirectory: terminal.workingDirectory,
      environment: terminal.environment,
      endpointUrl: flag('endpoint-url'),
      workDirectory: directory,
    }),
  );
}

function checkpointTo(call: DeployCall, directory: string, to: string) {
  return checkpointDeployment(directory, placeNamed(call, directory, to), call.terminal);
}

async function restoreTo(call: DeployCall, directory: string, from: string): Promise<void> {
  const { terminal, flag } = call;
  const at = placeNamed(call, directory, from);
  const epoch = numberOf(flag('epoch'), 'epoch', newestEpoch, maxEpoch);
  const wanted = epoch === newestEpoch ? undefined : epoch;
  const members = locatedMembers(directory, readRecord(directory)?.members ?? []);
  await restoreDeployment({
    ...at,
    manifest: await findDeployment(at.place, wanted),
    members,
    onProgress: (member, progress) => terminal.redraw(progressText(progress, member)),
  });
  terminal.redraw('');
}

async function runningStatus(directory: string): Promise<DeploymentStatus | undefined> {
  if (readRecord(directory) === undefined) return undefined;
  const found = await localStatus(directory);
  return found.supervisorPid === undefined ? undefined : found;
}

async function status(call: DeployCall): Promise<number> {
  const { terminal, flag } = call;
  const directory = directoryOf(call);
  const isJson = flag('json') !== undefined;
  const show = async (): Promise<string> => {
    const found = await localStatus(directory);
    return isJson ? JSON.stringify(found, undefined, 2) : statusText(found);
  };
  if (flag('watch') === undefined) {
    terminal.print(await show());
    return exitStatus.ok;
  }
  for (;;) {
    terminal.print(`${isJson ? '' : clearScreen}${await show()}`);
    await sleep(watchEveryMs);
  }
}

async function logs(call: DeployCall): Promise<number> {
  const { terminal, flag, member } = call;
  const directory = directoryOf(call);
  const record = readRecord(directory);
  if (record === undefined) throw new CommandError(`${directory} has no deployment`);
  const names = [supervisorName, ...record.members.map(({ name }) => name)];
  if (member !== undefined && !names.includes(member)) {
    throw new UsageError(`no member "${member}"${suggestion(member, names)}`);
  }
  const count = numberOf(flag('lines'), 'lines', defaultLines, maxLines);
  const wanted = member === undefined ? names : [member];
  const readers = new Map(wanted.map((name) => [name, new LogReader(logOf(directory, name))]));
  const show = (name: string, line: string): void =>
    terminal.print(member === undefined ? `${name}  ${line}` : line);
  for (const [name, reader] of readers) for (const line of reader.last(count)) show(name, line);
  if (flag('follow') !== undefined) await followLogs(readers, show, new AbortController().signal);
  return exitStatus.ok;
}

async function restart(call: DeployCall): Promise<number> {
  const { terminal, member } = call;
  if (member === undefined) throw new UsageError('restart needs the name of a member');
  const found = await restartMember(directoryOf(call), member);
  terminal.print(statusText(found));
  const isRunning = found.members.some(({ name, state }) => name === member && state === 'running');
  return isRunning ? exitStatus.ok : exitStatus.failed;
}

/** Beside the deployment's directory, which may be deleted. */
const ownCheckpoints = (directory: string): string => `${directory}-checkpoints`;

async function stop(call: DeployCall): Promise<number> {
  const directory = directoryOf(call);
  if (call.flag('checkpoint') === undefined && call.flag('to') !== undefined) {
    throw new UsageError('--to PLACE is where --checkpoint puts its copy');
  }
  const to =
    call.flag('checkpoint') === undefined
      ? undefined
      : (call.flag('to') ?? ownCheckpoints(directory));
  // The long part while it runs; what has changed since is copied when nothing changes any more.
  if (to !== undefined) await checkpointTo(call, directory, to);
  await stopLocal(directory);
  if (to !== undefined) {
    const manifest = await checkpointTo(call, directory, to);
    call.terminal.print(deploymentSummary(manifest));
  }
  call.terminal.print(`${call.description.name} is stopped; its data is in ${directory}.`);
  return exitStatus.ok;
}

async function down(call: DeployCall): Promise<number> {
  const { description, terminal, flag } = call;
  const directory = directoryOf(call);
  const confirmed = flag('delete-data');
  if (confirmed === undefined) return stop(call);
  const name = readRecord(directory)?.name ?? description.name;
  if (confirmed !== name) {
    throw new UsageError(
      `--delete-data ${confirmed} does not name the deployment: all data of ${name} in ${directory} would be lost`,
    );
  }
  await stopLocal(directory);
  deleteData(directory);
  terminal.print(`${name} is gone, with all its data.`);
  return exitStatus.ok;
}
