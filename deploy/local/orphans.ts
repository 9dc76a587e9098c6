/** Members whose supervisor has gone without them. */
import { startLevels } from '../plan.ts';
import { configurationOf } from './layout.ts';
import { type Arguments, endProcesses } from './processes.ts';
import type { RecordedMember } from './record.ts';

/** As long as a gateway may take to let its requests end, and a little more. */
const graceMs = 45_000;

/** What only the process of this member was started with. */
export const memberMark = (directory: string, { name, role }: RecordedMember): Arguments => [
  '--config',
  configurationOf(directory, name, role),
];

/** Level by level; resolves when none is left. */
export async function endMembers(
  directory: string,
  members: readonly RecordedMember[],
): Promise<void> {
  for (const roles of startLevels.toReversed()) {
    const level = members.filter(({ role }) => roles.includes(role));
    await endProcesses(
      level.map((member) => memberMark(directory, member)),
      graceMs,
    );
  }
}
