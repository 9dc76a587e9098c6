/** The targets for which files are generated, each with what its members are called by the others. */
import { type Artifact, artifact, below } from './artifact.ts';
import { cloudInitFiles } from './cloud-init/user-data.ts';
import { composeFiles, composeHost } from './compose/compose.ts';
import type { Description } from './description/description.ts';
import { kubernetesFiles, kubernetesHosts } from './kubernetes/manifests.ts';
import { listenAddress, memberFile, namedHosts, planMachines } from './machine.ts';
import { clusterDocument } from './nimbus/cluster-document.ts';
import { contextScripts } from './nimbus/context-scripts.ts';
import { launchPlan } from './nimbus/launch-plan.ts';
import { userDataFiles } from './nimbus/user-data-files.ts';
import type { MemberRole } from './plan.ts';
import { givenHosts } from './ssh/hosts.ts';
import { machineFiles } from './systemd/units.ts';

type HostOf = (role: MemberRole, index: number) => string;

export interface GeneratedTarget {
  generate(description: Description): Artifact[];
  /** Undefined where only the cloud knows. */
  readonly hosts: ((description: Description) => HostOf) | undefined;
}

const everyAddress = '0.0.0.0';

export const generatedTargets: Readonly<Record<string, GeneratedTarget>> = {
  nimbus: {
    generate: (description) => [
      artifact('cluster.xml', clusterDocument(description)),
      ...below('image', [
        ...machineFiles(description, everyAddress),
        ...contextScripts(),
        ...userDataFiles(),
      ]),
      ...below('cloudinitd', launchPlan(description)),
    ],
    hosts: undefined,
  },
  'cloud-init': { generate: cloudInitFiles, hosts: namedHosts },
  systemd: { generate: (description) => perHost(description, namedHosts), hosts: namedHosts },
  ssh: { generate: (description) => perHost(description, givenHosts), hosts: givenHosts },
  compose: { generate: composeFiles, hosts: () => composeHost },
  kubernetes: { generate: kubernetesFiles, hosts: kubernetesHosts },
};

/** For each machine its files below its root, and the members that `machine configure` makes there. */
function perHost(description: Description, hosts: (of: Description) => HostOf): Artifact[] {
  const members = planMachines(description, hosts(description));
  return [...new Set(members.map(({ host }) => host))].flatMap((host) =>
    below(host, [
      ...below('root', machineFiles(description, listenAddress(host))),
      ...members
        .filter((member) => member.host === host)
        .map((member) =>
          artifact(`context/members/${member.name}`, memberFile(description, members, member)),
        ),
    ]),
  );
}
