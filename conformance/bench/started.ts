/** Programs that the benchmark starts: none of them outlives it, whichever way it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd, exitOf } from '../harness/processes.ts';

const startTimeoutMs = 30_000;
const stopTimeoutMs = 30_000;
const pollMs = 20;

const children = new Set<ChildProcess>();
atEnd(() => {
  for (const child of children) child.kill('SIGKILL');
});

/** Removed at the latest when this process ends: gigabytes may be in there. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'blobseer-s3-bench-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What it complains of is shown. Throws where there is no such program. */
export async function startProgram(
  program: string,
  args: readonly string[],
): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  return child;
}

/** Resolves when the program takes connections; throws when it ends or takes too long. */
export async function listening(child: ChildProcess, port: number, name: string): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  while (child.exitCode === null && Date.now() < deadline) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await delay(pollMs);
  }
  child.kill('SIGKILL');
  throw new Error(`${name} did not start`);
}

/** SIGTERM, and SIGKILL to one that does not go. */
export async function endProgram(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await exitOf(child);
  clearTimeout(timer);
}
