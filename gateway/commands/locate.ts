/** `blobseer-s3 locate`: where an object is in BlobSeer's own terms, for jobs that read it natively. */
import { RemoteBlobSeer } from '../../blobseer-client/index.ts';
import type { ObjectVersion } from '../namespace/namespace.ts';
import type { Services } from '../services.ts';
import { exitStatus } from '../terminal.ts';
import {
  type Command,
  CommandError,
  columns,
  configFrom,
  dataOptions,
  parseArguments,
  UsageError,
} from './command.ts';
import { withStorage } from './tool.ts';

const options = {
  ...dataOptions,
  'version-id': { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** A run of an object's bytes, as one of BlobSeer's clients finds it. */
interface LocatedExtent {
  /** Of the object: where these bytes stand in it. */
  readonly objectOffset: number;
  readonly length: number;
  readonly blobId: number;
  readonly version: number;
  readonly pageSize: number;
  /** Of the blob's version. */
  readonly offset: number;
  readonly size: number;
}

export const locate: Command = {
  name: 'locate',
  summary: 'tells in which blobs of a BlobSeer an object is',
  help: `Usage: blobseer-s3 locate s3://BUCKET/KEY --blobseer FILE [options]

Prints the blob id, version, page size and true length that hold the object's bytes, one line for each
run of them (an object uploaded in parts has one for each part), so that a job inside the cloud reads
the same bytes from the providers. The version stays readable as long as the object's version exists.
Works on the data directory itself, also while a server runs. Exit status: 0, or 1 where there is no
such object.

Options:
  --data DIR         the data directory (default ./data)
  --blobseer FILE    the configuration file of the BlobSeer that has the pages
  --version-id ID    a version of the object; the current one by default
  --json             as a JSON array
  --config FILE      a configuration file

Examples:
  blobseer-s3 locate s3://photos/holiday.mp4 --blobseer blobseer.cfg
  blobseer-s3 locate s3://results/run-7.h5 --blobseer blobseer.cfg --json`,

  async run(args, terminal) {
    const parsed = parseArguments(args, options);
    const [address, ...rest] = parsed.positionals;
    const { bucketName, key } = parseAddress(address, rest);
    const { config } = configFrom(parsed, terminal);
    if (config.blobseerFile === undefined) {
      throw new CommandError('the pages are in the data directory itself: give --blobseer FILE');
    }
    const extents = await withStorage(config, async ({ blobseer, services }) => {
      if (!(blobseer instanceof RemoteBlobSeer)) throw new CommandError('there is no BlobSeer');
      const versionId = parsed.flags['version-id']?.[0];
      return extentsOf(blobseer, services, { bucketName, key, versionId });
    });
    terminal.print(parsed.flags.json === undefined ? table(extents) : JSON.stringify(extents));
    return exitStatus.ok;
  },
};

function parseAddress(
  address: string | undefined,
  rest: readonly string[],
): { bucketName: string; key: string } {
  const match = /^s3:\/\/([^/]+)\/(.+)$/s.exec(address ?? '');
  if (match === null || rest.length > 0) throw new UsageError('name one object as s3://BUCKET/KEY');
  return { bucketName: match[1]!, key: match[2]! };
}

function extentsOf(
  blobseer: RemoteBlobSeer,
  { namespace }: Pick<Services, 'namespace'>,
  wanted: { bucketName: string; key: string; versionId: string | undefined },
): LocatedExtent[] {
  const { bucketName, key, versionId } = wanted;
  const bucket = namespace.bucket(bucketName);
  if (bucket === undefined) throw new CommandError(`there is no bucket ${bucketName}`);
  const version: ObjectVersion | undefined =
    versionId === undefined
      ? namespace.current(bucket.id, key)
      : namespace.version(bucket.id, key, versionId);
  if (version === undefined || version.isDeleteMarker) {
    throw new CommandError(`there is no object ${key} in ${bucketName}`);
  }
  const located: LocatedExtent[] = [];
  let objectOffset = 0;
  for (const { snapshot, offset, length } of namespace.extents(bucket.id, version)) {
    const coordinates = blobseer.locate(snapshot);
    if (coordinates !== undefined) located.push({ objectOffset, length, ...coordinates, offset });
    objectOffset += length;
  }
  return located;
}

function table(extents: readonly LocatedExtent[]): string {
  if (extents.length === 0) return 'the object has no bytes';
  const names = [
    'object offset',
    'length',
    'blob',
    'version',
    'page size',
    'offset',
    'blob length',
  ];
  const rows = extents.map((one) => [
    `${one.objectOffset}`,
    `${one.length}`,
    `${one.blobId}`,
    `${one.version}`,
    `${one.pageSize}`,
    `${one.offset}`,
    `${one.size}`,
  ]);
  return columns([names, ...rows]);
}
