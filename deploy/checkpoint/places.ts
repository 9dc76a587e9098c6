/** Places by name: a directory, or s3://BUCKET/PREFIX. */
import path from 'node:path';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { DirectoryPlace } from './directory-place.ts';
import type { Place } from './place.ts';
import { S3Client } from './s3-client.ts';
import { S3Place } from './s3-place.ts';

export interface PlaceSurroundings {
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly endpointUrl: string | undefined;
  /** Where a bucket's files are made. */
  readonly workDirectory: string;
}

/** Throws `invalid-argument`. */
export function openPlace(text: string, surroundings: PlaceSurroundings): Place {
  if (!text.startsWith('s3:')) {
    return new DirectoryPlace(path.resolve(surroundings.workingDirectory, text));
  }
  const [, bucket, prefix = ''] = /^s3:\/\/([a-z0-9.-]{3,63})(?:\/([\w./-]*))?$/i.exec(text) ?? [];
  if (bucket === undefined) {
    throw new BlobSeerError('invalid-argument', `${text} is not s3://BUCKET/PREFIX`);
  }
  const { environment } = surroundings;
  const accessKeyId = environment.AWS_ACCESS_KEY_ID;
  const secretAccessKey = environment.AWS_SECRET_ACCESS_KEY;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new BlobSeerError(
      'invalid-argument',
      `for ${text} AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are needed`,
    );
  }
  const region = environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION ?? 'us-east-1';
  const client = new S3Client({
    endpoint: endpointOf(surroundings, region),
    region,
    bucket,
    accessKeyId,
    secretAccessKey,
    sessionToken: environment.AWS_SESSION_TOKEN,
  });
  const folder = prefix.replace(/\/+$/, '');
  return new S3Place({
    client,
    name: text,
    prefix: folder === '' ? '' : `${folder}/`,
    workDirectory: surroundings.workDirectory,
  });
}

function endpointOf({ endpointUrl, environment }: PlaceSurroundings, region: string): URL {
  const text = endpointUrl ?? environment.AWS_ENDPOINT_URL ?? `https://s3.${region}.amazonaws.com`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw new BlobSeerError('invalid-argument', `"${text}" is no URL of an S3 service`);
  }
  return url;
}
