/** `blobseer-s3 checkpoint`: copies of a data directory as of one moment, made while it is served. */
import path from 'node:path';
import { createCheckpoint } from '../../deploy/checkpoint/create.ts';
import { deleteCheckpoints } from '../../deploy/checkpoint/delete.ts';
import { kindOf, openSource } from '../../deploy/checkpoint/kinds.ts';
import { findManifest, type Manifest, readManifests } from '../../deploy/checkpoint/manifest.ts';
import type { Place } from '../../deploy/checkpoint/place.ts';
import { openPlace } from '../../deploy/checkpoint/places.ts';
import type { Progress } from '../../deploy/checkpoint/progress.ts';
import { restoreCheckpoint } from '../../deploy/checkpoint/restore.ts';
import { keepNewest, schedule } from '../../deploy/checkpoint/schedule.ts';
import { verifyBytes } from '../../deploy/checkpoint/verify.ts';
import type { Config } from '../config.ts';
import { credentialsFile } from '../root-user.ts';
import { suggestion } from '../suggestion.ts';
import { exitStatus, type Terminal } from '../terminal.ts';
import {
  type Command,
  CommandError,
  columns,
  configFrom,
  dataOptions,
  type ParsedArguments,
  parseArguments,
  UsageError,
} from './command.ts';
import { withStorage } from './tool.ts';
import { packageVersion } from './version.ts';

const options = {
  ...dataOptions,
  to: { type: 'string' },
  from: { type: 'string' },
  epoch: { type: 'string' },
  every: { type: 'string' },
  keep: { type: 'string' },
  work: { type: 'string' },
  json: { type: 'boolean' },
  'endpoint-url': { type: 'string' },
} as const;

/** What every action is given. */
interface Call {
  readonly parsed: ParsedArguments;
  readonly terminal: Terminal;
  readonly config: Config;
}

const actions: Readonly<Record<string, (call: Call) => Promise<void>>> = {
  create: async (call) => {
    const manifest = await create(call, placeAt(call, 'to'), keepOf(call));
    call.terminal.redraw('');
    call.terminal.print(summary(manifest));
  },
  list,
  verify,
  restore,
  delete: remove,
  schedule: scheduled,
};
const actionNames = Object.keys(actions);

export const checkpoint: Command = {
  name: 'checkpoint',
  summary: 'makes, lists, verifies, restores and deletes checkpoints of the data directory',
  help: `Usage: blobseer-s3 checkpoint create   --data DIR --to PLACE [--keep N]
       blobseer-s3 checkpoint schedule --data DIR --to PLACE --every 1h [--keep N]
       blobseer-s3 checkpoint list     --from PLACE [--json]
       blobseer-s3 checkpoint verify   --from PLACE [--epoch N] [--work DIR]
       blobseer-s3 checkpoint restore  --from PLACE [--epoch N] --to NEWDIR
       blobseer-s3 checkpoint delete   --from PLACE --epoch N

A checkpoint is the whole directory as of one commit. It is made while a server runs: writers wait for one
small commit, however much there is. A PLACE is a directory or s3://BUCKET/PREFIX. It keeps checkpoints of one data
directory, each with its number (epoch); they share what is equal. In a directory on the file system of the data,
page files are hard links: quick, and no help when that disk dies.

"verify" reads all of a checkpoint, and where PLACE is a directory (or with --work DIR) checks it as "blobseer-s3
check" does. "restore" takes the newest one unless told otherwise, and refuses what is damaged or does not fit.
Credentials of a bucket are in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION.
Exit status: 0 done, 1 failed or damaged, 2 wrong usage.

Options:
  --data DIR           the data directory (default ./data)
  --to, --from PLACE   where checkpoints are kept; of restore, --to is the new data directory
  --epoch N            which checkpoint; the newest by default
  --keep N             after it has been made, delete all but the newest N
  --every TIME         30m, 1h, 1d: how often; it runs until SIGTERM or Ctrl-C
  --work DIR           where a bucket's checkpoints are unpacked for a while (default: in the data directory)
  --endpoint-url URL   of the bucket; AWS by default
  --blobseer FILE      the configuration file of the BlobSeer that has the pages
  --config FILE        a configuration file

Examples:
  blobseer-s3 checkpoint create --data /srv/blobseer-s3 --to /backup/blobseer-s3
  blobseer-s3 checkpoint schedule --data /srv/blobseer-s3 --to s3://backup/blobseer-s3 --every 1h --keep 24
  blobseer-s3 checkpoint restore --from /backup/blobseer-s3 --to /srv/again`,

  async run(args, terminal) {
    const parsed = parseArguments(args, options);
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

async function create(call: Call, place: Place, keep: number | undefined): Promise<Manifest> {
  const { dataDirectory: directory } = call.config;
  const source = await openSource(directory);
  let manifest: Manifest;
  try {
    manifest = await createCheckpoint({
      place,
      directory,
      sideFiles: [credentialsFile],
      software: packageVersion(),
      source,
      nowMs: Date.now,
      onProgress: (progress) => call.terminal.redraw(progressText(progress)),
    });
  } finally {
    await source.close();
  }
  if (keep !== undefined) await keepNewest(place, keep);
  return manifest;
}

async function list(call: Call): Promise<void> {
  const { parsed, terminal } = call;
  const manifests = await readManifests(placeAt(call, 'from'));
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

async function verify(call: Call): Promise<void> {
  const { parsed, terminal } = call;
  const place = placeAt(call, 'from');
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
      blobseer.check({ references: services.namespace.references() }),
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
  const place = placeAt(call, 'from');
  const manifest = await findManifest(place, epochOf(call));
  const directory = path.resolve(terminal.workingDirectory, required(call, 'to', 'NEWDIR'));
  await restoreInto(call, place, manifest, directory);
  terminal.redraw('');
  terminal.print(`checkpoint ${manifest.epoch} of ${manifest.createdAt} is in ${directory}`);
}

function restoreInto(
  { terminal }: Call,
  place: Place,
  manifest: Manifest,
  directory: string,
): Promise<void> {
  const { databaseFile, settle } = kindOf(manifest.kind);
  return restoreCheckpoint({
    place,
    manifest,
    directory,
    databaseFile,
    settle: (restored) => settle(restored, new Map()),
    onProgress: (progress) => terminal.redraw(progressText(progress)),
  });
}

async function remove(call: Call): Promise<void> {
  const place = placeAt(call, 'from');
  const epoch = epochOf(call);
  if (epoch === undefined) throw new UsageError('--epoch N is needed');
  const { removed } = await deleteCheckpoints(place, () => [epoch]);
  call.terminal.print(`checkpoint ${epoch} is deleted; ${removed} files that nothing else needs`);
}

async function scheduled(call: Call): Promise<void> {
  const { terminal } = call;
  const place = placeAt(call, 'to');
  const keep = keepOf(call);
  const everyMs = durationMs(required(call, 'every', 'TIME'));
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => stopping.abort());
  }
  await schedule({
    everyMs,
    signal: stopping.signal,
    nowMs: Date.now,
    run: async () => {
      const manifest = await create(call, place, keep);
      terminal.redraw('');
      terminal.print(summary(manifest));
      return manifest;
    },
    onFailed: (error) => {
      const reason = error instanceof Error ? error.message : String(error);
      terminal.complain(`blobseer-s3 checkpoint: ${reason}; the next is made all the same`);
    },
  });
}

function placeAt(call: Call, flag: 'to' | 'from'): Place {
  const { parsed, terminal, config } = call;
  const work = parsed.flags.work?.[0] ?? path.join(config.dataDirectory, 'checkpoint-work');
  return openPlace(required(call, flag, 'PLACE'), {
    workingDirectory: terminal.workingDirectory,
    environment: terminal.environment,
    endpointUrl: parsed.flags['endpoint-url']?.[0],
    workDirectory: path.resolve(terminal.workingDirectory, work),
  });
}

function required({ parsed }: Call, flag: string, value: string): string {
  const given = parsed.flags[flag]?.[0];
  if (given === undefined || given === '') throw new UsageError(`--${flag} ${value} is needed`);
  return given;
}

function epochOf({ parsed }: Call): number | undefined {
  const text = parsed.flags.epoch?.[0];
  if (text === undefined || text === 'latest') return undefined;
  return positive(text, '--epoch');
}

function keepOf({ parsed }: Call): number | undefined {
  const text = parsed.flags.keep?.[0];
  return text === undefined ? undefined : positive(text, '--keep');
}

function positive(text: string, flag: string): number {
  const value = /^\d{1,8}$/.test(text) ? Number(text) : 0;
  if (value === 0) throw new UsageError(`${flag} must be a positive number, not "${text}"`);
  return value;
}

function durationMs(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit ?? ''];
  if (unitMs === undefined || Number(count) === 0) {
    throw new UsageError(`--every must be a time like 30m, 1h or 1d, not "${text}"`);
  }
  return Number(count) * unitMs;
}

function progressText({ what, done, total }: Progress): string {
  return total === undefined ? `${what}: ${done}` : `${what}: ${done} of ${total}`;
}

function summary({ epoch, database, files, addedBytes }: Manifest): string {
  const bytes = database.bytes + files.bytes;
  return `checkpoint ${epoch}: ${bytes} bytes, of which ${addedBytes} were not there before`;
}
