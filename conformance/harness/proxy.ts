/**
 * A reverse proxy as operators put one in front: it passes requests on, may end TLS, may rewrite Host
 * to the backend's and may say so in X-Forwarded-* headers.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';

export interface ProxyOptions {
  /** URL of the server behind it. */
  readonly backend: string;
  /** What it sends as Host; default: what the client sent. */
  readonly host?: string;
  /** Headers it sets, whatever the client sent; of the client's own Host. */
  readonly sets?: (clientHost: string) => Readonly<Record<string, string>>;
  /** PEM files: it is called over https. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

export interface Proxy {
  readonly endpoint: string;
  close(): Promise<void>;
}

export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const { tls } = options;
  const server =
    tls === undefined
      ? http.createServer()
      : https.createServer({ cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) });
  server.on('request', (incoming: http.IncomingMessage, answer: http.ServerResponse) =>
    passOn(options, incoming, answer),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function passOn(
  options: ProxyOptions,
  incoming: http.IncomingMessage,
  answer: http.ServerResponse,
): void {
  const { backend, host, sets } = options;
  const clientHost = incoming.headers.host ?? '';
  const set = { Host: host ?? clientHost, ...sets?.(clientHost) };
  const names = Object.keys(set).map((name) => name.toLowerCase());
  const kept: string[] = [];
  for (let at = 0; at + 1 < incoming.rawHeaders.length; at += 2) {
    const name = incoming.rawHeaders[at] ?? '';
    if (!names.includes(name.toLowerCase())) kept.push(name, incoming.rawHeaders[at + 1] ?? '');
  }
  const { hostname, port } = new URL(backend);
  const outgoing = http.request({
    hostname,
    port,
    method: incoming.method,
    path: incoming.url,
    headers: [...kept, ...Object.entries(set).flat()],
    setHost: false,
    agent: false,
  });
  outgoing.on('response', (received) => {
    answer.writeHead(received.statusCode ?? 502, received.rawHeaders);
    pipeline(received, answer, () => undefined);
  });
  outgoing.on('error', () => answer.destroy());
  pipeline(incoming, outgoing, () => undefined);
}
