/** The key that the gateways' root user has: given by reference, or generated once. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { Description, Reference } from '../description/description.ts';
import { makePrivateDirectory, writePrivateFile } from '../private-file.ts';
import type { Layout } from './layout.ts';

const maxSecretBytes = 4096;

export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface CredentialSources {
  /** Relative paths of the description start here. */
  readonly fileDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly generate: () => Credentials;
}

/** What the references name; where the description has none, what is kept, or new. Errors hold no secret. */
export function findCredentials(
  { credentials }: Description,
  layout: Layout,
  sources: CredentialSources,
): Credentials {
  if (credentials !== undefined) {
    const { accessKey, secretKey } = credentials;
    return { accessKey: resolve(accessKey, sources), secretKey: resolve(secretKey, sources) };
  }
  return existsSync(layout.secretKey) ? readCredentials(layout) : sources.generate();
}

/** Kept in files of the deployment, mode 0600, the secret last. */
export function keepCredentials(layout: Layout, { accessKey, secretKey }: Credentials): void {
  makePrivateDirectory(path.dirname(layout.accessKey));
  writePrivateFile(layout.accessKey, `${accessKey}\n`);
  writePrivateFile(layout.secretKey, `${secretKey}\n`);
}

export function readCredentials({ accessKey, secretKey }: Layout): Credentials {
  return { accessKey: readSecret(accessKey), secretKey: readSecret(secretKey) };
}

function resolve(reference: Reference, { fileDirectory, environment }: CredentialSources): string {
  if (reference.kind === 'file') return readSecret(path.resolve(fileDirectory, reference.file));
  const value = environment[reference.name];
  if (value !== undefined && value !== '') return value;
  throw wrong(`the environment variable ${reference.name}, which has a credential, is not set`);
}

function readSecret(file: string): string {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw wrong(`cannot read the credential in ${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
  // Editors and `echo` end a file with a line feed.
  const secret = content.replace(/\r?\n$/, '');
  if (secret !== '' && content.length <= maxSecretBytes && !/[\r\n]/.test(secret)) return secret;
  throw wrong(`${file} must hold one line, the credential`);
}

function wrong(message: string): BlobSeerError {
  return new BlobSeerError('invalid-argument', message);
}
