/** What single targets can be told beside what holds for all of them. */
import {
  type CloudInitTarget,
  type Ec2Target,
  type NimbusTarget,
  readCloudInit,
  readEc2,
  readNimbus,
} from './cloud-targets.ts';
import type { Field } from './field.ts';

export interface SshTarget {
  /** Who is logged in as. */
  readonly user: string | undefined;
  /** Where the program goes, on each machine. */
  readonly path: string;
  /** A configuration file of ssh, with ports, keys and names of its own; undefined: the user's own. */
  readonly config: string | undefined;
}

export interface KubernetesTarget {
  readonly namespace: string | undefined;
  readonly storageClass: string | undefined;
}

export interface Targets {
  readonly ssh: SshTarget;
  readonly kubernetes: KubernetesTarget;
  readonly nimbus: NimbusTarget;
  readonly ec2: Ec2Target;
  readonly cloudInit: CloudInitTarget;
}

const defaultSshPath = '/opt/blobseer-s3';
const userName = /^[a-z_][a-z0-9_-]{0,31}$/;
/** Without anything that a shell or a unit file would take apart. */
const absolutePath = /^\/[\w./-]{0,255}$/;
const filePath = /^[\w./~-]{1,255}$/;
const dnsLabel = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const dnsName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

export function readTargets(field: Field): Targets {
  const keys = ['ssh', 'kubernetes', 'nimbus', 'ec2', 'cloudInit'] as const;
  const { ssh, kubernetes, nimbus, ec2, cloudInit } = field.mapping(keys);
  return {
    ssh: readSsh(ssh),
    kubernetes: readKubernetes(kubernetes),
    nimbus: readNimbus(nimbus),
    ec2: readEc2(ec2),
    cloudInit: readCloudInit(cloudInit),
  };
}

function readSsh(field: Field): SshTarget {
  const { user, path, config } = field.mapping(['user', 'path', 'config']);
  return {
    user: user.isGiven ? user.text(userName, 'the name of a user') : undefined,
    path: path.isGiven ? path.text(absolutePath, 'an absolute path') : defaultSshPath,
    config: config.isGiven ? config.text(filePath, 'the path of a file') : undefined,
  };
}

function readKubernetes(field: Field): KubernetesTarget {
  const { namespace, storageClass } = field.mapping(['namespace', 'storageClass']);
  return {
    namespace: namespace.isGiven ? namespace.text(dnsLabel, 'a name of Kubernetes') : undefined,
    storageClass: storageClass.isGiven
      ? storageClass.text(dnsName, 'a name of Kubernetes')
      : undefined,
  };
}
