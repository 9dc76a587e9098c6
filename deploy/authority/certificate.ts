/**
 * Certificates of X.509 version 3 (RFC 5280), signed with ECDSA over P-256. Node verifies certificates and
 * makes none; a deployment needs two kinds of them, always of the same shape, which is less than what it
 * takes to drive the program `openssl` by files, and asks for nothing to be installed.
 */
import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import {
  addressBytes,
  bits,
  der,
  integer,
  objectId,
  octets,
  sequence,
  setOf,
  time,
  utf8,
  yes,
} from './der.ts';

const oid = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuthentication: '1.3.6.1.5.5.7.3.1',
  clientAuthentication: '1.3.6.1.5.5.7.3.2',
} as const;

/** Tags within a certificate that depend on where they stand. */
const context = {
  version: 0xa0,
  extensions: 0xa3,
  dnsName: 0x82,
  ipAddress: 0x87,
  keyIdentifier: 0x80,
} as const;

const version3 = Buffer.of(2);
const serialBytes = 16;
/** What RFC 5280 takes of a common name. */
const maxCommonNameCharacters = 64;
const lineCharacters = 64;

export interface Signer {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export interface Validity {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Signed by itself: it may sign certificates of members, and those may sign none. */
export function authorityCertificate(self: Signer, validity: Validity): string {
  const mayOnlySignMembers = sequence(yes, integer(Buffer.of(0)));
  const signsCertificatesAndLists = bits(Buffer.of(0b0000_0110), 1);
  return signed(self, self.commonName, self.publicKey, validity, [
    critical(oid.basicConstraints, mayOnlySignMembers),
    critical(oid.keyUsage, signsCertificatesAndLists),
    extension(oid.subjectKeyIdentifier, octets(keyIdentifier(self.publicKey))),
  ]);
}

export interface MemberCertificate {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  /** Names and addresses that it answers to. */
  readonly hosts: readonly string[];
  readonly validity: Validity;
}

/** For both ends of a connection. */
export function memberCertificate(
  authority: Signer,
  { commonName, publicKey, hosts, validity }: MemberCertificate,
): string {
  const signsHandshakes = bits(Buffer.of(0b1000_0000), 7);
  const bothEnds = sequence(objectId(oid.serverAuthentication), objectId(oid.clientAuthentication));
  const authorityKey = der(context.keyIdentifier, keyIdentifier(authority.publicKey));
  return signed(authority, commonName, publicKey, validity, [
    critical(oid.basicConstraints, sequence()),
    critical(oid.keyUsage, signsHandshakes),
    extension(oid.extendedKeyUsage, bothEnds),
    extension(oid.subjectAlternativeName, sequence(...hosts.map(generalName))),
    extension(oid.subjectKeyIdentifier, octets(keyIdentifier(publicKey))),
    extension(oid.authorityKeyIdentifier, sequence(authorityKey)),
  ]);
}

function signed(
  issuer: Signer,
  subject: string,
  publicKey: KeyObject,
  { fromMs, untilMs }: Validity,
  extensions: readonly Uint8Array[],
): string {
  const algorithm = sequence(objectId(oid.ecdsaWithSha256));
  const content = sequence(
    der(context.version, integer(version3)),
    integer(newSerial()),
    algorithm,
    nameOf(issuer.commonName),
    sequence(time(fromMs), time(untilMs)),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(context.extensions, sequence(...extensions)),
  );
  const signature = sign('sha256', content, issuer.privateKey);
  return pem(sequence(content, algorithm, bits(signature)));
}

/** Positive, and without a leading zero. */
function newSerial(): Buffer {
  const serial = randomBytes(serialBytes);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  return serial;
}

function nameOf(commonName: string): Buffer {
  const text = commonName.slice(0, maxCommonNameCharacters);
  return sequence(setOf(sequence(objectId(oid.commonName), utf8(text))));
}

function generalName(host: string): Buffer {
  return isIP(host) === 0
    ? der(context.dnsName, Buffer.from(host, 'latin1'))
    : der(context.ipAddress, addressBytes(host));
}

/** Any value that tells keys apart (RFC 5280, 4.2.1.2). */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const key = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest().subarray(0, 20);
}

const extension = (id: string, value: Uint8Array): Buffer => sequence(objectId(id), octets(value));
const critical = (id: string, value: Uint8Array): Buffer =>
  sequence(objectId(id), yes, octets(value));

function pem(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('base64');
  const lines = text.match(new RegExp(`.{1,${lineCharacters}}`, 'g'))!.join('\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
