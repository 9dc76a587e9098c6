/**
 * The target ssh: members on machines that exist. Each gets the program, systemd's units, and its members'
 * configuration and secrets; nothing else of ours runs there.
 */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { Description } from '../description/description.ts';
import { listenAddress, memberFile } from '../machine.ts';
import type { Member } from '../plan.ts';
import { machineFiles } from '../systemd/units.ts';
import { tarArchive } from '../tar.ts';
import {
  becomeReady,
  inParallel,
  placeSecrets,
  remoteProgram,
  remoteRoot,
  startMachine,
  stopMachine,
} from './machines.ts';
import { packageDirectory, packageFilters } from './package.ts';
import type { Remote } from './remote.ts';

const context = '/run/blobseer-context';
const fileMode = 0o644;
const programMode = 0o755;
const oldestNode = [20, 19] as const;
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
    if (changed.has(machine)) await machine.remote.runAsRoot(`${remoteProgram} restart`);
  }
  const { readyTimeoutMs } = installation;
  await inParallel(machines, ({ remote }) => becomeReady(remote, readyTimeoutMs));
  onStep(`${members.length} members on ${machines.length} machines are ready`);
}

/** Stops all members; their data stays. */
export async function stopMembers(installation: Installation): Promise<void> {
  await inParallel(machinesOf(installation), async ({ remote }) => {
    await stopMachine(remote);
    installation.onStep(`${remote.host}: stopped`);
  });
}

/** Starts what was stopped. */
export async function startMembers(installation: Installation): Promise<void> {
  const { readyTimeoutMs, onStep } = installation;
  await inParallel(machinesOf(installation), async ({ remote }) => {
    await startMachine(remote, readyTimeoutMs);
    onStep(`${remote.host}: ready`);
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
  const unpack = `rm -rf ${remoteRoot}${context} && tar -x -f - -C ${remoteRoot}/ --no-same-owner`;
  await remote.runAsRoot(unpack, tarArchive([...files, ...own]));
  await remote.runAsRoot(
    `systemd-sysusers ${remoteRoot}/etc/sysusers.d/blobseer.conf && systemctl daemon-reload && ${remoteProgram} configure ${remoteRoot}${context}`,
  );
  for (const member of members) await placeSecrets(remote, member, member.name);
}
