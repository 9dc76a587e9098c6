/**
 * The target ssh: members on machines that exist. Each gets the program, systemd's units, and its members'
 * configuration and secrets; nothing else of ours runs there.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { memberFiles } from '../configuration-files.ts';
import type { Description } from '../description/description.ts';
import { listenAddress, machineProgram, memberFile } from '../machine.ts';
import type { Member } from '../plan.ts';
import { machineFiles } from '../systemd/units.ts';
import { type TarEntry, tarArchive } from '../tar.ts';
import { packageDirectory, packageFilters } from './package.ts';
import type { Remote } from './remote.ts';

const context = '/run/blobseer-context';
const atOnce = 4;
const pollMs = 1000;
const fileMode = 0o644;
const programMode = 0o755;
const privateFile = 0o600;
const oldestNode = [20, 19] as const;
/** Below a directory, where somebody tries it out. */
const root = '"$BLOBSEER_ROOT"';
const program = `${root}${machineProgram}`;

export interface Installation {
  readonly description: Description;
  /** Prepared: their directories, here, have what is theirs. */
  readonly members: readonly Member[];
  remoteOf(host: string): Remote;
  readonly readyTimeoutMs: number;
  onStep(text: string): void;
}

/** Does again what is needed, and no more: members whose files and program are as they were run on. */
export async function installMembers(installation: Installation): Promise<void> {
  const { members, onStep } = installation;
  const machines = machinesOf(installation);
  const changed = new Set<Machine>();
  await inParallel(machines, async (machine) => {
    await checkMachine(machine.remote);
    onStep(`${machine.remote.host}: copying the program`);
    if (await copyProgram(installation, machine)) changed.add(machine);
  });
  // One after the other: while one machine's members start anew, the others' serve.
  for (const machine of machines) {
    onStep(`${machine.remote.host}: ${machine.members.map(({ name }) => name).join(', ')}`);
    await configure(installation, machine);
    if (changed.has(machine)) await machine.remote.runAsRoot(`${program} restart`);
  }
  await inParallel(machines, (machine) => becomeReady(installation, machine.remote));
  onStep(`${members.length} members on ${machines.length} machines are ready`);
}

/** Stops all members; their data stays. */
export async function stopMembers(installation: Installation): Promise<void> {
  await inParallel(machinesOf(installation), async ({ remote }) => {
    await remote.runAsRoot(`${program} stop`);
    installation.onStep(`${remote.host}: stopped`);
  });
}

/** Starts what was stopped. */
export async function startMembers(installation: Installation): Promise<void> {
  const machines = machinesOf(installation);
  await inParallel(machines, async ({ remote }) => {
    await remote.runAsRoot('systemctl start blobseer.path');
  });
  await inParallel(machines, ({ remote }) => becomeReady(installation, remote));
}

/** Gives a machine, however it was made, the secrets of a member that it calls `name`. */
export async function placeSecrets(remote: Remote, member: Member, name: string): Promise<void> {
  await remote.runAsRoot(`${program} secrets ${name}`, tarArchive(secretsOf(member)));
}

/** What is secret of a member, from its directory here. */
export function secretsOf({ role, directory }: Member): TarEntry[] {
  const { authority, certificate, key, gateway } = memberFiles;
  const names = [authority, certificate, key, ...(role === 'gateway' ? [gateway] : [])];
  return names.flatMap((name) => {
    try {
      const content = readFileSync(path.join(directory, name), 'utf8');
      return [{ path: name, content, mode: privateFile }];
    } catch (error) {
      // Without encryption there are no certificates.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
}

interface Machine {
  readonly remote: Remote;
  readonly members: readonly Member[];
}

function machinesOf({ members, remoteOf }: Installation): Machine[] {
  const hosts = [...new Set(members.map(({ host }) => host))];
  return hosts.map((host) => ({
    remote: remoteOf(host),
    members: members.filter((member) => member.host === host),
  }));
}

async function checkMachine(remote: Remote): Promise<void> {
  const wanted = 'node systemctl rsync tar flock';
  const said = await remote.run(
    `for name in ${wanted}; do command -v "$name" >/dev/null || echo "missing $name"; done; uname -s; node --version`,
  );
  const missing = [...said.matchAll(/^missing (\w+)$/gm)].map(([, name]) => name);
  if (missing.length > 0) {
    throw unfit(remote, `it has no ${missing.join(', ')}`);
  }
  if (!/^Linux$/m.test(said)) throw unfit(remote, 'it does not run Linux');
  const [, major = 0, minor = 0] = (/^v(\d+)\.(\d+)/m.exec(said) ?? []).map(Number);
  const [oldMajor, oldMinor] = oldestNode;
  if (major < oldMajor || (major === oldMajor && minor < oldMinor)) {
    throw unfit(remote, `its Node is older than ${oldestNode.join('.')}`);
  }
}

function unfit(remote: Remote, message: string): BlobSeerError {
  return new BlobSeerError('unavailable', `${remote.host}: ${message}`);
}

function copyProgram({ description }: Installation, { remote }: Machine): Promise<boolean> {
  return remote.synchronize(packageDirectory, description.targets.ssh.path, packageFilters());
}

async function configure(
  { description, members: all }: Installation,
  { remote, members }: Machine,
): Promise<void> {
  const files = machineFiles(description, listenAddress(remote.host)).map(
    ({ path: name, text, isProgram }) => ({
      path: name,
      content: text,
      mode: isProgram ? programMode : fileMode,
    }),
  );
  const own = members.map((member) => ({
    path: `${context.slice(1)}/members/${member.name}`,
    content: memberFile(description, all, member),
    mode: fileMode,
  }));
  const unpack = `rm -rf ${root}${context} && tar -x -f - -C ${root}/ --no-same-owner`;
  await remote.runAsRoot(unpack, tarArchive([...files, ...own]));
  await remote.runAsRoot(
    `systemd-sysusers ${root}/etc/sysusers.d/blobseer.conf && systemctl daemon-reload && ${program} configure ${root}${context}`,
  );
  for (const member of members) await placeSecrets(remote, member, member.name);
}

async function becomeReady(installation: Installation, remote: Remote): Promise<void> {
  const deadlineMs = performance.now() + installation.readyTimeoutMs;
  for (;;) {
    try {
      await remote.runAsRoot(`${program} ready`);
      return;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
    await sleep(pollMs);
  }
}

/** At most so many at once; all are waited for, then the first failure is thrown. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) {
      await work(item).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (failures.length > 0) throw failures[0];
}
