/** An entity's server in this process, and recorded requests sent to it byte by byte. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Environment } from '../../../blobseer-client/embedded/environment.ts';
import type { Exchange } from '../../../blobseer-client/remote/testing/exchanges.ts';
import { MemoryBudget } from '../memory-budget.ts';
import type { EntityLog, Method } from '../method.ts';
import { RpcServer, type ServerOptions } from '../server.ts';
import { openState } from '../state.ts';

/** Lines of a log, for a test to look at. */
export class RecordedLog implements EntityLog {
  readonly lines: { readonly level: string; readonly fields: object; readonly message: string }[] =
    [];

  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', fields, message });
  }

  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', fields, message });
  }

  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', fields, message });
  }

  errors(): unknown[] {
    return this.lines.filter(({ level }) => level === 'error');
  }
}

export interface Served extends AsyncDisposable {
  readonly server: RpcServer;
  readonly address: { readonly host: string; readonly port: number };
  readonly log: RecordedLog;
  readonly memory: MemoryBudget;
}

/** What is served, and what must end before the state is closed. */
export interface ServedRole {
  readonly methods: readonly Method[];
  close?(): Promise<void>;
}

export interface ServedParts {
  readonly state: Environment;
  readonly directory: string;
  readonly memory: MemoryBudget;
  readonly log: RecordedLog;
}

const memoryBytes = 2 ** 29;

/** Serves what `make` builds, from a directory of its own that goes with it. */
export async function serving(
  make: (parts: ServedParts) => Promise<ServedRole> | ServedRole | readonly Method[],
  options: Partial<ServerOptions> = {},
): Promise<Served> {
  const directory = await mkdtemp(path.join(tmpdir(), 'entity-'));
  const log = new RecordedLog();
  const memory = options.memory ?? new MemoryBudget(memoryBytes);
  const state = await openState({
    directory,
    role: 'test',
    onStopped: (err) => log.error({ err }, 'stopped'),
  });
  const made = await make({ state, directory, memory, log });
  const role: ServedRole = 'methods' in made ? made : { methods: made };
  const server = await RpcServer.listen({
    host: '127.0.0.1',
    port: 0,
    log,
    ...options,
    methods: role.methods,
    memory,
  });
  return {
    server,
    address: { host: '127.0.0.1', port: server.port },
    log,
    memory,
    async [Symbol.asyncDispose]() {
      await server.close(0);
      await role.close?.();
      await state.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** Sends these bytes over a connection of their own; all that comes back until it is closed. */
export async function exchangeBytes(port: number, request: Uint8Array): Promise<Buffer> {
  const socket = connect({ host: '127.0.0.1', port });
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk));
  socket.on('error', () => undefined);
  socket.end(request);
  await once(socket, 'close');
  return Buffer.concat(received);
}

/** The answers must be the recorded ones, to the byte. */
export async function replay(port: number, exchanges: readonly Exchange[]): Promise<void> {
  for (const { title, request, answer } of exchanges) {
    const received = await exchangeBytes(port, request);
    assert.equal(received.toString('hex'), answer.toString('hex'), title);
  }
}
