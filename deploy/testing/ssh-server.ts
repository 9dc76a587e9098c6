/** A real sshd on the loopback, with keys of its own, whose sessions see a machine that is a directory. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestMachine } from './machines.ts';
import { toolPath } from './tools.ts';

/** Where sshd, run by root, wants a directory to be. */
const separationDirectory = '/run/sshd';
const pollMs = 20;
const attempts = 3;

export class SshServer {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #directory: string;

  private constructor(port: number, process: ChildProcess, directory: string) {
    this.port = port;
    this.#process = process;
    this.#directory = directory;
  }

  /** `key`: the file of the private key that is let in. */
  static async start(machine: TestMachine, key: string): Promise<SshServer> {
    if (userInfo().uid === 0) mkdirSync(separationDirectory, { recursive: true });
    for (let attempt = 1; ; attempt++) {
      const directory = mkdtempSync(path.join(tmpdir(), 'sshd-'));
      const hostKey = path.join(directory, 'host-key');
      makeKey(hostKey);
      const port = await freePort();
      const file = path.join(directory, 'sshd_config');
      const { BLOBSEER_ROOT: root, PATH: programs } = machine.environment;
      writeFileSync(
        file,
        `ListenAddress 127.0.0.1:${port}
HostKey ${hostKey}
AuthorizedKeysFile ${key}.pub
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
SetEnv BLOBSEER_ROOT=${root} PATH=${programs}
`,
      );
      const server = spawn(toolPath('sshd') ?? 'sshd', ['-D', '-e', '-f', file], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      server.stderr.on('data', (piece: Buffer) => {
        said += piece;
      });
      if (await answers(server, port)) return new SshServer(port, server, directory);
      rmSync(directory, { recursive: true });
      // Somebody else may have taken the port meanwhile.
      if (attempt === attempts) throw new Error(`sshd does not start: ${said}`);
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill();
    await ended;
    rmSync(this.#directory, { recursive: true });
  }
}

export function makeKey(file: string): void {
  if (existsSync(file)) return;
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** False when the process has ended. */
async function answers(server: ChildProcess, port: number): Promise<boolean> {
  while (server.exitCode === null) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return true;
    await sleep(pollMs);
  }
  return false;
}
