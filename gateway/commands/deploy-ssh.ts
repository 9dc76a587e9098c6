/** The target ssh of `blobseer-s3 deploy`: machines that exist. */
import { planMembers } from '../../deploy/plan.ts';
import { givenHosts } from '../../deploy/ssh/hosts.ts';
import { installMembers } from '../../deploy/ssh/install.ts';
import { exitStatus } from '../terminal.ts';
import type { DeployAction, DeployCall } from './deploy-action.ts';
import {
  machineActions,
  type PlacedMember,
  remoteFor,
  timeoutMsOf,
  upText,
} from './deploy-machines.ts';
import { deploymentDirectory, prepareMembers } from './deploy-prepare.ts';

const actions = machineActions(placedMembers);

export const sshActions: Readonly<Record<string, DeployAction>> = {
  ...actions,
  up: { flags: ['timeout'], run: up },
  // Machines that were there before stay there.
  down: actions.stop!,
};

const membersFor = (call: DeployCall) =>
  planMembers(call.description, {
    hostOf: givenHosts(call.description),
    storage: deploymentDirectory(call),
  });

function placedMembers(call: DeployCall): PlacedMember[] {
  return membersFor(call).map((member) => ({
    member,
    name: member.name,
    remote: remoteFor(call, member.host),
  }));
}

async function up(call: DeployCall): Promise<number> {
  const { description, terminal } = call;
  const readyTimeoutMs = timeoutMsOf(call);
  const members = membersFor(call);
  await prepareMembers(call, deploymentDirectory(call), members);
  await installMembers({
    description,
    members,
    remoteOf: (host) => remoteFor(call, host),
    readyTimeoutMs,
    onStep: (text) => terminal.print(text),
  });
  terminal.print(upText(call, deploymentDirectory(call), members));
  return exitStatus.ok;
}
