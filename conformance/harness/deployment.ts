/**
 * A whole deployment as an operator makes it: one file, `deploy up`, and from then on a supervisor that
 * starts again what dies. Nothing of its source is imported; it is known by its command line and its files.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CommandResult,
  type Credentials,
  program,
  rootCredentials,
  runCommand,
} from './gateway.ts';
import { freePorts, loopback } from './ports.ts';
import { atEnd, isAlive, killProcess } from './processes.ts';

export interface DeploymentOptions {
  readonly metadataProviders?: number;
  readonly dataProviders?: number;
  readonly workers?: number;
}

export interface MemberState {
  readonly name: string;
  readonly role: string;
  readonly host: string;
  readonly port: number;
  readonly state: string;
  readonly pid?: number;
  readonly restarts: number;
}

interface DeploymentState {
  readonly supervisorPid?: number;
  readonly members: readonly MemberState[];
}

/** Of `locate`: a run of an object's bytes. */
export interface LocatedExtent {
  readonly blobId: number;
  readonly version: number;
  readonly length: number;
}

const name = 'lab';
const backTimeoutMs = 120_000;
const killTimeoutMs = 15_000;
/** Each time a command is started. */
const pollMs = 500;

const running = new Set<Deployment>();
atEnd(() => {
  for (const deployment of running) deployment.endNow();
});

export class Deployment {
  readonly file: string;
  readonly directory: string;
  readonly endpoint: string;
  readonly credentials: Credentials = rootCredentials;
  readonly #folder: string;
  /** As it was told last. */
  #supervisorPid: number | undefined;
  #heldSupervisor: number | undefined;

  private constructor(folder: string, gatewayPort: number) {
    this.#folder = folder;
    this.file = path.join(folder, `${name}.yaml`);
    this.directory = path.join(folder, `${name}-data`);
    this.endpoint = `http://${loopback}:${gatewayPort}`;
  }

  static async up(options?: DeploymentOptions): Promise<Deployment> {
    const deployment = await Deployment.describe(options);
    try {
      await deployment.deploy('up');
    } catch (error) {
      await deployment.remove();
      throw error;
    }
    return deployment;
  }

  /** A file for it, with ports of its own; nothing is started. All have the same name and credentials. */
  static async describe(options: DeploymentOptions = {}): Promise<Deployment> {
    const { metadataProviders = 3, dataProviders = 4, workers = 1 } = options;
    const hosts = Array.from({ length: metadataProviders }, (_, index) => `127.0.0.${1 + index}`);
    const first = await freePorts(4 + dataProviders, hosts);
    const folder = mkdtempSync(path.join(tmpdir(), 'deployment-'));
    const deployment = new Deployment(folder, first + 3);
    const { accessKeyId, secretAccessKey } = deployment.credentials;
    writeFileSync(path.join(folder, 'access-key'), `${accessKeyId}\n`, { mode: 0o600 });
    writeFileSync(path.join(folder, 'secret-key'), `${secretAccessKey}\n`, { mode: 0o600 });
    writeFileSync(
      deployment.file,
      `name: ${name}
space: { dataProvider: 8GiB, metadataProvider: 1GiB }
ports:
  versionManager: ${first}
  providerManager: ${first + 1}
  metadataProvider: ${first + 2}
  gateway: ${first + 3}
  dataProvider: ${first + 4}
credentials:
  accessKey: { file: access-key }
  secretKey: { file: secret-key }
roles:
  metadataProviders: { count: ${metadataProviders} }
  dataProviders: { count: ${dataProviders} }
  gateways: { workers: ${workers} }
`,
    );
    running.add(deployment);
    return deployment;
  }

  /** `blobseer-s3 deploy ACTION FILE FLAGS`; rejects where it fails. Resolves with what it said. */
  async deploy(action: string, ...flags: readonly string[]): Promise<string> {
    const args = ['deploy', action, this.file, ...flags];
    const { status, output, stdout } = await runCommand(args);
    assert.equal(status, 0, `deploy ${action}: ${output}`);
    return stdout;
  }

  async status(): Promise<DeploymentState> {
    const state = JSON.parse(await this.deploy('status', '--json')) as DeploymentState;
    this.#supervisorPid = state.supervisorPid;
    return state;
  }

  async membersOf(role: string): Promise<MemberState[]> {
    return (await this.status()).members.filter((member) => member.role === role);
  }

  /** SIGKILL to one member; resolves when it has gone. */
  async kill({ name, pid }: MemberState): Promise<void> {
    assert.ok(pid !== undefined, `${name} runs`);
    await killAll([pid]);
  }

  /** The same, and it stays down: the supervisor hangs until it is let go. */
  async killForLong(member: MemberState): Promise<void> {
    const supervisorPid = this.#supervisorPid;
    assert.ok(supervisorPid !== undefined, 'there is a supervisor');
    process.kill(supervisorPid, 'SIGSTOP');
    this.#heldSupervisor = supervisorPid;
    await this.kill(member);
  }

  letSupervisorGo(): void {
    if (this.#heldSupervisor === undefined) return;
    process.kill(this.#heldSupervisor, 'SIGCONT');
    this.#heldSupervisor = undefined;
  }

  /** SIGKILL to the supervisor and to every member at once. */
  async killEverything(): Promise<void> {
    const { supervisorPid, members } = await this.status();
    const pids = [supervisorPid, ...members.map(({ pid }) => pid)];
    await killAll(pids.filter((pid) => pid !== undefined));
  }

  /** The supervisor has started again what was killed, and it answers. Resolves with how it is now. */
  async untilBack({ name, pid, restarts }: MemberState): Promise<MemberState> {
    const deadline = Date.now() + backTimeoutMs;
    for (;;) {
      const { members } = await this.status();
      const now = members.find((candidate) => candidate.name === name);
      assert.ok(now !== undefined);
      if (now.state === 'running' && now.pid !== pid && now.restarts > restarts) return now;
      if (Date.now() > deadline) throw new Error(`${name} is not back: ${JSON.stringify(now)}`);
      await delay(pollMs);
    }
  }

  check(): Promise<CommandResult> {
    return runCommand(['check', ...this.#dataFlags()]);
  }

  async locate(bucket: string, key: string, versionId: string): Promise<LocatedExtent[]> {
    const which = [`s3://${bucket}/${key}`, '--version-id', versionId, '--json'];
    const args = ['locate', ...which, ...this.#dataFlags()];
    const { status, output, stdout } = await runCommand(args);
    assert.equal(status, 0, `locate ${key} ${versionId}: ${output}`);
    return JSON.parse(stdout) as LocatedExtent[];
  }

  /** As if it had never been. */
  async deleteData(): Promise<void> {
    await this.deploy('down', '--delete-data', name);
  }

  /** Ends all of it and deletes what it stored. */
  async remove(): Promise<void> {
    this.letSupervisorGo();
    await runCommand(['deploy', 'down', this.file]);
    rmSync(this.#folder, { recursive: true, force: true });
    running.delete(this);
  }

  /** For the end of a test process, which waits for nobody. */
  endNow(): void {
    this.letSupervisorGo();
    spawnSync(process.execPath, [program, 'deploy', 'down', this.file], { stdio: 'ignore' });
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Of commands beside the gateway. */
  #dataFlags(): string[] {
    const own = path.join(this.directory, 'gateway-1');
    return ['--data', path.join(own, 'data'), '--blobseer', path.join(own, 'blobseer.cfg')];
  }
}

async function killAll(pids: readonly number[]): Promise<void> {
  for (const pid of pids) killProcess(pid);
  const deadline = Date.now() + killTimeoutMs;
  while (pids.some(isAlive)) {
    if (Date.now() > deadline)
      throw new Error(`still alive after the kill: ${pids.filter(isAlive)}`);
    await delay(5);
  }
}
