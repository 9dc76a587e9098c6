/** Writes what the members of a deployment on this machine read: configuration, certificates, credentials. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Authority, type Identity, type IdentityRequest } from '../authority/authority.ts';
import {
  blobseerConfiguration,
  gatewayConfiguration,
  memberFiles,
} from '../configuration-files.ts';
import type { Description } from '../description/description.ts';
import type { Member } from '../plan.ts';
import { makePrivateDirectory, writePrivateFile } from '../private-file.ts';
import { type Credentials, keepCredentials } from './credentials.ts';
import { layoutOf, supervisorName } from './layout.ts';
import { checkSuccession, readRecord, recordOf, writeRecord } from './record.ts';

/** A deployment as it shall be on this machine. */
export interface LocalPlan {
  readonly description: Description;
  readonly directory: string;
  readonly members: readonly Member[];
  /** Of members in network namespaces of this machine. */
  readonly subnet?: number | undefined;
}

export interface Preparation extends LocalPlan {
  readonly credentials: Credentials;
  readonly nowMs: () => number;
}

/**
 * Leaves alone what is right already: certificates stay until they run out. Throws `conflict` where data
 * of before could not be read any more.
 */
export function prepare(preparation: Preparation): void {
  const { description, members, directory, subnet, credentials, nowMs } = preparation;
  const layout = layoutOf(directory);
  const record = recordOf(description, members, subnet);
  const before = readRecord(directory);
  if (before !== undefined) checkSuccession(before, record);
  makePrivateDirectory(directory);
  keepCredentials(layout, credentials);
  const { name, security, roles } = description;
  const needsAuthority = security.tls || roles.gateways.https;
  const authority = needsAuthority
    ? Authority.open({ directory: layout.authority, name, nowMs })
    : undefined;
  const blobseer = blobseerConfiguration(description, members);
  for (const { name, directory: own, host } of [...members, supervisorOf(directory)]) {
    makePrivateDirectory(own);
    writePrivateFile(path.join(own, memberFiles.blobseer), blobseer);
    if (authority !== undefined) provideIdentity(own, authority, { name, hosts: hostsOf(host) });
  }
  for (const member of members.filter(({ role }) => role === 'gateway')) {
    const text = gatewayConfiguration(description, member) + secretLines(credentials);
    writePrivateFile(path.join(member.directory, memberFiles.gateway), text);
  }
  // Last: what is recorded is there.
  writeRecord(directory, record);
}

/** Whether the members that run were started with what the description says now. */
export function isCurrent({ description, members, directory, subnet }: LocalPlan): boolean {
  const isSame = (file: string, text: string): boolean =>
    existsSync(file) && readFileSync(file, 'utf8').startsWith(text);
  const wanted = recordOf(description, members, subnet);
  const blobseer = path.join(directory, supervisorName, memberFiles.blobseer);
  return (
    JSON.stringify(readRecord(directory)) === JSON.stringify(wanted) &&
    isSame(blobseer, blobseerConfiguration(description, members)) &&
    members
      .filter(({ role }) => role === 'gateway')
      .every((member) =>
        isSame(
          path.join(member.directory, memberFiles.gateway),
          gatewayConfiguration(description, member),
        ),
      )
  );
}

const supervisorOf = (directory: string) => ({
  name: supervisorName,
  directory: path.join(directory, supervisorName),
  host: 'localhost',
});

/** Clients on this machine call it localhost too. */
const hostsOf = (host: string): string[] => [...new Set([host, 'localhost', '127.0.0.1'])];

/** A string of JSON is one of YAML. */
const secretLines = ({ accessKey, secretKey }: Credentials): string =>
  `access-key: ${JSON.stringify(accessKey)}\nsecret-key: ${JSON.stringify(secretKey)}\n`;

function provideIdentity(directory: string, authority: Authority, request: IdentityRequest): void {
  const fileOf = (name: 'authority' | 'certificate' | 'key') =>
    path.join(directory, memberFiles[name]);
  const contentOf = (name: 'authority' | 'certificate' | 'key') =>
    existsSync(fileOf(name)) ? readFileSync(fileOf(name), 'utf8') : '';
  const found: Identity = {
    authority: contentOf('authority'),
    certificate: contentOf('certificate'),
    key: contentOf('key'),
  };
  if (authority.isGood(found, request)) return;
  const identity = authority.issue(request);
  writePrivateFile(fileOf('authority'), identity.authority);
  writePrivateFile(fileOf('key'), identity.key);
  writePrivateFile(fileOf('certificate'), identity.certificate);
}
