/**
 * The group `security` of a configuration file, which the original does not have: how programs of ours
 * speak to each other, and on which networks the original's bytes, which anybody can read and
 * forge, may travel.
 */
import { isIP } from 'node:net';
import path from 'node:path';
import type { Configuration } from './configuration.ts';

/** How a program proves that it belongs to the deployment. */
export type Credentials =
  | { readonly kind: 'secret'; readonly secretFile: string }
  | {
      readonly kind: 'certificate';
      readonly caFile: string;
      readonly certFile: string;
      readonly keyFile: string;
    };

export interface Network {
  readonly address: string;
  readonly prefixBits: number;
  readonly family: 'ipv4' | 'ipv6';
}

export interface SecuritySettings {
  readonly credentials: Credentials;
  /** Plain with everybody in these, encrypted with everybody else. */
  readonly plainNetworks: readonly Network[];
}

const certificateSettings = ['security.ca_file', 'security.cert_file', 'security.key_file'];
const known = ['security.secret_file', 'security.plain_networks', ...certificateSettings];

/**
 * Undefined where the file has no such group: then everything is plain, as the original has it. Paths
 * are relative to `directory`, where the file is.
 */
export function readSecurity(file: Configuration, directory: string): SecuritySettings | undefined {
  if (file.find('security') === undefined) return undefined;
  for (const { path: setting } of file.settings()) {
    // What is misspelt here must not be ignored.
    const isOther = setting.startsWith('security.') && !known.includes(setting);
    if (isOther) throw file.wrong(setting, `is unknown; there are ${known.join(', ')}`);
  }
  const networks = 'security.plain_networks';
  return {
    credentials: credentialsOf(file, (setting) => path.resolve(directory, file.string(setting))),
    plainNetworks:
      file.find(networks) === undefined
        ? []
        : file.strings(networks).map((text) => networkOf(file, networks, text)),
  };
}

function credentialsOf(file: Configuration, fileOf: (setting: string) => string): Credentials {
  const [ca, cert, key] = certificateSettings;
  const hasSecret = file.find('security.secret_file') !== undefined;
  const hasCertificate = certificateSettings.some((setting) => file.find(setting) !== undefined);
  if (hasSecret === hasCertificate) {
    throw file.wrong('security', 'needs secret_file, or ca_file, cert_file and key_file');
  }
  if (hasSecret) return { kind: 'secret', secretFile: fileOf('security.secret_file') };
  return {
    kind: 'certificate',
    caFile: fileOf(ca!),
    certFile: fileOf(cert!),
    keyFile: fileOf(key!),
  };
}

function networkOf(file: Configuration, setting: string, text: string): Network {
  const network = parseNetwork(text);
  if (network !== undefined) return network;
  throw file.wrong(setting, `must be networks such as "10.1.0.0/16", not "${text}"`);
}

/** An address alone is a network of one. Undefined for what is neither. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  const maxBits = version === 4 ? 32 : 128;
  const prefixBits =
    prefix === undefined ? maxBits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
  if (version === 0 || rest.length > 0 || prefixBits < 0 || prefixBits > maxBits) return undefined;
  return { address, prefixBits, family: version === 4 ? 'ipv4' : 'ipv6' };
}
