/**
 * The web site whose pages use the gateway: a server of its own, so that its pages have another
 * origin. Pages are at http://localhost, the gateway is at http://127.0.0.1: two hosts, and both are
 * what browsers call potentially trustworthy, without which a page on http has no crypto.subtle.
 * https://www.w3.org/TR/secure-contexts/#is-origin-trustworthy
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { build } from 'esbuild';
import { projectRoot } from '../harness/gateway.ts';

export interface Site {
  readonly origin: string;
  /** The same pages at another port, which is another origin. */
  readonly otherOrigin: string;
  /** Adds a page and returns its URL at `origin`. */
  addPage(pathname: string, html: string): string;
  close(): Promise<void>;
}

interface File {
  readonly type: string;
  readonly content: string;
}

async function bundle(script: string): Promise<File> {
  const { outputFiles } = await build({
    entryPoints: [path.join(projectRoot, script)],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    logLevel: 'error',
  });
  return { type: 'text/javascript', content: outputFiles[0]?.text ?? '' };
}

export async function openSite(): Promise<Site> {
  const [script, example] = await Promise.all([
    bundle('conformance/browser/page/main.ts'),
    bundle('examples/browser/app.ts'),
  ]);
  const files = new Map<string, File>([
    [
      '/',
      {
        type: 'text/html',
        content: '<!doctype html><script src="/page.js" type="module"></script>',
      },
    ],
    ['/page.js', script],
    [
      '/example/',
      {
        type: 'text/html',
        content: readFileSync(path.join(projectRoot, 'examples/browser/index.html'), 'utf8'),
      },
    ],
    ['/example/app.js', example],
  ]);
  const servers = await Promise.all([listen(files), listen(files)]);
  const [origin = '', otherOrigin = ''] = servers.map(
    (server) => `http://localhost:${(server.address() as AddressInfo).port}`,
  );
  return {
    origin,
    otherOrigin,
    addPage(pathname, html) {
      files.set(pathname, { type: 'text/html', content: html });
      return `${origin}${pathname}`;
    },
    async close() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
        await once(server, 'close');
      }
    },
  };
}

async function listen(files: ReadonlyMap<string, File>): Promise<Server> {
  const server = createServer((request, response) => {
    const file = files.get(new URL(request.url ?? '/', 'http://site').pathname);
    if (file === undefined) response.writeHead(404).end();
    else
      response.writeHead(200, { 'Content-Type': `${file.type}; charset=utf-8` }).end(file.content);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
