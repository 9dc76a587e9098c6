/** What clouds can be told: Nimbus's own client, the query interface of EC2, machines with cloud-init. */
import type { Field } from './field.ts';

export interface NimbusTarget {
  /** The directory of the cloud client; undefined: where PATH has its program. */
  readonly cloudClient: string | undefined;
  /** How long the cluster shall run: fractions are allowed. */
  readonly hours: number;
}

export const signatureVersions = [2, 4] as const;
export type SignatureVersion = (typeof signatureVersions)[number];

export interface Ec2Target {
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  /** 2 for Nimbus and old clouds, 4 for others. */
  readonly signature: SignatureVersion;
  /** The key pair of the cloud that lets us log in. */
  readonly keyName: string | undefined;
  readonly securityGroups: readonly string[];
  /** Authorities of the endpoint's certificate, where they are not the system's. */
  readonly caFile: string | undefined;
}

export interface CloudInitTarget {
  /** The program, as a tar archive that a machine fetches; undefined: the image has it. */
  readonly package: { readonly url: string; readonly sha256: string } | undefined;
  /** Packages of the machine's system to install, such as that of Node. */
  readonly packages: readonly string[];
  /** Prints the secrets of the machine's member, as a tar archive; run on the machine, by its own right. */
  readonly secretsCommand: string | undefined;
}

const defaultHours = 24;
const maxHours = 24 * 366;
const pathPattern = /^[\w./~-]{1,255}$/;
const urlPattern = /^https?:\/\/[\w.:[\]-]+(\/[\w./~%?=&+-]*)?$/;
const regionPattern = /^[a-z0-9-]{1,64}$/;
const wordPattern = /^[\w.:+-]{1,128}$/;
const maxPackages = 32;
const maxSecurityGroups = 16;

export function readNimbus(field: Field): NimbusTarget {
  const { cloudClient, hours } = field.mapping(['cloudClient', 'hours']);
  const allowed = `a number of hours, at most ${maxHours}`;
  const value = hours.isGiven ? hours.scalar() : defaultHours;
  if (typeof value !== 'number' || !(value > 0 && value <= maxHours)) throw hours.wrong(allowed);
  return {
    cloudClient: cloudClient.isGiven
      ? cloudClient.text(pathPattern, 'the path of a directory')
      : undefined,
    hours: value,
  };
}

export function readEc2(field: Field): Ec2Target {
  const keys = ['endpoint', 'region', 'signature', 'keyName', 'securityGroups', 'caFile'] as const;
  const { endpoint, region, signature, keyName, securityGroups, caFile } = field.mapping(keys);
  const groups = securityGroups.list('a list of security groups');
  if (groups.length > maxSecurityGroups) {
    throw securityGroups.wrong(`at most ${maxSecurityGroups} security groups`);
  }
  return {
    endpoint: endpoint.isGiven ? endpoint.text(urlPattern, 'an http or https URL') : undefined,
    region: region.isGiven ? region.text(regionPattern, 'the name of a region') : undefined,
    signature: signature.isGiven ? signatureOf(signature) : 4,
    keyName: keyName.isGiven ? keyName.text(wordPattern, 'the name of a key pair') : undefined,
    securityGroups: groups.map((group) => group.text(wordPattern, 'the name of a security group')),
    caFile: caFile.isGiven ? caFile.text(pathPattern, 'the path of a file') : undefined,
  };
}

function signatureOf(field: Field): SignatureVersion {
  const found = signatureVersions.find((version) => version === field.scalar());
  if (found === undefined) throw field.wrong('2 or 4');
  return found;
}

export function readCloudInit(field: Field): CloudInitTarget {
  const fields = field.mapping(['package', 'packages', 'secretsCommand']);
  const { url, sha256 } = fields.package.mapping(['url', 'sha256']);
  const packages = fields.packages.list('a list of packages');
  if (packages.length > maxPackages) throw fields.packages.wrong(`at most ${maxPackages} packages`);
  const { secretsCommand } = fields;
  return {
    package: fields.package.isGiven
      ? {
          url: url.text(urlPattern, 'an http or https URL'),
          sha256: sha256.text(/^[0-9a-f]{64}$/, 'a SHA-256 in hex'),
        }
      : undefined,
    packages: packages.map((name) => name.text(wordPattern, 'the name of a package')),
    secretsCommand: secretsCommand.isGiven
      ? secretsCommand.text(/^[\x20-\x7e]{1,512}$/, 'a command, on one line')
      : undefined,
  };
}
