/** Ports for a deployment of a test. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

const attempts = 50;
/** Below those that outgoing connections are given. */
const firstPort = 20_000;
const lastPort = 32_000;

/** The first of so many ports in a row that were free a moment ago, on every address of the loopback. */
export async function freePortRange(count: number): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const first = firstPort + Math.floor(Math.random() * (lastPort - firstPort - count));
    const servers: Server[] = [];
    try {
      for (let port = first; port < first + count; port++) {
        const server = createServer();
        servers.push(server);
        server.listen(port, '0.0.0.0');
        await once(server, 'listening');
      }
      return first;
    } catch {
      // Somebody has one of them.
    } finally {
      await Promise.all(
        servers.map(async (server) => {
          if (!server.listening) return;
          server.close();
          await once(server, 'close');
        }),
      );
    }
  }
  throw new Error(`no ${count} free ports in a row`);
}
