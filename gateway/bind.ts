/** A server on its address; where that cannot be had, what to do about it. */
import type { AddressInfo, Server } from 'node:net';
import { ConfigError, type ListenAddress } from './config.ts';
import type { Log } from './log.ts';

/** Resolves with the address as it is served: the port is the one taken where 0 was asked for. Throws ConfigError. */
export async function bind(server: Server, address: ListenAddress, log: Log): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause: NodeJS.ErrnoException) => reject(bindError(address, cause));
    server.once('error', refuse);
    server.listen(address.port, address.host, () => {
      server.off('error', refuse);
      // Too many open files, say: nobody would be served any more if that were thrown.
      server.on('error', (err) => log.error({ err }, 'a connection cannot be accepted'));
      resolve();
    });
  });
  const scheme = address.secure ? 'https' : 'http';
  return `${scheme}://${shownHost(address.host)}:${portOf(server)}`;
}

function bindError(address: ListenAddress, cause: NodeJS.ErrnoException): Error {
  const place = `${shownHost(address.host)}:${address.port}`;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is taken; stop what uses it or give another with --listen',
    EACCES: 'this user may not take the port; ports below 1024 need a privilege',
    EADDRNOTAVAIL: 'no network interface of this machine has the address',
    ENOTFOUND: 'the host name is not known',
  };
  const reason = reasons[cause.code ?? ''] ?? cause.message;
  return new ConfigError(`cannot listen on ${place}: ${reason}`);
}

function shownHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}
