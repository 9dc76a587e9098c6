/** Nimbus's own client on this machine: it starts a cluster, and waits until its context is complete. */
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { runProgram } from '../program-run.ts';

const programName = 'cloud-client.sh';
/** It waits for images to be copied to where machines run. */
const startTimeoutMs = 4 * 3_600_000;
const endTimeoutMs = 600_000;

export interface StartedMachine {
  /** Of the cluster document. */
  readonly workspace: string;
  readonly address: string;
}

export interface StartedCluster {
  /** What the client calls it, such as cluster-001. */
  readonly handle: string;
  readonly machines: readonly StartedMachine[];
}

/** Its program: of the directory given, else of the search path. Undefined where it is not installed. */
export function findCloudClient(
  directory: string | undefined,
  searchPath: string,
): string | undefined {
  const candidates =
    directory === undefined
      ? searchPath.split(':').map((one) => path.join(one, programName))
      : [path.join(directory, 'bin', programName)];
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export function clusterArguments(document: string, hours: number): string[] {
  return ['--run', '--cluster', document, '--hours', `${hours}`];
}

/** Resolves when every machine runs and its agent reported success; the client destroys what fails. */
export async function startCluster(
  program: string,
  args: readonly string[],
  onOutput: (text: string) => void,
): Promise<StartedCluster> {
  return readLaunch(await runProgram({ program, args, onOutput, timeoutMs: startTimeoutMs }));
}

export async function terminateCluster(program: string, handle: string): Promise<void> {
  const args = ['--terminate', '--handle', handle];
  await runProgram({ program, args, timeoutMs: endTimeoutMs });
}

/** From what the client prints: each workspace by name, its machines below it, then the handle. */
export function readLaunch(printed: string): StartedCluster {
  const machines: StartedMachine[] = [];
  let workspace: string | undefined;
  for (const line of printed.split(/\r?\n/)) {
    const [, created] = /^Creating (?:workspace|group) "([^"]+)"/.exec(line) ?? [];
    const [, address] = /^\s+- ([0-9A-Fa-f.:]+) \[ \S+ \]$/.exec(line) ?? [];
    if (created !== undefined) workspace = created;
    else if (address !== undefined && workspace !== undefined)
      machines.push({ workspace, address });
    else if (line.trim() !== '') workspace = undefined;
  }
  const [, handle] = /^Launching (cluster-\d+)\.\.\./m.exec(printed) ?? [];
  if (handle !== undefined && machines.length > 0) return { handle, machines };
  throw new BlobSeerError('unavailable', 'the cloud client does not say what it started');
}
