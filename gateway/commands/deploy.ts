/** `blobseer-s3 deploy`: whole deployments of BlobSeer and its gateways, from one file. */
import path from 'node:path';
import { supervise } from '../../deploy/local/supervisor.ts';
import { lockDirectory } from '../directory-lock.ts';
import { createLog, flushLog } from '../log.ts';
import { suggestion } from '../suggestion.ts';
import { exitStatus } from '../terminal.ts';
import { type Command, parseArguments, UsageError } from './command.ts';
import { type DeployAction, type DeployFlag, deployOptions } from './deploy-action.ts';
import { ec2Actions, nimbusActions } from './deploy-clouds.ts';
import { generateActions } from './deploy-generate.ts';
import { localActions } from './deploy-local.ts';
import { sshActions } from './deploy-ssh.ts';
import { describedIn } from './deployment-file.ts';

const lockWaitSeconds = 60;

/** The actions of each target. */
const targets: Readonly<Record<string, Readonly<Record<string, DeployAction>>>> = {
  local: localActions,
  ...generateActions,
  ssh: { ...sshActions, ...generateActions.ssh },
  nimbus: { ...nimbusActions, ...generateActions.nimbus },
  ec2: ec2Actions,
};

export const deploy: Command = {
  name: 'deploy',
  summary: 'puts a whole BlobSeer and its gateways on machines, from one file',
  help: `Usage: blobseer-s3 deploy up FILE [--foreground] [--network-namespaces] [--timeout SECONDS]
       blobseer-s3 deploy status FILE [--json] [--watch]
       blobseer-s3 deploy logs FILE [MEMBER] [--follow] [--lines N]
       blobseer-s3 deploy restart FILE MEMBER
       blobseer-s3 deploy stop FILE [--checkpoint [--to PLACE]]
       blobseer-s3 deploy start FILE [--timeout SECONDS] [--from latest|PLACE [--epoch N]]
       blobseer-s3 deploy down FILE [--delete-data NAME]
       blobseer-s3 deploy generate FILE --target TARGET --out DIR
       blobseer-s3 deploy secrets FILE --target TARGET --out DIR

FILE describes a deployment: how many of each role, ports, replication, storage (deploy/README.md, and
examples/deploy/). The target local runs all of it on this machine: "up" makes an authority and a
certificate for each member, starts a supervisor that starts every member, and again what dies, and
waits until all are ready. The supervisor goes on when the command has ended, until "stop" or "down".
What was "up" once is there again after "start", with all its data.

Other targets put members on other machines (deploy/TARGETS.md). "ssh" does that with machines that exist,
"nimbus" and "ec2" with machines that they start. For them, and for cloud-init, systemd, compose and
kubernetes, "generate" writes files that others act on; none of them is secret. What is secret,
"secrets" writes, mode 0600.

Options:
  --target TARGET     local (default), ssh, nimbus, ec2, cloud-init, systemd, compose, kubernetes
  --foreground        up: stay, and end everything with Ctrl-C or SIGTERM
  --network-namespaces  up: each member in a network namespace with an address of its own (root)
  --timeout SECONDS   up, start: how long members may take to be ready (default 120)
  --json              status: as a JSON object
  --watch             status: again and again
  --follow            logs: go on with what comes
  --lines N           logs: the last N lines of each (default 100)
  --checkpoint        stop: make a checkpoint of all members (docs/OPERATIONS.md), of what runs and of what is left
  --to PLACE          stop: where; beside the deployment's directory by default
  --from PLACE        start: with the data of a checkpoint, the newest or that of --epoch; here, or on other addresses;
                      latest is what stop --checkpoint put beside the deployment's directory
  --endpoint-url URL  of the bucket, where PLACE is s3://BUCKET/PREFIX
  --out DIR           generate, secrets: where to write
  --delete-data NAME  down: remove all data too; NAME is that of the deployment, to be sure

Examples:
  blobseer-s3 deploy up examples/deploy/lab.yaml
  blobseer-s3 deploy status examples/deploy/lab.yaml --watch
  blobseer-s3 deploy logs examples/deploy/lab.yaml gateway-1 --follow
  blobseer-s3 deploy down examples/deploy/lab.yaml
  blobseer-s3 deploy generate lab.yaml --target kubernetes --out lab-kubernetes
  blobseer-s3 deploy up lab.yaml --target ssh`,

  async run(args, terminal) {
    const parsed = parseArguments(args, deployOptions);
    const [name = '', given, member, surplus] = parsed.positionals;
    if (name === 'supervise' && given !== undefined) return supervisorOf(given);
    const target = parsed.flags.target?.[0] ?? 'local';
    const actions = Object.hasOwn(targets, target) ? targets[target] : undefined;
    if (actions === undefined) {
      const names = Object.keys(targets);
      const near = suggestion(target, names);
      throw new UsageError(`unknown target "${target}"${near}; targets are ${names.join(', ')}`);
    }
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action === undefined) {
      const names = Object.keys(actions);
      const said =
        name === ''
          ? 'deploy needs an action'
          : `unknown action "${name}"${suggestion(name, names)}`;
      throw new UsageError(`${said}; actions are ${names.join(', ')}`);
    }
    if (given === undefined) throw new UsageError(`${name} needs the file of a deployment`);
    const extra = action.takesMember ? surplus : (member ?? surplus);
    if (extra !== undefined) throw new UsageError(`"${extra}" is not expected here`);
    const wrong = Object.keys(parsed.flags).find(
      (flag) => flag !== 'target' && !action.flags.some((known) => known === flag),
    );
    if (wrong !== undefined) throw new UsageError(`--${wrong} is not for ${name}`);
    const file = path.resolve(terminal.workingDirectory, given);
    const description = describedIn(file);
    const flag = (wanted: DeployFlag) => parsed.flags[wanted]?.[0];
    return action.run({ terminal, file, description, flag, member });
  },
};

/** What `up` starts, as a process of its own. */
async function supervisorOf(directory: string): Promise<number> {
  const log = createLog('info');
  const lock = await lockDirectory({
    directory,
    waitSeconds: lockWaitSeconds,
    onWait: () => log.info({ directory }, 'another process uses the directory; waiting'),
  });
  try {
    await supervise({ directory, log });
    return exitStatus.ok;
  } finally {
    lock.release();
    await flushLog(log);
  }
}
