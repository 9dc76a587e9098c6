/** Machines with our program on them, however they were made: giving members their secrets, starting, stopping. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { memberFiles } from '../configuration-files.ts';
import { machineProgram } from '../machine.ts';
import type { Member } from '../plan.ts';
import { type TarEntry, tarArchive } from '../tar.ts';
import type { Remote } from './remote.ts';

const atOnce = 4;
const pollMs = 1000;
const privateFile = 0o600;
/** The root of a machine; another directory where somebody tries it out. */
export const remoteRoot = '"$BLOBSEER_ROOT"';
export const remoteProgram = `${remoteRoot}${machineProgram}`;

/** Gives a machine the secrets of a member that is called `name` there. */
export async function placeSecrets(remote: Remote, member: Member, name: string): Promise<void> {
  await remote.runAsRoot(`${remoteProgram} secrets ${name}`, tarArchive(secretsOf(member)));
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

export async function becomeReady(remote: Remote, timeoutMs: number): Promise<void> {
  await untilDone(timeoutMs, () => remote.runAsRoot(`${remoteProgram} ready`));
}

/** What was acknowledged is on the disk. */
export async function stopMachine(remote: Remote): Promise<void> {
  await remote.runAsRoot(`${remoteProgram} stop`);
}

export async function startMachine(remote: Remote, timeoutMs: number): Promise<void> {
  await remote.runAsRoot('systemctl start blobseer.path');
  await becomeReady(remote, timeoutMs);
}

/** Again and again; the last failure is thrown when the time is over. */
export async function untilDone(timeoutMs: number, work: () => Promise<unknown>): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
    await sleep(pollMs);
  }
}

/** At most so many at once; all are waited for, then the first failure is thrown. */
export async function inParallel<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
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
