/**
 * Plain manifests of Kubernetes with a kustomization: a StatefulSet and a headless service per role, and a
 * service per gateway. Members are known by the names that their pods keep, not by addresses, which change.
 * Secrets are named here and made by the operator, from what `blobseer-s3 deploy secrets` writes.
 */
import { stringify } from 'yaml';
import { type Artifact, artifact } from '../artifact.ts';
import { blobseerConfiguration, memberFiles } from '../configuration-files.ts';
import { type Description, type RoleKey, roleKeys } from '../description/description.ts';
import { type MemberRole, memberRoles, planMembers } from '../plan.ts';

const program = '/opt/blobseer-s3/bin/blobseer-s3.js';
const defaultImage = 'blobseer-s3';
/** What a member reads; secrets must be its user's alone, which volumes of Kubernetes cannot say. */
const configuration = '/etc/blobseer';
const data = '/data';
const userId = 1000;
const stopSeconds = 90;
/** Names and versions take little; the engine of a gateway, its LMDB, grows with them. */
const managerSpaceBytes = 10 * 2 ** 30;
const gatewaySpaceBytes = 50 * 2 ** 30;
/** Of a disk over the pages on it: what is written anew before the old is given back. */
const overhead = 1.2;
const mebibyte = 2 ** 20;

export function kubernetesFiles(description: Description): Artifact[] {
  const { namespace } = description.targets.kubernetes;
  const files = [
    ...(namespace === undefined ? [] : [yaml('namespace.yaml', namespaceOf(namespace))]),
    yaml('configuration.yaml', configurationOf(description)),
    ...roleKeys.map((key) =>
      yaml(
        `${memberRoles[key]}.yaml`,
        headlessService(description, key),
        statefulSet(description, key),
      ),
    ),
    yaml('s3.yaml', ...clientServices(description)),
    yaml('disruption.yaml', ...disruptionBudgets(description)),
  ];
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    ...(namespace === undefined ? {} : { namespace }),
    resources: files.map((file) => file.path),
    images: [{ name: defaultImage, newTag: 'latest' }],
  };
  return [...files, yaml('kustomization.yaml', kustomization)];
}

function yaml(name: string, ...documents: readonly object[]): Artifact {
  const options = { lineWidth: 0, aliasDuplicateObjects: false };
  return artifact(name, documents.map((one) => stringify(one, options)).join('---\n'));
}

/** Of the objects of a role, and of what selects its pods. */
const nameOf = ({ name }: Description, role: MemberRole | 'configuration' | 's3'): string =>
  `${name}-${role}`;

function labelsOf({ name }: Description, role?: MemberRole): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'blobseer-s3',
    'app.kubernetes.io/instance': name,
    ...(role === undefined ? {} : { 'app.kubernetes.io/component': role }),
  };
}

function namespaceOf(name: string): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

/** A pod's name and that of its headless service: what DNS knows within the namespace. */
export function kubernetesHosts(
  description: Description,
): (role: MemberRole, index: number) => string {
  return (role, index) => `${nameOf(description, role)}-${index}.${nameOf(description, role)}`;
}

function configurationOf(description: Description): object {
  const placement = { hostOf: kubernetesHosts(description), storage: data };
  const members = planMembers(description, placement);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: nameOf(description, 'configuration'), labels: labelsOf(description) },
    data: { [memberFiles.blobseer]: blobseerConfiguration(description, members) },
  };
}

/** Members find each other before they are ready: some become so only together. */
function headlessService(description: Description, key: RoleKey): object {
  const role = memberRoles[key];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: nameOf(description, role), labels: labelsOf(description, role) },
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: labelsOf(description, role),
      ports: [{ name: 'blobseer', port: description.ports[key] }],
    },
  };
}

/** Each gateway has a namespace of buckets of its own, and so a service that leads to no other. */
function clientServices(description: Description): object[] {
  const { count, https } = description.roles.gateways;
  const pods = nameOf(description, 'gateway');
  return Array.from({ length: count }, (_, index) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: `${nameOf(description, 's3')}-${index + 1}`,
      labels: labelsOf(description, 'gateway'),
    },
    spec: {
      selector: { 'statefulset.kubernetes.io/pod-name': `${pods}-${index}` },
      ports: [{ name: https ? 'https' : 'http', port: description.ports.gateways }],
    },
  }));
}

/** One at a time: so each page and each piece of metadata stays readable. */
function disruptionBudgets(description: Description): object[] {
  return (['metadata-provider', 'data-provider'] as const).map((role) => ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: nameOf(description, role), labels: labelsOf(description, role) },
    spec: { maxUnavailable: 1, selector: { matchLabels: labelsOf(description, role) } },
  }));
}

function statefulSet(description: Description, key: RoleKey): object {
  const role = memberRoles[key];
  const name = nameOf(description, role);
  const labels = labelsOf(description, role);
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, labels },
    spec: {
      serviceName: name,
      replicas: description.roles[key].count,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: podOf(description, key) },
      volumeClaimTemplates: [claimOf(description, role)],
    },
  };
}

function podOf(description: Description, key: RoleKey): object {
  const role = memberRoles[key];
  const name = nameOf(description, role);
  const needsSecret = description.security.tls || role === 'gateway';
  const sources = [
    { name: 'given', mountPath: '/given/configuration', readOnly: true },
    ...(needsSecret ? [{ name: 'secret', mountPath: '/given/secret', readOnly: true }] : []),
  ];
  return {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: stopSeconds,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: userId,
      runAsGroup: userId,
      fsGroup: userId,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 100,
            podAffinityTerm: {
              topologyKey: 'kubernetes.io/hostname',
              labelSelector: { matchLabels: labelsOf(description, role) },
            },
          },
        ],
      },
    },
    initContainers: [
      {
        name: 'configuration',
        image: defaultImage,
        // Volumes let a group read what is in them; the copies are for one user alone.
        command: ['sh', '-c', `umask 077 && cp -L /given/*/* ${configuration}/`],
        securityContext: confined,
        volumeMounts: [...sources, { name: 'configuration', mountPath: configuration }],
      },
    ],
    containers: [
      {
        name: role,
        image: defaultImage,
        command: ['node', program, ...argumentsOf(description, role)],
        env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        ports: [{ name: 'blobseer', containerPort: description.ports[key] }],
        startupProbe: { ...probeOf(description, role), periodSeconds: 2, failureThreshold: 150 },
        livenessProbe: { tcpSocket: { port: 'blobseer' }, periodSeconds: 20, failureThreshold: 3 },
        readinessProbe: { ...probeOf(description, role), periodSeconds: 5 },
        securityContext: confined,
        volumeMounts: [
          { name: 'configuration', mountPath: configuration, readOnly: true },
          { name: 'data', mountPath: data },
          { name: 'scratch', mountPath: '/tmp' },
        ],
      },
    ],
    volumes: [
      { name: 'configuration', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
      { name: 'scratch', emptyDir: {} },
      { name: 'given', configMap: { name: nameOf(description, 'configuration') } },
      ...(needsSecret ? [{ name: 'secret', secret: { secretName: name } }] : []),
    ],
  };
}

const confined = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

function argumentsOf(description: Description, role: MemberRole): string[] {
  // A directory of its own: what a volume has at its top is open to a group.
  const state = ['--data', `${data}/state`];
  if (role === 'gateway') {
    const listen = `:${description.ports.gateways}`;
    return [
      'serve',
      '--config',
      `${configuration}/${memberFiles.gateway}`,
      ...state,
      '--listen',
      listen,
    ];
  }
  const config = ['--config', `${configuration}/${memberFiles.blobseer}`];
  const advertise =
    role === 'data-provider' ? ['--advertise', `$(POD_NAME).${nameOf(description, role)}`] : [];
  return ['entity', role, ...config, ...state, '--listen', '0.0.0.0', ...advertise];
}

function probeOf(description: Description, role: MemberRole): object {
  if (role !== 'gateway') return { tcpSocket: { port: 'blobseer' } };
  const scheme = description.roles.gateways.https ? 'HTTPS' : 'HTTP';
  return { httpGet: { path: '/_/health/ready', port: 'blobseer', scheme } };
}

function claimOf(description: Description, role: MemberRole): object {
  const { storageClass } = description.targets.kubernetes;
  const { dataProvider, metadataProvider } = description.spaceBytes;
  const spaceBytes = {
    'version-manager': managerSpaceBytes,
    'provider-manager': managerSpaceBytes,
    'metadata-provider': metadataProvider * overhead,
    'data-provider': dataProvider * overhead,
    gateway: gatewaySpaceBytes,
  }[role];
  return {
    metadata: { name: 'data' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
      resources: { requests: { storage: `${Math.ceil(spaceBytes / mebibyte)}Mi` } },
    },
  };
}
