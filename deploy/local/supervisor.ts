/**
 * The process that keeps the members of a deployment running on this machine. It knows nothing but the
 * deployment's directory; commands speak to it through the control socket.
 */
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, stat, truncate } from 'node:fs/promises';
import type { Server } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { Cluster } from '../../blobseer-client/remote/cluster.ts';
import { readDeployment } from '../../blobseer-client/remote/deployment.ts';
import type { Statistics } from '../../blobseer-client/remote/wire/messages.ts';
import { suggestion } from '../../gateway/suggestion.ts';
import { memberFiles } from '../configuration-files.ts';
import { startLevels } from '../plan.ts';
import { memberCommand } from './command.ts';
import { type ControlRequest, serveControl } from './control.ts';
import { logOf, supervisorName } from './layout.ts';
import { MemberProcess, type ProcessLog } from './member-process.ts';
import { raiseNetwork, removeNetwork } from './namespaces.ts';
import { endMembers } from './orphans.ts';
import { type ProbeTools, probe } from './probe.ts';
import { type DeploymentRecord, type RecordedMember, readRecord } from './record.ts';
import { type DeploymentStatus, deploymentStatus, memberStatus } from './status.ts';

const probeDeadlineMs = 2000;
const probeEveryMs = 200;
/** A level that is not ready by then does not keep the next one from starting: members try on. */
const levelTimeoutMs = 20_000;
const logBoundEveryMs = 30_000;
const maxLogBytes = 64 * 2 ** 20;

export interface SupervisorOptions {
  readonly directory: string;
  readonly log: ProcessLog;
}

interface Watched {
  readonly member: RecordedMember;
  readonly process: MemberProcess;
  /** The process that has answered. */
  answeredPid: number | undefined;
}

export class Supervisor {
  readonly #directory: string;
  readonly #record: DeploymentRecord;
  readonly #log: ProcessLog;
  readonly #cluster: Cluster;
  readonly #tools: ProbeTools;
  readonly #members: readonly Watched[];
  readonly #ended: Promise<void>;
  #control: Server | undefined;
  #logBounds: NodeJS.Timeout | undefined;
  #starting: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #onEnded: () => void = () => undefined;

  /** Throws `not-found` where there is no deployment. */
  constructor({ directory, log }: SupervisorOptions) {
    const record = readRecord(directory);
    if (record === undefined) throw new BlobSeerError('not-found', `no deployment in ${directory}`);
    this.#directory = directory;
    this.#record = record;
    this.#log = log;
    const own = path.join(directory, supervisorName);
    const configuration = readFileSync(path.join(own, memberFiles.blobseer), 'utf8');
    this.#cluster = new Cluster(readDeployment(configuration, own));
    this.#tools = {
      transport: this.#cluster.transport,
      authority: record.https
        ? readFileSync(path.join(own, memberFiles.authority), 'utf8')
        : undefined,
      deadlineMs: probeDeadlineMs,
    };
    this.#members = record.members.map((member) => ({
      member,
      process: new MemberProcess({ ...memberCommand(directory, member, record.subnet), log }),
      answeredPid: undefined,
    }));
    this.#ended = new Promise((resolve) => {
      this.#onEnded = resolve;
    });
  }

  /** Resolves when all members have been stopped and nothing is left to do. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Whoever calls it holds the lock of the directory. Resolves when commands are heard; members start meanwhile. */
  async start(): Promise<void> {
    this.#control = await serveControl(this.#directory, (request) => this.#handle(request));
    this.#logBounds = setInterval(() => void this.#boundLogs(), logBoundEveryMs);
    this.#starting = this.#startMembers().catch((err: unknown) => {
      this.#log.error({ err }, 'the members cannot be started');
    });
  }

  /** Members, then this. */
  async stop(): Promise<void> {
    await this.#stopMembers();
    // With the answers that are under way.
    await new Promise((resolve) => this.#control?.close(resolve) ?? resolve(undefined));
    clearInterval(this.#logBounds);
    this.#cluster.close();
    this.#onEnded();
  }

  async status(): Promise<DeploymentStatus> {
    const members = await Promise.all(
      this.#members.map(async (watched) => {
        const numbers = await this.#probe(watched);
        const { answeredPid, member, process: own } = watched;
        return memberStatus(member, own.status, { answeredPid, numbers });
      }),
    );
    return deploymentStatus(this.#record, this.#directory, process.pid, members);
  }

  async #handle(request: ControlRequest): Promise<DeploymentStatus> {
    switch (request.action) {
      case 'status':
        return this.status();
      case 'restart':
        await this.#restart(request.member);
        return this.status();
      case 'stop': {
        await this.#stopMembers();
        const status = await this.status();
        setImmediate(() => void this.stop());
        return status;
      }
      default:
        throw new BlobSeerError('invalid-argument', 'an unknown request');
    }
  }

  async #startMembers(): Promise<void> {
    const { members, subnet } = this.#record;
    await endMembers(this.#directory, members);
    if (subnet !== undefined) await raiseNetwork({ directory: this.#directory, subnet, members });
    for (const roles of startLevels) {
      if (this.#stopping !== undefined) return;
      const level = this.#members.filter(({ member }) => roles.includes(member.role));
      for (const { process: own } of level) own.start();
      await this.#areReady(level, levelTimeoutMs);
    }
  }

  #stopMembers(): Promise<void> {
    this.#stopping ??= (async () => {
      // It ends early, now that all shall stop.
      await this.#starting;
      for (const roles of startLevels.toReversed()) {
        const level = this.#members.filter(({ member }) => roles.includes(member.role));
        await Promise.all(level.map(({ process: own }) => own.stop()));
      }
      this.#log.info({}, 'all members have stopped');
      const { members, subnet } = this.#record;
      if (subnet !== undefined)
        await removeNetwork({ directory: this.#directory, subnet, members });
    })();
    return this.#stopping;
  }

  async #restart(name: string): Promise<void> {
    const watched = this.#members.find(({ member }) => member.name === name);
    if (watched === undefined) {
      const names = this.#members.map(({ member }) => member.name);
      throw new BlobSeerError('not-found', `no member ${name}${suggestion(name, names)}`);
    }
    await watched.process.stop();
    if (this.#stopping !== undefined) {
      throw new BlobSeerError('stopped', 'all members are stopping');
    }
    watched.process.start();
    await this.#areReady([watched], levelTimeoutMs);
  }

  async #areReady(level: readonly Watched[], withinMs: number): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    let waiting = [...level];
    while (waiting.length > 0 && this.#stopping === undefined && performance.now() < deadlineMs) {
      const answers = await Promise.all(waiting.map((watched) => this.#probe(watched)));
      waiting = waiting.filter((_, at) => answers[at] === undefined);
      if (waiting.length > 0) await sleep(probeEveryMs);
    }
  }

  async #probe(watched: Watched): Promise<Statistics | undefined> {
    const { pid } = watched.process.status;
    if (pid === undefined) return undefined;
    const numbers = await probe(watched.member, this.#tools);
    if (numbers !== undefined) watched.answeredPid = pid;
    return numbers;
  }

  /** What members say is appended by themselves: a log that is too long is copied and emptied in its place. */
  async #boundLogs(): Promise<void> {
    const files = [supervisorName, ...this.#record.members.map(({ name }) => name)];
    for (const file of files.map((name) => logOf(this.#directory, name))) {
      try {
        if (!existsSync(file) || (await stat(file)).size <= maxLogBytes) continue;
        await copyFile(file, `${file}.1`);
        await truncate(file);
      } catch (err) {
        this.#log.warn({ err, file }, 'a log grows beyond its bound');
      }
    }
  }
}

/** Runs until a signal or a command stops it. */
export async function supervise(options: SupervisorOptions): Promise<void> {
  const supervisor = new Supervisor(options);
  const stop = (): void => void supervisor.stop();
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', stop);
  await supervisor.start();
  await supervisor.ended;
}
