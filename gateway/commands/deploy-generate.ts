/** `blobseer-s3 deploy generate` and `secrets`: files for targets that others act on. */
import path from 'node:path';
import { writeArtifacts } from '../../deploy/artifact.ts';
import { type GeneratedTarget, generatedTargets } from '../../deploy/generate.ts';
import { planMembers } from '../../deploy/plan.ts';
import { exitStatus } from '../terminal.ts';
import { UsageError } from './command.ts';
import type { DeployAction, DeployCall } from './deploy-action.ts';
import { prepareMembers } from './deploy-prepare.ts';

/** By the name of the target. */
export const generateActions: Readonly<Record<string, Readonly<Record<string, DeployAction>>>> =
  Object.fromEntries(
    Object.entries(generatedTargets).map(([name, target]) => [name, actionsOf(target)]),
  );

function actionsOf(target: GeneratedTarget): Record<string, DeployAction> {
  const generate: DeployAction = { flags: ['out'], run: (call) => write(target, call) };
  const { hosts } = target;
  if (hosts === undefined) return { generate };
  const secrets: DeployAction = { flags: ['out'], run: (call) => writeSecrets(hosts, call) };
  return { generate, secrets };
}

async function write(target: GeneratedTarget, call: DeployCall): Promise<number> {
  const directory = outOf(call);
  const artifacts = target.generate(call.description);
  writeArtifacts(directory, artifacts);
  const names = artifacts.map((one) => `  ${one.path}`);
  call.terminal.print([`${artifacts.length} files in ${directory}:`, ...names].join('\n'));
  return exitStatus.ok;
}

async function writeSecrets(
  hosts: NonNullable<GeneratedTarget['hosts']>,
  call: DeployCall,
): Promise<number> {
  const directory = outOf(call);
  const placement = { hostOf: hosts(call.description), storage: directory };
  const members = planMembers(call.description, placement);
  await prepareMembers(call, directory, members);
  call.terminal.print(
    [
      `${directory} has a directory for each of ${members.length} members, with what is secret of it,`,
      'and the authority that signed it: keep it, and show it to nobody.',
    ].join('\n'),
  );
  return exitStatus.ok;
}

function outOf({ flag, terminal }: DeployCall): string {
  const out = flag('out');
  if (out === undefined || out === '') throw new UsageError('--out DIR is needed');
  return path.resolve(terminal.workingDirectory, out);
}
