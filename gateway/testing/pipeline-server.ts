/** A whole pipeline on a loopback port for tests: made-up operations, one user, one bucket. */
import { connect, createServer, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { createApp } from '../app.ts';
import { bind } from '../bind.ts';
import { systemClock } from '../clock.ts';
import { type Config, configWith } from '../config.ts';
import { defaultLimits, type Limits } from '../limits.ts';
import { createLog } from '../log.ts';
import type { Bucket, Namespace, User } from '../namespace/namespace.ts';
import type { Operation } from '../operations/operation.ts';
import { RequestsInProgress } from '../requests-in-progress.ts';
import { type Listener, listen, serveHanded } from '../server.ts';
import type { Services } from '../services.ts';

export const accessKey = 'AKTEST';
export const secret = 'test-secret-0123456789';

export const user: User = {
  id: 'u1',
  accountId: '111122223333',
  displayName: 'tester',
  createdMs: 0,
  keys: [{ accessKey, secret, createdMs: 0 }],
};

const bucketOf = (name: string, ownerId: string): Bucket => ({
  id: 1,
  name,
  ownerId,
  createdMs: 0,
  versioning: 'Unversioned',
  location: '',
  acl: 'private',
});

/** Buckets: `mine` is the user's, `theirs` somebody else's. */
const buckets: readonly Bucket[] = [bucketOf('mine', user.id), bucketOf('theirs', 'u2')];

const namespace = {
  refresh() {},
  user: (id: string) => (id === user.id ? user : undefined),
  userByAccessKey: (given: string) =>
    given === accessKey ? { user, key: user.keys[0] } : undefined,
  bucket: (name: string) => buckets.find((bucket) => bucket.name === name),
} as unknown as Namespace;

export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** Lines logged so far, parsed. */
  readonly logged: readonly Record<string, unknown>[];
  /** Said by /_/health/ready when set. */
  notReady: string | undefined;
  readonly listener: Listener;
  close(): Promise<void>;
}

export async function startTestServer(options: {
  readonly operations: readonly Operation[];
  readonly limits?: Partial<Limits>;
  readonly config?: Partial<Config>;
  /** Connections are accepted by another server and handed over, as a supervisor does; false by default. */
  readonly isHanded?: boolean;
}): Promise<TestServer> {
  const limits = { ...defaultLimits, ...options.limits };
  const config = configWith({ dataDirectory: '/nowhere', ...options.config });
  const logged: Record<string, unknown>[] = [];
  const log = createLog(
    'info',
    new Writable({
      write(line, _encoding, done) {
        logged.push(JSON.parse(String(line)));
        done();
      },
    }),
  );
  const services = {
    namespace,
    config,
    clock: systemClock,
    requests: new RequestsInProgress(),
  } as unknown as Services;
  const state: { notReady: string | undefined } = { notReady: undefined };
  const health = { notReady: () => state.notReady };
  const hostId = 'test-host';
  const { operations } = options;
  const app = createApp({ services, operations, limits, log, hostId, health });
  const address = { host: '127.0.0.1', port: 0, secure: config.tls.length > 0 };
  const parts = { ...app, limits, log, hostId, clock: systemClock };
  const listener =
    options.isHanded === true
      ? await listenAndHand(address, config.tls, parts)
      : await listen(address, config.tls, parts);
  return Object.assign(state, {
    url: listener.url,
    port: Number(new URL(listener.url).port),
    logged,
    listener,
    close: () => listener.close(0),
  });
}

async function listenAndHand(...args: Parameters<typeof listen>): Promise<Listener> {
  const [address, tls, parts] = args;
  const handed = serveHanded(address, tls, parts, () => undefined);
  const accepting = createServer({ pauseOnConnect: true }, (socket) => {
    handed.take(socket);
    socket.resume();
  });
  const url = await bind(accepting, address, parts.log);
  return {
    url,
    close: (drainMs) => {
      accepting.close();
      return handed.close(drainMs);
    },
  };
}

/** Sends bytes as they are and gives all that came back until the server closed the connection. */
export async function exchangeRaw(
  port: number,
  send: (socket: Socket) => void,
): Promise<{ text: string; wasReset: boolean }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const pieces: Buffer[] = [];
  let wasReset = false;
  socket.on('data', (piece) => pieces.push(piece));
  socket.on('end', () => socket.end());
  socket.on('error', () => {
    wasReset = true;
  });
  socket.on('connect', () => send(socket));
  await new Promise((resolve) => socket.once('close', resolve));
  return { text: Buffer.concat(pieces).toString('latin1'), wasReset };
}
