/** The manifests, by kubectl's kustomize and by files known to be right. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { readDeployment } from '../../blobseer-client/remote/deployment.ts';
import { writeArtifacts } from '../artifact.ts';
import { readDescription } from '../description/description.ts';
import { lab } from '../testing/descriptions.ts';
import { assertGolden } from '../testing/golden.ts';
import { runTool, unless } from '../testing/tools.ts';
import { kubernetesFiles } from './manifests.ts';

const spaced = readDescription(`name: lab
roles: { metadataProviders: { count: 1 }, dataProviders: { count: 1 } }
security: { tls: false }
targets: { kubernetes: { namespace: storage, storageClass: fast } }
`);
const files = kubernetesFiles(lab);

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly serviceName: string;
    readonly replicas: number;
    readonly selector: Readonly<Record<string, unknown>>;
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly volumes: readonly { readonly secret?: { readonly secretName: string } }[];
        readonly containers: readonly { readonly command: readonly string[] }[];
      };
    };
  };
  readonly data: Readonly<Record<string, string>>;
}

function resourcesOf(artifacts: typeof files): Resource[] {
  return artifacts
    .filter((file) => file.path !== 'kustomization.yaml')
    .flatMap((file) => parseAllDocuments(file.text).map((one) => one.toJS() as Resource));
}

test('the manifests are those that are known to be right', () => assertGolden('kubernetes', files));

test('kustomize builds every resource', { skip: unless('kubectl') }, (t) => {
  for (const artifacts of [files, kubernetesFiles(spaced)]) {
    const directory = mkdtempSync(path.join(tmpdir(), 'kubernetes-'));
    t.after(() => rmSync(directory, { recursive: true }));
    writeArtifacts(directory, artifacts);
    const { status, stdout, stderr } = runTool('kubectl', ['kustomize', directory]);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    const built = parseAllDocuments(stdout).map((one) => one.toJS() as Resource);
    const named = (all: Resource[]) => all.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    assert.deepEqual(named(built).toSorted(), named(resourcesOf(artifacts)).toSorted());
  }
});

test('the configuration names pods that there are', () => {
  const resources = resourcesOf(files);
  const { data } = resources.find(({ kind }) => kind === 'ConfigMap')!;
  const deployment = readDeployment(data['blobseer.cfg']!, '/');
  const pods = resources
    .filter(({ kind }) => kind === 'StatefulSet')
    .flatMap(({ metadata, spec }) =>
      Array.from(
        { length: spec.replicas },
        (_, at) => `${metadata.name}-${at}.${spec.serviceName}`,
      ),
    );
  const hosts = [deployment.versionManager, deployment.providerManager, ...deployment.gateways];
  for (const { host } of hosts) assert.ok(pods.includes(host), host);
  assert.equal(deployment.gateways.length, 2);
});

test('every set has its headless service, every gateway a service of its own', () => {
  const resources = resourcesOf(files);
  const services = resources.filter(({ kind }) => kind === 'Service');
  for (const { metadata, spec } of resources.filter(({ kind }) => kind === 'StatefulSet')) {
    const service = services.find((one) => one.metadata.name === spec.serviceName)!;
    assert.deepEqual(service.spec.selector, spec.template.metadata.labels, metadata.name);
  }
  const pods = services.flatMap(
    ({ spec }) => spec.selector['statefulset.kubernetes.io/pod-name'] ?? [],
  );
  assert.deepEqual(pods, ['lab-gateway-0', 'lab-gateway-1']);
});

test('secrets are named, and not there; without encryption only a gateway has one', () => {
  for (const { text } of files) assert.doesNotMatch(text, /PRIVATE KEY|secret-key|kind: Secret/);
  const secretsOf = (artifacts: typeof files) =>
    resourcesOf(artifacts)
      .filter(({ kind }) => kind === 'StatefulSet')
      .flatMap(({ spec }) => spec.template.spec.volumes)
      .flatMap(({ secret }) => secret?.secretName ?? []);
  assert.equal(secretsOf(files).length, 5);
  assert.deepEqual(secretsOf(kubernetesFiles(spaced)), ['lab-gateway']);
});

test('a namespace and a class of storage are taken from the description', () => {
  const artifacts = kubernetesFiles(spaced);
  const kustomization = artifacts.find((file) => file.path === 'kustomization.yaml')!;
  assert.equal((parse(kustomization.text) as { namespace: string }).namespace, 'storage');
  const classes = artifacts.filter(({ text }) => text.includes('storageClassName: fast'));
  assert.equal(classes.length, 5);
});
