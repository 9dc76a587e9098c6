/** How the members on other machines fare, asked from here in BlobSeer's own protocol. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Cluster } from '../../blobseer-client/remote/cluster.ts';
import { readDeployment } from '../../blobseer-client/remote/deployment.ts';
import type { Statistics } from '../../blobseer-client/remote/wire/messages.ts';
import { memberFiles } from '../configuration-files.ts';
import { supervisorName } from '../local/layout.ts';
import { probe } from '../local/probe.ts';
import type { RecordedMember } from '../local/record.ts';

const deadlineMs = 5000;

export interface AnsweringMember {
  readonly member: RecordedMember;
  /** Undefined where it does not answer. */
  readonly numbers: Statistics | undefined;
}

/** `directory`: of the deployment, here. `https`: whether gateways have it. */
export async function askMembers(
  directory: string,
  members: readonly RecordedMember[],
  https: boolean,
): Promise<AnsweringMember[]> {
  // Whoever manages a deployment is one of its members, as far as certificates go.
  const own = path.join(directory, supervisorName);
  const configuration = readFileSync(path.join(own, memberFiles.blobseer), 'utf8');
  const cluster = new Cluster(readDeployment(configuration, own));
  const authority = https ? readFileSync(path.join(own, memberFiles.authority), 'utf8') : undefined;
  const tools = { transport: cluster.transport, authority, deadlineMs };
  try {
    return await Promise.all(
      members.map(async (member) => ({ member, numbers: await probe(member, tools) })),
    );
  } finally {
    cluster.close();
  }
}
