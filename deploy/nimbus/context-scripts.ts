/**
 * The scripts that Nimbus's context agent runs in each virtual machine, as files of the image. Each kind is
 * called for something else: addresses of required roles, then data, then the machine's own network card,
 * when all is known. Any status but 0, and a data item without a script, make the agent report a failure, and
 * the cloud client destroy the cluster: so what cannot be used is one.
 */
import { type Artifact, artifact, program } from '../artifact.ts';
import { roleKeys } from '../description/description.ts';
import { machineProgram, markedRoles } from '../machine.ts';
import { type MemberRole, memberRoles } from '../plan.ts';
import { contextRoles, dataName } from './cluster-document.ts';

/** Where the agent looks for them. */
const directory = 'opt/nimbus/ctx-scripts';
/** What the scripts tell each other. */
const context = '/var/lib/blobseer-context';
/** The agent knows these two. */
const networkCards = ['publicnic', 'localnic'] as const;

export function contextScripts(): Artifact[] {
  const script = (name: string, text: string): Artifact => program(`${directory}/${name}`, text);
  const empty = (name: string): Artifact => artifact(`${directory}/${name}/README`, emptyDirectory);
  return [
    script('clean.sh', clean),
    script('0-etchosts.sh', etcHosts),
    ...markedRoles.map((role) => script(`1-ipandhost/${contextRoles[role]}`, collect(role))),
    empty('2-thishost'),
    ...roleKeys.map((key) => {
      const role = memberRoles[key];
      return script(`3-data/${dataName(role)}`, play(role));
    }),
    empty('4-restarts'),
    ...networkCards.map((card) => script(`5-thishost-finalize/${card}`, finalize)),
  ];
}

const head = (said: string): string => `#!/bin/sh
# ${said}
set -eu
root=\${BLOBSEER_ROOT:-}
`;

const clean = `${head('Run before the context agent: the addresses of another life of this machine are gone.')}
rm -rf "$root${context}"
if [ -e "$root/etc/hosts.clean" ]; then
  cp "$root/etc/hosts.clean" "$root/etc/hosts"
fi
: >"$root/etc/hosts.equiv"
: >"$root/opt/nimbus/ctxlog.txt"
rm -rf "$root/opt/nimbus/ctx/tmp"
mkdir -p "$root/opt/nimbus/ctx/tmp"
`;

const etcHosts = `${head('Run for each machine of the context: address, short name, full name.')}
line="$1 $3 $2"
grep -qxF "$line" "$root/etc/hosts" || echo "$line" >>"$root/etc/hosts"
`;

const collect = (
  role: MemberRole,
): string => `${head(`Run for each ${role} that this machine needs to know: address, short name, full name.`)}
mkdir -p "$root${context}/addresses"
echo "$1" >>"$root${context}/addresses/${role}"
`;

const play = (
  role: MemberRole,
): string => `${head(`Run where this machine is to be a ${role}: a file with its configuration.`)}
install -D -m 0644 "$1" "$root${context}/members/${role}"
`;

const finalize = `${head('Run last, for a network card of this machine: its members are configured.')}
"$root${machineProgram}" configure "$root${context}"
`;

const emptyDirectory = `Nothing has to be done here; the context agent wants the directory to exist.
`;
