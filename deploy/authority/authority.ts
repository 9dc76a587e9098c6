/**
 * The authority of one deployment: its members trust those whose certificate it signed, and nobody else.
 * It is a key and a certificate in a directory that stays where the deployment is managed from.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  X509Certificate,
} from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { makePrivateDirectory, writePrivateFile } from '../private-file.ts';
import { authorityCertificate, memberCertificate, type Signer } from './certificate.ts';

const files = { certificate: 'ca.pem', key: 'ca-key.pem' } as const;
const dayMs = 86_400_000;
const authorityValidityMs = 7300 * dayMs;
const memberValidityMs = 730 * dayMs;
/** A certificate that is valid for less than this is renewed whenever its member is prepared for a start. */
const renewalMs = 365 * dayMs;
/** Clocks differ: a certificate is valid a little before it was made. */
const skewMs = 3_600_000;

export interface AuthorityOptions {
  readonly directory: string;
  /** Of the deployment. */
  readonly name: string;
  readonly nowMs: () => number;
}

export interface Identity {
  /** Of the authority, as PEM; the others too. */
  readonly authority: string;
  readonly certificate: string;
  /** Secret. */
  readonly key: string;
}

export interface IdentityRequest {
  /** Of the member. */
  readonly name: string;
  /** Names and addresses under which it is reached. */
  readonly hosts: readonly string[];
}

export class Authority {
  readonly certificate: string;
  readonly #signer: Signer;
  readonly #options: AuthorityOptions;

  private constructor(options: AuthorityOptions, signer: Signer, certificate: string) {
    this.#options = options;
    this.#signer = signer;
    this.certificate = certificate;
  }

  /** Made where there is none. Throws `not-found` where its key was lost, `corrupt` where its files are damaged. */
  static open(options: AuthorityOptions): Authority {
    const { directory, name, nowMs } = options;
    makePrivateDirectory(directory);
    const keyFile = path.join(directory, files.key);
    const certificateFile = path.join(directory, files.certificate);
    if (!existsSync(keyFile)) {
      if (existsSync(certificateFile)) {
        throw new BlobSeerError(
          'not-found',
          `${keyFile} is missing: bring it back, or remove ${certificateFile} to have a new authority`,
        );
      }
      writePrivateFile(keyFile, newKey());
    }
    const signer = signerOf(`${name} authority`, keyFile);
    if (!existsSync(certificateFile)) {
      const fromMs = nowMs() - skewMs;
      const validity = { fromMs, untilMs: fromMs + authorityValidityMs };
      writePrivateFile(certificateFile, authorityCertificate(signer, validity));
    }
    const certificate = readFileSync(certificateFile, 'utf8');
    if (!fits(certificate, signer)) {
      throw new BlobSeerError('corrupt', `${certificateFile} is not the certificate of ${keyFile}`);
    }
    return new Authority(options, signer, certificate);
  }

  issue({ name, hosts }: IdentityRequest): Identity {
    const key = newKey();
    const fromMs = this.#options.nowMs() - skewMs;
    const certificate = memberCertificate(this.#signer, {
      commonName: `${name}.${this.#options.name}`,
      publicKey: createPublicKey(key),
      hosts,
      validity: { fromMs, untilMs: fromMs + memberValidityMs },
    });
    return { authority: this.certificate, certificate, key };
  }

  /** Whether a certificate is this authority's, goes with its key, has all the names and lasts for a while. */
  isGood({ authority, certificate, key }: Identity, { hosts }: IdentityRequest): boolean {
    try {
      const read = new X509Certificate(certificate);
      return (
        authority === this.certificate &&
        read.verify(this.#signer.publicKey) &&
        read.checkPrivateKey(createPrivateKey(key)) &&
        Date.parse(read.validTo) - this.#options.nowMs() > renewalMs &&
        hosts.every((host) => (isIP(host) === 0 ? read.checkHost(host) : read.checkIP(host)))
      );
    } catch {
      // Damaged, or half written.
      return false;
    }
  }
}

function newKey(): string {
  return generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey;
}

function signerOf(commonName: string, keyFile: string): Signer {
  try {
    const privateKey = createPrivateKey(readFileSync(keyFile));
    return { commonName, privateKey, publicKey: createPublicKey(privateKey) };
  } catch (cause) {
    throw new BlobSeerError('corrupt', `${keyFile} is no private key`, { cause });
  }
}

function fits(certificate: string, { privateKey }: Signer): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(privateKey);
  } catch {
    return false;
  }
}
