/** The supervisor with made-up workers: programs of a few lines that do one thing wrong each. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import { configWith } from './config.ts';
import { storageFailedStatus } from './gateway.ts';
import { createLog } from './log.ts';
import { Supervisor } from './supervisor.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'supervisor-test-'));
const descriptor = openSync(path.join(directory, 'lock'), 'a');
after(() => {
  closeSync(descriptor);
  rmSync(directory, { recursive: true });
});

const closesToldAtOnce = 3;

/** Runs `body` when told to start; `tell` and `instanceId` are at hand. */
function workerProgram(name: string, body: string): string {
  const file = path.join(directory, `${name}.cjs`);
  writeFileSync(
    file,
    `const tell = (message) => process.send(message);
     const instanceId = process.pid;
     let closes = 0;
     let deaf = false;
     let stopping = false;
     process.on('message', (message, socket) => {
       if (message.kind === 'stop') process.exit(0);
       if (message.kind === 'connection') {
         if (deaf) return socket.destroy();
         if (stopping) {
           tell({ kind: 'declined', number: message.number });
           return socket.destroy();
         }
         tell({ kind: 'taken', number: message.number });
         socket.on('error', () => {});
         socket.on('close', () => {
           closes += 1;
           if (closes % ${closesToldAtOnce} === 0) tell({ kind: 'closed', connections: ${closesToldAtOnce} });
         });
         socket.write(String(process.pid));
         return;
       }
       tell({ kind: 'instance', instanceId });
       ${body}
     });
     tell({ kind: 'awake' });`,
  );
  return file;
}

const ready = "tell({ kind: 'ready' });";

interface Settings {
  readonly workers?: number;
  readonly port?: number;
  readonly takeTimeoutMs?: number;
}

const started = new Set<Supervisor>();
// A test that failed leaves its workers, which would keep this process.
afterEach(() => {
  for (const supervisor of started) supervisor.kill();
  started.clear();
  Client.endAll();
});

function supervise(program: string, { workers = 2, port = 0, takeTimeoutMs }: Settings = {}) {
  const buried: number[] = [];
  const supervisor = new Supervisor({
    config: configWith({
      dataDirectory: directory,
      workers,
      listen: [{ host: '127.0.0.1', port, secure: false }],
    }),
    log: createLog('silent'),
    lockDescriptor: descriptor,
    drainMs: 1000,
    ...(takeTimeoutMs === undefined ? {} : { takeTimeoutMs }),
    instanceDied: async (id) => {
      buried.push(id);
    },
    program,
  });
  started.add(supervisor);
  return { supervisor, buried };
}

describe('a supervisor', () => {
  test('starts when all workers listen, and stops them', async () => {
    const { supervisor, buried } = supervise(workerProgram('good', ready));
    const [url] = await supervisor.start();
    assert.match(url ?? '', /^http:\/\/127\.0\.0\.1:\d+$/);
    await supervisor.stop();
    assert.equal(buried.length, 2, 'what they left is looked for after a clean end too');
  });

  test('reports a killed worker to the engine and replaces it', async () => {
    const { supervisor, buried } = supervise(workerProgram('good', ready), { workers: 1 });
    await supervisor.start();
    const [pid] = supervisor.workerPids;
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
    while (supervisor.workerPids[0] === undefined || supervisor.workerPids[0] === pid) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.deepEqual(buried, [pid]);
    await supervisor.stop();
  });

  test('fails as a whole when the storage of one worker failed', async () => {
    const program = workerProgram(
      'storage',
      `${ready} setTimeout(() => process.exit(${storageFailedStatus}), 50);`,
    );
    const { supervisor } = supervise(program, { workers: 1 });
    await supervisor.start();
    await assert.rejects(supervisor.failed, /storage failed/);
    supervisor.kill();
  });

  test('fails at once, with the reason, when a worker cannot start', async () => {
    const program = workerProgram('refuse', "tell({ kind: 'refused', reason: 'port taken' });");
    const { supervisor } = supervise(program, { workers: 1 });
    await assert.rejects(supervisor.start(), /port taken/);
    await supervisor.stop();
  });

  test('kills a worker that does not stop', async () => {
    const program = workerProgram(
      'deaf',
      `${ready} process.removeAllListeners('message'); process.on('message', () => undefined);`,
    );
    const { supervisor } = supervise(program, { workers: 1 });
    await supervisor.start();
    const stopped = supervisor.stop();
    supervisor.kill();
    await stopped;
    assert.deepEqual(supervisor.workerPids, []);
  });

  test('gives each connection to the worker that has the fewest', async () => {
    const { supervisor } = supervise(workerProgram('good', ready), { workers: 3 });
    const [url = ''] = await supervisor.start();
    const clients = [];
    for (let number = 0; number < 9; number += 1) clients.push(await Client.connect(url));
    const counts = new Map<string, number>();
    for (const { answer } of clients) counts.set(answer, (counts.get(answer) ?? 0) + 1);
    assert.deepEqual([...counts.values()], [3, 3, 3]);
    // One worker loses all of its own: what comes next is for it.
    const emptied = clients[0]!.answer;
    for (const client of clients) if (client.answer === emptied) client.end();
    // Two in a row, which no other order of three gives, as soon as it has told.
    let last = '';
    for (let inARow = 0; inARow < 2; ) {
      const { answer } = await Client.connect(url, clients);
      inARow = answer === emptied && answer === last ? 2 : 0;
      last = answer;
    }
    for (const client of clients) client.end();
    await supervisor.stop();
  });

  test('closes or hands on every connection of a worker that is killed', async () => {
    const { supervisor } = supervise(workerProgram('good', ready), { workers: 2 });
    const [url = ''] = await supervisor.start();
    const [pid] = supervisor.workerPids;
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGSTOP');
    // Half of them are for the one that takes none: the first is on its way, the others wait here.
    const clients: Client[] = [];
    const waiting = Array.from({ length: 10 }, () => Client.connect(url, clients));
    const survivor = supervisor.workerPids[1];
    while (clients.length < 5) await new Promise((resolve) => setTimeout(resolve, 10));
    process.kill(pid, 'SIGKILL');
    const answers = (await Promise.all(waiting)).map(({ answer }) => answer);
    for (const client of clients) client.end();
    const closed = answers.filter((answer) => answer === '');
    assert.ok(closed.length <= 1, `${closed.length} were closed without an answer`);
    assert.equal(answers.filter((answer) => answer === String(survivor)).length >= 5, true);
    await supervisor.stop();
  });

  test('closes a connection that a worker does not take', async () => {
    const { supervisor } = supervise(workerProgram('deaf', `${ready} deaf = true;`), {
      workers: 1,
      takeTimeoutMs: 100,
    });
    const [url = ''] = await supervisor.start();
    assert.equal((await Client.connect(url)).answer, '');
    assert.equal((await Client.connect(url)).answer, '');
    supervisor.kill();
  });

  test('gives what a stopping worker declines to another', async () => {
    const program = workerProgram(
      'leaving',
      `${ready} process.on('SIGTERM', () => {
        stopping = true;
        setTimeout(() => tell({ kind: 'stopping' }), 200);
      });`,
    );
    const { supervisor } = supervise(program, { workers: 2 });
    const [url = ''] = await supervisor.start();
    const [leaving, staying] = supervisor.workerPids;
    process.kill(leaving!, 'SIGTERM');
    const clients: Client[] = [];
    while (clients.length < 20) await Client.connect(url, clients);
    const last = clients.slice(-10).map(({ answer }) => answer);
    assert.deepEqual(last, Array(10).fill(String(staying)));
    assert.ok(clients.every(({ answer }) => answer !== ''));
    for (const client of clients) client.end();
    supervisor.kill();
  });

  test('keeps connections while there is no worker', async () => {
    const { supervisor } = supervise(workerProgram('good', ready), { workers: 1 });
    const [url = ''] = await supervisor.start();
    const [pid] = supervisor.workerPids;
    process.kill(pid!, 'SIGKILL');
    while (supervisor.workerPids[0] === pid) await new Promise((resolve) => setTimeout(resolve, 1));
    const client = await Client.connect(url);
    assert.equal(client.answer, String(supervisor.workerPids[0]));
    client.end();
    await supervisor.stop();
  });

  test('does not listen where it was stopped before it served', async () => {
    const { supervisor } = supervise(workerProgram('never-ready', ''), { workers: 1 });
    const starting = supervisor.start();
    const stopped = supervisor.stop();
    await assert.rejects(starting, /stopped before it served/);
    await stopped;
  });

  test('fails where an address is taken', async () => {
    const first = supervise(workerProgram('good', ready));
    const [url = ''] = await first.supervisor.start();
    const second = supervise(workerProgram('good', ready), { port: Number(new URL(url).port) });
    await assert.rejects(second.supervisor.start(), /the port is taken/);
    await second.supervisor.stop();
    await first.supervisor.stop();
  });
});

/** A connection, and what a worker said on it before anything else happened: its pid, or nothing. */
class Client {
  static readonly #open = new Set<Socket>();
  readonly answer: string;
  private readonly socket: Socket;

  private constructor(socket: Socket, answer: string) {
    this.socket = socket;
    this.answer = answer;
  }

  static async connect(url: string, clients?: Client[]): Promise<Client> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    Client.#open.add(socket);
    const answer = await new Promise<string>((resolve) => {
      socket.once('data', (bytes) => resolve(String(bytes)));
      socket.on('error', () => resolve(''));
      socket.once('close', () => resolve(''));
    });
    const client = new Client(socket, answer);
    clients?.push(client);
    return client;
  }

  end(): void {
    this.socket.destroy();
  }

  static endAll(): void {
    for (const socket of Client.#open) socket.destroy();
    Client.#open.clear();
  }
}
