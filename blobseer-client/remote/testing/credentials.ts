/**
 * Secrets and certificates made at run time: the tests need no openssl and the repository holds no key.
 * The least of X.509 (RFC 5280) in DER.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Security } from '../security.ts';
import type { Credentials, Network, SecuritySettings } from '../security-settings.ts';

const oid = {
  commonName: [0x55, 0x04, 0x03],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
  basicConstraints: [0x55, 0x1d, 0x13],
};
const dayMs = 86_400_000;
const certificateBody = 0xa0;
const extensionsTag = 0xa3;
const ownerOnly = { mode: 0o600 };

/** 127.0.0.0/8. */
export const loopback: Network = { address: '127.0.0.0', prefixBits: 8, family: 'ipv4' };

/** A folder of files that go with it. */
export class CredentialFolder implements Disposable {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'credentials-'));

  secret(name: string, plainNetworks: readonly Network[] = []): Security {
    return new Security(this.secretSettings(name, plainNetworks));
  }

  /** A secret of the deployment: `name` stands for which one. */
  secretSettings(name: string, plainNetworks: readonly Network[] = []): SecuritySettings {
    const secretFile = this.path(name);
    writeFileSync(secretFile, `${name.padEnd(40, '.')}\n`, ownerOnly);
    return { credentials: { kind: 'secret', secretFile }, plainNetworks };
  }

  /** A certificate signed by one authority, and trust in another, or the same. */
  certificate(
    authority: Authority,
    { trusted = authority, plainNetworks = [] as readonly Network[] } = {},
  ): Security {
    const { certificate, privateKey } = authority.issue();
    const caFile = this.path('ca.pem');
    const certFile = this.path('cert.pem');
    const keyFile = this.path('key.pem');
    writeFileSync(caFile, trusted.certificate);
    writeFileSync(certFile, certificate);
    writeFileSync(keyFile, pemOf(privateKey), ownerOnly);
    return this.open({ kind: 'certificate', caFile, certFile, keyFile }, plainNetworks);
  }

  path(name: string): string {
    return path.join(this.directory, name);
  }

  open(credentials: Credentials, plainNetworks: readonly Network[] = []): Security {
    return new Security({ credentials, plainNetworks });
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}

/** Signs certificates. */
export class Authority {
  readonly certificate: string;
  readonly #name: string;
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

  constructor(name: string) {
    this.#name = name;
    this.certificate = this.#sign(name, this.#keys.publicKey);
  }

  issue(): { readonly certificate: string; readonly privateKey: KeyObject } {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    return { certificate: this.#sign('member', publicKey), privateKey };
  }

  #sign(subject: string, publicKey: KeyObject): string {
    const algorithm = sequence(objectId(oid.ecdsaWithSha256));
    const isAuthority = subject === this.#name;
    const constraints = sequence(...(isAuthority ? [der(0x01, Buffer.of(0xff))] : []));
    const body = sequence(
      der(certificateBody, der(0x02, Buffer.of(2))), // version 3
      der(0x02, Buffer.concat([Buffer.of(0x40), randomBytes(8)])),
      algorithm,
      nameOf(this.#name),
      sequence(utcTime(Date.now() - dayMs), utcTime(Date.now() + dayMs)),
      nameOf(subject),
      publicKey.export({ type: 'spki', format: 'der' }),
      der(
        extensionsTag,
        sequence(sequence(objectId(oid.basicConstraints), der(0x04, constraints))),
      ),
    );
    const signature = Buffer.concat([Buffer.of(0), sign('sha256', body, this.#keys.privateKey)]);
    const whole = sequence(body, algorithm, der(0x03, signature)).toString('base64');
    const lines = whole.match(/.{1,64}/g)!.join('\n');
    return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
  }
}

function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const { length } = body;
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

const sequence = (...items: readonly Uint8Array[]) => der(0x30, ...items);
const objectId = (bytes: readonly number[]) => der(0x06, Buffer.from(bytes));
const nameOf = (name: string) =>
  sequence(der(0x31, sequence(objectId(oid.commonName), der(0x0c, Buffer.from(name)))));
const pemOf = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' });

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d{3}/g, '');
  return der(0x17, Buffer.from(digits.slice(2)));
}
