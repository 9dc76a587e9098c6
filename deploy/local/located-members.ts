/** Members of which checkpoints are made, with what each keeps on this machine. */
import path from 'node:path';
import type { LocatedMember } from '../checkpoint/deployment.ts';
import { cutOrder } from '../checkpoint/deployment-manifest.ts';
import { memberFiles } from '../configuration-files.ts';
import type { RecordedMember } from './record.ts';

export function locatedMembers(
  directory: string,
  members: readonly RecordedMember[],
): LocatedMember[] {
  return members.flatMap(({ name, role: played, host, port }) => {
    const role = cutOrder.find((candidate) => candidate === played);
    if (role === undefined) return [];
    return [{ name, role, host, port, directory: path.join(directory, name, memberFiles.data) }];
  });
}
