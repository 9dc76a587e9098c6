/** Entities as programs of their own, for tests that kill them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { EntityRole } from '../settings.ts';

const program = path.join(import.meta.dirname, '../../../../bin/blobseer-s3.js');

export interface Program {
  readonly address: { readonly host: string; readonly port: number };
  readonly pid: number;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with its exit status. */
  stop(): Promise<number | null>;
  /** What it wrote on stderr. */
  log(): string;
}

export class Cluster implements AsyncDisposable {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'cluster-'));
  readonly #config = path.join(this.directory, 'blobseer.cfg');
  readonly #running = new Set<ChildProcess>();

  /**
   * The file that all entities read; give each its own port. Leases need to know a metadata
   * provider; `others` are further settings.
   */
  configure(
    providerManagerPort: number,
    leases?: { readonly seconds: number; readonly metadataPort: number },
    others = '',
  ): void {
    const service = `service = "${providerManagerPort}"`;
    const lease = leases ? `lease = ${leases.seconds};` : '';
    const dht = leases
      ? `service = "${leases.metadataPort}"; gateways = ( "127.0.0.1" ); replication = 1;`
      : 'service = "1234";';
    writeFileSync(
      this.#config,
      `vmanager: { host = "127.0.0.1"; service = "2222"; ${lease} };
pmanager: { host = "127.0.0.1"; ${service}; };
provider: { service = "1235"; space = 256; };
sdht: { space = 256; };
dht: { ${dht} };
${others}
`,
    );
  }

  /** Resolves when it listens; `others`: further flags. The same name finds the same state again. */
  async start(
    role: EntityRole,
    name: string,
    port: number,
    host = '127.0.0.1',
    others: readonly string[] = [],
  ): Promise<Program> {
    const data = path.join(this.directory, name);
    const where = ['--listen', host, '--port', `${port}`, '--data', data];
    const args = ['entity', role, '--config', this.#config, ...where, ...others];
    const child = spawn(process.execPath, [program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running.add(child);
    const exited = once(child, 'exit').then(() => this.#running.delete(child));
    let log = '';
    let output = '';
    child.stderr.on('data', (chunk) => {
      log += `${chunk}`;
    });
    const listens = new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk) => {
        output += `${chunk}`;
        if (output.includes('\n')) resolve();
      });
    });
    await Promise.race([listens, exited]);
    if (child.exitCode !== null) throw new Error(`${role} did not start: ${log}`);
    const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
      child.kill(signal);
      await exited;
      return child.exitCode;
    };
    return {
      address: { host, port },
      pid: child.pid!,
      kill: async () => void (await end('SIGKILL')),
      stop: () => end('SIGTERM'),
      log: () => log,
    };
  }

  async [Symbol.asyncDispose]() {
    for (const child of [...this.#running]) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(this.directory, { recursive: true });
  }
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  for (const server of servers) server.close();
  return ports;
}
