/**
 * Nimbus's context agent: what it runs in a virtual machine, in which order, with which arguments, and when it
 * gives up. The machine is a directory; its scripts find their files below BLOBSEER_ROOT.
 */
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runTool } from '../../testing/tools.ts';
import type { ContextMember, Identity, Manifest } from './context-broker.ts';

export interface VirtualMachine {
  /** The directory that is its root. */
  readonly root: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** Each script that was run, with its arguments. Throws what the agent would report as an error. */
export function contextualize(
  machine: VirtualMachine,
  { identity: own, networkCard }: ContextMember,
  { identities, roles, data }: Manifest,
): string[] {
  const scripts = path.join(machine.root, 'opt/nimbus/ctx-scripts');
  const scratch = path.join(machine.root, 'opt/nimbus/ctx/tmp');
  const ran: string[] = [];
  const run = (script: string, ...args: string[]): void => {
    ran.push([script, ...args].join(' '));
    const env = { ...machine.environment, BLOBSEER_ROOT: machine.root };
    const { status, stdout, stderr } = runTool(path.join(scripts, script), args, { env });
    if (status !== 0) throw new Error(`${script}: status ${status}: ${stdout}${stderr}`);
  };
  const exists = (script: string): boolean => existsSync(path.join(scripts, script));

  run('clean.sh');
  mkdirSync(scratch, { recursive: true });
  for (const identity of identities) run('0-etchosts.sh', ...namesOf(identity));
  for (const { name, identity } of roles) {
    const script = `1-ipandhost/${name}`;
    if (exists(script)) run(script, ...namesOf(identity));
  }
  if (!exists('2-thishost')) throw new Error('2-thishost does not exist');
  if (exists(`2-thishost/${networkCard}`)) run(`2-thishost/${networkCard}`, ...namesOf(own));
  for (const { name, value } of data) {
    const file = path.join(mkdtempSync(path.join(scratch, `${name}-`)), 'data');
    writeFileSync(file, `${value}\n`);
    if (!exists(`3-data/${name}`)) throw new Error(`3-data/${name} does not exist`);
    run(`3-data/${name}`, file);
  }
  for (const name of new Set(roles.map((role) => role.name))) {
    if (exists(`4-restarts/${name}`)) run(`4-restarts/${name}`);
  }
  if (!exists('5-thishost-finalize')) throw new Error('5-thishost-finalize does not exist');
  if (exists(`5-thishost-finalize/${networkCard}`)) {
    run(`5-thishost-finalize/${networkCard}`, ...namesOf(own));
  }
  return ran;
}

const namesOf = ({ ip, host }: Identity): string[] => [ip, host.split('.')[0]!, host];
