/** What `serve` prints when it serves: where, with which keys, and what to try first. */
import type { Config } from '../config.ts';
import { defaultRegion } from '../config.ts';
import type { RootKey } from '../root-user.ts';
import { columns } from './command.ts';

export function welcome(parts: {
  readonly urls: readonly string[];
  readonly config: Config;
  readonly rootKey: RootKey;
  readonly version: string;
}): string {
  const { urls, config, rootKey, version } = parts;
  const facts = columns([
    ...urls.map((url, at) => [at === 0 ? '  endpoint' : '', url]),
    ['  data', config.dataDirectory],
    ['  access key', rootKey.accessKey],
    ['  secret key', secretLine(rootKey)],
  ]);
  return [
    `blobseer-s3 ${version} is ready.`,
    '',
    facts,
    '',
    'Three commands to try:',
    `  export AWS_ACCESS_KEY_ID=${rootKey.accessKey} AWS_SECRET_ACCESS_KEY=${secretWord(rootKey)}`,
    `  export AWS_DEFAULT_REGION=${config.region ?? defaultRegion} AWS_ENDPOINT_URL=${reachable(urls[0] ?? '')}`,
    '  aws s3 mb s3://photos',
    '  aws s3 cp README.md s3://photos/',
    '  aws s3 ls s3://photos',
  ].join('\n');
}

/** Shown once, at the start that made it. */
function secretLine({ isNew, file, secretKey }: RootKey): string {
  if (isNew) return `${secretKey}  (kept in ${file})`;
  return file === undefined ? 'as configured' : `in ${file}`;
}

/** For the export line: the secret itself where it is new, else how the shell gets at it. */
function secretWord({ isNew, file, secretKey }: RootKey): string {
  if (isNew) return secretKey;
  if (file === undefined) return '...';
  const quoted = `'${file.replaceAll("'", "'\\''")}'`;
  return `$(sed -n 's/.*"secretKey": "\\(.*\\)".*/\\1/p' ${quoted})`;
}

/** An address that a client on this machine can use. */
function reachable(url: string): string {
  return url.replace('//[::]:', '//localhost:').replace('//0.0.0.0:', '//127.0.0.1:');
}
