/** The targets nimbus and ec2 of `blobseer-s3 deploy`: machines that a cloud starts. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { writeArtifacts } from '../../deploy/artifact.ts';
import { generatedTargets } from '../../deploy/generate.ts';
import {
  clusterArguments,
  findCloudClient,
  startCluster,
  terminateCluster,
} from '../../deploy/nimbus/cloud-client.ts';
import {
  type CloudRecord,
  cloudMembers,
  newRecord,
  reachedAt,
  readCloudRecord,
  removeDeployment,
  writeCloudRecord,
} from '../../deploy/nimbus/cloud-record.ts';
import { Ec2Query } from '../../deploy/nimbus/ec2-query.ts';
import { endOnEc2, startOnEc2 } from '../../deploy/nimbus/ec2-start.ts';
import type { MemberRole } from '../../deploy/plan.ts';
import { makePrivateDirectory } from '../../deploy/private-file.ts';
import { becomeReady, inParallel, placeSecrets, untilDone } from '../../deploy/ssh/machines.ts';
import { exitStatus } from '../terminal.ts';
import { CommandError, UsageError } from './command.ts';
import type { DeployAction, DeployCall } from './deploy-action.ts';
import {
  machineActions,
  type PlacedMember,
  remoteFor,
  timeoutMsOf,
  upText,
} from './deploy-machines.ts';
import { deploymentDirectory, prepareMembers } from './deploy-prepare.ts';

type Cloud = CloudRecord['cloud'];

const pollMs = 3000;

export const nimbusActions: Readonly<Record<string, DeployAction>> = {
  ...machineActions((call) => placedMembers(call, recordOf(call, 'nimbus'))),
  up: { flags: ['timeout'], run: upOnNimbus },
  down: { flags: ['delete-data'], run: (call) => down(call, 'nimbus', endOnNimbus) },
};

export const ec2Actions: Readonly<Record<string, DeployAction>> = {
  ...machineActions((call) => placedMembers(call, recordOf(call, 'ec2'))),
  up: { flags: ['timeout'], run: upOnEc2 },
  down: {
    flags: ['delete-data'],
    run: (call) => down(call, 'ec2', (record) => endOnEc2(ec2Client(call), record)),
  },
};

function recordOf(call: DeployCall, cloud: Cloud): CloudRecord {
  const record = readCloudRecord(deploymentDirectory(call), cloud);
  if (record !== undefined) return record;
  throw new CommandError(`${call.description.name} is not up: use "deploy up --target ${cloud}"`);
}

/** A machine has one member, which is called by its role there. */
function placedMembers(call: DeployCall, record: CloudRecord): PlacedMember[] {
  const directory = deploymentDirectory(call);
  // Addresses of clouds are given to others later: their keys are nothing to remember for ever.
  const knownHosts = path.join(directory, 'known_hosts');
  return cloudMembers(call.description, record, directory).map((member) => ({
    member,
    name: member.role,
    remote: remoteFor(call, reachedAt(record, member), knownHosts),
  }));
}

/** The machines run: their members get what they wait for. */
async function complete(call: DeployCall, record: CloudRecord): Promise<number> {
  const { terminal } = call;
  const timeoutMs = timeoutMsOf(call);
  const placed = placedMembers(call, record);
  const directory = deploymentDirectory(call);
  const members = placed.map(({ member }) => member);
  await prepareMembers(call, directory, members);
  await inParallel(placed, async ({ member, name, remote }) => {
    await untilDone(timeoutMs, () => placeSecrets(remote, member, name));
    terminal.print(`${member.name}: ${remote.host} has its secrets`);
  });
  await inParallel(placed, ({ remote }) => becomeReady(remote, timeoutMs));
  const reached = placed.map(({ member, remote }) => ({ ...member, host: remote.host }));
  terminal.print(upText(call, directory, reached));
  return exitStatus.ok;
}

async function upOnNimbus(call: DeployCall): Promise<number> {
  const { description, terminal, file } = call;
  const directory = deploymentDirectory(call);
  const before = readCloudRecord(directory, 'nimbus');
  if (before !== undefined) return complete(call, before);
  const { cloudClient, hours } = description.targets.nimbus;
  makePrivateDirectory(directory);
  const generated = path.join(directory, 'nimbus');
  writeArtifacts(generated, generatedTargets.nimbus!.generate(description));
  const args = clusterArguments(path.join(generated, 'cluster.xml'), hours);
  const home =
    cloudClient === undefined ? undefined : path.resolve(path.dirname(file), cloudClient);
  const program = findCloudClient(home, terminal.environment.PATH ?? '');
  if (program === undefined) {
    terminal.print(
      [
        "Nimbus's cloud client is not installed here (targets.nimbus.cloudClient, or PATH).",
        `With the files of ${path.join(generated, 'image')} in the image, run where it is:`,
        `  ./bin/cloud-client.sh ${args.join(' ')}`,
      ].join('\n'),
    );
    return exitStatus.failed;
  }
  const { handle, machines } = await startCluster(program, args, (text) =>
    terminal.print(text.trimEnd()),
  );
  const record: CloudRecord = {
    ...newRecord('nimbus', handle),
    machines: machines.map(({ workspace, address }) => ({
      role: workspace as MemberRole,
      id: undefined,
      address,
      publicAddress: undefined,
    })),
  };
  writeCloudRecord(directory, record);
  return complete(call, record);
}

async function endOnNimbus({ run }: CloudRecord, call: DeployCall): Promise<void> {
  const { cloudClient } = call.description.targets.nimbus;
  const home =
    cloudClient === undefined ? undefined : path.resolve(path.dirname(call.file), cloudClient);
  const program = findCloudClient(home, call.terminal.environment.PATH ?? '');
  if (program === undefined) {
    const args = `--terminate --handle ${run}`;
    throw new CommandError(`run ./bin/cloud-client.sh ${args} where the cloud client is installed`);
  }
  await terminateCluster(program, run);
}

async function upOnEc2(call: DeployCall): Promise<number> {
  const { description, terminal } = call;
  const directory = deploymentDirectory(call);
  const client = ec2Client(call);
  makePrivateDirectory(directory);
  const save = (record: CloudRecord): void => writeCloudRecord(directory, record);
  let record = readCloudRecord(directory, 'ec2');
  if (record === undefined) {
    record = newRecord('ec2', randomUUID());
    // Before anything is ordered: an order that nobody remembers would be paid for.
    save(record);
  }
  const timeoutMs = timeoutMsOf(call);
  const onStep = (text: string): void => terminal.print(text);
  record = await startOnEc2({ description, client, record, save, timeoutMs, pollMs, onStep });
  return complete(call, record);
}

function ec2Client({ description, terminal, file }: DeployCall): Ec2Query {
  const { endpoint, region = 'us-east-1', signature, caFile } = description.targets.ec2;
  const { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey } = terminal.environment;
  if (accessKey === undefined || secretKey === undefined) {
    throw new UsageError('the target ec2 needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  }
  const authorities =
    caFile === undefined
      ? undefined
      : readFileSync(path.resolve(path.dirname(file), caFile), 'utf8');
  return new Ec2Query({
    endpoint: new URL(endpoint ?? `https://ec2.${region}.amazonaws.com`),
    key: { accessKey, secretKey },
    signature,
    region,
    authorities,
    now: () => new Date(),
  });
}

/** Without `--delete-data` the machines stay: what the deployment keeps is on their disks. */
async function down(
  call: DeployCall,
  cloud: Cloud,
  end: (record: CloudRecord, call: DeployCall) => Promise<void>,
): Promise<number> {
  const { description, flag, terminal } = call;
  const { name } = description;
  const record = recordOf(call, cloud);
  const confirmed = flag('delete-data');
  if (confirmed === undefined) {
    const actions = cloud === 'nimbus' ? nimbusActions : ec2Actions;
    return actions.stop!.run(call);
  }
  if (confirmed !== name) {
    throw new UsageError(
      `--delete-data ${confirmed} does not name the deployment: all data of ${name} would be lost with its machines`,
    );
  }
  await end(record, call);
  removeDeployment(deploymentDirectory(call));
  terminal.print(`The machines of ${name} are given back, with all data on them.`);
  return exitStatus.ok;
}
