/**
 * Ceph's RGW as Debian packages it: a private cluster of one monitor, one manager, one BlueStore OSD
 * on a sparse file, and radosgw, on loopback ports in a directory of its own. An answered PUT is
 * durable: BlueStore syncs its log first, as it does by default. Nothing else is tuned, but that
 * small answers are not held back (tcp_nodelay) and requests are not logged.
 */
import { type ChildProcess, execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../harness/ports.ts';
import { exitOf } from '../harness/processes.ts';
import type { Server, ServerKind } from './servers.ts';
import { listening, startProgram, temporaryFolder } from './started.ts';

const gibibyte = 1024 ** 3;
/** Sparse: it takes of the disk what was written to it. */
const blockFileBytes = 40 * gibibyte;
const osdMemoryBytes = 1.5 * gibibyte;
/** The first command creates pools, and waits for their placement groups. */
const commandTimeoutMs = 120_000;

const credentials = {
  accessKeyId: 'BENCHRGWACCESSKEY000',
  secretAccessKey: 'bench/rgw/secret/0123456789',
};
const run = promisify(execFile);

interface Cluster {
  readonly folder: string;
  readonly monitorPort: number;
  readonly port: number;
  /** As the daemons' configuration has it. */
  readonly id: string;
}

export function rgw(): ServerKind {
  return { name: 'rgw', start: startCluster };
}

async function startCluster(): Promise<Server> {
  const folder = temporaryFolder();
  const daemons: ChildProcess[] = [];
  const stop = async () => {
    // Nothing of it is read again: no daemon has to flush what it holds.
    for (const daemon of daemons) daemon.kill('SIGKILL');
    await Promise.all(daemons.map(exitOf));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const [monitorPort, port] = [await freePort(), await freePort()];
    await startDaemons({ folder, monitorPort, port, id: randomUUID() }, daemons);
    return {
      name: 'rgw',
      target: { endpoint: `http://127.0.0.1:${port}`, credentials, region: 'us-east-1' },
      pids: daemons.map(({ pid = 0 }) => pid),
      directory: folder,
      ...{ isDurable: true, isS3: true, hasVersions: true, stop },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startDaemons(cluster: Cluster, daemons: ChildProcess[]): Promise<void> {
  const { folder, monitorPort, port, id } = cluster;
  const within = (name: string) => path.join(folder, name);
  const configured = ['--conf', within('ceph.conf')];
  const command = (program: string, ...args: string[]) => runProgram(program, args);
  const daemon = async (program: string, ...args: string[]) => {
    const child = await named(program, startProgram(program, [...args, ...configured, '-f']));
    daemons.push(child);
    return child;
  };
  for (const name of ['mon', 'mgr', 'osd', 'rgw', 'run']) mkdirSync(within(name));
  writeFileSync(within('ceph.conf'), configuration(cluster));
  for (const [index, name] of [
    'mon.',
    'mgr.a',
    'osd.0',
    'client.rgw.a',
    'client.admin',
  ].entries()) {
    const create = index === 0 ? ['--create-keyring'] : [];
    const allowed = ['mon', 'mgr', 'osd'].flatMap((role) => ['--cap', role, 'allow *']);
    const key = [within('keyring'), '--gen-key', '--name', name, ...allowed];
    await command('ceph-authtool', ...create, ...key);
  }
  const address = `[v2:127.0.0.1:${monitorPort}]`;
  await command('monmaptool', '--create', '--fsid', id, '--addv', 'a', address, within('monmap'));
  const made = ['--monmap', within('monmap'), '--keyring', within('keyring')];
  await command('ceph-mon', '-i', 'a', '--mkfs', ...made, ...configured);
  await listening(await daemon('ceph-mon', '-i', 'a'), monitorPort, 'ceph-mon');
  await daemon('ceph-mgr', '-i', 'a');
  const osd = randomUUID();
  await command('ceph', ...configured, 'osd', 'new', osd);
  await command('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd, ...configured);
  await daemon('ceph-osd', '-i', '0');
  const user = ['--uid=bench', '--display-name=bench'];
  const keys = [
    `--access-key=${credentials.accessKeyId}`,
    `--secret-key=${credentials.secretAccessKey}`,
  ];
  await command('radosgw-admin', 'user', 'create', ...user, ...keys, ...configured);
  await listening(await daemon('radosgw', '--name', 'client.rgw.a'), port, 'radosgw');
}

async function runProgram(program: string, args: readonly string[]): Promise<void> {
  await named(program, run(program, args, { timeout: commandTimeoutMs }));
}

async function named<T>(program: string, started: Promise<T>): Promise<T> {
  try {
    return await started;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error(
      `--rgw needs ${program}: apt-get install radosgw ceph-osd ceph-mon ceph-mgr (Debian)`,
    );
  }
}

function configuration({ folder, monitorPort, port, id }: Cluster): string {
  return `[global]
fsid = ${id}
mon host = v2:127.0.0.1:${monitorPort}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = ${folder}/keyring
run dir = ${folder}/run
admin socket = ${folder}/run/$name.asok
log file = ${folder}/$name.log
err to stderr = false
pid file =
crash dir = ${folder}/run
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
mon data avail crit = 1
osd crush chooseleaf type = 0

[mon]
mon data = ${folder}/mon

[mgr]
mgr data = ${folder}/mgr

[osd]
osd data = ${folder}/osd
osd objectstore = bluestore
bluestore block size = ${blockFileBytes}
osd memory target = ${osdMemoryBytes}
bluestore fsck on mount = false
bluestore fsck on umount = false

[client]
rgw data = ${folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
debug rgw = 0
`;
}
