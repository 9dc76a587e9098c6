/** The servers that are measured side by side: each is started alone, empty, and ended by its pid. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { Gateway, projectRoot } from '../harness/gateway.ts';
import type { Endpoint } from '../harness/http.ts';
import { freePort } from '../harness/ports.ts';
import { exitOf } from '../harness/processes.ts';
import { endProgram, listening, startProgram, temporaryFolder } from './started.ts';

export interface Server {
  readonly name: string;
  readonly target: Endpoint;
  /** Empty for a server that was not started here: its CPU, memory and disk are not known. */
  readonly pids: readonly number[];
  /** Undefined where it is not known. */
  readonly directory: string | undefined;
  /** Whether an answered PUT is on the disk. */
  readonly isDurable: boolean;
  /** Whether it knows S3 at all: only single requests on objects otherwise. */
  readonly isS3: boolean;
  readonly hasVersions: boolean;
  /** Puts or deletes objects of one byte without HTTP, while it does not serve. */
  fillDirectly?(filling: Filling): Promise<void>;
  /** Resolves with milliseconds from the spawn to being ready. The port is another one then. */
  restart?(): Promise<number>;
  stop(): Promise<void>;
}

export interface Filling {
  readonly bucket: string;
  /** Percent-encoding is not undone. `{n}` stands for a number of eight digits from 0 on. */
  readonly key: string;
  readonly numbers: number;
  readonly isDelete: boolean;
}

export interface ServerKind {
  readonly name: string;
  start(): Promise<Server>;
}

const region = 'us-east-1';
const anyCredentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };

export interface OwnOptions {
  /** Of an earlier run, whose buckets need not be filled again; else one of its own. */
  readonly dataDirectory?: string | undefined;
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
}

export function ours(name: string, workers: number, options: OwnOptions = {}): ServerKind {
  const { dataDirectory, args = [] } = options;
  return {
    name,
    start: async () => {
      const gateway = await Gateway.start({
        ...{ workers, args: ['--log-level', 'warn', ...args] },
        ...(dataDirectory === undefined ? {} : { dataDirectory }),
      });
      return {
        name,
        get target() {
          return { endpoint: gateway.endpoint, credentials: gateway.credentials, region };
        },
        get pids() {
          return [gateway.pid];
        },
        directory: gateway.dataDirectory,
        ...{ isDurable: true, isS3: true, hasVersions: true },
        fillDirectly: async (filling) => {
          await gateway.stop();
          await runFiller(gateway.dataDirectory, filling);
          await gateway.start();
        },
        restart: async () => {
          await gateway.stop();
          const beganMs = performance.now();
          await gateway.start();
          return performance.now() - beganMs;
        },
        stop: () => gateway.remove(),
      };
    },
  };
}

/** Another program of the project's: it writes as PutObject does, and tells on stderr how far it is. */
async function runFiller(
  directory: string,
  { bucket, key, numbers, isDelete }: Filling,
): Promise<void> {
  const program = path.join(projectRoot, 'dist', 'gateway', 'testing', 'fill-namespace.js');
  const child = await startProgram(process.execPath, [
    ...[program, '--data', directory, '--bucket', bucket, '--key', key],
    ...['--numbers', String(numbers), ...(isDelete ? ['--delete'] : [])],
  ]);
  const status = await exitOf(child);
  if (status !== 0) throw new Error(`filling ${bucket} ended with status ${status}`);
}

export function bare(name: string, isSynced: boolean): ServerKind {
  const program = path.join(import.meta.dirname, 'bare.js');
  return ofProgram({
    name,
    isDurable: isSynced,
    isS3: false,
    command: (directory, port) => [
      process.execPath,
      program,
      directory,
      String(port),
      ...(isSynced ? ['--sync'] : []),
    ],
  });
}

/** s3rver from npm, installed wherever: its `bin/s3rver.js`. */
export function s3rver(program: string): ServerKind {
  return ofProgram({
    name: 's3rver',
    isDurable: false,
    isS3: true,
    command: (directory, port) => [
      process.execPath,
      program,
      ...['--directory', directory, '--address', '127.0.0.1', '--port', String(port)],
      ...['--silent', '--no-vhost-buckets'],
    ],
  });
}

/** Any server that runs already. Its processes may be named, to be metered. */
export function running(
  name: string,
  target: Endpoint,
  pids: readonly number[] = [],
  directory?: string,
): ServerKind {
  const server: Server = {
    ...{ name, target, pids, directory, isDurable: true, isS3: true, hasVersions: true },
    stop: () => Promise.resolve(),
  };
  return { name, start: () => Promise.resolve(server) };
}

function ofProgram(parts: {
  readonly name: string;
  readonly isDurable: boolean;
  readonly isS3: boolean;
  readonly command: (directory: string, port: number) => readonly string[];
}): ServerKind {
  const { name, isDurable, isS3 } = parts;
  return {
    name,
    start: async () => {
      const directory = temporaryFolder();
      const port = await freePort();
      const [program = '', ...args] = parts.command(directory, port);
      const child = await startProgram(program, args);
      await listening(child, port, name);
      return {
        name,
        target: { endpoint: `http://127.0.0.1:${port}`, credentials: anyCredentials, region },
        pids: [child.pid ?? 0],
        directory,
        ...{ isDurable, isS3, hasVersions: false },
        stop: async () => {
          await endProgram(child);
          rmSync(directory, { recursive: true, force: true });
        },
      };
    },
  };
}
