/**
 * How programs of ours speak to each other: plain on the networks that the operator named, by TLS 1.3
 * with everybody else, each side proving that it belongs to the deployment. With a shared secret that is
 * TLS's own pre-shared key, mixed with a key exchange (X25519), so that a secret that leaks opens nothing
 * that was recorded before. With certificates it is a certificate of the deployment's own authority on
 * both sides; the names in them are not looked at.
 */
import { scryptSync } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { BlockList, isIP, type Socket } from 'node:net';
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  createServer,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import { BlobSeerError } from '../errors.ts';
import type { Credentials, SecuritySettings } from './security-settings.ts';

/** Whoever records a handshake may try secrets for as long as he likes: it must be beyond guessing. */
const minSecretBytes = 32;
const maxFileBytes = 64 * 1024;
const accessOfOthers = 0o077;
const keyBytes = 32;
/** Part of what the key is derived from: another use of the same file gives another key. */
const salt = 'blobseer tls-psk 1';
const identity = 'blobseer';
const protocol = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;
/** The one of TLS 1.3 that goes with a pre-shared key of no other agreement (its hash is SHA-256). */
const secretCiphers = 'TLS_AES_128_GCM_SHA256';
/** Addresses whose networks are remembered. */
const maxRemembered = 4096;

export class Security {
  readonly #client: ConnectionOptions;
  readonly #server: TlsOptions;
  readonly #plain = new BlockList();
  readonly #isPlain = new Map<string, boolean>();

  /** Reads the files. Throws `invalid-argument`, or `denied` where others could read a secret. */
  constructor({ credentials, plainNetworks }: SecuritySettings) {
    const { context, client, server } = tlsOf(credentials);
    this.#client = { ...client, secureContext: createSecureContext(context) };
    this.#server = { ...server, ...context };
    for (const { address, prefixBits, family } of plainNetworks) {
      this.#plain.addSubnet(address, prefixBits, family);
    }
  }

  /** Whether bytes to and from this IP address travel in clear. */
  isPlain(address: string | undefined): boolean {
    if (address === undefined) return false;
    const remembered = this.#isPlain.get(address);
    if (remembered !== undefined) return remembered;
    const family = isIP(address);
    const isPlain = family !== 0 && this.#plain.check(address, family === 4 ? 'ipv4' : 'ipv6');
    if (this.#isPlain.size >= maxRemembered) this.#isPlain.clear();
    this.#isPlain.set(address, isPlain);
    return isPlain;
  }

  /** Secures an outgoing connection: it emits `secureConnect`, or `error`. */
  secure(connected: Socket): TLSSocket {
    return connect({ ...this.#client, socket: connected });
  }

  /** It listens nowhere: accepted sockets are given to it by its event `connection`. */
  createAcceptor(): Server {
    return createServer(this.#server);
  }
}

interface Tls {
  /** For both ends. */
  readonly context: SecureContextOptions;
  readonly client: ConnectionOptions;
  readonly server: TlsOptions;
}

function tlsOf(credentials: Credentials): Tls {
  if (credentials.kind === 'secret') {
    const { secretFile } = credentials;
    return withSecret(keyOf(readPrivate(secretFile), secretFile));
  }
  const { caFile, certFile, keyFile } = credentials;
  const context = {
    ...protocol,
    ca: readFile(caFile),
    cert: readFile(certFile),
    key: readPrivate(keyFile),
  };
  try {
    createSecureContext(context);
  } catch (error) {
    const message = `${caFile}, ${certFile}, ${keyFile}: ${(error as Error).message}`;
    throw new BlobSeerError('invalid-argument', message);
  }
  return {
    context,
    client: { checkServerIdentity: () => undefined },
    server: { requestCert: true, rejectUnauthorized: true },
  };
}

function withSecret(psk: Buffer): Tls {
  return {
    // No authority at all: nobody gets by with a certificate.
    context: { ...protocol, ciphers: secretCiphers, ca: [] },
    client: {
      pskCallback: () => ({ psk, identity }),
      // Not called where the key was used.
      checkServerIdentity: () => new Error('a certificate instead of the secret'),
    },
    server: { pskCallback: (_socket, name) => (name === identity ? psk : null) },
  };
}

/** Slow on purpose, in case that somebody takes a sentence for a secret. */
function keyOf(content: Buffer, file: string): Buffer {
  let end = content.length;
  // Editors and `echo` end a file with a line feed.
  while (end > 0 && (content[end - 1] === 0x0a || content[end - 1] === 0x0d)) end--;
  if (end < minSecretBytes) {
    const message = `the secret in ${file} has ${end} bytes; ${minSecretBytes} random ones are needed`;
    throw new BlobSeerError('invalid-argument', message);
  }
  return scryptSync(content.subarray(0, end), salt, keyBytes);
}

function readFile(file: string): Buffer {
  return reading(file, (descriptor) => contentOf(descriptor, file));
}

/** Throws `denied` where others than its owner may read it, or replace it. */
function readPrivate(file: string): Buffer {
  return reading(file, (descriptor) => {
    if ((fstatSync(descriptor).mode & accessOfOthers) !== 0) {
      const message = `others than its owner have access to ${file}: chmod 600 it`;
      throw new BlobSeerError('denied', message);
    }
    return contentOf(descriptor, file);
  });
}

function contentOf(descriptor: number, file: string): Buffer {
  const content = Buffer.alloc(maxFileBytes + 1);
  const bytes = readSync(descriptor, content);
  if (bytes <= maxFileBytes) return content.subarray(0, bytes);
  throw new BlobSeerError('invalid-argument', `${file} has more than ${maxFileBytes} bytes`);
}

function reading(file: string, read: (descriptor: number) => Buffer): Buffer {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    return read(descriptor);
  } catch (error) {
    if (error instanceof BlobSeerError) throw error;
    const message = `cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`;
    throw new BlobSeerError('invalid-argument', message, { cause: error });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
