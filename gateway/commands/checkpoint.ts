/** `blobseer-s3 checkpoint`: copies of a data directory as of one moment, made while it is served. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createCheckpoint } from '../../deploy/checkpoint/create.ts';
import { deleteCheckpoints } from '../../deploy/checkpoint/delete.ts';
import { kindOf, openSource } from '../../deploy/checkpoint/kinds.ts';
import { findManifest, type Manifest, readManifests } from '../../deploy/checkpoint/manifest.ts';
import type { Place } from '../../deploy/checkpoint/place.ts';
import type { Progress } from '../../deploy/checkpoint/progress.ts';
import { restoreCheckpoint } from '../../deploy/checkpoint/restore.ts';
import { keepNewest, schedule } from '../../deploy/checkpoint/schedule.ts';
import { verifyBytes } from '../../deploy/checkpoint/verify.ts';
import { credentialsFile } from '../root-user.ts';
import { suggestion } from '../suggestion.ts';
import { exitStatus } from '../terminal.ts';
import {
  type Call,
  checkpointOptions,
  deploymentPlaceAt,
  durationMs,
  epochOf,
  keepOf,
  movesOf,
  placeAt,
  progressText,
  required,
} from './checkpoint-call.ts';
import {
  createOfDeployment,
  deleteOfDeployment,
  deploymentSummary,
  isOfDeployment,
  listOfDeployment,
  verifyOfDeployment,
} from './checkpoint-deployment.ts';
import {
  type Command,
  CommandError,
  ConfigError,
  columns,
  configFrom,
  parseArguments,
  UsageError,
} from './command.ts';
import { withStorage } from './tool.ts';
import { packageVersion } from './version.ts';

const actions: Readonly<Record<string, (call: Call) => Promise<void>>> = {
  create: async (call) => {
    call.terminal.print(await create(call));
  },
  list: async (call) => {
    const at = deploymentPlaceAt(call, 'from');
    await ((await isOfDeployment(at)) ? listOfDeployment(call, at) : list(call, at.place));
  },
  verify: async (call) => {
    const at = deploymentPlaceAt(call, 'from');
    await ((await isOfDeployment(at)) ? verifyOfDeployment(call, at) : verify(call, at.place));
  },
  restore,
  delete: async (call) => {
    const at = deploymentPlaceAt(call, 'from');
    await ((await isOfDeployment(at)) ? deleteOfDeployment(call, at) : remove(call, at.place));
  },
  schedule: scheduled,
};
const actionNames = Object.keys(actions);

export const checkpoint: Command = {
  name: 'checkpoint',
  summary: 'makes, lists, verifies, restores and deletes checkpoints of the data directory',
  help: `Usage: blobseer-s3 checkpoint create   --data DIR | --deployment FILE  --to PLACE [--keep N]
       blobseer-s3 checkpoint schedule --data DIR | --deployment FILE  --to PLACE --every 1h [--keep N]
       blobseer-s3 checkpoint list     --from PLACE [--json]
       blobseer-s3 checkpoint verify   --from PLACE [--epoch N] [--work DIR]
       blobseer-s3 checkpoint restore  --from PLACE [--epoch N] --to NEWDIR
       blobseer-s3 checkpoint delete   --from PLACE --epoch N

A checkpoint is the whole directory as of one commit. It is made while a server runs: writers wait for one
small commit, however much there is. A PLACE is a directory or s3://BUCKET/PREFIX. It keeps checkpoints of one data
directory, each with its number (epoch); they share what is equal. In a directory on the file system of the data,
page files are hard links: quick, and no help when that disk dies. The directory may also be an entity's.

With --deployment FILE it is made of all members of a deployment on this machine: gateways first, so that all they
name is in it. "blobseer-s3 deploy start FILE --from PLACE" brings it back, here or on other addresses.

"verify" reads all of a checkpoint, and where PLACE is a directory (or with --work DIR) checks it as "blobseer-s3
check" does. "restore" takes the newest one unless told otherwise, and refuses what is damaged or does not fit.
Credentials of a bucket are in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION.
Exit status: 0 done, 1 failed or damaged, 2 wrong usage.

Options:
  --data DIR           the data directory (default ./data)
  --deployment FILE    the file of a deployment, as "blobseer-s3 deploy" is given it
  --to, --from PLACE   where checkpoints are kept; of restore, --to is the new data directory
  --epoch N            which checkpoint; the newest by default
  --keep N             after it has been made, delete all but the newest N
  --while COMMAND      create: run it when all is copied; as long as it runs, nothing that the directory refers to on
                       other machines is released. When it fails there is no checkpoint
  --moved OLD=NEW      restore: a provider that was at OLD (HOST:PORT) is at NEW now (repeatable)
  --every TIME         30m, 1h, 1d: how often; it runs until SIGTERM or Ctrl-C
  --work DIR           where a bucket's checkpoints are unpacked for a while (default: in the data directory)
  --endpoint-url URL   of the bucket; AWS by default
  --config FILE        a configuration file

Examples:
  blobseer-s3 checkpoint create --data /srv/blobseer-s3 --to /backup/blobseer-s3
  blobseer-s3 checkpoint schedule --data /srv/blobseer-s3 --to s3://backup/blobseer-s3 --every 1h --keep 24
  blobseer-s3 checkpoint restore --from /backup/blobseer-s3 --to /srv/again`,

  async run(args, terminal) {
    const parsed = parseArguments(args, checkpointOptions);
    const [name, surplus] = parsed.positionals;
    const action = name === undefined ? undefined : actions[name];
    if (action === undefined) {
      const said = name === undefined ? 'an action is needed' : `unknown action "${name}"`;
      const similar = name === undefined ? '' : suggestion(name, actionNames);
      throw new UsageError(`${said}${similar}; actions are ${actionNames.join(', ')}`);
    }
    if (surplus !== undefined) throw new UsageError(`"${surplus}" is not expected here`);
    await action({ parsed, terminal, config: configFrom(parsed, terminal).config });
    return exitStatus.ok;
  },
};

/** Resolves with what is to be said of it. */
async function create(call: Call): Promise<string> {
  if (call.parsed.flags.deployment !== undefined) {
    return deploymentSummary(await createOfDeployment(call));
  }
  const place = placeAt(call, 'to');
  const keep = keepOf(call);
  const manifest = await createAt(call, place);
  if (keep !== undefined) await keepNewest(place, keep);
  call.terminal.redraw('');
  return summary(manifest);
}

async function createAt({ config, terminal, parsed }: Call, place: Place): Promise<Manifest> {
  const { dataDirectory: directory } = config;
  const command = parsed.flags.while?.[0];
  const source = await openSource(directory).catch((error: Error) => {
    throw new ConfigError(`data: ${error.message}`);
  });
  try {
    return await createCheckpoint({
      place,
      directory,
      sideFiles: [credentialsFile],
      software: packageVersion(),
      source,
      nowMs: Date.now,
      onProgress: (progress) => terminal.redraw(progressText(progress)),
      ...(command !== undefined && { whileHeld: () => runCommand(command) }),
    });
  } finally {
    await source.close();
  }
}

/** By the shell, on this terminal. Throws CommandError when it fails: then there is no checkpoint. */
async function runCommand(command: string): Promise<void> {
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (status !== 0) {
    throw new CommandError(`"${command}" ended with ${signal ?? `exit status ${status}`}`);
  }
}

async function list({ parsed, terminal }: Call, place: Place): Promise<void> {
  const manifests = await readManifests(place);
  if (parsed.flags.json !== undefined) {
    terminal.print(JSON.stringify(manifests, undefined, 2));
    return;
  }
  const rows = manifests.map((manifest) => [
    String(manifest.epoch),
    manifest.createdAt,
    manifest.kind,
    String(manifest.sequence),
    String(manifest.database.bytes),
    String(manifest.files.count),
    String(manifest.files.bytes),
    String(manifest.addedBytes),
  ]);
  const names = ['epoch', 'made', 'kind', 'commit', 'database', 'files', 'bytes', 'added'];
  terminal.print(rows.length === 0 ? 'no checkpoints' : columns([names, ...rows]));
}

async function verify(call: Call, place: Place): Promise<void> {
  const { parsed, terminal } = call;
  const manifest = await findManifest(place, epochOf(call));
  const onProgress = (progress: Progress) => terminal.redraw(progressText(progress));
  const work = parsed.flags.work?.[0];
  if (place.isRemote && work === undefined) await verifyBytes(place, manifest, onProgress);
  else await verifyView(call, place, manifest);
  terminal.redraw('');
  terminal.print(`checkpoint ${manifest.epoch} is whole`);
}

/** Restored beside the checkpoints, by links where that can be, and checked as a data directory. */
async function verifyView(call: Call, place: Place, manifest: Manifest): Promise<void> {
  const { config, terminal } = call;
  const lock = await place.lock();
  try {
    const view = path.join(place.workDirectory, 'view');
    await restoreInto(call, place, manifest, view);
    if (manifest.kind !== 'embedded') return; // its pages are on other machines
    const report = await withStorage({ ...config, dataDirectory: view }, ({ blobseer, services }) =>
      blobseer.check({ references: services.namespace.inspect() }),
    );
    if (report.problemCount === 0) return;
    terminal.redraw('');
    for (const problem of report.problems) terminal.print(problem);
    throw new CommandError(
      `checkpoint ${manifest.epoch} is what was copied, and that was damaged: ${report.problemCount} problems`,
    );
  } finally {
    await lock.release();
  }
}

async function restore(call: Call): Promise<void> {
  const { terminal } = call;
  const at = deploymentPlaceAt(call, 'from');
  if (await isOfDeployment(at)) {
    throw new CommandError('it is of a deployment: "blobseer-s3 deploy start FILE --from PLACE"');
  }
  const { place } = at;
  const manifest = await findManifest(place, epochOf(call));
  const directory = path.resolve(terminal.workingDirectory, required(call, 'to', 'NEWDIR'));
  await restoreInto(call, place, manifest, directory);
  terminal.redraw('');
  terminal.print(`checkpoint ${manifest.epoch} of ${manifest.createdAt} is in ${directory}`);
}

function restoreInto(
  call: Call,
  place: Place,
  manifest: Manifest,
  directory: string,
): Promise<void> {
  const { terminal } = call;
  const moves = movesOf(call);
  const { databaseFile, settle } = kindOf(manifest.kind);
  return restoreCheckpoint({
    place,
    manifest,
    directory,
    databaseFile,
    settle: (restored) => settle(restored, moves),
    onProgress: (progress) => terminal.redraw(progressText(progress)),
  });
}

async function remove(call: Call, place: Place): Promise<void> {
  const epoch = epochOf(call);
  if (epoch === undefined) throw new UsageError('--epoch N is needed');
  const { removed } = await deleteCheckpoints(place, () => [epoch]);
  call.terminal.print(`checkpoint ${epoch} is deleted; ${removed} files that nothing else needs`);
}

async function scheduled(call: Call): Promise<void> {
  const { terminal } = call;
  const everyMs = durationMs(required(call, 'every', 'TIME'));
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => stopping.abort());
  }
  await schedule({
    everyMs,
    signal: stopping.signal,
    nowMs: Date.now,
    run: async () => terminal.print(await create(call)),
    onFailed: (error) => {
      const reason = error instanceof Error ? error.message : String(error);
      terminal.complain(`blobseer-s3 checkpoint: ${reason}; the next is made all the same`);
    },
  });
}

function summary({ epoch, database, files, addedBytes }: Manifest): string {
  const bytes = database.bytes + files.bytes;
  return `checkpoint ${epoch}: ${bytes} bytes, of which ${addedBytes} were not there before`;
}
