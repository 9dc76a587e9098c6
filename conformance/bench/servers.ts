/** The servers that are measured side by side: each is started alone, empty, and ended by its pid. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Gateway } from '../harness/gateway.ts';
import type { Endpoint } from '../harness/http.ts';
import { freePort } from '../harness/ports.ts';
import { endProgram, listening, startProgram } from './started.ts';

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
  stop(): Promise<void>;
}

export interface ServerKind {
  readonly name: string;
  start(): Promise<Server>;
}

const region = 'us-east-1';
const anyCredentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };

export function ours(name: string, workers: number, args: readonly string[] = []): ServerKind {
  return {
    name,
    start: async () => {
      const gateway = await Gateway.start({ workers, args: ['--log-level', 'warn', ...args] });
      return {
        name,
        target: { endpoint: gateway.endpoint, credentials: gateway.credentials, region },
        pids: [gateway.pid],
        directory: gateway.dataDirectory,
        isDurable: true,
        isS3: true,
        stop: () => gateway.remove(),
      };
    },
  };
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
    ...{ name, target, pids, directory, isDurable: true, isS3: true },
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
      const directory = mkdtempSync(path.join(tmpdir(), 'blobseer-s3-bench-'));
      const port = await freePort();
      const [program = '', ...args] = parts.command(directory, port);
      const child = await startProgram(program, args);
      await listening(child, port, name);
      return {
        name,
        target: { endpoint: `http://127.0.0.1:${port}`, credentials: anyCredentials, region },
        pids: [child.pid ?? 0],
        directory,
        isDurable,
        isS3,
        stop: async () => {
          await endProgram(child);
          rmSync(directory, { recursive: true, force: true });
        },
      };
    },
  };
}
